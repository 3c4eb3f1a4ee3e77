CREATE TABLE cpu_raw (
    sent BYTES,
    record AS REGEXP_REPLACE(
        REGEXP_REPLACE(DECODE(sent, 'UTF-8'), '^\x{FEFF}|[\t\n\r]', ' '),
        '[\x00-\x1F]', '?'
    ),
    regular AS REGEXP(
        DECODE(sent, 'UTF-8'),
        '^\{"hostname": ?"[ !#-\[\]-~]*", ?"cpu": ?"[ !#-\[\]-~]*"'
        || ', ?"usage": ?(0|[1-9]\d{0,2})(\.\d{1,20})?'
        || ', ?"occurred_at": ?[1-9]\d{9,14}\}$'
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
