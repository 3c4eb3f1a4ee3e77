SET 'pipeline.name' = 'cpu_bad';

SET 'table.local-time-zone' = 'UTC';

SET 'table.exec.state.ttl' = '7 d';

SET 'table.optimizer.agg-phase-strategy' = 'ONE_PHASE';

SET 'pipeline.operator-chaining.enabled' = 'false';

CREATE TABLE cpu_in (
    hostname STRING,
    cpu STRING,
    usage DOUBLE,
    occurred_at BIGINT,
    time_ltz AS CASE
        WHEN usage BETWEEN 0 AND 100
            AND occurred_at BETWEEN 31536000000 AND 4102444799999
            AND TRIM(hostname) <> '' AND TRIM(cpu) <> ''
            AND CHAR_LENGTH(CONCAT(hostname, cpu)) <= 300
            AND POSITION(CHR(0) IN CONCAT(hostname, cpu)) = 0
        THEN TO_TIMESTAMP_LTZ(occurred_at, 3)
    END,
    WATERMARK FOR time_ltz AS time_ltz - INTERVAL '10' SECOND
) WITH (
    'connector' = 'kafka',
    'topic' = 'cpu_load_stats_real',
    'properties.bootstrap.servers' = 'kafka:9092',
    'scan.startup.mode' = 'earliest-offset',
    'scan.watermark.emit.strategy' = 'on-event',
    'format' = 'json',
    'json.ignore-parse-errors' = 'true'
);

CREATE TABLE cpu_placed (
    `partition` INT METADATA VIRTUAL,
    `offset` BIGINT METADATA VIRTUAL
)
LIKE cpu_in (EXCLUDING WATERMARKS);

CREATE TABLE cpu_raw (
    sent BYTES,
    record AS REGEXP_REPLACE(
        REGEXP_REPLACE(DECODE(sent, 'UTF-8'), '^\x{FEFF}|[\t\n\r]', ' '),
        '[\x00-\x1F]', '?'
    ),
    `partition` INT METADATA VIRTUAL,
    `offset` BIGINT METADATA VIRTUAL
) WITH (
    'connector' = 'kafka',
    'topic' = 'cpu_load_stats_real',
    'properties.bootstrap.servers' = 'kafka:9092',
    'scan.startup.mode' = 'earliest-offset',
    'format' = 'raw'
);

CREATE TABLE cpu_out_bad (
    `partition` INT,
    `offset` BIGINT,
    reason STRING
) WITH (
    'connector' = 'kafka',
    'topic' = 'cpu_bad_readings',
    'properties.bootstrap.servers' = 'kafka:9092',
    'properties.transaction.timeout.ms' = '900000',
    'sink.delivery-guarantee' = 'exactly-once',
    'sink.transactional-id-prefix' = 'cpu_bad',
    'format' = 'json'
);

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
WHERE time_ltz IS NULL;
