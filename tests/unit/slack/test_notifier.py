"""The notifier while the disk is full, or Kafka is gone."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from slack_parts import Hurried, Record, Told, opened

from cpuwatch import files, signals
from cpuwatch.slack import service
from cpuwatch.slack.notifier import Notifier

pytest_plugins = ["slack_parts"]


def full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.usefixtures("no_kafka")
def test_a_full_disk_is_told_of_once_and_stops_no_alert(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed: list[Any] = []
    monkeypatch.setattr(Notifier, "_commit", lambda _, batch: committed.append(batch))
    channel, said, file = Told(), list[str](), tmp_path / "slack" / "notified.json"
    at_work = Notifier(channel, memory=file, tell=said.append)

    def deliver(*hosts: str) -> None:
        for host in hosts:
            at_work._deliver([Record(opened(host))])

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
    monkeypatch.setattr(service, "_whose", lambda: None)
    service.main()
    assert len(begun) == 3 and stop.waits == [2, 2]
    assert capsys.readouterr().out.count("No space left on device") == 2
