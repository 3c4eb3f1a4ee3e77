"""A large file through the whole pipeline; not part of `make test`.

    .venv/bin/python tools/load.py [MILLIONS_OF_READINGS …] [--hosts N] [--seed N]

For each number of readings one line: how long `cpuwatch demo` took, the most memory that its own
process had, and whether its averages are those of the file, row by row, to the last float. The
stack is one of its own. The numbers of docs/performance.md are from here.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

COMMAND = Path(sys.executable).parent / "cpuwatch"

START = datetime(2026, 3, 1, tzinfo=timezone.utc)
WINDOW = 30


def ticks(readings: int, hosts: int, seed: int) -> Iterator[tuple[int, list[tuple[str, float]]]]:
    """A second after the other the usage of each host, until there are enough readings.

    Every tenth host is in trouble all the time.
    """
    chance = random.Random(seed)
    names = [f"host-{number:05}" for number in range(hosts)]
    lowest = [85 if number % 10 == 0 else 20 for number in range(hosts)]
    for second in range(-(-readings // hosts)):
        count = min(hosts, readings - second * hosts)
        yield (
            second,
            [
                (name, round(chance.uniform(low, 95), 3))
                for name, low in zip(names[:count], lowest, strict=False)
            ],
        )


def write(path: Path, readings: int, hosts: int, seed: int) -> None:
    """The file, in order of time."""
    with path.open("w") as file:
        file.write("time,hostname,cpu,usage\n")
        for second, values in ticks(readings, hosts, seed):
            moment = (START + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%SZ")
            file.writelines(f"{moment},{name},cpu1,{usage}\n" for name, usage in values)


def wanted(readings: int, hosts: int, seed: int) -> Iterator[tuple[str, str, float, float, int]]:
    """Every window as it has to be, added up in the order of the file."""
    sums: dict[str, list[float]] = {}
    begun = 0

    def closed() -> Iterator[tuple[str, str, float, float, int]]:
        moment = (START + timedelta(seconds=begun)).strftime("%Y-%m-%dT%H:%M:%SZ")
        for name in sorted(sums):
            total, highest, count = sums[name]
            yield moment, name, total / count, highest, int(count)

    for second, values in ticks(readings, hosts, seed):
        if second // WINDOW * WINDOW != begun:
            yield from closed()
            sums, begun = {}, second // WINDOW * WINDOW
        for name, usage in values:
            one = sums.setdefault(name, [0.0, 0.0, 0])
            one[0], one[1], one[2] = one[0] + usage, max(one[1], usage), one[2] + 1
    yield from closed()


def wrong_rows(path: Path, readings: int, hosts: int, seed: int) -> int:
    """How many rows of windows.csv are not as they have to be."""
    with path.open(newline="") as file:
        rows = csv.DictReader(file)
        found = (
            (row["window_start"], row["hostname"], float(row["usage_avg"]),
             float(row["usage_max"]), int(row["readings"]))
            for row in rows
        )  # fmt: skip
        there = wanted(readings, hosts, seed)
        wrong = 0
        for one in there:
            wrong += next(found, None) != one
        return wrong + sum(1 for _ in found)


def measured(command: list[str], environment: dict[str, str]) -> tuple[str, float, int, int]:
    """Run a command: its output, its seconds, and the most memory of it and of its Java, in MB."""
    began = time.monotonic()
    most, java = 0, 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        said: list[str] = []
        assert process.stdout is not None
        reader = threading.Thread(target=lambda: said.append(process.stdout.read()))
        reader.start()
        while process.poll() is None:
            most = max(most, _peak(process.pid))
            java = max([java, *map(_peak, _children(process.pid))])
            time.sleep(0.2)
        reader.join()
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return said[0], time.monotonic() - began, most, java


def _peak(pid: int) -> int:
    try:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0
    return int(found[1]) // 1024 if found else 0


def _children(pid: int) -> list[int]:
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def main() -> int:
    """Print the table; 0 if everything was right."""
    parser = argparse.ArgumentParser(description="Send large files through the demo.")
    parser.add_argument("millions", type=float, nargs="*", default=[1, 10])
    parser.add_argument("--hosts", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="cpuwatch-load-", dir="/var/tmp"))
    folder.chmod(0o755)
    environment = os.environ | {"CPUWATCH_STATE": str(folder / "state")}
    subprocess.run([str(COMMAND), "up"], check=True, env=environment)
    print("| readings | hosts | seconds | MB | MB of its Java | windows | alerts | wrong | steps |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    all_wrong = 0
    try:
        for millions in given.millions:
            readings = int(millions * 1e6)
            write(folder / "load.csv", readings, given.hosts, given.seed)
            out, seconds, most, java = measured(
                [str(COMMAND), "demo", "--csv", str(folder / "load.csv"),
                 "--out", str(folder / "out"), "--json"],
                environment,
            )  # fmt: skip
            told = json.loads(out)
            wrong = wrong_rows(folder / "out" / "windows.csv", readings, given.hosts, given.seed)
            wrong += abs(told["readings"] - readings) + told["rejected"] + told["late"]
            all_wrong += wrong
            steps = ", ".join(f"{name} {value:.0f}" for name, value in told["seconds"].items())
            print(
                f"| {readings:,} | {given.hosts:,} | {seconds:.0f} | {most} | {java}"
                f" | {told['windows']:,} | {told['alerts']:,} | {wrong} | {steps} |",
                flush=True,
            )
    finally:
        subprocess.run([str(COMMAND), "down", "--wipe"], check=False, env=environment)
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if all_wrong == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
