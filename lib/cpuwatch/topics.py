"""Kafka topics: create, produce, read into a DataFrame, follow in the background."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pandas as pd
from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic

from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import settings
from cpuwatch.stack.kafka import QUIET

#: Where readings go. The jobs' own topics stand in `sql/`.
READINGS = "cpu_load_stats_real"
BAD_READINGS = "cpu_bad_readings"
FILTERED = "cpu_load_stats_real_filter"
AVERAGES = "cpu_agg_stats"
OVER = "cpu_over_threshold"
ALERTS = "cpu_alerts"
UNDELIVERED = "cpu_undelivered_alerts"

#: Enough to show what a key is for, few enough that no partition stays without a host.
PARTITIONS = 2

_TIMEOUT = 20.0


def client_settings(**more: Any) -> dict[str, Any]:
    """What every client needs to find Kafka, and `more`."""
    return {"bootstrap.servers": settings().kafka_address, "log_level": 0, **more}


def admin() -> AdminClient:
    """A client for topics and groups."""
    return AdminClient(client_settings(), logger=QUIET)


def unreachable(error: object) -> CpuwatchError:
    """The sentence that says that Kafka does not answer, and what to do."""
    address = settings().kafka_address
    return CpuwatchError(
        f"Kafka at {address} does not answer ({error}). See 'cpuwatch status', and start it with"
        " 'cpuwatch up'."
    )


def names() -> list[str]:
    """The names of all topics, Kafka's own left out."""
    try:
        found = admin().list_topics(timeout=_TIMEOUT).topics
    except KafkaException as error:
        raise unreachable(error.args[0].str()) from error
    return sorted(name for name in found if not name.startswith("__"))


def create(name: str, partitions: int = PARTITIONS) -> bool:
    """Create a topic, unless it is there.

    Returns
    -------
    bool
        Whether it was created now.

    Raises
    ------
    CpuwatchError
        If Kafka does not answer, or the topic is there with another number of partitions.
    """
    client = admin()  # its futures end with it
    futures = client.create_topics([NewTopic(name, partitions, 1)], operation_timeout=_TIMEOUT)
    try:
        futures[name].result(_TIMEOUT)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise unreachable(error.args[0].str()) from error
        there = len(_partitions(name))
        if there != partitions:
            raise CpuwatchError(
                f"The topic {name} has {there} partitions, not {partitions}. Keys would land"
                " elsewhere than before if that changed: delete the topic first if you mean it."
            ) from None
        return False
    _wait_until(lambda: len(_partitions(name)) == partitions, f"topic {name} to be there")
    return True


def delete(*topics: str) -> None:
    """Delete topics, and wait until they are gone; one that is not there is no error."""
    there = set(names())
    gone = [name for name in topics if name in there]
    if not gone:
        return
    client = admin()
    for future in client.delete_topics(gone, operation_timeout=_TIMEOUT).values():
        try:
            future.result(_TIMEOUT)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise unreachable(error.args[0].str()) from error
    _wait_until(lambda: not set(gone) & set(names()), f"{', '.join(gone)} to be gone")


def empty(name: str, partitions: int = PARTITIONS) -> None:
    """A topic by that name with nothing in it: what was there before is deleted."""
    delete(name)
    create(name, partitions)


def _wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _TIMEOUT
    while not condition():
        if time.monotonic() > deadline:
            raise CpuwatchError(
                f"Waited {_TIMEOUT:.0f} seconds for {what}. Look at 'cpuwatch status', and try"
                " again."
            )
        time.sleep(0.05)


def _partitions(name: str) -> list[int]:
    try:
        topic = admin().list_topics(name, timeout=_TIMEOUT).topics[name]
    except KafkaException as error:
        raise unreachable(error.args[0].str()) from error
    return [] if topic.error is not None else sorted(topic.partitions)


def _require(topic: str) -> list[int]:
    """The partitions of a topic that has to be there."""
    partitions = _partitions(topic)
    if not partitions:
        raise CpuwatchError(
            f"There is no topic {topic}. The topics are: {', '.join(names()) or 'none yet'}."
        )
    return partitions


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
        in seconds.
    """

    def __init__(self, topic: str, patience: float = 30.0) -> None:
        self.topic = topic
        self.delivered = 0
        self._failures: list[str] = []
        self._producer = Producer(
            client_settings(
                **{
                    "acks": "all",
                    "enable.idempotence": True,  # a resend makes no duplicate
                    "partitioner": "murmur2_random",
                    "linger.ms": 20,
                    "compression.type": "lz4",
                    "message.timeout.ms": int(patience * 1000),
                }
            ),
            logger=QUIET,
        )

    def send(self, value: dict[str, Any], key: dict[str, Any] | None = None) -> None:
        """Send one record as JSON; waits when the local queue is full."""
        encoded = orjson.dumps(value)
        encoded_key = None if key is None else orjson.dumps(key)
        while True:
            try:
                self._producer.produce(
                    self.topic, encoded, encoded_key, on_delivery=self._on_delivery
                )
            except BufferError:
                self._producer.poll(0.1)  # full: let some go first
                continue
            self._producer.poll(0)
            return

    def _on_delivery(self, error: KafkaError | None, _message: Message) -> None:
        if error is None:
            self.delivered += 1
        else:
            self._failures.append(error.str())

    def flush(self) -> int:
        """Wait until every record sent is delivered.

        Returns
        -------
        int
            How many were delivered since the start.

        Raises
        ------
        CpuwatchError
            If any record was not delivered; it says how many and why.
        """
        while self._producer.flush(1.0):
            pass  # ends: each record is delivered, or fails after message.timeout.ms
        if self._failures:
            count, reason = len(self._failures), self._failures[0]
            self._failures.clear()
            raise CpuwatchError(
                f"{count} of {count + self.delivered} records were not delivered to"
                f" {self.topic} ({reason}). Check 'cpuwatch status' and send them again."
            )
        return self.delivered


def produce(
    readings: pd.DataFrame,
    topic: str = READINGS,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Send readings in the order of their rows, keyed by hostname.

    Parameters
    ----------
    readings
        Columns hostname, cpu, usage (percent), occurred_at (epoch milliseconds).
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
    _require(topic)
    sender = Sender(topic)
    columns = [readings[name].tolist() for name in ("hostname", "cpu", "usage", "occurred_at")]
    for number, (hostname, cpu, usage, occurred_at) in enumerate(zip(*columns, strict=True), 1):
        sender.send(
            {"hostname": hostname, "cpu": cpu, "usage": usage, "occurred_at": occurred_at},
            {"hostname": hostname},
        )
        if number % 1000 == 0:
            progress(number)
    sent = sender.flush()
    progress(sent)
    return sent


def keep_rejected(rejected: pd.DataFrame, source: str) -> None:
    """Keep rows that are no readings in the dead-letter topic, with place and reason.

    Parameters
    ----------
    rejected
        Columns line, reason, text.
    source
        The name of the file that they stand in.
    """
    if rejected.empty:
        return
    create(BAD_READINGS)
    sender = Sender(BAD_READINGS)
    for line, reason, text in rejected[["line", "reason", "text"]].itertuples(index=False):
        sender.send({"source": source, "line": line, "reason": reason, "text": text})
    sender.flush()


def _consumer(**more: Any) -> Consumer:
    return Consumer(
        client_settings(
            **{
                # A group of its own: reading along takes nothing from anybody.
                "group.id": f"cpuwatch-reader-{uuid.uuid4().hex[:8]}",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                # Only what Flink has committed: with its exactly-once sink nothing
                # appears that a restart would take back.
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 50,
            },
            **more,
        ),
        logger=QUIET,
    )


def messages(topic: str, timeout: float = 60.0) -> Iterator[Message]:
    """All messages that the topic holds now, partition by partition in offset order.

    Raises
    ------
    CpuwatchError
        If there is no such topic, or it cannot be read to its end in `timeout` seconds.
    """
    partitions = _require(topic)
    consumer = _consumer()
    deadline = time.monotonic() + timeout
    try:
        consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
        open_ones = set(partitions)
        while open_ones:
            for message in consumer.consume(10_000, 0.2):
                error = message.error()
                if error is None:
                    yield message
                elif error.code() == KafkaError._PARTITION_EOF:
                    open_ones.discard(message.partition())
                elif not error.retriable() and error.code() != KafkaError._ALL_BROKERS_DOWN:
                    raise unreachable(error.str())
            if open_ones and time.monotonic() > deadline:
                raise unreachable(f"{topic} was not read to its end in {timeout:.0f} seconds")
    finally:
        consumer.close()


def read(topic: str, timeout: float = 60.0) -> pd.DataFrame:
    """The whole topic as a DataFrame: a column for each field, a row for each record.

    Parameters
    ----------
    topic
        The topic's name.
    timeout
        In seconds.

    Returns
    -------
    pandas.DataFrame
        The records' fields, then `partition` and `offset`. A record that is no JSON
        object has None for every field.

    Raises
    ------
    CpuwatchError
        If there is no such topic, or Kafka does not answer.
    """
    rows = []
    for message in messages(topic, timeout):
        row = decode(message.value()) or {}
        row["partition"] = message.partition()
        row["offset"] = message.offset()
        rows.append(row)
    frame = pd.DataFrame(rows)
    fields = [name for name in frame.columns if name not in ("partition", "offset")]
    return frame.reindex(columns=[*fields, "partition", "offset"])


def count(topic: str) -> int:
    """How many records the topic holds, as committed; reads them all."""
    return sum(1 for _ in messages(topic))


def decode(value: bytes | None) -> dict[str, Any] | None:
    """The JSON object in a record's value; None if it is no such thing."""
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
        partitions = _require(topic)
        self._consumer = _consumer()
        offsets = [self._offset(number, from_start) for number in partitions]
        self._consumer.assign(
            [TopicPartition(topic, n, o) for n, o in zip(partitions, offsets, strict=True)]
        )
        self._thread = threading.Thread(target=self._run, name=f"follow {topic}", daemon=True)
        self._thread.start()

    def _offset(self, partition: int, from_start: bool) -> int:
        # Asked now, not when the thread gets round to it: 'next' means after this call.
        where = TopicPartition(self.topic, partition)
        low, high = self._consumer.get_watermark_offsets(where, timeout=_TIMEOUT)
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

    See `Follower` for the parameters.
    """
    return Follower(topic, on_record, from_start)
