"""Reading topics: all that one holds, as messages or as a table, or what arrives from now on."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import orjson
import pandas as pd
from confluent_kafka import KafkaError, KafkaException, Message

from cpuwatch import aside
from cpuwatch.topics.admin import require
from cpuwatch.topics.client import TIMEOUT, PatientConsumer, place, unreachable

#: How long a consumer waits for more records, in seconds.
_PAUSE = 0.05

#: How far from its end a partition's last record is looked for, to begin with.
_NEAR = 1000


def _consumer() -> PatientConsumer:
    # A group of its own: reading along takes nothing from anybody.
    return PatientConsumer(f"cpuwatch-reader-{uuid.uuid4().hex[:8]}")


def messages(topic: str, timeout: float = 60.0) -> Generator[Message, None, None]:
    """All messages that the topic holds now, partition by partition in offset order.

    Parameters
    ----------
    topic
        The topic's name.
    timeout
        For how long no message may come, in seconds; all together take their time.

    Raises
    ------
    CpuwatchError
        If there is no such topic, or Kafka does not answer.
    """
    partitions = require(topic)
    consumer = _consumer()
    try:
        yield from _to_the_end(consumer, topic, dict.fromkeys(partitions, 0), timeout)
    finally:
        aside.unattended(consumer.close)


def _to_the_end(
    consumer: PatientConsumer, topic: str, starts: Mapping[int, int], timeout: float
) -> Iterator[Message]:
    """The messages of each partition from an offset on."""
    deadline = time.monotonic() + timeout
    consumer.assign([place(topic, number, start) for number, start in starts.items()])
    open_ones = set(starts)
    while open_ones:
        found = consumer.consume(10_000, _PAUSE)
        if found:
            deadline = time.monotonic() + timeout
        for message in found:
            error = message.error()
            if error is None:
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:
                open_ones.discard(message.partition())
            elif not error.retriable() and error.code() != KafkaError._ALL_BROKERS_DOWN:
                raise unreachable(error.str())
        if open_ones and time.monotonic() > deadline:
            raise unreachable(f"{topic} gave nothing for {timeout:.0f} seconds")


def last_offsets(topic: str) -> dict[int, int]:
    """For each partition the offset of its last committed record; -1 if it has none.

    Kafka's own end of a partition counts the marks of transactions, too, and what is not
    committed. So the records before it are read, a few, and more if there is none among them.

    Parameters
    ----------
    topic
        Its name.

    Raises
    ------
    CpuwatchError
        If there is no such topic, or Kafka does not answer.
    """
    partitions = require(topic)
    consumer = _consumer()
    try:
        return {number: _last_offset(consumer, topic, number) for number in partitions}
    except KafkaException as error:
        raise unreachable(error.args[0].str()) from error
    finally:
        aside.unattended(consumer.close)


def _last_offset(consumer: PatientConsumer, topic: str, number: int) -> int:
    low, high = consumer.get_watermark_offsets(place(topic, number))
    last, start, near = -1, high, _NEAR
    while last < 0 and start > low:
        start = max(low, high - near)
        near *= 10
        for message in _to_the_end(consumer, topic, {number: start}, TIMEOUT):
            last = max(last, message.offset())
    return last


def read(topic: str, timeout: float = 60.0) -> pd.DataFrame:
    """The whole topic as a DataFrame: a column for each field, a row for each record.

    Parameters
    ----------
    topic
        The topic's name.
    timeout
        For how long no record may come, in seconds.

    Returns
    -------
    pandas.DataFrame
        The records' fields, then `partition` and `offset`, unless these are fields of
        theirs. A record that is no JSON object has None for every field.

    Raises
    ------
    CpuwatchError
        If there is no such topic, or Kafka does not answer.
    """
    return _table(messages(topic, timeout))


def read_parts(topic: str, size: int = 50_000) -> Iterator[pd.DataFrame]:
    """The same as `read`, so many records at a time, however many there are.

    Parameters
    ----------
    topic
        The topic's name.
    size
        How many records a table has at most.

    Raises
    ------
    CpuwatchError
        If there is no such topic, or Kafka does not answer.
    """
    waiting = messages(topic)
    while part := list(islice(waiting, size)):
        yield _table(part)


def _table(records: Iterable[Message]) -> pd.DataFrame:
    rows = []
    for message in records:
        place = {"partition": message.partition(), "offset": message.offset()}
        rows.append({**place, **(decode(message.value()) or {})})
    frame = pd.DataFrame(rows)
    fields = [name for name in frame.columns if name not in ("partition", "offset")]
    return frame.reindex(columns=[*fields, "partition", "offset"])


def values(topic: str, places: Iterable[tuple[int, int]]) -> dict[tuple[int, int], bytes | None]:
    """The values of single records.

    Parameters
    ----------
    topic
        The topic's name.
    places
        Partitions and offsets.

    Returns
    -------
    dict
        By partition and offset, as they were sent; what is not there is left out.

    Raises
    ------
    CpuwatchError
        If there is no such topic, or Kafka does not answer.
    """
    require(topic)
    found: dict[tuple[int, int], bytes | None] = {}
    consumer = _consumer()
    try:
        for partition, offset in places:
            consumer.assign([place(topic, partition, offset)])
            deadline = time.monotonic() + TIMEOUT
            while (message := consumer.poll(0.2)) is None:  # an interrupt comes between two
                if time.monotonic() > deadline:
                    raise unreachable(f"{topic} was not read in {TIMEOUT:.0f} seconds")
            if message.error() is None and message.offset() == offset:
                found[partition, offset] = message.value()
    finally:
        aside.unattended(consumer.close)
    return found


def count(topic: str) -> int:
    """How many records the topic holds, as committed; reads them all.

    Parameters
    ----------
    topic
        Its name.
    """
    return sum(1 for _ in messages(topic))


def decode(value: bytes | None) -> dict[str, Any] | None:
    """The JSON object in a record's value; None if it is no such thing.

    Parameters
    ----------
    value
        As Kafka gave it.
    """
    try:
        decoded = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return None
    return decoded if isinstance(decoded, dict) else None


class Follower:
    """Calls a function with each record of a topic, in a thread of its own.

    Use it in a `with`, or call `stop`; both wait until the thread has ended.

    Parameters
    ----------
    topic
        The topic's name.
    on_record
        Called with the decoded record, in offset order within a partition.
    from_start
        Whether to begin with the oldest record rather than the next.
    """

    def __init__(
        self,
        topic: str,
        on_record: Callable[[dict[str, Any]], None],
        from_start: bool = True,
    ) -> None:
        self.topic = topic
        self.error: BaseException | None = None
        self._on_record = on_record
        self._stop = threading.Event()
        partitions = require(topic)
        self._consumer = _consumer()
        offsets = [self._offset(number, from_start) for number in partitions]
        self._consumer.assign(
            [place(topic, n, o) for n, o in zip(partitions, offsets, strict=True)]
        )
        self._thread = threading.Thread(target=self._run, name=f"follow {topic}", daemon=True)
        self._thread.start()

    def _offset(self, partition: int, from_start: bool) -> int:
        # Asked now, not when the thread gets round to it: 'next' means after this call.
        where = place(self.topic, partition)
        low, high = self._consumer.get_watermark_offsets(where, timeout=TIMEOUT)
        return int(low if from_start else high)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                message = self._consumer.poll(0.1)
                if message is None or message.error() is not None:
                    continue  # nothing new, or the broker is away: librdkafka reconnects
                record = decode(message.value())
                if record is not None:
                    self._on_record(record)
        except BaseException as error:
            self.error = error
        finally:
            self._consumer.close()

    @property
    def running(self) -> bool:
        """Whether it still follows."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Stop, wait until the thread has ended, and raise what ended it early, if anything."""
        self._stop.set()
        self._thread.join()
        if self.error is not None:
            raise self.error

    def __enter__(self) -> Follower:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def follow(
    topic: str, on_record: Callable[[dict[str, Any]], None], from_start: bool = True
) -> Follower:
    """Call `on_record` with each record of a topic, in the background, until stopped.
    Parameters
    ----------
    topic, on_record, from_start
        As for `Follower`.
    """
    return Follower(topic, on_record, from_start)
