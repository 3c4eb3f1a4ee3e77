"""The talk to Slack: what is ours in the channel, and what is done while Slack asks to wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from slack_parts import CHANNEL_ID, Hurried, LocalSlack, opened
from slack_sdk.errors import SlackApiError

from cpuwatch.settings import settings
from cpuwatch.slack import channel
from cpuwatch.slack.calls import call
from cpuwatch.slack.channel import Channel
from cpuwatch.slack.errors import RefusedError, Stopped, UnreachableError
from cpuwatch.slack.notices import Notice, RollUp
from cpuwatch.stack.slack import client as slack_client

pytest_plugins = ["slack_parts"]


@pytest.fixture
def stacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Channel]]:
    """Lets somebody connect to one real Slack, with a state folder and perhaps a prefix."""
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-somebodys")
    monkeypatch.setenv("SLACK_CHANNEL", CHANNEL_ID)

    def connected(name: str, slack: LocalSlack, prefix: str = "") -> Channel:
        monkeypatch.setenv("CPUWATCH_STATE", str(tmp_path / name))
        monkeypatch.setenv("CPUWATCH_PREFIX", prefix)
        settings.cache_clear()
        found = channel.connect()
        assert (found.address, found.name) == (channel.REAL, CHANNEL_ID)
        found.address = slack.address
        found.client = slack_client(slack.secrets.token, slack.address, 10)
        return found

    yield connected
    monkeypatch.undo()
    settings.cache_clear()


def test_two_stacks_in_one_channel_take_no_message_of_each_other_for_their_own(
    local_slack: LocalSlack, stacks: Callable[..., Channel]
) -> None:
    stacks("anna", local_slack).deliver(notice())
    ben = stacks("ben", local_slack)
    assert ben.notices() == []
    lost = notice()
    lost.doubtful = True  # as after a post that nobody answered
    ben.deliver(lost)
    assert len(local_slack.messages()) == 2 and ben.recognised == 0
    # A notifier that starts again has the same sign, and a message carries nothing more of it.
    assert len(stacks("anna", local_slack).notices()) == len(stacks("ben", local_slack).notices())
    assert local_slack.ids() == [lost.id] * 2
    shown = str(local_slack.messages())
    assert "anna" not in shown and str(Path.home()) not in shown


def test_a_prefix_tells_whose_a_message_is_on_all_machines(
    local_slack: LocalSlack, stacks: Callable[..., Channel]
) -> None:
    stacks("shared", local_slack, "anna").deliver(notice())
    assert stacks("shared", local_slack, "ben").notices() == []
    assert stacks("shared", local_slack).notices() == []
    assert len(stacks("another machine", local_slack, "anna").notices()) == 1


def test_a_message_of_an_earlier_version_counts_as_ours(
    local_slack: LocalSlack, stacks: Callable[..., Channel]
) -> None:
    local_slack.channel().deliver(notice())  # without a sign
    assert len(stacks("anna", local_slack).notices()) == 1


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
        call(limited)
    assert caught.value.wait == wait and not caught.value.doubtful


def test_other_errors_ask_for_no_wait() -> None:
    def failing(status: int, error: str) -> Any:
        def fail() -> None:
            answer = SimpleNamespace(status_code=status, headers={}, data={"error": error})
            raise SlackApiError("no", answer)

        return fail

    with pytest.raises(UnreachableError) as caught:
        call(failing(503, ""))
    assert caught.value.wait is None and caught.value.doubtful
    with pytest.raises(RefusedError):
        call(failing(200, "is_archived"))
