"""How fast it is, against a plain loop in Python, in one run: `make bench`.

    .venv/bin/python tools/bench.py [MILLIONS_OF_READINGS …] [--rounds N]

For each number of readings, by turns, so that a machine that becomes slower does so for both:
sending them, the filter and the windows; then how long the services take to start, and what memory
each part has. It prints tables with medians and spreads, and writes out/bench.json. Its stack is
one of its own.

A time on a machine says little; a ratio in one run says something. No test depends on either.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil

sys.path.insert(0, str(Path(__file__).parent))

from benchmark import loop, ours

from cpuwatch import flink, topics, workshop
from cpuwatch.readings import FLEET_START
from cpuwatch.settings import ROOT, settings
from cpuwatch.stack import control
from cpuwatch.stack.supervisor import Supervisor

#: Hosts and cpus of the readings; all report each second.
HOSTS, CPUS = 100, 5

#: What is divided by what.
RATIOS = {
    "send: product / loop": ("send, product", "send, loop"),
    "filter: product / loop": ("cpu_filter, product, whole job", "cpu_filter, loop"),
    "filter, steady / loop": ("cpu_filter, product, steady", "cpu_filter, loop"),
    "windows: product / loop": ("cpu_agg, product, whole job", "cpu_agg, loop"),
    "windows, steady / loop": ("cpu_agg, product, steady", "cpu_agg, loop"),
}


def readings(count: int) -> pd.DataFrame:
    """So many readings, of which one in five is over 80%."""
    random = np.random.RandomState(1)
    series = HOSTS * CPUS
    place = np.arange(count)
    return pd.DataFrame(
        {
            "hostname": np.char.add("host-", (place // CPUS % HOSTS).astype(str)),
            "cpu": np.char.add("cpu", (place % CPUS + 1).astype(str)),
            "usage": random.uniform(0, 100, count).round(3),
            "occurred_at": FLEET_START.value // 1_000_000 + place // series * 1000,
        }
    )


class Table:
    """Figures by name, round by round."""

    def __init__(self) -> None:
        self.found: dict[str, list[float]] = {}

    def add(self, name: str, figure: float | None) -> None:
        """Note a figure of a round; None if there is none."""
        if figure is None:
            return
        self.found.setdefault(name, []).append(figure)
        print(f"  {name}: {figure:,.0f}", file=sys.stderr, flush=True)

    def print(self, unit: str, ratios: dict[str, tuple[str, str]]) -> None:
        """Print medians with their spread, and ratios: of each round, and then their median."""
        print(f"\n{unit:<40}{'median':>12}{'least':>12}{'most':>12}")
        for name, figures in self.found.items():
            print(
                f"{name:<40}{statistics.median(figures):>12,.0f}{min(figures):>12,.0f}"
                f"{max(figures):>12,.0f}"
            )
        for name, (one, other) in ratios.items():
            if len(self.found.get(one, ())) != len(self.found[other]):
                continue  # it was over too soon to be looked at
            each = [a / b for a, b in zip(self.found[one], self.found[other], strict=True)]
            print(f"{name:<40}{statistics.median(each):>12.2f}{min(each):>12.2f}{max(each):>12.2f}")


def timed(work: Callable[[], Any]) -> float:
    """The seconds that it takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def throughput(count: int, rounds: int) -> Table:
    """Readings a second: the product and the loop, by turns."""
    given = readings(count)
    kafka = settings().kafka_address
    table = Table()
    for number in range(rounds):
        print(f"{count:,} readings, round {number + 1} of {rounds}", file=sys.stderr, flush=True)
        for topic in ("bench-ours", "bench-loop", "bench-out"):
            topics.delete(*({topic} & set(topics.names())))
            topics.create(topic, whole=True)
        table.add("send, product", count / timed(lambda: ours.send(given, "bench-ours")))
        table.add("send, loop", count / timed(lambda: loop.send(kafka, "bench-loop", given)))
        for name, work in (("cpu_filter", loop.filter_over), ("cpu_agg", loop.average)):
            done, out = ours.job(name, "bench-ours", count)
            table.add(f"{name}, product, whole job", count / done.seconds)
            table.add(f"{name}, product, steady", done.steady)
            table.add(
                f"{name}, loop",
                count / timed(lambda work=work: work(kafka, "bench-ours", "bench-out")),  # type: ignore[misc]
            )
            topics.delete(out)
    return table


def memory() -> dict[str, float]:
    """MB of each service, each page counted once for all that share it."""
    found = {
        name: psutil.Process(int(one["pid"])).memory_full_info().pss / 1e6
        for name, one in Supervisor(settings().state).programs().items()
        if one.get("pid")
    }
    return found | {"all services": sum(found.values())}


def main() -> None:
    """Measure all of it."""
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("millions", type=float, nargs="*", default=[1.0])
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    result: dict[str, Any] = {
        "date": f"{datetime.now(timezone.utc):%Y-%m-%d}",
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs",
        "python": platform.python_version(),
        "flink": version("apache-flink"),
    }
    with tempfile.TemporaryDirectory(prefix="cpuwatch-bench-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        os.environ["CPUWATCH_STATE"] = f"{folder}/state"
        settings.cache_clear()
        start = Table()
        try:
            for name in ("up, from nothing", "up, again"):
                start.add(name, 1000 * timed(lambda: control.up(lambda _: None, show=False)))
                if name == "up, from nothing":
                    control.down()
            start.add("connect", 1000 * timed(lambda: flink.connect(quiet=True)))
            start.print("milliseconds", {})
            result["start_ms"] = start.found
            for millions in given.millions:
                count = int(millions * 1e6)
                table = throughput(count, given.rounds)
                table.print(f"readings a second, of {count:,}", RATIOS)
                result[f"per_second_{count}"] = table.found
            workshop.catch_up("06")
            used = Table()
            for name, figure in memory().items():
                used.add(name, figure)
            used.print("MB (PSS), after chapter 05", {})
            result["memory_mb"] = used.found
        finally:
            control.down(wipe=True)
    out = ROOT / "out" / "bench.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n")
    print(f"\n{out.relative_to(ROOT)} has every figure.")


if __name__ == "__main__":
    main()
