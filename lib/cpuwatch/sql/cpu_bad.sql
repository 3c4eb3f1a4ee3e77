INSERT INTO cpu_out_bad
-- What the format 'json' skips without a word.
SELECT
    `partition`,
    `offset`,
    CASE
        WHEN sent IS NULL OR record = '' THEN 'it is empty'
        WHEN ENCODE(DECODE(sent, 'UTF-8'), 'UTF-8') <> sent
            THEN 'it is not UTF-8'
        WHEN NOT record IS JSON THEN 'it is no JSON'
        WHEN NOT CONCAT('[', record, ']') IS JSON ARRAY
            OR NOT CONCAT('{"_": ', record, '}') IS JSON OBJECT
            THEN 'more stands behind its first value'
        WHEN record IS JSON ARRAY
            THEN 'it is a list, but not of objects alone'
        ELSE 'it is JSON, but no object'
    END AS reason
FROM cpu_raw
WHERE sent IS NULL
    OR ENCODE(DECODE(sent, 'UTF-8'), 'UTF-8') <> sent
    OR NOT (
        record IS JSON OBJECT
        OR COALESCE( -- several readings: each item of the list has keys
            REGEXP(
                JSON_QUERY(record, '$[*].keys()'), '^\[\[(?!.*\],null)'
            ),
            FALSE
        )
    )
    -- A reader stops at the end of a value; who wrote two meant both.
    OR NOT CONCAT('[', record, ']') IS JSON ARRAY
    OR NOT CONCAT('{"_": ', record, '}') IS JSON OBJECT
UNION ALL
-- What it reads, but is no reading.
SELECT
    `partition`,
    `offset`,
    CASE
        WHEN occurred_at IS NULL THEN 'occurred_at is no whole number'
        WHEN occurred_at < 31536000000
            THEN 'occurred_at is before 1971: is it in seconds?'
        WHEN occurred_at > 4102444799999
            THEN 'occurred_at is after 2099: is it in microseconds?'
        WHEN usage IS NULL THEN 'usage is no number'
        WHEN hostname IS NULL OR TRIM(hostname) = ''
            THEN 'hostname is empty'
        WHEN cpu IS NULL OR TRIM(cpu) = '' THEN 'cpu is empty'
        WHEN CHAR_LENGTH(CONCAT(hostname, cpu)) > 300
            THEN 'hostname and cpu are longer than 300 characters'
        WHEN POSITION(CHR(0) IN CONCAT(hostname, cpu)) > 0
            THEN 'hostname or cpu holds a NUL character'
        ELSE 'usage is not between 0 and 100'
    END AS reason
FROM cpu_placed
WHERE time_ltz IS NULL
