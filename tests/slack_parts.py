"""Parts for the tests of alerts: a stand-in of their own, the stack's Kafka, made-up alerts."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError

from cpuwatch import topics, web
from cpuwatch.settings import settings
from cpuwatch.slack.channel import Channel
from cpuwatch.slack.notices import Notice
from cpuwatch.stack import ports, slack
from cpuwatch.standin.store import CHANNELS

CHANNEL_ID = next(iter(CHANNELS))


def wait_until(condition: Callable[[], object], what: str, patience: float = 60.0) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, f"waited {patience:.0f} s for {what}"
        time.sleep(0.02)


class Hurried(threading.Event):
    """Nobody sets it; who waits for it waits a hundredth of the time, and is noted."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.waits.append(timeout)
        return super().wait(timeout / 100)


class LocalSlack:
    """A stand-in in a process and a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.secrets = slack.secrets_in(folder)
        (self.port,) = ports.choose(ports.elsewhere(["slack"]), {}).values()
        self.page = f"http://127.0.0.1:{self.port}/"
        self.address = self.page + "api/"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "cpuwatch.standin", "--folder", str(self.folder),
             "--port", str(self.port)]
        )  # fmt: skip
        wait_until(lambda: slack.answers(self.address, self.secrets.token), "the stand-in")

    def stop(self, kill: bool = False) -> None:
        if self.process is not None:
            if kill:
                self.process.kill()
            else:
                self.process.terminate()
            self.process.wait(10)
            self.process = None

    def ask(self, path: str, secret: str = "", **body: Any) -> dict[str, Any]:
        secret = secret or self.secrets.control
        headers = {"Authorization": f"Bearer {secret}"}
        return dict(web.ask(self.page, path, "POST", body, headers, timeout=30))

    def control(self, **modes: Any) -> dict[str, Any]:
        answer = self.ask("control", **modes)
        assert answer["ok"], answer
        return answer

    def messages(self) -> list[dict[str, Any]]:
        return list(self.control(read="cpu-alerts")["messages"][::-1])

    def texts(self) -> list[str]:
        return [str(message["text"]) for message in self.messages()]

    def ids(self) -> list[str]:
        return [str(one["metadata"]["event_payload"]["id"]) for one in self.messages()]

    def channel(self, **more: Any) -> Channel:
        more = {"token": self.secrets.token, "channel": "cpu-alerts", **more}
        return Channel(address=self.address, **more)


@pytest.fixture(scope="module")
def one_slack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSlack]:
    """A stand-in for all tests of a file; see `local_slack`."""
    found = LocalSlack(tmp_path_factory.mktemp("slack"))
    yield found
    found.stop()


@pytest.fixture
def local_slack(one_slack: LocalSlack) -> LocalSlack:
    """A running, healthy, empty stand-in that lets messages through as fast as they come."""
    if one_slack.process is None:
        one_slack.start()
    one_slack.control(heal=True, clear=True, pace=0.0, burst=5)
    return one_slack


class Told:
    """A channel that notes what it would be told."""

    posted = updated = recognised = 0

    def __init__(self) -> None:
        self.notices: list[Notice] = []

    def deliver(self, notice: Notice) -> None:
        self.notices.append(notice)


class Record:
    """A message of Kafka's, as far as the notifier looks at it."""

    def __init__(self, record: dict[str, Any], error: KafkaError | None = None) -> None:
        self.error = lambda: error
        self.value = lambda: json.dumps(record).encode()
        self.offset = self.partition = lambda: 0


@pytest.fixture
def no_kafka(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One that nobody answers for: a client of it is made all the same."""
    monkeypatch.setenv("CPUWATCH_KAFKA", "127.0.0.1:9")
    settings.cache_clear()
    yield
    monkeypatch.undo()
    settings.cache_clear()


@pytest.fixture
def alerts_topic(stack: Path) -> Iterator[str]:
    """An empty topic for alerts."""
    name = f"cpu_alerts-test-{time.time_ns()}"
    topics.create(name)
    yield name
    topics.delete(name)


def opened(host: str, cpu: str = "cpu1", minute: int = 0, **more: Any) -> dict[str, Any]:
    """A transition as Flink writes it."""
    moment = f"2026-01-05T09:{minute:02}:00Z"
    return {
        "id": f"{host}/{cpu}/{moment}",
        "event": "opened",
        "hostname": host,
        "cpu": cpu,
        "opened": moment,
        "closed": None,
        "usage_avg": 46.25,
        "peak_avg": 46.25,
        "allowed_top": 20.0,
        "windows": 1,
        "readings": 30,
        "as_of": f"2026-01-05T09:{minute:02}:30Z",
        **more,
    }


def closed(host: str, cpu: str = "cpu1", minute: int = 0, until: int = 2) -> dict[str, Any]:
    end = f"2026-01-05T09:{until:02}:00Z"
    return opened(host, cpu, minute, event="closed", closed=end, windows=4, as_of=end)


def send(topic: str, *records: dict[str, Any]) -> None:
    sender = topics.Sender(topic)
    for record in records:
        sender.send(record, {"hostname": record.get("hostname")})
    sender.flush()
