CREATE TABLE cpu_believed (
    time_ltz AS CASE
        WHEN usage BETWEEN 0 AND 100
            AND occurred_at BETWEEN 31536000000 AND 4102444799999
            AND TRIM(hostname) <> '' AND TRIM(cpu) <> ''
            AND CHAR_LENGTH(CONCAT(hostname, cpu)) <= 300
            AND POSITION(CHR(0) IN CONCAT(hostname, cpu)) = 0
            AND occurred_at <= arrived_at + 5000
        THEN TO_TIMESTAMP_LTZ(occurred_at, 3)
    END
)
LIKE cpu_ahead (OVERWRITING GENERATED)
