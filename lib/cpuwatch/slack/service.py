"""The notifier at work: from a notebook, by `cpuwatch notify`, under the stack's supervisor.

It is no part of a job, so that a Slack that is slow or away never stops detection.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka import (
    KafkaError,
    KafkaException,
)
from confluent_kafka.admin import AdminClient

from cpuwatch import files, naming, topics
from cpuwatch.settings import settings
from cpuwatch.slack.channel import Channel, connect
from cpuwatch.slack.notifier import GROUP, Notifier, Tell


def _memory_file(channel: Channel) -> Path:
    place = hashlib.sha256(f"{channel.address} {channel.name}".encode()).hexdigest()[:12]
    return settings().notes / "slack" / f"notified-{place}.json"


@contextmanager
def alone() -> Iterator[None]:
    """Two notifiers would tell everything twice: the kernel lets only one in."""
    path = settings().notes / "slack" / "notifier.lock"
    files.folder(path.parent)
    with files.only_one(
        path,
        "A notifier is already at work here, and two would tell everything twice. One that stays"
        " is stopped by 'cpuwatch notify --leave', any other by Ctrl-C.",
    ):
        yield


def follow(tell: Tell = print, once: bool = False, stop: threading.Event | None = None) -> int:
    """Deliver alerts until stopped, or with `once` those that are there.

    Parameters
    ----------
    tell
        Called with a short line about each thing done.
    once
        Whether to end when all is delivered that the topic holds.
    stop
        Ends it from another thread.

    Returns
    -------
    int
        How many messages were posted.

    Raises
    ------
    CpuwatchError
        If another notifier is at work, or Kafka does not answer.
    """
    stop = stop or threading.Event()
    with alone():
        channel = connect(stop)
        notifier = Notifier(channel, memory=_memory_file(channel), tell=tell, stop=stop)
        notifier.run(once)
    return channel.posted


def deliver(patience: float = 60.0, tell: Tell = lambda _: None) -> int:
    """Deliver all alerts that the topic cpu_alerts holds, and return.

    Parameters
    ----------
    patience
        For how long one message is tried, in seconds.
    tell
        Called with a short line about each thing done.

    Returns
    -------
    int
        How many messages were posted; updates and repeats are none.

    Raises
    ------
    CpuwatchError
        If Slack does not answer so long, or Kafka for a minute: the alerts stay in the topic. Or
        if a notifier is at work already.
    """
    with alone():
        channel = connect(patience=patience)
        Notifier(channel, memory=_memory_file(channel), tell=tell).run(once=True)
    return channel.posted


def forget() -> None:
    """Forget what was delivered: everything that the topic holds counts as new.

    Raises
    ------
    CpuwatchError
        If a notifier is at work.
    """
    with alone():
        for file in (settings().notes / "slack").glob("notified-*.json"):
            file.unlink()
        topics.ask(_forget_group)


def _forget_group(client: AdminClient) -> None:
    try:
        group = naming.full(GROUP)
        client.delete_consumer_groups([group])[group].result(20)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.GROUP_ID_NOT_FOUND:
            raise


def waiting() -> int:
    """How many transitions in cpu_alerts no channel was told of yet."""
    if topics.ALERTS not in topics.names():
        return 0
    reader = topics.PatientConsumer(GROUP)
    try:
        parts = [
            topics.place(topics.ALERTS, number) for number in topics.partitions_of(topics.ALERTS)
        ]
        count = 0
        for part in reader.committed(parts, timeout=20):
            low, high = reader.get_watermark_offsets(part, timeout=20)
            start = part.offset if low <= part.offset <= high else low
            if start < high:
                # Offsets also count Flink's transaction marks: count the records.
                count += sum(
                    message.partition() == part.partition and message.offset() >= start
                    for message in topics.messages(topics.ALERTS)
                )
        return count
    except KafkaException as error:
        raise topics.unreachable(error.args[0].str()) from error
    finally:
        reader.close()
