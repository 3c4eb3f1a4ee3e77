SET 'pipeline.name' = 'cpu_agg';

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

CREATE TABLE cpu_out_agg (
    window_start TIMESTAMP_LTZ(3),
    window_end TIMESTAMP_LTZ(3),
    hostname STRING,
    cpu STRING,
    usage_avg DOUBLE,
    usage_max DOUBLE,
    readings BIGINT,
    looked_up_at AS PROCTIME()
) WITH (
    'connector' = 'kafka',
    'topic' = 'cpu_agg_stats',
    'properties.bootstrap.servers' = 'kafka:9092',
    'properties.transaction.timeout.ms' = '900000',
    'properties.isolation.level' = 'read_committed',
    'scan.startup.mode' = 'earliest-offset',
    'sink.delivery-guarantee' = 'exactly-once',
    'sink.transactional-id-prefix' = 'cpu_agg',
    'key.format' = 'json',
    'key.fields' = 'hostname',
    'value.format' = 'json',
    'value.json.timestamp-format.standard' = 'ISO-8601'
);

INSERT INTO cpu_out_agg
SELECT
    window_start,
    window_end,
    hostname,
    cpu,
    AVG(usage) AS usage_avg,
    MAX(usage) AS usage_max,
    COUNT(*) AS readings
FROM TABLE(
    TUMBLE(TABLE cpu_in, DESCRIPTOR(time_ltz), INTERVAL '30' SECOND)
)
WHERE time_ltz IS NOT NULL
GROUP BY window_start, window_end, hostname, cpu;
