SET 'pipeline.name' = 'cpu_over';

SET 'table.local-time-zone' = 'UTC';

SET 'table.exec.state.ttl' = '7 d';

SET 'table.optimizer.agg-phase-strategy' = 'ONE_PHASE';

SET 'pipeline.operator-chaining.enabled' = 'false';

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

CREATE TABLE cpu_thresholds (
    hostname STRING,
    allowed_top DOUBLE,
    PRIMARY KEY (hostname) NOT ENFORCED
) WITH (
    'connector' = 'jdbc',
    'url' = 'jdbc:postgresql://postgres:5432/cpuwatch?user=cpuwatch',
    'table-name' = 'cpu_thresholds',
    'lookup.cache' = 'PARTIAL',
    'lookup.partial-cache.max-rows' = '1000',
    'lookup.partial-cache.expire-after-write' = '2s'
);

CREATE TABLE cpu_out_over (
    window_start TIMESTAMP_LTZ(3),
    window_end TIMESTAMP_LTZ(3),
    hostname STRING,
    cpu STRING,
    usage_avg DOUBLE,
    usage_max DOUBLE,
    readings BIGINT,
    allowed_top DOUBLE
) WITH (
    'connector' = 'kafka',
    'topic' = 'cpu_over_threshold',
    'properties.bootstrap.servers' = 'kafka:9092',
    'properties.transaction.timeout.ms' = '900000',
    'sink.delivery-guarantee' = 'exactly-once',
    'sink.transactional-id-prefix' = 'cpu_over',
    'key.format' = 'json',
    'key.fields' = 'hostname;cpu',
    'value.format' = 'json',
    'value.json.timestamp-format.standard' = 'ISO-8601'
);

INSERT INTO cpu_out_over
SELECT
    a.window_start,
    a.window_end,
    a.hostname,
    a.cpu,
    a.usage_avg,
    a.usage_max,
    a.readings,
    COALESCE(t.allowed_top, 80) AS allowed_top
FROM cpu_out_agg AS a
LEFT JOIN cpu_thresholds FOR SYSTEM_TIME AS OF a.looked_up_at AS t
    ON a.hostname = t.hostname
WHERE a.usage_avg > COALESCE(t.allowed_top, 80);
