"""The pipeline without the dead letters, in PyFlink alone; docs/plain-pyflink.md explains it."""

import os
from pathlib import Path

from pyflink.table import EnvironmentSettings, TableEnvironment

given = os.environ.get
FLINK, KAFKA = given("FLINK", "127.0.0.1:8081"), given("KAFKA", "127.0.0.1:9092")
POSTGRES = given("POSTGRES", "jdbc:postgresql://127.0.0.1:5432/cpuwatch?user=cpuwatch")
READINGS, JOB = given("READINGS", "cpu_load_stats_real"), given("JOB", "plain_pipeline")
FILTERED, AVERAGES = given("FILTERED", "plain_filter"), given("AVERAGES", "plain_averages")
OVER, ALERTS = given("OVER", "plain_over"), given("ALERTS", "plain_alerts")

env = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
for name, value in {
    "execution.target": "remote",  # on a cluster that runs, not in this process
    "rest.address": FLINK.split(":")[0],
    "rest.port": FLINK.split(":")[1],
    "pipeline.jars": ";".join(jar.resolve().as_uri() for jar in Path("jars").glob("*.jar")),
    "pipeline.name": JOB,
    "parallelism.default": "1",
    "execution.checkpointing.interval": "1 s",  # the sinks show their rows at checkpoints
    "table.local-time-zone": "UTC",
    # A reader that skips what it cannot parse also skips what fails behind it in its own chain.
    "pipeline.operator-chaining.enabled": "false",
    "table.optimizer.agg-phase-strategy": "ONE_PHASE",  # sums in the order of arrival, always
}.items():
    env.get_config().set(name, value)
if KEY := given("FLINK_KEY"):  # this cluster lets in only who has its key
    for name, value in {
        "enabled": "true", "authentication-enabled": "true",
        "keystore": KEY, "keystore-password": given("FLINK_KEY_PASSWORD", "cpuwatch"),
        "key-password": given("FLINK_KEY_PASSWORD", "cpuwatch"),
        "truststore": KEY, "truststore-password": given("FLINK_KEY_PASSWORD", "cpuwatch"),
    }.items():  # fmt: skip
        env.get_config().set(f"security.ssl.rest.{name}", value)
    env.get_config().set("security.ssl.protocol", "TLSv1.3")
    env.get_config().set("security.ssl.algorithms", "TLS_AES_128_GCM_SHA256")

KAFKA_TABLE = f"'connector' = 'kafka', 'properties.bootstrap.servers' = '{KAFKA}'"
env.execute_sql(f"""CREATE TABLE readings (
    hostname STRING, cpu STRING, usage DOUBLE, occurred_at BIGINT,
    time_ltz AS CASE WHEN usage BETWEEN 0 AND 100
        AND occurred_at BETWEEN 31536000000 AND 4102444799999
        AND TRIM(hostname) <> '' AND TRIM(cpu) <> ''
        AND CHAR_LENGTH(CONCAT(hostname, cpu)) <= 300
        AND POSITION(CHR(0) IN CONCAT(hostname, cpu)) = 0
        THEN TO_TIMESTAMP_LTZ(occurred_at, 3) END,  -- NULL: that is no reading
    WATERMARK FOR time_ltz AS time_ltz - INTERVAL '10' SECOND
) WITH ({KAFKA_TABLE}, 'topic' = '{READINGS}', 'format' = 'json',
    'json.ignore-parse-errors' = 'true', 'scan.startup.mode' = 'earliest-offset',
    'scan.bounded.mode' = 'latest-offset')""")  # without this option it never ends
env.execute_sql(f"""CREATE TABLE thresholds (
    hostname STRING, allowed_top DOUBLE, PRIMARY KEY (hostname) NOT ENFORCED
) WITH ('connector' = 'jdbc', 'url' = '{POSTGRES}', 'table-name' = 'cpu_thresholds',
    'lookup.cache' = 'PARTIAL', 'lookup.partial-cache.max-rows' = '1000',
    'lookup.partial-cache.expire-after-write' = '2s')""")

WINDOW = "window_start TIMESTAMP_LTZ(3), window_end TIMESTAMP_LTZ(3), hostname STRING, cpu STRING"
AVERAGE = f"{WINDOW}, usage_avg DOUBLE, usage_max DOUBLE, readings BIGINT"
for name, topic, columns in (
    ("filtered", FILTERED, "time_ltz TIMESTAMP_LTZ(3), hostname STRING, cpu STRING, usage DOUBLE"),
    ("averages", AVERAGES, AVERAGE),
    ("over_threshold", OVER, f"{AVERAGE}, allowed_top DOUBLE"),
    ("alerts", ALERTS, """id STRING, event STRING, hostname STRING, cpu STRING,
        opened TIMESTAMP_LTZ(3), closed TIMESTAMP_LTZ(3), usage_avg DOUBLE, peak_avg DOUBLE,
        allowed_top DOUBLE, windows BIGINT, readings BIGINT, as_of TIMESTAMP_LTZ(3)"""),
):  # fmt: skip
    env.execute_sql(f"""CREATE TABLE {name} ({columns}) WITH ({KAFKA_TABLE}, 'topic' = '{topic}',
        'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = '{topic}',
        'properties.transaction.timeout.ms' = '900000', 'key.format' = 'json',
        'key.fields' = 'hostname', 'value.format' = 'json',
        'value.json.timestamp-format.standard' = 'ISO-8601')""")

SERIES = "WINDOW series AS (PARTITION BY hostname, cpu ORDER BY looked_up_at)"
for name, query in {
    "averaged": """
        SELECT window_start, window_end, hostname, cpu,
            AVG(usage) AS usage_avg, MAX(usage) AS usage_max, COUNT(*) AS readings
        FROM TABLE(TUMBLE(TABLE readings, DESCRIPTOR(time_ltz), INTERVAL '30' SECOND))
        WHERE time_ltz IS NOT NULL
        GROUP BY window_start, window_end, hostname, cpu""",
    "judged": """
        SELECT a.*, COALESCE(t.allowed_top, 80) AS allowed_top,
            a.usage_avg > COALESCE(t.allowed_top, 80) AS is_over
        FROM (SELECT *, PROCTIME() AS looked_up_at FROM averaged) AS a
        LEFT JOIN thresholds FOR SYSTEM_TIME AS OF a.looked_up_at AS t
            ON a.hostname = t.hostname""",
    "so_far": f"""
        SELECT *, MAX(CASE WHEN is_over THEN window_end END) OVER series AS over_until
        FROM judged WHERE readings >= 3 {SERIES}""",
    "before": f"""
        SELECT *, LAG(window_end) OVER series AS seen_before,
            LAG(over_until) OVER series AS over_before,
            LAG(over_until) OVER series + INTERVAL '60' SECOND AS goes_on_until
        FROM so_far {SERIES}""",
    "changes": """
        SELECT *, is_over AND (goes_on_until IS NULL OR window_start > goes_on_until) AS opens,
            seen_before <= goes_on_until AND
            CASE WHEN is_over THEN window_start ELSE window_end END > goes_on_until AS closes
        FROM before""",
    "events": """
        SELECT * FROM changes CROSS JOIN UNNEST(ARRAY[CASE WHEN closes THEN 'closed' END,
            CASE WHEN opens THEN 'opened' WHEN is_over THEN 'goes on' END]) AS them (event)
        WHERE event IS NOT NULL""",
    "started": f"""
        SELECT *, MAX(CASE WHEN event = 'opened' THEN window_start END) OVER series AS opened
        FROM events {SERIES}""",
    "counted": """
        SELECT *, MAX(CASE WHEN event <> 'closed' THEN usage_avg END) OVER episode AS peak_avg,
            COUNT(CASE WHEN event <> 'closed' THEN 1 END) OVER episode AS windows,
            FIRST_VALUE(allowed_top) OVER episode AS opening_top
        FROM started
        WINDOW episode AS (PARTITION BY hostname, cpu, opened ORDER BY looked_up_at)""",
}.items():
    env.create_temporary_view(name, env.sql_query(query))

statements = env.create_statement_set()
for name, query in {
    "filtered": """
        SELECT time_ltz, hostname, cpu, usage FROM readings
        WHERE usage > 80 AND time_ltz IS NOT NULL""",
    "averages": "SELECT * FROM averaged",
    "over_threshold": """
        SELECT window_start, window_end, hostname, cpu, usage_avg, usage_max, readings, allowed_top
        FROM judged WHERE is_over""",
    "alerts": """
        SELECT CONCAT(hostname, '/', cpu, '/',
                DATE_FORMAT(opened, 'yyyy-MM-dd''T''HH:mm:ss''Z''')) AS id,
            event, hostname, cpu, opened, CASE WHEN event = 'closed' THEN over_before END,
            usage_avg, peak_avg, opening_top, windows, readings, window_end
        FROM counted WHERE event <> 'goes on'""",
}.items():
    statements.add_insert_sql(f"INSERT INTO {name} {query}")
statements.execute().wait()
