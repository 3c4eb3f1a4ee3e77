"""The Stop button may come while a client of Kafka's works or ends: it counts as what it is."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cpuwatch import readings, topics
from cpuwatch.stack import kafka

TOPIC = "a-topic-to-interrupt"
TRIES = 150


@pytest.fixture(autouse=True)
def topic(stack: Path) -> Iterator[None]:
    topics.empty(TOPIC)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
    topics.delete(TOPIC)


def _interrupted(use: Callable[[], object], within: float) -> Counter[str]:
    """What comes out if `use` is interrupted at some moment, again and again."""
    chance = random.Random(7)
    outcomes: Counter[str] = Counter()
    for _ in range(TRIES):
        moment = chance.uniform(0, within)
        press = threading.Timer(moment, os.kill, (os.getpid(), signal.SIGINT))
        try:
            press.start()
            end = time.monotonic() + 60
            while time.monotonic() < end:
                use()
            outcomes["it was lost"] += 1
        except BaseException as error:
            outcomes[repr(error)] += 1
        press.join()
    return outcomes


def test_while_something_is_asked(stack: Path) -> None:
    found = _interrupted(lambda: topics.ask(lambda client: client.poll(0)), 0.01)
    assert found == {"KeyboardInterrupt()": TRIES}


def test_while_it_is_asked_whether_kafka_answers(stack: Path) -> None:
    address = topics.client_settings()["bootstrap.servers"]
    found = _interrupted(lambda: kafka.answers(address), 0.1)
    assert found == {"KeyboardInterrupt()": TRIES}


def test_while_records_are_sent(stack: Path) -> None:
    with topics.Sender(TOPIC) as sender:

        def use() -> None:
            sender.send({"n": 1})
            sender.flush()

        assert _interrupted(use, 0.05) == {"KeyboardInterrupt()": TRIES}
        use()
    assert topics.count(TOPIC) == sender.delivered


def test_while_senders_end(stack: Path) -> None:
    def use() -> None:
        with topics.Sender(TOPIC) as sender:
            sender.send({"n": 1})

    assert _interrupted(use, 0.05) == {"KeyboardInterrupt()": TRIES}


def test_while_records_are_read(stack: Path) -> None:
    topics.produce(readings.fleet(ticks=20), TOPIC)
    found = _interrupted(lambda: topics.read(TOPIC), 0.1)
    assert found == {"KeyboardInterrupt()": TRIES}
