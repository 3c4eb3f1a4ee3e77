"""The one way into a topic: records as JSON, in order, each confirmed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext, suppress
from itertools import chain, islice
from typing import Any

import orjson
import pandas as pd
from confluent_kafka import KafkaError, Message

from cpuwatch import aside, naming, signals, words
from cpuwatch.errors import CpuwatchError
from cpuwatch.readings import ARRIVED, COLUMNS, Source
from cpuwatch.settings import settings
from cpuwatch.spool import Spool
from cpuwatch.stack import failures
from cpuwatch.topics.admin import create, keep_whole, partitions_of, require
from cpuwatch.topics.client import PatientProducer
from cpuwatch.topics.consumer import read
from cpuwatch.topics.known import BAD_READINGS, READINGS

#: So long Kafka may owe an answer before somebody is told, in seconds.
_SILENCE = 2.0

#: A record that is larger, in bytes, no broker takes as it is set up by default.
_LARGEST = 1_000_000

#: So many characters of a text are kept with a row that is no reading: at six bytes each, as JSON
#: has them at most, all of a record is small enough.
_KEPT = 11_000

#: So many readings may wait for Kafka in memory. More of them wait to be made.
_MOST_WAITING = 50_000

#: A topic keeps all of so many readings or more, if they come to an end: it has room for some
#: millions, and would lose the oldest of more than that.
_MANY = 500_000

#: How often a sender hears what was delivered, in seconds.
_POLLED_EVERY = 0.01

#: How long an endless producer that is told to stop waits for what it sent, in seconds.
_LAST_PATIENCE = 30.0


class Sender:
    """A producer that counts what was delivered, and says what was not.

    The key is hashed as Java's clients do it, so that a host's records land in the
    same partition whoever sends them.

    Parameters
    ----------
    topic
        Where to; it has to be there.
    patience
        How long a record may wait for the broker before it counts as not delivered,
        in seconds; None for as long as it takes. A record that is given up may have arrived
        all the same, and then comes twice if it is sent again.
    """

    def __init__(self, topic: str, patience: float | None = 30.0) -> None:
        self.topic = topic
        self.delivered = 0
        self._answered = time.monotonic()
        self._failures: list[str] = []
        self._producer = PatientProducer(
            **{"message.timeout.ms": 0 if patience is None else int(patience * 1000)}
        )
        self._polled = 0.0

    def __enter__(self) -> Sender:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take the connection down; what was not flushed is given up."""
        with signals.held():  # an interrupt in its end would be lost, or come out as another error
            self._producer.purge()
            self._producer.poll(0)  # what was given up is told: then nothing of it is kept
            going = [self._producer]
            del self._producer
            aside.unattended(going.clear)  # its connection goes with it

    def send(self, value: dict[str, Any], key: dict[str, Any] | None = None) -> None:
        """Send one record as JSON; waits when the local queue is full.

        Raises
        ------
        CpuwatchError
            If the record is larger than a broker takes.
        """
        encoded = orjson.dumps(value)
        encoded_key = None if key is None else orjson.dumps(key)
        size = len(encoded) + len(encoded_key or b"")
        if size > _LARGEST:
            raise CpuwatchError(
                f"A record for {self.topic} has {size:,} bytes, and Kafka takes {_LARGEST:,}: it"
                f" begins with {words.shown(encoded[:200].decode(errors='replace'))}. Shorten its"
                " texts."
            )
        if not len(self._producer):
            self._answered = time.monotonic()  # nothing was asked before
        while True:
            try:
                self._producer.produce(
                    naming.full(self.topic), encoded, encoded_key, on_delivery=self._on_delivery
                )
            except BufferError:
                self._producer.poll(0.1)  # full: let some go first
                continue
            break
        if time.monotonic() - self._polled > _POLLED_EVERY:
            self._polled = time.monotonic()
            self._producer.poll(0)

    def _on_delivery(self, error: KafkaError | None, _message: Message) -> None:
        self._answered = time.monotonic()
        if error is None:
            self.delivered += 1
        else:
            self._failures.append(error.str())

    @property
    def waiting(self) -> int:
        """How many records have not been confirmed yet."""
        self._producer.poll(0)
        return len(self._producer)

    @property
    def silence(self) -> float:
        """For how long Kafka has owed an answer, in seconds; 0 if it owes none."""
        return time.monotonic() - self._answered if self.waiting else 0.0

    def flush(self, patience: float | None = None) -> int:
        """Wait until every record sent is delivered.

        Parameters
        ----------
        patience
            For how long at most, in seconds; by default until each is delivered or has waited
            for as long as the sender's own patience.

        Returns
        -------
        int
            How many were delivered since the start.

        Raises
        ------
        CpuwatchError
            If any record was not delivered; it says how many and why.
        """
        deadline = None if patience is None else time.monotonic() + patience
        while self._producer.flush(0.1):
            if deadline is not None and time.monotonic() > deadline:
                self._failures += [f"no answer for {self.silence:.0f} s"] * len(self._producer)
                self._producer.purge()
                break
        if self._failures:
            count, reason = len(self._failures), self._failures[0]
            self._failures.clear()
            raise CpuwatchError(
                f"{count} of {count + self.delivered} records were not delivered to"
                f" {self.topic} ({reason}). {failures.remedy(settings().state)} Then send them"
                " again."
            )
        return self.delivered


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
    require(topic)
    if len(readings) >= _MANY:
        _keep_whole(topic)
    with Sender(topic) as sender:
        for number, (hostname, cpu, usage, occurred_at, *arrived) in enumerate(_rows(readings), 1):
            value = {"hostname": hostname, "cpu": cpu, "usage": usage, "occurred_at": occurred_at}
            if arrived:
                value[ARRIVED] = arrived[0]
            sender.send(value, {"hostname": hostname})
            if number % 1000 == 0:
                progress(number)
        sent = sender.flush()
    progress(sent)
    return sent


def _keep_whole(topic: str) -> None:
    """Let the stack's own Kafka keep a whole topic; what others run, they have set up."""
    if not settings().outside("kafka"):
        keep_whole(topic)


def _rows(readings: pd.DataFrame | Spool) -> Iterator[tuple[Any, ...]]:
    if isinstance(readings, Spool):
        yield from readings.rows()
    else:
        names = [*COLUMNS, *({ARRIVED} & set(readings.columns))]
        yield from zip(*(readings[name].tolist() for name in names), strict=True)


def keep_rejected(rejected: Spool, source: str) -> None:
    """Keep rows that are no readings in the dead-letter topic, with place and reason.

    Parameters
    ----------
    rejected
        Columns line, reason, text.
    source
        The name of the file that they stand in.
    """
    keep(
        {"source": source, "line": line, "reason": reason, "text": text}
        for line, reason, text in rejected.rows()
    )


def keep(rows: Iterable[dict[str, Any]]) -> None:
    """Put rows, as `keep_rejected` makes them, into the dead-letter topic.

    What is long in them is cut off, and ends in a mark that says so.
    """
    waiting = (
        {
            name: words.cut(value, _KEPT) if isinstance(value, str) else value
            for name, value in row.items()
        }
        for row in rows
    )
    first = next(waiting, None)
    if first is None:
        return
    create(BAD_READINGS)
    with Sender(BAD_READINGS) as sender:
        for row in chain([first], waiting):
            sender.send(row)
        sender.flush()


def rejected_rows() -> list[dict[str, Any]]:
    """The rows of files that the dead-letter topic holds, in the order of their arrival."""
    if not partitions_of(BAD_READINGS):
        return []
    found = read(BAD_READINGS)
    if "line" not in found.columns:
        return []
    rows = found.loc[found["line"].notna(), ["source", "line", "reason", "text"]]
    return [
        {"source": source, "line": int(line), "reason": reason, "text": text}
        for source, line, reason, text in rows.itertuples(index=False)
    ]


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
        progress, tell = _at_ease(progress), _at_ease(tell)
        watch = _Watch(sender, tell)
        # What others run looks after its own disk.
        reserve = None if settings().outside("kafka") else _Reserve(tell)
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
            watch.look()
            while sender.waiting > _MOST_WAITING and not stopped.wait(0.1):
                watch.look()
            while reserve is not None and reserve.is_touched() and not stopped.wait(1.0):
                pass
            # After a pause the ticks that were missed follow at once, each with its own moment.
            late = max(0.0, time.monotonic() - due)
            now = int((time.time() - late) * 1000)
            before = sent
            for reading in tick if count is None else islice(tick, count - sent):
                if source.live:
                    reading["occurred_at"] = now
                sender.send(dict(reading), {"hostname": reading["hostname"]})
                sent += 1
            if source.endless or sent // 1000 > before // 1000:
                progress(sent)
            if stopped.is_set() or sent == count:
                break
        # After Ctrl-C nobody waits for ever; what was sent before has its time to arrive.
        return sender.flush(_LAST_PATIENCE if source.endless else None)


def _at_ease(listener: Callable[[Any], None]) -> Callable[[Any], None]:
    """The same, but what it cannot write, such as into a log on a full disk, stops nobody."""

    def told(what: object) -> None:
        with suppress(OSError):
            listener(what)

    return told


class _Watch:
    """Tells when Kafka does not answer, for how long, and when it does again."""

    def __init__(self, sender: Sender, tell: Callable[[str], None]) -> None:
        self._sender = sender
        self._tell = tell
        self._told = 0.0

    def look(self) -> None:
        """Look now."""
        silence = self._sender.silence
        if silence > _SILENCE and silence > self._told + 1.0:
            self._told = silence
            self._tell(
                f"Kafka has not answered for {silence:.0f} s; {self._sender.waiting:,} readings"
                f" wait for it. {failures.remedy(settings().state)}"
            )
        elif self._told and silence < _SILENCE:
            self._tell(f"Kafka answers again, after {self._told:.0f} s; nothing is lost.")
            self._told = 0.0


class _Reserve:
    """Looks whether the disk of the stack has more than its reserve, and tells when it has not."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._state = settings().state
        self._since: float | None = None
        self._looked = 0.0

    def is_touched(self) -> bool:
        """Whether to wait now; once a second the disk is asked."""
        now = time.monotonic()
        if self._since is None and now - self._looked < 1.0:
            return False
        self._looked = now
        left = failures.free(self._state)
        if left < failures.RESERVE:
            self._since = self._since or now
            self._tell(
                f"The disk that holds {self._state} is nearly full: {left // 1024**2} MB are free,"
                f" and the last {failures.RESERVE // 1024**2} MB are no place for readings. They"
                f" have waited for {now - self._since:.0f} s; free some space, and they go on."
            )
            return True
        if self._since is not None:
            self._tell(f"There is room again, after {now - self._since:.0f} s; nothing is lost.")
            self._since = None
        return False
