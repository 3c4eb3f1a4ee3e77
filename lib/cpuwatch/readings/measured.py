"""This machine's own readings, measured as they are asked for."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import psutil

from cpuwatch.readings.reading import Reading

#: What this machine is called where it stands beside the fleet, whatever its own name.
MACHINE = "my-machine"


def machine(interval: float = 1.0) -> Iterator[list[Reading]]:
    """Yield the readings of this machine for ever, one list a tick, one reading a logical CPU.

    Parameters
    ----------
    interval : float
        Seconds over which each usage is measured, and so the pace. The first list comes after
        the first interval.

    Raises
    ------
    ValueError
        If the interval is not above 0.
    """
    if not interval > 0:
        raise ValueError(f"interval {interval} is not above 0 seconds")
    return _machine(interval)


def _machine(interval: float) -> Iterator[list[Reading]]:
    # The kernel lets a machine's name be any bytes, or none.
    hostname = socket.gethostname().encode(errors="replace").decode() or "this-machine"
    while True:
        # With an interval psutil measures before it answers. Without one its first answer
        # would be a meaningless 0.0.
        yield _of(hostname, psutil.cpu_percent(interval=interval, percpu=True))


def usage_now() -> list[Reading]:
    """This machine's readings, as a host called `my-machine`, since the call before.

    The first call of a thread says nothing: there is none before.
    """
    return _of(MACHINE, psutil.cpu_percent(interval=None, percpu=True))


def _of(hostname: str, usage: list[float]) -> list[Reading]:
    now = time.time_ns() // 1_000_000
    return [
        {
            "hostname": hostname,
            "cpu": f"cpu{number}",
            "usage": min(max(float(value), 0.0), 100.0),
            "occurred_at": now,
        }
        for number, value in enumerate(usage, 1)
    ]
