"""An endless stream, for an hour: what memory and disk do, as a table.

    .venv/bin/python tools/endless.py [MINUTES] [--rate READINGS_A_SECOND]

The live pipeline as `make chaos` has it, on a stack of its own, but nothing is done to it. The
topic keeps what it keeps for an attendee. After a third of the time all has warmed up; from then
on memory and disk should be flat.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import numpy as np
import psutil
from chaos import HOSTS, Child, deploy_all

from cpuwatch import flink, pipeline, slack, thresholds, topics
from cpuwatch.flink import rest
from cpuwatch.settings import settings
from cpuwatch.stack import control
from cpuwatch.stack.supervisor import Supervisor

#: How often it is looked, in seconds.
PAUSE = 10.0

MB = 1024**2

#: Of each part its megabytes, by the seconds since the beginning.
Series = dict[str, list[tuple[float, float]]]


@contextmanager
def stack() -> Iterator[Path]:
    """A stack of its own, and what lies there when it is over is gone."""
    with ExitStack() as after:
        place = Path(tempfile.mkdtemp(prefix="cpuwatch-test-", dir="/var/tmp"))
        after.callback(shutil.rmtree, place, ignore_errors=True)
        place.chmod(0o755)
        os.environ["CPUWATCH_STATE"] = str(place / "state")
        settings.cache_clear()
        after.callback(control.down, wipe=True)
        control.up()
        yield place / "state"


def deploy() -> list[flink.Job]:
    """All jobs of the workshop, on a topic that is empty."""
    database = thresholds.engine()
    thresholds.create(database)
    thresholds.write(database, {HOSTS[0]: pipeline.WORKSHOP.default_top})
    topics.empty(topics.READINGS)
    return deploy_all()


def memory(process: psutil.Process) -> float:
    """What it and its children have in memory, in megabytes; shared pages count for each."""
    found = 0
    for one in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            found += one.memory_info().rss
    return found / MB


def disk(folder: Path) -> float:
    """What lies in a folder, in megabytes as its disk counts them."""
    found = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            found += path.lstat().st_blocks * 512
    return found / MB


def watch(state: Path, producer: Child, minutes: float, tell: Callable[[str], None]) -> Series:
    """Look again and again."""
    found: Series = defaultdict(list)
    began, told = time.monotonic(), 0.0
    while (now := time.monotonic() - began) < 60 * minutes:
        programs = Supervisor(state).programs()
        parts = {name: psutil.Process(int(info["pid"])) for name, info in programs.items()}
        parts["producer"] = psutil.Process(producer.process.pid)
        for name, process in parts.items():
            found[name].append((now, memory(process)))
        found["disk"].append((now, disk(state)))
        if now - told >= 60:
            told = now
            tell(", ".join(f"{name} {seen[-1][1]:.0f}" for name, seen in found.items()))
        time.sleep(PAUSE)
    return found


def restarts(job: flink.Job) -> int:
    """How often a job was started again, as Flink counts it."""
    (found,) = rest.ask(f"/jobs/{job.id}/metrics?get=numRestarts")
    return int(found["value"])


def table(found: Series) -> str:
    """A line for each part, in Markdown."""
    lines = [
        "| part | after a third, MB | after two thirds | at the end | growth an hour |",
        "|---|---|---|---|---|",
    ]
    for name, seen in found.items():
        seconds, sizes = np.array(seen).T
        third = len(sizes) // 3
        few = max(1, len(sizes) // 30)
        places = [np.median(sizes[end - few : end]) for end in (third, 2 * third, len(sizes))]
        slope = 3600 * np.polyfit(seconds[third:], sizes[third:], 1)[0]
        cells = " | ".join(f"{one:.0f}" for one in places)
        lines.append(f"| {name} | {cells} | {slope:+.1f} MB |")
    return "\n".join(lines)


def main() -> int:
    """Run it; 0 if no job was started again."""
    parser = argparse.ArgumentParser(description="Let the live pipeline run.")
    parser.add_argument("minutes", type=float, nargs="?", default=60.0)
    parser.add_argument("--rate", type=float, default=5000.0, help="readings a second")
    given = parser.parse_args()

    def tell(line: str) -> None:
        print(time.strftime("%H:%M:%S"), line, flush=True)

    with stack() as state:
        jobs = deploy()
        slack.start()
        producer = Child("produce", str(given.rate))
        try:
            found = watch(state, producer, given.minutes, tell)
            again = sum(restarts(job) for job in jobs)
            producer.stop()
        finally:
            if producer.process.poll() is None:
                producer.process.kill()
                producer.bury()
        for job in jobs:
            flink.wait_until_settled(job, quiet=True)
        waiting = slack.waiting()
        slack.stop()
        flink.cancel(*(job.name for job in jobs))
    print(table(found))
    sent = producer.said.strip().splitlines()[-1]
    print(f"\n{sent} readings sent; {again} restarts of jobs; {waiting} alerts still to be told.")
    return int(again > 0)


if __name__ == "__main__":
    sys.exit(main())
