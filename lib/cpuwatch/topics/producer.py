"""The one way into a topic: records as JSON, in order, each confirmed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext, suppress
from itertools import chain, islice, repeat
from typing import Any

import orjson
import pandas as pd
from confluent_kafka import KafkaError, KafkaException

from cpuwatch import aside, naming, signals, words
from cpuwatch.errors import CpuwatchError
from cpuwatch.readings import ARRIVED, COLUMNS, Source
from cpuwatch.settings import settings
from cpuwatch.spool import Spool
from cpuwatch.stack import failures, turnedaway
from cpuwatch.topics.admin import create, keep_whole, partitions_of, require
from cpuwatch.topics.client import PatientProducer
from cpuwatch.topics.consumer import read
from cpuwatch.topics.encoded import CHUNK, columns_of, encoded
from cpuwatch.topics.known import BAD_READINGS, READINGS

#: So long Kafka may owe an answer before somebody is told, in seconds.
_SILENCE = 2.0

#: So long a new sender waits for Kafka to say which partitions there are, in seconds.
_AT_ONCE = 0.5

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

#: A sender looks what was delivered whenever it has sent so many.
_LOOKED_EVERY = 500

#: So many of its answers are kept to be counted.
_COUNTED = 100_000

#: How long an endless producer that is told to stop waits for what it sent, in seconds.
LAST_PATIENCE = 30.0


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
        # What `produce` has answered, which is nothing, for each record that it has taken. They are
        # counted by the very call that sends, so that no interrupt comes between the two.
        self._accepted: tuple[int, list[None]] = 0, []
        self._looked = self._answers = self._failed = 0
        self._turn = threading.Lock()
        self._at_the_end: int | None = None
        self._answered = time.monotonic()
        self._failures: list[str] = []
        failed = self._failures.append  # not one of our methods: who holds us could not let go
        #: Kafka's own client.
        self.producer = PatientProducer(
            **{
                "message.timeout.ms": 0 if patience is None else int(patience * 1000),
                # What was delivered is counted by what waits no longer: a call of ours for each
                # record would take as long as sending it.
                "delivery.report.only.error": True,
                "message.max.bytes": _LARGEST,
                "on_delivery": lambda error, _message: failed(error.str()),
            }
        )
        # A client that is connected, and then hears of a topic, looks for its partitions within a
        # second; asked for, it does at once. If Kafka is silent it goes on looking by itself.
        with suppress(KafkaException):
            self.producer.list_topics(naming.full(topic), timeout=_AT_ONCE)

    def __enter__(self) -> Sender:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take the connection down; what was not flushed is given up."""
        with signals.held():  # an interrupt in its end would be lost, or come out as another error
            self._at_the_end = self.delivered
            self.producer.purge()
            self.producer.poll(0)  # what was given up is told: then nothing of it is kept
            going = [self.producer]
            del self.producer
            aside.unattended(going.clear)  # its connection goes with it

    def send(self, value: dict[str, Any], key: dict[str, Any] | None = None) -> None:
        """Send one record as JSON; waits when the local queue is full.

        Raises
        ------
        CpuwatchError
            If the record is larger than a broker takes.
        """
        self.send_encoded([orjson.dumps(value)], [None if key is None else orjson.dumps(key)])

    def send_encoded(self, values: Sequence[bytes], keys: Sequence[bytes | None]) -> None:
        """Send records whose values and keys are JSON already, in their order; as `send` does."""
        topic = naming.full(self.topic)
        with self._turn:
            before, accepted = self._accepted
            if len(accepted) > _COUNTED:
                before, accepted = self._accepted = before + len(accepted), []
            if not len(self.producer):
                self._answered = time.monotonic()  # nothing was asked before
            first = len(accepted)
            while (done := len(accepted) - first) < len(values):
                given = repeat(topic), values[done:], keys[done:]
                try:
                    accepted.extend(map(self.producer.produce, *given))
                except BufferError:
                    self.producer.poll(0.1)  # full: let some go first
                except KafkaException as error:
                    if error.args[0].code() != KafkaError.MSG_SIZE_TOO_LARGE:
                        raise
                    done = len(accepted) - first
                    raise self._too_large(values[done], keys[done]) from error
        if self._sent - self._looked >= _LOOKED_EVERY:
            self._look()

    def _too_large(self, value: bytes, key: bytes | None) -> CpuwatchError:
        return CpuwatchError(
            f"A record for {self.topic} has {len(value) + len(key or b''):,} bytes, and Kafka takes"
            f" {_LARGEST:,}: it begins with {words.shown(value[:200].decode(errors='replace'))}."
            " Shorten its texts."
        )

    @property
    def _sent(self) -> int:
        before, accepted = self._accepted
        return before + len(accepted)

    def _look(self) -> int:
        """See what has been answered meanwhile; how many records still wait for it."""
        self.producer.poll(0)
        self._looked = self._sent
        waiting = len(self.producer)
        if self._sent - waiting > self._answers or not waiting:
            self._answers = self._sent - waiting
            self._answered = time.monotonic()
        return waiting

    @property
    def delivered(self) -> int:
        """How many records have been confirmed."""
        if self._at_the_end is not None:
            return self._at_the_end
        waiting = self._look()
        return self._sent - waiting - self._failed - len(self._failures)

    @property
    def waiting(self) -> int:
        """How many records have not been confirmed yet."""
        return self._look()

    @property
    def silence(self) -> float:
        """For how long Kafka has owed an answer, in seconds; 0 if it owes none."""
        return time.monotonic() - self._answered if self._look() else 0.0

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
        given_up = ""
        while self.producer.flush(0.1):
            if deadline is not None and time.monotonic() > deadline:
                given_up = f"no answer for {self.silence:.0f} s"
                self.producer.purge()
                self.producer.flush(1.0)  # each of them says that it was given up
                break
        if self._failures:
            count, reason = len(self._failures), given_up or self._failures[0]
            delivered = self.delivered
            self._failed += count
            self._failures.clear()
            raise CpuwatchError(
                f"{count} of {count + delivered} records were not delivered to"
                f" {self.topic} ({reason}). {turnedaway.remedy(settings(), reason)} Then send them"
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
        sent = 0
        for values, keys in encoded(*_chunks(readings)):
            sender.send_encoded(values, keys)
            sent += len(values)
            progress(sent)
        sent = sender.flush()
    progress(sent)
    return sent


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

    Parameters
    ----------
    rows
        Each with the reason why it is no reading.
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
                f" wait for it. {turnedaway.remedy(settings())}"
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
