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
    'properties.bootstrap.servers' = '${kafka}',
    'scan.startup.mode' = 'earliest-offset',
    'scan.watermark.emit.strategy' = 'on-event',
    'format' = 'json',
    'json.ignore-parse-errors' = 'true'
)
