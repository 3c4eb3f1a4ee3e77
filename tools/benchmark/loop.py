"""The rival: a plain loop in Python, confluent-kafka and orjson, as one would write it by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pandas as pd
from confluent_kafka import Consumer, Producer, TopicPartition

#: How far the watermark stays behind, and how long a window is, in milliseconds.
_BEHIND, _WINDOW = 10_000, 30_000


def send(kafka: str, topic: str, readings: pd.DataFrame) -> int:
    """Send readings, keyed by hostname; waits until all are delivered."""
    # The murmur2 of Java's clients, so that the partitions are the same.
    producer = Producer({"bootstrap.servers": kafka, "partitioner": "murmur2_random"})
    rows = readings.itertuples(index=False, name=None)
    for number, (hostname, cpu, usage, occurred_at) in enumerate(rows):
        _produce(
            producer,
            topic,
            {"hostname": hostname, "cpu": cpu, "usage": usage, "occurred_at": occurred_at},
            {"hostname": hostname},
        )
        if number % 10_000 == 0:
            producer.poll(0)
    producer.flush()
    return len(readings)


def _produce(producer: Producer, topic: str, value: Any, key: Any) -> None:
    while True:
        try:
            producer.produce(topic, orjson.dumps(value), orjson.dumps(key))
            return
        except BufferError:
            producer.poll(0.1)


def read(kafka: str, topic: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """All records that a topic holds now: their partition and value."""
    consumer = Consumer(
        {"bootstrap.servers": kafka, "group.id": "bench", "enable.auto.commit": False}
    )
    left = {}
    for number in consumer.list_topics(topic).topics[topic].partitions:
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, number))
        if high > low:
            left[number] = high - 1
    consumer.assign([TopicPartition(topic, number, 0) for number in left])
    while left:
        for message in consumer.consume(10_000, 1.0):
            yield message.partition(), orjson.loads(message.value())
            if message.offset() >= left.get(message.partition(), 1 << 62):
                del left[message.partition()]
    consumer.close()


def filter_over(kafka: str, topic: str, out: str) -> int:
    """Readings over 80%, from a topic to another; how many they are."""
    producer = Producer({"bootstrap.servers": kafka})
    found = 0
    for _, one in read(kafka, topic):
        if one["usage"] > 80:
            _produce(producer, out, one, {"hostname": one["hostname"]})
            found += 1
            if found % 10_000 == 0:
                producer.poll(0)
    producer.flush()
    return found


def average(kafka: str, topic: str, out: str) -> int:
    """Averages over windows, closed by the least watermark of the partitions; how many they are."""
    producer = Producer({"bootstrap.servers": kafka})
    windows: dict[int, dict[tuple[str, str], list[float]]] = {}
    latest: dict[int, int] = {}
    found = 0

    def close(before: int) -> int:
        made = 0
        for start in [one for one in windows if one + _WINDOW <= before]:
            for (hostname, cpu), (total, count, most) in windows.pop(start).items():
                row = {
                    "window_start": start, "window_end": start + _WINDOW, "hostname": hostname,
                    "cpu": cpu, "usage_avg": total / count, "usage_max": most, "readings": count,
                }  # fmt: skip
                _produce(producer, out, row, {"hostname": hostname})
                made += 1
        producer.poll(0)
        return made

    closed = 0
    for number, one in read(kafka, topic):
        moment = one["occurred_at"]
        start = moment - moment % _WINDOW
        if start + _WINDOW <= closed:
            continue  # late
        usage = one["usage"]
        kept = windows.setdefault(start, {}).setdefault(
            (one["hostname"], one["cpu"]), [0.0, 0, usage]
        )
        kept[0] += usage
        kept[1] += 1
        kept[2] = max(kept[2], usage)
        if moment > latest.get(number, 0):
            latest[number] = moment
            mark = min(latest.values()) - _BEHIND
            if mark - closed >= _WINDOW:
                closed = mark - mark % _WINDOW
                found += close(closed)
    found += close(1 << 62)
    producer.flush()
    return found
