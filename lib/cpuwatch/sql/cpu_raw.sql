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
    'properties.bootstrap.servers' = '${kafka}',
    'scan.startup.mode' = 'earliest-offset',
    'format' = 'raw'
)
