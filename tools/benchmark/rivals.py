"""Other ways in Python, in an environment of their own: Quix Streams and Bytewax.

Each runs the filter alone. Windows by hostname and cpu would need a topic of their own between two
halves of a program in Quix, and so be another pipeline.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from cpuwatch.settings import settings

#: What is installed, and looked for.
WANTED = {"Quix Streams": "quixstreams==3.28.1", "Bytewax": "bytewax==0.21.1"}

QUIX = """\
import sys, time, uuid, logging
from quixstreams import Application

kafka, topic, out = sys.argv[1:]
application = Application(
    broker_address=kafka, consumer_group=str(uuid.uuid4()), auto_offset_reset="earliest",
    loglevel=logging.ERROR,
)
frame = application.dataframe(application.topic(topic, value_deserializer="json"))
frame = frame[frame["usage"] > 80]
frame.to_topic(application.topic(out, value_serializer="json"))
start = time.perf_counter()
# It ends when nothing has come for a while.
application.run(timeout=10.0)
print("seconds", time.perf_counter() - start - 10.0)
"""

BYTEWAX = """\
import sys, time
import orjson
from bytewax import operators as op
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.testing import run_main

kafka, topic, out = sys.argv[1:]
flow = Dataflow("filter")
given = op.input("in", flow, KafkaSource([kafka], [topic], tail=False, batch_size=10_000))

def over(one):
    value = orjson.loads(one.value)
    return KafkaSinkMessage(one.key, one.value) if value["usage"] > 80 else None

op.output("out", op.filter_map("over", given, over), KafkaSink([kafka], out))
start = time.perf_counter()
run_main(flow)
print("seconds", time.perf_counter() - start)
"""

PROGRAMS = {"Quix Streams": QUIX, "Bytewax": BYTEWAX}


def installed() -> dict[str, Path]:
    """For each rival the Python that has it; a rival that cannot be installed is not in it."""
    found = {}
    for name, wanted in WANTED.items():
        place = settings().cache / "bench" / re.sub(r"\W+", "-", wanted)
        python = place / "bin" / "python"
        try:
            if not (place / "done").exists():
                print(f"  {name} is being installed, once: {place}", flush=True)
                subprocess.run([sys.executable, "-m", "venv", "--clear", place], check=True)
                packages = [wanted, "orjson", "confluent-kafka"]
                subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
                (place / "done").touch()
        except subprocess.CalledProcessError as error:
            print(f"  {name} is left out: {error}", file=sys.stderr)
            continue
        found[name] = python
    return found


def run(name: str, python: Path, kafka: str, topic: str, out: str) -> float:
    """The seconds in which it reads all readings of a topic and writes those over 80%."""
    # Quix keeps a folder of states where it is started.
    with tempfile.TemporaryDirectory() as place:
        done = subprocess.run(
            [python, "-c", PROGRAMS[name], kafka, topic, out],
            cwd=place, capture_output=True, text=True, check=True, timeout=1800,
        )  # fmt: skip
    return float(re.findall(r"seconds ([0-9.]+)", done.stdout)[-1])
