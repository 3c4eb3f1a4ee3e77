"""The notifier while the disk is full, or Kafka is gone."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from confluent_kafka import KafkaError
from slack_parts import Hurried, Record, Told, opened

from cpuwatch import files, signals, topics
from cpuwatch.errors import CpuwatchError
from cpuwatch.slack import notifier, service, staying
from cpuwatch.slack.notifier import Notifier
from cpuwatch.topics import PatientConsumer

pytest_plugins = ["slack_parts"]


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def one_record_in_each(monkeypatch: pytest.MonkeyPatch, *partitions: int) -> None:
    """The topic has these partitions, and nobody makes it anew."""
    monkeypatch.setattr(topics, "create", lambda _: None)
    monkeypatch.setattr(topics, "states", lambda _: {})
    monkeypatch.setattr(topics, "partitions_of", lambda _: partitions)
    monkeypatch.setattr(PatientConsumer, "get_watermark_offsets", lambda *_, timeout: (0, 1))
    monkeypatch.setattr(PatientConsumer, "assign", lambda *_: None)


@pytest.mark.usefixtures("no_kafka")
def test_a_full_disk_is_told_of_once_and_stops_no_alert(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed: list[Any] = []
    monkeypatch.setattr(
        PatientConsumer, "commit", lambda _, offsets, asynchronous: committed.append(offsets)
    )
    channel, said, file = Told(), list[str](), tmp_path / "slack" / "notified.json"
    at_work = Notifier(channel, memory=file, tell=said.append)

    def deliver(*hosts: str) -> None:
        for host in hosts:
            at_work.deliver([Record(opened(host))])

    with monkeypatch.context() as patch:
        patch.setattr(files, "write", full)
        deliver("doc", "happy")
    assert [one.hostname for one in channel.notices] == ["doc", "happy"] and len(committed) == 2
    assert len(said) == 1 and "No space left on device" in said[0]
    deliver("sleepy")
    assert len(orjson.loads(file.read_bytes())) == 3, "there is room again"
    monkeypatch.setattr(files, "write", full)
    deliver("grumpy", "bashful")
    assert len(said) == 2 and len(committed) == 5


@pytest.mark.usefixtures("no_kafka")
@pytest.mark.parametrize("said", ["1/1 brokers are down", ""])
def test_who_waits_for_the_topics_end_hears_that_kafka_is_gone(
    monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    stop, given = threading.Event(), [[Record(opened("doc"))]]
    gone = [Record({}, KafkaError(KafkaError._ALL_BROKERS_DOWN, said))] if said else []
    monkeypatch.setattr(
        PatientConsumer, "consume", lambda *_: given.pop() if given else stop.wait(0.01) or gone
    )
    one_record_in_each(monkeypatch, 0, 1)
    monkeypatch.setattr(notifier, "SILENCE", 1.0)
    channel = Told()
    in_vain = threading.Timer(30, stop.set)
    in_vain.start()
    with pytest.raises(CpuwatchError, match="does not answer") as caught:
        Notifier(channel, stop=stop).run(once=True)
    in_vain.cancel()
    assert "cpu_alerts gave nothing for 1 seconds" in str(caught.value) and said in str(
        caught.value
    )
    assert [one.hostname for one in channel.notices] == ["doc"]


@pytest.mark.usefixtures("no_kafka")
def test_a_slow_slack_is_no_silence_of_kafka(monkeypatch: pytest.MonkeyPatch) -> None:
    given = [[Record({}, KafkaError(KafkaError._PARTITION_EOF))], [Record(opened("doc"))]]
    monkeypatch.setattr(PatientConsumer, "consume", lambda *_: given.pop() if given else [])
    one_record_in_each(monkeypatch, 0)
    monkeypatch.setattr(notifier, "BATCH", 1)
    monkeypatch.setattr(notifier, "SILENCE", 1.0)
    channel = Told()
    slow = channel.deliver
    channel.deliver = lambda one: (time.sleep(1.5), slow(one))  # type: ignore[method-assign]
    Notifier(channel).run(once=True)
    assert [one.hostname for one in channel.notices] == ["doc"] and given == []


def test_under_supervisor_a_full_disk_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stop, begun = Hurried(), list[bool]()

    @contextmanager
    def stop_event() -> Iterator[threading.Event]:
        yield stop

    def follow(*_: object, stop: threading.Event) -> None:
        begun.append(True)
        if len(begun) < 3:
            full()
        stop.set()

    monkeypatch.setenv("CPUWATCH_PREFIX", "")  # is set by it
    monkeypatch.setattr(signals, "stop_event", stop_event)
    monkeypatch.setattr(service, "follow", follow)
    monkeypatch.setattr(staying, "whose", lambda: None)
    staying.main()
    assert len(begun) == 3 and stop.waits == [2, 2]
    assert capsys.readouterr().out.count("No space left on device") == 2
