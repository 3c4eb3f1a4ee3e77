"""The newest records of a topic, read in a moment."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaError, KafkaException

from cpuwatch import topics

#: How many offsets of a partition are looked at, and how long a topic may take, in seconds.
_MOST, _PATIENCE = 2_000, 5.0


@dataclass(frozen=True)
class Sample:
    """The newest records of one topic.

    Attributes
    ----------
    topic
        Its name.
    records
        For each partition the newest ones; None for one that is no JSON object.
    last
        For each partition the offset of its newest record; -1 if it has none.
    whole
        Whether these are all.
    """

    topic: str
    records: dict[int, list[dict[str, Any] | None]] = field(default_factory=dict)
    last: dict[int, int] = field(default_factory=dict)
    whole: bool = True

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (one for part in self.records.values() for one in part if one is not None)

    def __len__(self) -> int:
        return sum(len(part) for part in self.records.values())


def newest(topic: str) -> Sample:
    """The newest records of a topic that is there.

    Raises
    ------
    CpuwatchError
        If Kafka does not answer in time.
    """
    reader = topics.PatientConsumer(f"cpuwatch-doctor-{uuid.uuid4().hex[:8]}")
    try:
        return _read(reader, topic)
    except KafkaException as error:
        raise topics.unreachable(error.args[0].str()) from error
    finally:
        reader.close()


def _read(reader: topics.PatientConsumer, topic: str) -> Sample:
    parts = topics.partitions_of(topic)
    bounds = {
        number: reader.get_watermark_offsets(topics.place(topic, number), timeout=_PATIENCE)
        for number in parts
    }
    starts = {number: max(low, high - _MOST) for number, (low, high) in bounds.items()}
    found: dict[int, list[dict[str, Any] | None]] = {number: [] for number in parts}
    last = dict.fromkeys(parts, -1)
    reader.assign([topics.place(topic, number, start) for number, start in starts.items()])
    left = set(parts)
    deadline = time.monotonic() + _PATIENCE
    while left and time.monotonic() < deadline:
        for message in reader.consume(5_000, 0.1):
            error = message.error()
            if error is None:
                found[message.partition()].append(topics.decode(message.value()))
                last[message.partition()] = message.offset()
                if message.offset() + 1 >= bounds[message.partition()][1]:
                    left.discard(message.partition())
            elif error.code() == KafkaError._PARTITION_EOF:
                left.discard(message.partition())
            elif not error.retriable():
                raise KafkaException(error)
    if left:
        raise topics.unreachable(f"{topic} was not read in {_PATIENCE:.0f} s")
    whole = all(starts[number] == low for number, (low, _) in bounds.items())
    return Sample(topic, found, last, whole)
