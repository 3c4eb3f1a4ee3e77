SET 'pipeline.name' = 'cpu_notification';

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

CREATE TABLE cpu_out_alerts (
    id STRING,
    event STRING,
    hostname STRING,
    cpu STRING,
    opened TIMESTAMP_LTZ(3),
    closed TIMESTAMP_LTZ(3),
    usage_avg DOUBLE,
    peak_avg DOUBLE,
    allowed_top DOUBLE,
    windows BIGINT,
    readings BIGINT,
    as_of TIMESTAMP_LTZ(3)
) WITH (
    'connector' = 'kafka',
    'topic' = 'cpu_alerts',
    'properties.bootstrap.servers' = 'kafka:9092',
    'properties.transaction.timeout.ms' = '900000',
    'sink.delivery-guarantee' = 'exactly-once',
    'sink.transactional-id-prefix' = 'cpu_notification',
    'key.format' = 'json',
    'key.fields' = 'hostname',
    'value.format' = 'json',
    'value.json.timestamp-format.standard' = 'ISO-8601'
);

CREATE TEMPORARY VIEW cpu_judged AS
-- Each window against its threshold; one of too few readings is no evidence.
SELECT
    a.hostname,
    a.cpu,
    a.window_start,
    a.window_end,
    a.usage_avg,
    a.readings,
    COALESCE(t.allowed_top, 80) AS allowed_top,
    a.usage_avg > COALESCE(t.allowed_top, 80) AS is_over,
    a.looked_up_at
FROM cpu_out_agg AS a
LEFT JOIN cpu_thresholds FOR SYSTEM_TIME AS OF a.looked_up_at AS t
    ON a.hostname = t.hostname
WHERE a.readings >= 3;

CREATE TEMPORARY VIEW cpu_so_far AS
-- How far this cpu's windows reach, and until when it was over.
SELECT
    *,
    MAX(window_end) OVER series AS seen_until,
    MAX(CASE WHEN is_over THEN window_end END) OVER series AS over_until
FROM cpu_judged
WINDOW series AS (PARTITION BY hostname, cpu ORDER BY looked_up_at);

CREATE TEMPORARY VIEW cpu_before AS
-- The same, as it was one window earlier, and until when an episode goes on by that.
SELECT
    *,
    LAG(seen_until) OVER series AS seen_before,
    LAG(over_until) OVER series AS over_before,
    LAG(over_until) OVER series + INTERVAL '60' SECOND AS goes_on_until
FROM cpu_so_far
WINDOW series AS (PARTITION BY hostname, cpu ORDER BY looked_up_at);

CREATE TEMPORARY VIEW cpu_changes AS
-- An episode opens with a window over the threshold that continues none. It closes with the
-- first window that shows it: one over the threshold by its start, another by its end.
SELECT
    *,
    is_over
        AND (goes_on_until IS NULL OR window_start > goes_on_until)
        AS opens,
    seen_before <= goes_on_until
        AND CASE WHEN is_over THEN window_start ELSE window_end END
            > goes_on_until AS closes
FROM cpu_before
-- a window that is sent twice counts once
WHERE seen_before IS NULL OR window_end > seen_before;

CREATE TEMPORARY VIEW cpu_events AS
-- A row for each thing that a window tells: it may close one episode and open the next.
SELECT *
FROM cpu_changes
CROSS JOIN UNNEST(ARRAY[
    CASE WHEN closes THEN 'closed' END,
    CASE WHEN opens THEN 'opened' WHEN is_over THEN 'goes on' END
]) AS each_of_them (event)
WHERE event IS NOT NULL;

CREATE TEMPORARY VIEW cpu_opened AS
-- The episode that a row belongs to, by its start.
SELECT
    *,
    MAX(CASE WHEN event = 'opened' THEN window_start END)
        OVER series AS opened
FROM cpu_events
WINDOW series AS (PARTITION BY hostname, cpu ORDER BY looked_up_at);

CREATE TEMPORARY VIEW cpu_counted AS
-- The episode so far; the window that closes it is none of its own.
SELECT
    *,
    MAX(CASE WHEN event <> 'closed' THEN usage_avg END)
        OVER episode AS peak_avg,
    COUNT(CASE WHEN event <> 'closed' THEN 1 END) OVER episode AS windows,
    FIRST_VALUE(allowed_top) OVER episode AS opening_top
FROM cpu_opened
WINDOW episode AS (PARTITION BY hostname, cpu, opened ORDER BY looked_up_at);

INSERT INTO cpu_out_alerts
SELECT
    CONCAT(
        hostname, '/', cpu, '/',
        DATE_FORMAT(opened, 'yyyy-MM-dd''T''HH:mm:ss''Z''')
    ) AS id,
    event,
    hostname,
    cpu,
    opened,
    CASE WHEN event = 'closed' THEN over_before END AS closed,
    usage_avg,
    peak_avg,
    opening_top AS allowed_top,
    windows,
    readings,
    window_end AS as_of
FROM cpu_counted
WHERE event <> 'goes on';
