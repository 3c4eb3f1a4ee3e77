"""What attendees take who share one stack, each with a prefix: memory and processor, as a table.

    .venv/bin/python tools/room.py [ATTENDEES …] [--checkpoints SECONDS] [--rate READINGS_A_SECOND]

Each has the jobs of chapter 08: first with nothing to read, then with a stream. The stack is one of
its own, with slots for all, and goes afterwards. Only services count: not the attendees' kernels,
nor what sends their streams.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import psutil

from cpuwatch.stack.supervisor import Supervisor

COMMAND = Path(sys.executable).parent / "cpuwatch"

#: How long the processor is looked at, and what is in the midst of starting may settle before.
LOOKED, SETTLES = 60.0, 20.0


class Row(NamedTuple):
    """What was measured."""

    attendees: int
    stream: str
    catch_up: float
    memory: float
    taskmanager: float
    processor: float

    def __str__(self) -> str:
        return (
            f"| {self.attendees} | {self.stream} | {self.catch_up:.0f} s | {self.memory:,.0f} MB |"
            f" {self.taskmanager:,.0f} MB | {self.processor:.0%} |"
        )


def cpuwatch(*arguments: str, **environment: str) -> None:
    """Run a command; raise with what it says if it fails."""
    done = subprocess.run(
        [COMMAND, *arguments], env=os.environ | environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"cpuwatch {' '.join(arguments)}: {done.stderr or done.stdout}")


@contextmanager
def stack(attendees: int) -> Iterator[Path]:
    """A stack of its own, with slots for so many; what lies there is gone afterwards."""
    with ExitStack() as after:
        place = Path(tempfile.mkdtemp(prefix="cpuwatch-room-", dir="/var/tmp"))
        after.callback(shutil.rmtree, place, ignore_errors=True)
        place.chmod(0o755)
        os.environ["CPUWATCH_STATE"] = str(place / "state")
        after.callback(cpuwatch, "down", "--wipe")
        # Six slots come with each lane: what an attendee's five jobs and a preview take.
        cpuwatch("up", CPUWATCH_PARALLELISM=str(attendees))
        yield place / "state"


@contextmanager
def streams(attendees: int, rate: float) -> Iterator[None]:
    """An endless stream of readings for each of so many."""
    running: list[subprocess.Popen[bytes]] = []
    try:
        for number in range(1, attendees + 1):
            running.append(
                subprocess.Popen(
                    [COMMAND, "produce", "--endless", "--rate", str(rate)],
                    env=os.environ | {"CPUWATCH_PREFIX": f"seat-{number}"},
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                )
            )  # fmt: skip
        yield
        if gone := [one.pid for one in running if one.poll() is not None]:
            raise SystemExit(f"{len(gone)} of {attendees} streams have ended by themselves.")
    finally:
        for one in running:
            one.send_signal(signal.SIGTERM)
        for one in running:
            one.wait(60)


def parts(state: Path) -> dict[str, psutil.Process]:
    """The processes of the services, by what supervisor calls them."""
    programs = Supervisor(state).programs()
    return {name: psutil.Process(int(one["pid"])) for name, one in programs.items() if one["pid"]}


def whole(process: psutil.Process) -> list[psutil.Process]:
    """A process and those that it has started."""
    return [process, *process.children(recursive=True)]


def seconds(processes: list[psutil.Process]) -> float:
    """The processor time that they have taken."""
    found = 0.0
    for one in processes:
        with suppress(psutil.NoSuchProcess):
            times = one.cpu_times()
            found += times.user + times.system
    return found


def megabytes(processes: list[psutil.Process]) -> float:
    """What they have in memory; what several map counts once."""
    found = 0
    for one in processes:
        with suppress(psutil.NoSuchProcess):
            found += one.memory_full_info().pss
    return found / 1e6


def look(state: Path, attendees: int, stream: str, catch_up: float) -> Row:
    """Wait a moment, then see what the services take."""
    time.sleep(SETTLES)
    by_name = parts(state)
    every = [one for process in by_name.values() for one in whole(process)]
    before, began = seconds(every), time.monotonic()
    time.sleep(LOOKED)
    processor = (seconds(every) - before) / (time.monotonic() - began)
    return Row(
        attendees,
        stream,
        catch_up,
        megabytes(every),
        megabytes(whole(by_name["taskmanager"])),
        processor,
    )


def main() -> None:
    """Let one attendee come after the other, and look whenever there are as many as asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("attendees", type=int, nargs="*", default=[1, 5, 10])
    parser.add_argument("--checkpoints", type=float, default=10.0, help="seconds between two")
    parser.add_argument("--rate", type=float, default=35.0, help="readings a second of each")
    given = parser.parse_args()
    os.environ["CPUWATCH_CHECKPOINTS"] = str(given.checkpoints)
    most = max(given.attendees)
    print(f"A checkpoint every {given.checkpoints:g} s; streams of {given.rate:g} a second.\n")
    print("| attendees | stream | the last one's catch-up | all services | TaskManager | cores |")
    print("|---|---|---|---|---|---|")
    with stack(most + 2) as state:
        print(look(state, 0, "", 0.0), flush=True)
        for number in range(1, most + 1):
            began = time.monotonic()
            cpuwatch("catch-up", "08", CPUWATCH_PREFIX=f"seat-{number}")
            took = time.monotonic() - began
            if number in given.attendees:
                print(look(state, number, "none", took), flush=True)
                with streams(number, given.rate):
                    print(look(state, number, "each", took), flush=True)


if __name__ == "__main__":
    main()
