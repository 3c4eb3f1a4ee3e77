"""Readings on their way into a topic: those that there are, and those of a stream."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from itertools import islice
from typing import Any

import orjson
import pandas as pd

from cpuwatch import signals, words
from cpuwatch.errors import CpuwatchError
from cpuwatch.readings import ARRIVED, COLUMNS, Source
from cpuwatch.settings import settings
from cpuwatch.spool import Spool
from cpuwatch.topics.admin import create, keep_whole, require
from cpuwatch.topics.encoded import CHUNK, columns_of, encoded
from cpuwatch.topics.known import READINGS
from cpuwatch.topics.patience import Reserve, Watch, at_ease
from cpuwatch.topics.rejected import keep_rejected
from cpuwatch.topics.sender import Sender

#: So many readings may wait for Kafka in memory. More of them wait to be made.
_MOST_WAITING = 50_000

#: A topic keeps all of so many readings or more, if they come to an end: it has room for some
#: millions, and would lose the oldest of more than that.
_MANY = 500_000

#: How long an endless producer that is told to stop waits for what it sent, in seconds.
LAST_PATIENCE = 30.0


def produce(
    readings: pd.DataFrame | Spool,
    topic: str = READINGS,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Send readings in the order of their rows, keyed by hostname.

    Parameters
    ----------
    readings
        Columns hostname, cpu, usage (percent), occurred_at (epoch milliseconds): a table, or
        what lies on the disk, from `cpuwatch.readings`. A table may say as well when each
        arrived: arrived_at, from `delayed`.
    topic
        Where to; it has to be there.
    progress
        Called with the number of readings sent so far, now and then.

    Returns
    -------
    int
        How many were delivered: all of them.

    Raises
    ------
    CpuwatchError
        If there is no such topic, or a reading was not delivered.
    """
    if not isinstance(readings, Spool):
        _look_at(readings)
    require(topic)
    if len(readings) >= _MANY:
        _keep_whole(topic)
    with Sender(topic) as sender:
        sent = 0
        for values, keys in encoded(*_chunks(readings)):
            sender.send_encoded(values, keys)
            sent += len(values)
            progress(sent)
        sent = sender.flush()
    progress(sent)
    return sent


def _look_at(readings: object) -> None:
    """Raise if these are no readings."""
    if not isinstance(readings, pd.DataFrame):
        raise CpuwatchError(
            "topics.produce sends a table of readings, as workshop.fleet() makes one, not"
            f" {words.kind(readings)}: for records of your own there is topics.Sender."
        )
    if missing := [name for name in COLUMNS if name not in readings.columns]:
        raise CpuwatchError(
            f"These are no readings: a table of them has the columns {', '.join(COLUMNS)}, and here"
            f" {', '.join(missing)} {'are' if len(missing) > 1 else 'is'} missing; there are"
            f" {', '.join(map(str, readings.columns)) or 'none'}."
        )


def _keep_whole(topic: str) -> None:
    """Let the stack's own Kafka keep a whole topic; what others run, they have set up."""
    if not settings().outside("kafka"):
        keep_whole(topic)


def _chunks(readings: pd.DataFrame | Spool) -> tuple[list[str], Iterator[list[list[Any]]]]:
    """The names of what they say, and that of some of them at a time."""
    if isinstance(readings, Spool):
        return [*COLUMNS], columns_of(readings.rows(), len(COLUMNS))
    names = [*COLUMNS, *({ARRIVED} & set(readings.columns))]
    columns = [readings[name].tolist() for name in names]
    starts = range(0, len(readings), CHUNK)
    return names, ([column[start : start + CHUNK] for column in columns] for start in starts)


def send(
    source: Source,
    count: int | None = None,
    rate: float | None = None,
    progress: Callable[[int], None] = lambda _: None,
    stop: threading.Event | None = None,
    topic: str = READINGS,
    tell: Callable[[str], None] = lambda _: None,
) -> int:
    """Send readings until they end, `count` is reached, or somebody stops it.

    Parameters
    ----------
    source
        From `cpuwatch.readings.open_source`.
    count
        How many readings at most.
    rate
        Readings a second. By default a live source keeps its own pace of one tick a
        second, and any other is sent as fast as it goes.
    progress
        Called with the number sent so far, now and then.
    stop
        Ends it from another thread. By default Ctrl-C and SIGTERM do.
    topic
        Where to; it is made if it is not there.
    tell
        Called with a sentence when Kafka does not answer for a while, or its disk is nearly
        full, again and again, and when that is over. An endless source waits for Kafka as long
        as it takes, and every one for room.

    Returns
    -------
    int
        How many were delivered.

    Raises
    ------
    CpuwatchError
        If a reading was not delivered.
    """
    create(topic)
    sizes = [size for size in (source.size, count) if size is not None]
    if min(sizes, default=0) >= _MANY:
        _keep_whole(topic)
    keep_rejected(source.rejected, source.name)
    patience = None if source.endless else 30.0
    sent = 0
    with (
        signals.stop_event() if stop is None else nullcontext(stop) as stopped,
        Sender(topic, patience) as sender,
    ):
        progress, tell = at_ease(progress), at_ease(tell)
        watch = Watch(sender, tell)
        # What others run looks after its own disk.
        reserve = None if settings().outside("kafka") else Reserve(tell)
        start = time.monotonic()
        values: list[bytes] = []
        keys: list[bytes] = []

        def go() -> None:
            """Send what is ready, once Kafka has room for it."""
            watch.look()
            while sender.waiting > _MOST_WAITING and not stopped.wait(0.1):
                watch.look()
            while reserve is not None and reserve.is_touched() and not stopped.wait(1.0):
                pass
            sender.send_encoded(values, keys)
            values.clear()
            keys.clear()
            progress(sent)

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
            # After a pause the ticks that were missed follow at once, each with its own moment.
            late = max(0.0, time.monotonic() - due)
            now = int((time.time() - late) * 1000)
            for reading in tick if count is None else islice(tick, count - sent):
                if source.live:
                    reading["occurred_at"] = now
                values.append(orjson.dumps(reading))
                keys.append(orjson.dumps({"hostname": reading["hostname"]}))
                sent += 1
                if len(values) == CHUNK:
                    go()
            if due > 0 and values:
                go()
            if stopped.is_set() or sent == count:
                break
        if values:
            go()
        # After Ctrl-C nobody waits for ever; what was sent before has its time to arrive.
        return sender.flush(LAST_PATIENCE if source.endless else None)
