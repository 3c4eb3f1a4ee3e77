"""Stress for this machine's CPUs ends by itself, and with who asked for it."""

from __future__ import annotations

import subprocess
import sys
import time

import psutil
import pytest

from cpuwatch import workshop
from cpuwatch.errors import CpuwatchError


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


def test_it_ends_with_who_asked_for_it() -> None:
    """As a kernel that is killed."""
    code = (
        "import os, psutil, signal, time\n"
        "from cpuwatch.workshop.stress import Stress\n"
        "Stress(seconds=120, cpus=1)\n"
        "(child,) = psutil.Process().children()\n"
        "while child.nice() != 19: time.sleep(0.01)\n"
        "print(child.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    pid = int(done.stdout)
    deadline = time.monotonic() + 30
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "it works on for nobody"
        time.sleep(0.1)


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
