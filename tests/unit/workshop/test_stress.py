"""Stress for this machine's CPUs ends by itself, and with who asked for it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from cpuwatch import workshop
from cpuwatch.errors import CpuwatchError
from cpuwatch.workshop import stress


def children() -> set[int]:
    return {one.pid for one in psutil.Process().children()}


def test_it_works_at_the_lowest_priority_and_ends_by_itself() -> None:
    before = children()
    work = workshop.Stress(seconds=1.0, cpus=1)
    (mine,) = (psutil.Process(pid) for pid in children() - before)
    assert work.running
    mine.wait(60)
    assert not work.running


def test_it_may_be_ended_sooner() -> None:
    work = workshop.Stress(seconds=60, cpus=1)
    work.stop()
    assert not work.running


def test_it_ends_with_who_asked_for_it(tmp_path: Path) -> None:
    """As a kernel that is killed."""
    told = tmp_path / "pid"
    code = (
        "import os, pathlib, psutil, signal, time\n"
        "from cpuwatch.workshop.stress import Stress\n"
        "Stress(seconds=120, cpus=1)\n"
        "(child,) = psutil.Process().children()\n"
        "while child.nice() != 19: time.sleep(0.01)\n"
        f"pathlib.Path({str(told)!r}).write_text(str(child.pid))\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    # Nobody reads what it says: the work would hold the other end for as long as it lasts.
    subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=False, timeout=60)
    try:
        work = psutil.Process(int(told.read_text()))
        assert ended(work, 15), "it works on for nobody"
    except psutil.NoSuchProcess:
        return


def test_it_does_not_begin_for_who_is_gone_already() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait(30)
    command = [sys.executable, "-I", "-S", "-c", stress.WORK, "120", str(gone.pid)]
    assert subprocess.run(command, check=False, timeout=30).returncode == 0


def ended(work: psutil.Process, seconds: float) -> bool:
    """Whether a process ends within so many seconds; if not, it is ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not work.is_running() or work.status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.1)
    work.kill()
    return False


@pytest.mark.parametrize(
    ("seconds", "cpus", "words"),
    [
        (0, 1, "0 seconds of stress are not possible"),
        (-1, 1, "more than 0 are, and at most 300"),
        (301, 1, "more than 0 are, and at most 300"),
        (float("nan"), 1, "nan seconds"),
        (1, 0, "0 CPUs cannot be kept busy: this machine has"),
        (1, 100_000, "100000 CPUs cannot be kept busy"),
    ],
)
def test_what_is_out_of_range_is_answered_with_the_range(
    seconds: float, cpus: int, words: str
) -> None:
    before = children()
    with pytest.raises(CpuwatchError, match=words):
        workshop.Stress(seconds, cpus)
    assert children() == before
