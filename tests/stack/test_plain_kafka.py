"""The example in plain confluent-kafka sends and reads what the helpers do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cpuwatch import readings, topics, waiting
from cpuwatch.settings import settings

SCRIPT = Path(__file__).parents[2] / "examples" / "plain_kafka.py"
TOPIC = "plain_kafka_test"


def run(*arguments: str, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments], capture_output=True, text=True, check=False,
        timeout=120, env=os.environ | {"KAFKA": settings().kafka_address}, **more,
    )  # fmt: skip


@pytest.fixture
def topic(stack: Path) -> Iterator[str]:
    topics.empty(TOPIC)
    yield TOPIC
    topics.delete(TOPIC)


def test_each_reading_lands_where_the_workshop_s_own_producer_puts_it(topic: str) -> None:
    fleet = readings.fleet(ticks=3)
    lines = "".join(json.dumps(row) + "\n" for row in fleet.to_dict("records"))
    done = run("send", topic, input=lines)
    assert (done.returncode, done.stdout) == (0, "105 readings are delivered.\n"), done.stderr
    found = topics.read(topic)
    topics.empty(topic)
    topics.produce(fleet, topic)
    columns = ["partition", "offset", *readings.COLUMNS]
    assert found[columns].equals(topics.read(topic)[columns])


def test_it_makes_topics_and_says_which_is_there_already(stack: Path) -> None:
    names = [f"{TOPIC}_made_{number}" for number in (1, 2)]
    topics.discard(*names)
    try:
        done = run("make", *names)
        assert (done.returncode, done.stdout) == (0, "2 topics are made.\n"), done.stderr
        assert [len(topics.partitions_of(name)) for name in names] == [2, 2]
        done = run("make", names[0])
        assert done.returncode == 1 and f"{names[0]} is not made" in done.stderr
        assert "already exists" in done.stderr
    finally:
        topics.delete(*names)


def test_what_was_printed_is_not_printed_again_by_the_next_one(topic: str) -> None:
    def watched(wanted: int, noted: int) -> list[dict[str, object]]:
        with subprocess.Popen(
            [sys.executable, str(SCRIPT), "watch", topic], stdout=subprocess.PIPE, text=True,
            env=os.environ | {"KAFKA": settings().kafka_address},
        ) as process:  # fmt: skip
            assert process.stdout is not None
            found = [json.loads(process.stdout.readline()) for _ in range(wanted)]
            # A record is noted after it was printed: ended in between, it would come once more.
            waiting.until(lambda: committed() == noted, 60, "The last record is never noted.")
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
            assert process.stdout.read() == ""
        return found

    group = topics.PatientConsumer("plain_kafka")
    places = [topics.place(topic, number) for number in topics.partitions_of(topic)]

    def committed() -> int:
        return sum(max(0, one.offset) for one in group.committed(places, timeout=10))

    topics.produce(readings.fleet(ticks=1), topic)
    assert len(watched(35, noted=35)) == 35
    topics.produce(readings.fleet(ticks=1, seed=8), topic)
    usage = sorted(float(str(one["usage"])) for one in watched(35, noted=70))
    group.close()
    assert usage == sorted(readings.fleet(ticks=1, seed=8)["usage"])


def test_it_says_how_it_is_called() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "receive", "x"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and "plain_kafka.py send TOPIC" in done.stderr
