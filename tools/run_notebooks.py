"""Strict runs of all notebooks in a row, ten by default; not part of `make test`.

    .venv/bin/python tools/run_notebooks.py [HOW_MANY] [--lanes N] [--busy N]

Each lane has a stack of its own. Its first run begins with one that has never run; the others
with what the one before left.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from book import BOOKS, strict

COMMAND = Path(sys.executable).parent / "cpuwatch"


@contextmanager
def busy(count: int) -> Iterator[None]:
    """So many processes that do nothing but take their share of the processors."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


class Runs:
    """The runs that are still to be done, and how those went that are."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.green = 0
        self._begun = 0
        self._lock = Lock()

    def _next(self) -> int | None:
        with self._lock:
            self._begun += 1
            return self._begun if self._begun <= self.count else None

    def lane(self, lane: int) -> None:
        """Do one after the other, until none is left."""
        state = Path(tempfile.mkdtemp(prefix="cpuwatch-test-", dir="/var/tmp"))
        state.chmod(0o755)
        try:
            while (number := self._next()) is not None:
                began = time.strftime("%H:%M:%S")
                code, said, seconds = strict(BOOKS, state)
                load = os.getloadavg()[1]
                with self._lock:
                    self.green += code == 0
                    colour = "green" if code == 0 else "RED"
                    print(
                        f"| {number} | {lane} | {began} | {seconds:.0f} | {load:.0f} | {colour}:"
                        f" {said.strip().splitlines()[-1]} |",
                        flush=True,
                    )
                    if code != 0:
                        print(said[-6000:], flush=True)
        finally:
            subprocess.run(
                [str(COMMAND), "down", "--wipe"], check=False,
                env=os.environ | {"CPUWATCH_STATE": str(state)},
            )  # fmt: skip
            shutil.rmtree(state, ignore_errors=True)


def main() -> int:
    """Run them, say how each went, and stop the stacks; 0 if all were green."""
    parser = argparse.ArgumentParser(description="Strict runs of all notebooks in a row.")
    parser.add_argument("runs", type=int, nargs="?", default=10, help="how many")
    parser.add_argument("--lanes", type=int, default=1, help="so many side by side")
    parser.add_argument("--busy", type=int, default=0, help="beside so many busy processes")
    given = parser.parse_args()
    runs = Runs(given.runs)
    print(
        "| run | lane | began | seconds | load | outcome |\n|---|---|---|---|---|---|", flush=True
    )
    with busy(given.busy), ThreadPoolExecutor(given.lanes) as pool:
        list(pool.map(runs.lane, range(1, given.lanes + 1)))
    print(f"{runs.green} of {runs.count} runs were green.")
    return 0 if runs.green == runs.count else 1


if __name__ == "__main__":
    sys.exit(main())
