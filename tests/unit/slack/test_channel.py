"""What the notifier does while Slack asks it to wait."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest
from slack_parts import Hurried, LocalSlack, opened
from slack_sdk.errors import SlackApiError

from cpuwatch.slack import channel
from cpuwatch.slack.errors import RefusedError, Stopped, UnreachableError
from cpuwatch.slack.notices import Notice, RollUp

pytest_plugins = ["slack_parts"]


def notice(host: str = "doc") -> Notice:
    return RollUp().apply(opened(host))


def posts(slack: LocalSlack) -> int:
    return int(slack.control()["calls"].get("chat.postMessage", 0))


def test_who_waits_for_slack_as_long_as_it_asks_can_be_stopped(local_slack: LocalSlack) -> None:
    local_slack.control(pace=60.0, burst=1)
    stop = threading.Event()
    told: list[str] = []
    ours = local_slack.channel(stop=stop)
    ours.on_trouble = lambda sentence: (told.append(sentence), stop.set())
    ours.deliver(notice())
    before, begun = posts(local_slack), time.monotonic()
    with pytest.raises(Stopped):
        ours.deliver(notice("happy"))
    assert posts(local_slack) == before + 1 and time.monotonic() - begun < 30
    assert "asks to wait for 60 s" in told[0] and "Nothing is lost" in told[0]


def test_a_wait_that_is_longer_than_the_patience_is_not_begun(local_slack: LocalSlack) -> None:
    local_slack.control(pace=60.0, burst=1)
    ours = local_slack.channel(patience=20)
    ours.deliver(notice())
    begun = time.monotonic()
    with pytest.raises(UnreachableError, match="asks to wait for 60 s"):
        ours.deliver(notice("happy"))
    assert time.monotonic() - begun < 20


def test_nobody_asks_sooner_than_slack_says_and_nothing_comes_twice(
    local_slack: LocalSlack,
) -> None:
    told: list[str] = []
    hurried = Hurried()
    ours = local_slack.channel(patience=60, stop=hurried)
    ours.on_trouble = told.append
    local_slack.control(storm=True, times=3)
    ours.deliver(notice())
    assert len(hurried.waits) == 3 and min(hurried.waits) >= 1
    assert len(local_slack.messages()) == 1 and ours.recognised == 0
    assert told == [], "a message a second is Slack's usual pace"
    local_slack.control(storm=True, times=30)
    ours.deliver(notice("happy"))
    assert len(local_slack.messages()) == 2 and len(told) == 1


@pytest.mark.parametrize(
    "data", [{"ok": False, "error": "ratelimited"}, {"ok": False, "error": "no JSON"}, b"", None]
)
@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "30"}, 30),
        ({"retry-after": "7"}, 7),
        ({"Retry-After": "0"}, 1),
        ({"Retry-After": "86400"}, 300),
        ({"Retry-After": "Mon, 05 Jan 2026 09:00:00 GMT"}, 1),
        ({}, 1),
    ],
)
def test_how_long_slack_asks_to_wait(headers: dict[str, str], wait: int, data: Any) -> None:
    def limited() -> None:
        raise SlackApiError("no", SimpleNamespace(status_code=429, headers=headers, data=data))

    with pytest.raises(UnreachableError) as caught:
        channel._call(limited)
    assert caught.value.wait == wait and not caught.value.doubtful


def test_other_errors_ask_for_no_wait() -> None:
    def failing(status: int, error: str) -> Any:
        def fail() -> None:
            answer = SimpleNamespace(status_code=status, headers={}, data={"error": error})
            raise SlackApiError("no", answer)

        return fail

    with pytest.raises(UnreachableError) as caught:
        channel._call(failing(503, ""))
    assert caught.value.wait is None and caught.value.doubtful
    with pytest.raises(RefusedError):
        channel._call(failing(200, "is_archived"))
