"""A producer on its own: the fleet, a CSV, or this machine, into the readings' topic."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from cpuwatch import readings, signals, topics
from cpuwatch.readings import Reading, replay

#: Where none is asked for, this machine reports for a minute.
_MACHINE_TICKS = 60


@dataclass(frozen=True)
class Source:
    """Readings to send, tick by tick.

    Attributes
    ----------
    name
        For people.
    ticks
        Lists of readings that belong together in time.
    endless
        Whether they only end when stopped.
    live
        Whether they happen now, so that each counts as measured when it is sent.
    rejected
        Rows that are no readings: line, reason, text.
    """

    name: str
    ticks: Iterable[list[Reading]]
    endless: bool = False
    live: bool = False
    rejected: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=["line", "reason", "text"])
    )


def open_source(
    csv: Path | None, machine: bool, endless: bool, seed: int, count: int | None = None
) -> Source:
    """The readings that were asked for; reads a CSV whole, so that its faults show at once.

    Raises
    ------
    CpuwatchError
        If the CSV cannot be used.
    """
    if csv is not None:
        found = replay.read_csv(csv)
        return Source(csv.name, _rows(found.readings), rejected=found.rejected)
    if machine:
        ticks: Iterable[list[Reading]] = readings.machine()
        if not endless and count is None:
            ticks = (tick for tick, _ in zip(ticks, range(_MACHINE_TICKS), strict=False))
        return Source("this machine", ticks, endless)
    if endless:
        return Source("the live fleet", readings.live(seed), endless=True, live=True)
    series = len(readings.HOSTS) * len(readings.CPUS)
    needed = readings.CYCLE_TICKS if count is None else -(-count // series)
    return Source("the fleet", _rows(readings.fleet(seed, ticks=needed)))


def _rows(frame: pd.DataFrame) -> Iterator[list[Reading]]:
    columns = [frame[name].tolist() for name in ("hostname", "cpu", "usage", "occurred_at")]
    for hostname, cpu, usage, occurred_at in zip(*columns, strict=True):
        yield [Reading(hostname=hostname, cpu=cpu, usage=usage, occurred_at=occurred_at)]


def send(
    source: Source,
    count: int | None = None,
    rate: float | None = None,
    progress: Callable[[int], None] = lambda _: None,
    stop: threading.Event | None = None,
) -> int:
    """Send readings until they end, `count` is reached, or somebody stops it.

    Parameters
    ----------
    source
        From `open_source`.
    count
        How many readings at most.
    rate
        Readings a second. By default a live source keeps its own pace of one tick a
        second, and any other is sent as fast as it goes.
    progress
        Called with the number sent so far, now and then.
    stop
        Ends it from another thread. By default Ctrl-C and SIGTERM do.

    Returns
    -------
    int
        How many were delivered.

    Raises
    ------
    CpuwatchError
        If a reading was not delivered.
    """
    topics.create(topics.READINGS)
    topics.keep_rejected(source.rejected, source.name)
    sender = topics.Sender(topics.READINGS)
    sent = 0
    with signals.stop_event() if stop is None else nullcontext(stop) as stopped:
        start = time.monotonic()
        for number, tick in enumerate(source.ticks):
            # Each tick has its own moment, so that a slow one does not delay all others.
            if rate is not None:
                due = start + sent / rate
            elif source.live:
                due = start + number
            else:
                due = 0.0
            if due > 0 and stopped.wait(max(0.0, due - time.monotonic())):
                break
            now = int(time.time() * 1000)
            for reading in tick if count is None else tick[: count - sent]:
                if source.live:
                    reading["occurred_at"] = now
                sender.send(dict(reading), {"hostname": reading["hostname"]})
                sent += 1
            if source.endless or sent % 1000 < len(tick):
                progress(sent)
            if stopped.is_set() or sent == count:
                break
        return sender.flush()
