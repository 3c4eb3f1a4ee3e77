"""Stress for this machine's CPUs: real work, that ends by itself whatever happens."""

from __future__ import annotations

import os
import subprocess
import sys

import psutil

from cpuwatch import signals
from cpuwatch.errors import CpuwatchError

#: So long at most, in seconds.
_LONGEST = 300.0

# It ends when its time is over, or when who started it is gone. The lowest priority lets all
# else go first: Kafka and Flink do not notice. Who started it is told to it: once it could ask for
# that, it might be gone.
WORK = """
import os, sys, time
end, parent = time.monotonic() + float(sys.argv[1]), int(sys.argv[2])
os.nice(19)
while time.monotonic() < end and os.getppid() == parent:
    for number in range(1_000_000):
        pass
"""


class Stress:
    """Work that keeps CPUs busy, in processes of their own.

    Parameters
    ----------
    seconds
        For how long, at most five minutes.
    cpus
        How many; by default all of them. Where the system allows it each keeps to a CPU of its
        own, from the first on; a Mac moves them about.

    Raises
    ------
    CpuwatchError
        If a number is out of range.
    """

    def __init__(self, seconds: float = 60.0, cpus: int | None = None) -> None:
        there = psutil.cpu_count() or 1
        cpus = there if cpus is None else cpus
        if not 0 < seconds <= _LONGEST:
            raise CpuwatchError(
                f"{seconds:g} seconds of stress are not possible: more than 0 are, and at most"
                f" {_LONGEST:g}."
            )
        if not 1 <= cpus <= there:
            raise CpuwatchError(f"{cpus} CPUs cannot be kept busy: this machine has {there}.")
        command = [sys.executable, "-I", "-S", "-c", WORK, str(seconds), str(os.getpid())]
        self._processes: list[subprocess.Popen[bytes]] = []
        try:
            for number in range(cpus):
                with signals.held():  # an interrupt in between would leave one that nobody ends
                    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
                    self._processes.append(process)
                _keep_to(process.pid, number)
        except BaseException:
            self.stop()
            raise

    @property
    def running(self) -> bool:
        """Whether any of them still works."""
        return any(one.poll() is None for one in self._processes)

    def stop(self) -> None:
        """End it before its time."""
        for one in self._processes:
            one.terminate()
        for one in self._processes:
            one.wait()


def _keep_to(pid: int, number: int) -> None:
    """Let a process work on that one of the CPUs that it may use, where there is a way."""
    try:
        process = psutil.Process(pid)
        allowed = process.cpu_affinity()
        process.cpu_affinity([allowed[number % len(allowed)]])
    except (AttributeError, psutil.Error, OSError, ValueError):
        return  # it works wherever the system puts it
