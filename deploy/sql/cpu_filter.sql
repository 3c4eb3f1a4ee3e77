SET 'pipeline.name' = 'cpu_filter';

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

CREATE TABLE cpu_out_filter (
    time_ltz TIMESTAMP_LTZ(3),
    hostname STRING,
    cpu STRING,
    usage DOUBLE
) WITH (
    'connector' = 'kafka',
    'topic' = 'cpu_load_stats_real_filter',
    'properties.bootstrap.servers' = 'kafka:9092',
    'properties.transaction.timeout.ms' = '900000',
    'sink.delivery-guarantee' = 'exactly-once',
    'sink.transactional-id-prefix' = 'cpu_filter',
    'key.format' = 'json',
    'key.fields' = 'hostname',
    'value.format' = 'json',
    'value.json.timestamp-format.standard' = 'ISO-8601'
);

INSERT INTO cpu_out_filter
SELECT time_ltz, hostname, cpu, usage
FROM cpu_in
WHERE usage > 80 AND time_ltz IS NOT NULL;
