CREATE TABLE cpu_in (
    hostname STRING,
    cpu STRING,
    usage DOUBLE,
    occurred_at BIGINT,
    time_ltz AS TO_TIMESTAMP_LTZ(occurred_at, 3),
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
