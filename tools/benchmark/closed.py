"""A Kafka that lets in who has the stack's key alone, against the usual one: a stack of each.

    .venv/bin/python tools/benchmark/closed.py COUNT

is one round on the stack that CPUWATCH_STATE names, which runs; it prints one JSON object.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmark import ours
from cpuwatch import flink, topics

WAYS = {"open": "", "closed": "SSL"}

_TOPIC = "bench-closed"


def measure(count: int, rounds: int, folder: Path) -> dict[str, list[float]]:
    """Readings a second of each part on each stack, by turns.

    Parameters
    ----------
    count
        How many readings.
    rounds
        How often.
    folder
        Where the stacks' state folders may be.
    """
    found: dict[str, list[float]] = {}
    with ExitStack() as stacks:
        there = {}
        for way, spoken in WAYS.items():
            there[way] = os.environ | {
                "CPUWATCH_STATE": str(folder / way),
                "CPUWATCH_KAFKA_SECURITY_PROTOCOL": spoken,
            }
            stacks.callback(_command, there[way], "down", "--wipe")
            _command(there[way], "up")
        for _ in range(rounds):
            for way, environment in there.items():
                said = subprocess.run(
                    [sys.executable, __file__, str(count)],
                    env=environment, check=True, stdout=subprocess.PIPE, text=True,
                ).stdout  # fmt: skip
                for part, rate in json.loads(said.splitlines()[-1]).items():
                    found.setdefault(f"{part}, {way}", []).append(rate)
    return found


def _command(environment: dict[str, str], *arguments: str) -> None:
    cpuwatch = Path(sys.executable).with_name("cpuwatch")
    subprocess.run([cpuwatch, *arguments], env=environment, check=True, stdout=subprocess.DEVNULL)


def _round(count: int) -> dict[str, float]:
    topics.delete(*({_TOPIC} & set(topics.names())))
    topics.create(_TOPIC, whole=True)
    given = ours.readings(count)
    begun = time.perf_counter()
    ours.send(given, _TOPIC)
    found = {"send": count / (time.perf_counter() - begun)}
    flink.connect(quiet=True)
    for name in ("cpu_filter", "cpu_agg"):
        done, out = ours.job(name, _TOPIC, count)
        topics.delete(out)
        found[name] = count / done.seconds
    return found


if __name__ == "__main__":
    print(json.dumps(_round(int(sys.argv[1]))))
