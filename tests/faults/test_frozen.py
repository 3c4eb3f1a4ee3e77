"""Whatever hangs, `status` and `doctor` answer, and name it."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from conftest import COMMAND, processes_of

from cpuwatch import readings, topics
from cpuwatch.errors import CpuwatchError
from cpuwatch.stack import flink, known


def is_supervisor(process: psutil.Process) -> bool:
    return "cpuwatch.stack.supervised" in process.cmdline()


def is_java(process: psutil.Process) -> bool:
    return process.name() == "java"


@pytest.mark.parametrize(
    ("who", "silent"),
    [
        (lambda one: "kafka.Kafka" in one.cmdline(), {"kafka"}),
        (lambda one: one.name() == "postgres", {"postgres"}),
        (lambda one: flink.JOBMANAGER in one.cmdline(), {"flink"}),
        (lambda one: flink.ZOOKEEPER in one.cmdline(), set()),
        (lambda one: "cpuwatch.standin" in one.cmdline(), {"slack"}),
        (lambda one: "cpuwatch.flinkpage" in one.cmdline(), {"flink_page"}),
        (is_supervisor, set()),
        (lambda _: True, {"kafka", "postgres", "flink", "slack", "flink_page"}),
    ],
    ids=[
        "Kafka",
        "PostgreSQL",
        "Flink",
        "ZooKeeper",
        "the stand-in",
        "the page",
        "supervisor",
        "all",
    ],
)
def test_status_answers_whatever_hangs(
    stack: Path, who: Callable[[psutil.Process], bool], silent: set[str]
) -> None:
    frozen = [process for process in processes_of(stack) if who(process)]
    assert frozen
    try:
        for process in frozen:
            process.send_signal(signal.SIGSTOP)
        start = time.monotonic()
        found = {one.name: one.answers for one in known.status()}
        took = time.monotonic() - start
        for command in ("status", "doctor"):
            done = subprocess.run(
                [str(COMMAND), command], capture_output=True, text=True, check=False,
                timeout=60, env=os.environ,
            )  # fmt: skip
            assert "Traceback" not in done.stderr
    finally:
        for process in frozen:
            process.send_signal(signal.SIGCONT)
    # Two seconds for the services and three for supervisor, and the rest for a busy machine.
    assert took < 15
    assert {name for name, answers in found.items() if not answers} >= silent
    if who is is_supervisor:
        assert all(found.values())
    deadline = time.monotonic() + 60
    while not all(one.answers for one in known.status()):
        assert time.monotonic() < deadline, "it does not come back"
        time.sleep(0.2)


@pytest.mark.parametrize("seconds", [40])
def test_a_frozen_broker_loses_and_doubles_nothing(stack: Path, seconds: int) -> None:
    topics.empty(topics.READINGS)
    stop, said, sent = threading.Event(), [], []
    thread = threading.Thread(
        target=lambda: sent.append(
            topics.send(readings.live_fleet(), rate=700, stop=stop, tell=said.append)
        )
    )
    [broker] = [one for one in processes_of(stack) if "kafka.Kafka" in one.cmdline()]
    thread.start()
    time.sleep(2)
    try:
        broker.send_signal(signal.SIGSTOP)
        time.sleep(8)
        # At once, and for how long.
        assert said and said[0].startswith("Kafka has not answered for 2 s"), said
        time.sleep(seconds - 8)
    finally:
        broker.send_signal(signal.SIGCONT)
    deadline = time.monotonic() + 120
    while not said[-1].startswith("Kafka answers again"):
        assert time.monotonic() < deadline, said[-1]
        time.sleep(0.1)
    stop.set()
    thread.join(60)
    found = topics.read(topics.READINGS)
    assert sent == [len(found)]
    assert not found.duplicated(["hostname", "cpu", "occurred_at"]).any()
    # Each series at its pace, 20 a second, as if nothing had been: none is missing.
    gaps = found.sort_values("occurred_at").groupby(["hostname", "cpu"])["occurred_at"].diff()
    assert gaps.max() < 1000


def test_an_endless_producer_ends_also_while_kafka_hangs(
    stack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    topics.create(topics.READINGS)
    monkeypatch.setattr("cpuwatch.topics.producer.LAST_PATIENCE", 3.0)
    stop = threading.Event()
    failed: list[BaseException] = []

    def run() -> None:
        try:
            topics.send(readings.live_fleet(), rate=700, stop=stop)
        except CpuwatchError as error:
            failed.append(error)

    [broker] = [one for one in processes_of(stack) if "kafka.Kafka" in one.cmdline()]
    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(2)
    try:
        broker.send_signal(signal.SIGSTOP)
        time.sleep(3)
        stop.set()
        thread.join(30)
        assert not thread.is_alive()
    finally:
        broker.send_signal(signal.SIGCONT)
    assert "were not delivered to cpu_load_stats_real (no answer for" in str(failed[0])
