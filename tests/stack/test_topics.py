"""Topics: created as asked, nothing lost on the way in, all of it read back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, ConfigResource

from cpuwatch import readings, topics
from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import settings

TOPIC = "a-topic-of-the-tests"


@pytest.fixture(autouse=True)
def empty_topic(stack: Path) -> Iterator[None]:
    topics.empty(TOPIC)
    yield
    topics.delete(TOPIC)


def test_what_is_produced_is_read_back(stack: Path) -> None:
    fleet = readings.fleet(ticks=20)
    assert topics.produce(fleet, TOPIC) == len(fleet) == 700
    found = topics.read(TOPIC)
    assert list(found.columns) == [*readings.COLUMNS, "partition", "offset"]
    order = ["occurred_at", "hostname", "cpu"]
    pd.testing.assert_frame_equal(
        found[list(readings.COLUMNS)].sort_values(order, ignore_index=True),
        fleet.sort_values(order, ignore_index=True),
    )


def test_a_host_stays_in_its_partition_and_in_order(stack: Path) -> None:
    topics.produce(readings.fleet(ticks=20), TOPIC)
    found = topics.read(TOPIC)
    assert (found.groupby("hostname")["partition"].nunique() == 1).all()
    assert set(found["partition"]) == {0, 1}
    for _, one in found.groupby("partition"):
        assert one["occurred_at"].is_monotonic_increasing


def test_the_key_is_the_hostname_as_json(stack: Path) -> None:
    topics.produce(readings.fleet(ticks=1), TOPIC)
    keys = {message.key() for message in topics.messages(TOPIC)}
    assert keys == {f'{{"hostname":"{host}"}}'.encode() for host in readings.HOSTS}


def test_a_topic_keeps_all_of_a_large_file_and_of_a_small_one_what_fits(stack: Path) -> None:
    reading = readings.Reading(hostname="doc", cpu="cpu1", usage=5.0, occurred_at=10**12)
    topics.send(readings.Source("small", [[reading]], size=1), topic=TOPIC)
    assert _kept(TOPIC) > 0
    # A file of so many rows; one of them is enough here.
    topics.send(readings.Source("large", [[reading]], size=1_000_000), topic=TOPIC)
    assert _kept(TOPIC) == -1
    topics.empty(TOPIC)
    assert _kept(TOPIC) > 0


def _kept(topic: str) -> int:
    """How many bytes a partition of a topic keeps; -1 for all."""
    wanted = ConfigResource(ConfigResource.Type.TOPIC, topic)
    client = AdminClient(topics.client_settings())
    (found,) = client.describe_configs([wanted]).values()
    return int(found.result(20)["retention.bytes"].value)


def test_a_topic_is_created_once_with_the_partitions_asked_for(stack: Path) -> None:
    topics.delete(TOPIC)
    assert topics.create(TOPIC, partitions=3)
    assert not topics.create(TOPIC, partitions=3)
    with pytest.raises(CpuwatchError, match="has 3 partitions, not 2"):
        topics.create(TOPIC, partitions=2)


def test_a_topic_that_is_not_there_is_named_with_those_that_are(stack: Path) -> None:
    with pytest.raises(CpuwatchError, match=f"There is no topic cpu_laod.*{TOPIC}"):
        topics.read("cpu_laod")
    assert "cpu_laod" not in topics.names()


def test_producing_to_a_topic_that_is_not_there_says_so_at_once(stack: Path) -> None:
    with pytest.raises(CpuwatchError, match="There is no topic cpu_laod"):
        topics.produce(readings.fleet(ticks=1), "cpu_laod")


def test_records_that_are_not_delivered_are_counted_and_raised(stack: Path) -> None:
    sender = topics.Sender(TOPIC, patience=10.0)  # on a busy machine the first one takes a while
    sender.send({"n": 1})
    assert sender.flush() == 1
    topics.delete(TOPIC)  # gone under a producer's feet
    for number in range(3):
        sender.send({"n": number})
    with pytest.raises(CpuwatchError, match="3 of 4 records were not delivered to"):
        sender.flush()


def test_records_that_are_no_json_are_read_as_empty_rows(stack: Path) -> None:
    producer = Producer({"bootstrap.servers": settings().kafka_address})
    for value in (b"nonsense", b"[1]", b'{"hostname": "doc"}'):
        producer.produce(TOPIC, value, partition=0)
    assert producer.flush(30) == 0
    assert topics.read(TOPIC)["hostname"].fillna("nothing").tolist() == [
        "nothing",
        "nothing",
        "doc",
    ]


def test_an_empty_topic_is_an_empty_table(stack: Path) -> None:
    found = topics.read(TOPIC)
    assert found.empty
    assert list(found.columns) == ["partition", "offset"]


def test_following_sees_each_record_once_and_stops_clean(stack: Path) -> None:
    topics.produce(readings.fleet(ticks=1), TOPIC)
    seen: list[dict] = []
    enough = threading.Event()

    def on_record(record: dict) -> None:
        seen.append(record)
        if len(seen) == 70:
            enough.set()

    with topics.follow(TOPIC, on_record) as follower:
        topics.produce(readings.fleet(ticks=2).iloc[35:], TOPIC)
        assert enough.wait(30)
    assert not follower.running
    assert len(seen) == 70
    assert {record["occurred_at"] for record in seen} == set(readings.fleet(ticks=2)["occurred_at"])


def test_following_from_now_on_leaves_out_what_was_there(stack: Path) -> None:
    topics.produce(readings.fleet(ticks=1), TOPIC)
    seen: list[int] = []
    enough = threading.Event()

    def on_record(record: dict) -> None:
        seen.append(record["occurred_at"])
        if len(seen) == 35:
            enough.set()

    with topics.follow(TOPIC, on_record, from_start=False):
        topics.produce(readings.fleet(ticks=2).iloc[35:], TOPIC)
        assert enough.wait(30)
    assert set(seen) == {readings.fleet(ticks=2)["occurred_at"].max()}


def test_what_a_follower_raises_is_raised_when_it_stops(stack: Path) -> None:
    raised = threading.Event()

    def on_record(_record: dict) -> None:
        raised.set()
        raise ValueError("no good")

    follower = topics.follow(TOPIC, on_record)
    topics.produce(readings.fleet(ticks=1), TOPIC)
    assert raised.wait(30)
    with pytest.raises(ValueError, match="no good"):
        follower.stop()
