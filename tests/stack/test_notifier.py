"""The notifier against the stand-in: every failure of Slack, and no alert lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest
from conftest import files_in
from slack_parts import CHANNEL_ID, Hurried, LocalSlack, closed, opened, send, wait_until
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from cpuwatch import topics
from cpuwatch.settings import settings
from cpuwatch.slack.channel import Channel
from cpuwatch.slack.errors import RefusedError, UnreachableError
from cpuwatch.slack.notices import RollUp
from cpuwatch.slack.notifier import Notifier

pytest_plugins = ["slack_parts"]


class Scene:
    """One topic, one channel, and notifiers that come and go."""

    def __init__(self, slack: LocalSlack, topic: str, folder: Path) -> None:
        self.slack = slack
        self.topic = topic
        self.memory = folder / "notified.json"
        self.said: list[str] = []

    def notifier(self, channel: Channel | None = None, **more: Any) -> Notifier:
        channel = channel or self.slack.channel(patience=30)
        return Notifier(
            channel, self.topic, f"group-{self.topic}", self.memory, self.said.append, **more
        )

    def deliver(self, channel: Channel | None = None) -> Notifier:
        found = self.notifier(channel)
        found.run(once=True)
        return found

    def undelivered(self) -> list[dict[str, Any]]:
        if topics.UNDELIVERED not in topics.names():
            return []
        records = (topics.decode(one.value()) or {} for one in topics.messages(topics.UNDELIVERED))
        return [one for one in records if self.topic in str(one)]


@pytest.fixture
def scene(local_slack: LocalSlack, alerts_topic: str, tmp_path: Path) -> Scene:
    return Scene(local_slack, alerts_topic, tmp_path)


def host(scene: Scene, name: str) -> str:
    """A hostname by which this test's records are told from others' in a shared topic."""
    return f"{name}@{scene.topic}"


def test_a_hosts_cpus_are_one_message_and_its_closing_updates_it(scene: Scene) -> None:
    send(scene.topic, opened("doc", "cpu1"), opened("doc", "cpu2"), opened("happy"))
    assert scene.deliver().channel.posted == 2
    before = scene.slack.messages()
    send(scene.topic, opened("doc", "cpu3", minute=1))
    scene.deliver()
    assert "cpu1, cpu2, cpu3" in " ".join(scene.slack.texts())
    send(scene.topic, *(closed("doc", f"cpu{n}", minute=n // 3) for n in (1, 2, 3)))
    done = scene.deliver()
    assert (done.channel.posted, done.channel.updated) == (0, 1)
    after = scene.slack.messages()
    assert [one["ts"] for one in after] == [one["ts"] for one in before]
    assert "doc is back under its threshold of 20%" in " ".join(scene.slack.texts())
    send(scene.topic, opened("doc", "cpu1", minute=30))
    assert scene.deliver().channel.posted == 1


def test_a_restarted_notifier_updates_and_does_not_post_again(scene: Scene) -> None:
    send(scene.topic, opened("doc"))
    scene.deliver()
    scene.memory.unlink()  # the channel itself remembers
    send(scene.topic, opened("doc"), closed("doc"))
    done = scene.deliver()
    assert (done.channel.posted, done.channel.updated) == (0, 1)
    assert len(scene.slack.messages()) == 1


def test_offsets_are_committed_only_after_slack_said_ok(scene: Scene) -> None:
    scene.slack.control(status=503)
    send(scene.topic, opened("doc"), opened("happy"))
    with pytest.raises(UnreachableError, match="Nothing is lost"):
        scene.deliver(scene.slack.channel(patience=0.5))
    assert scene.slack.messages() == []
    scene.slack.control(heal=True)
    assert scene.deliver().records == 2
    assert len(scene.slack.messages()) == 2
    assert scene.deliver().records == 0


def test_two_hundred_alerts_pass_the_rate_limit_and_none_is_lost(scene: Scene) -> None:
    # The pace is Slack's, the clock runs 100 times faster: for the stand-in and for who waits.
    scene.slack.control(pace=0.01, burst=1)
    hosts = [f"host{number:03}" for number in range(200)]
    send(scene.topic, *(opened(name) for name in hosts))
    done = scene.deliver(scene.slack.channel(patience=60, stop=Hurried()))
    assert done.channel.posted == 200 and done.undelivered == 0
    assert sorted(one.split("/")[0] for one in scene.slack.ids()) == hosts
    calls = scene.slack.control()["calls"]["chat.postMessage"]
    assert calls > 200, "the limit was never met"


def test_a_storm_of_429_is_sat_out(scene: Scene) -> None:
    scene.slack.control(storm=True, times=30)
    send(scene.topic, opened("doc"))
    scene.deliver(scene.slack.channel(patience=60, stop=Hurried()))
    assert len(scene.slack.messages()) == 1


@pytest.mark.parametrize("after", [False, True], ids=["refused", "done all the same"])
def test_a_5xx_is_tried_again_and_never_posted_twice(scene: Scene, after: bool) -> None:
    send(scene.topic, opened("doc"))
    channel = scene.slack.channel(patience=30)
    channel.notices()  # so that the failures below meet the post
    scene.slack.control(status=500, after=after, times=4)
    notice = RollUp().apply(opened("doc"))
    channel.deliver(notice)
    assert len(scene.slack.messages()) == 1
    assert channel.recognised == int(after)


def test_a_timeout_whose_post_was_taken_is_recognised(scene: Scene) -> None:
    channel = scene.slack.channel(patience=60, timeout=1)
    notice = RollUp().apply(opened("doc"))
    channel.on_trouble = lambda _sentence: scene.slack.control(heal=True)
    scene.slack.control(slow=3.0)
    channel.deliver(notice)
    assert len(scene.slack.messages()) == 1
    assert channel.recognised == 1


def test_where_the_channel_may_not_be_read_a_lost_answer_means_twice_not_never(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    # By its id, so that the one failure below meets the post and not the search for the id.
    channel = scene.slack.channel(patience=30, channel=CHANNEL_ID)

    def may_not(*_: object, **__: object) -> None:
        raise SlackApiError("no", {"ok": False, "error": "missing_scope"})

    monkeypatch.setattr(WebClient, "conversations_history", may_not)
    send(scene.topic, opened("doc"))
    scene.slack.control(status=500, after=True, times=1)
    scene.deliver(channel)
    assert len(scene.slack.messages()) == 2
    assert "channels:history" in scene.said[0]
    assert scene.deliver().channel.posted == 0


def test_a_slack_that_is_not_there_yet_is_waited_for(scene: Scene) -> None:
    send(scene.topic, opened("doc"))
    scene.slack.stop()
    stop = threading.Event()
    channel = scene.slack.channel(stop=stop)
    thread = threading.Thread(target=scene.notifier(channel, stop=stop).run)
    thread.start()
    wait_until(lambda: scene.said, "word of the trouble")
    scene.slack.start()
    wait_until(lambda: scene.slack.messages(), "the message")
    stop.set()
    thread.join(20)
    assert not thread.is_alive()
    assert "does not answer" in scene.said[0]
    assert len(scene.slack.messages()) == 1


def test_a_notifier_that_waits_for_slack_stops_when_asked(scene: Scene) -> None:
    send(scene.topic, opened("doc"))
    scene.slack.control(status=503)
    stop = threading.Event()
    thread = threading.Thread(target=scene.notifier(scene.slack.channel(stop=stop), stop=stop).run)
    thread.start()
    wait_until(lambda: scene.said, "word of the trouble")
    stop.set()
    thread.join(20)
    assert not thread.is_alive()


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("invalid_auth", "SLACK_BOT_TOKEN"),
        ("channel_not_found", "SLACK_CHANNEL"),
        ("not_in_channel", "/invite"),
        ("msg_too_long", "shorten"),
        ("is_archived", "unarchive"),
    ],
)
def test_a_refusal_is_a_sentence_and_a_record_and_the_next_is_tried(
    scene: Scene, code: str, remedy: str
) -> None:
    # One refusal for the history that is read at the start, one for the first post.
    scene.slack.control(refuse=code, times=2)
    send(scene.topic, opened(host(scene, "doc")), opened(host(scene, "doc2")))
    done = scene.deliver()
    assert done.undelivered == 1 and len(scene.slack.messages()) == 1
    sentence = next(one for one in scene.said if "Slack refused the message" in one)
    assert code in sentence and remedy in sentence
    kept = scene.undelivered()
    assert [one["reason"] for one in kept] == [code]
    assert remedy in kept[0]["remedy"] and kept[0]["episodes"]
    assert scene.deliver().records == 0, "it is in the dead-letter topic, so it is done with"


def test_a_wrong_token_and_a_wrong_channel_are_refused_by_name(scene: Scene) -> None:
    notice = RollUp().apply(opened("doc"))
    for code, more in {
        "invalid_auth": {"token": "xoxb-wrong"},
        "channel_not_found": {"channel": "nowhere"},
    }.items():
        with pytest.raises(RefusedError) as caught:
            scene.slack.channel(**more).deliver(notice)
        assert caught.value.code == code


def test_a_message_that_somebody_deleted_is_posted_anew(scene: Scene) -> None:
    send(scene.topic, opened("doc"))
    scene.deliver()
    scene.slack.control(clear=True)
    send(scene.topic, closed("doc"))
    scene.deliver()
    assert len(scene.slack.texts()) == 1 and "is back" in scene.slack.texts()[0]


def test_a_record_that_is_no_transition_is_kept_apart(scene: Scene) -> None:
    send(scene.topic, {"hostname": "doc", "nonsense": scene.topic}, opened("doc"))
    done = scene.deliver()
    assert done.undelivered == 1 and len(scene.slack.messages()) == 1
    assert "no transition" in scene.undelivered()[0]["reason"]


def test_a_topic_made_anew_is_read_from_its_start(scene: Scene) -> None:
    stop = threading.Event()
    channel = scene.slack.channel(stop=stop)
    thread = threading.Thread(target=scene.notifier(channel, stop=stop).run)
    thread.start()
    send(scene.topic, opened("doc"))
    wait_until(lambda: scene.slack.messages(), "the first message")
    topics.empty(scene.topic)
    send(scene.topic, opened("happy"))
    wait_until(lambda: len(scene.slack.messages()) == 2, "the second message")
    stop.set()
    thread.join(20)


@pytest.mark.parametrize("file", [True, False], ids=["from the file", "from the channel"])
def test_a_new_trouble_joins_none_that_a_deleted_topic_left_open(scene: Scene, file: bool) -> None:
    send(scene.topic, opened("doc", "cpu1", allowed_top=10.0))
    scene.deliver()
    topics.empty(scene.topic)
    if not file:
        scene.memory.unlink()
    send(scene.topic, opened("doc", "cpu2", minute=30, allowed_top=40.0))
    scene.deliver()
    send(scene.topic, opened("doc", "cpu3", minute=31, allowed_top=40.0))
    scene.deliver()
    first, second = scene.slack.texts()
    assert "threshold of 10%: cpu1 with" in first
    assert "threshold of 40%: cpu2, cpu3 with" in second and "09:30:00" in second


def test_no_proxy_is_asked_for_the_stand_in(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    send(scene.topic, opened("doc"))
    scene.deliver()
    assert len(scene.slack.messages()) == 1


def test_the_token_is_in_no_output_log_process_list_or_file(stack: Path) -> None:
    marked = "xoxb-marked-7c1d0f"
    environment = {
        **os.environ, "SLACK_BOT_TOKEN": marked, "SLACK_CHANNEL": "C0000000000",
        "HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9",
    }  # fmt: skip
    cpuwatch = Path(sys.executable).with_name("cpuwatch")
    ours = settings().slack_folder / "secrets.json"
    secret = ours.read_text().split('"token": "')[1].split('"')[0]
    said = subprocess.run(
        [cpuwatch, "status"], env=environment, capture_output=True, text=True, check=True
    )
    process = subprocess.Popen(
        [cpuwatch, "notify"], env=environment, text=True, bufsize=1,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    first = [process.stdout.readline(), process.stdout.readline()]
    commands = [" ".join(one.info["cmdline"] or []) for one in psutil.process_iter(["cmdline"])]
    process.send_signal(signal.SIGTERM)
    rest, _ = process.communicate(timeout=30)
    output = said.stdout + said.stderr + "".join(first) + rest
    assert "Slack does not answer" in output, output
    for token in (marked, secret):
        assert token not in output
        assert not any(token in command for command in commands)
        # Kafka's and PostgreSQL's data hold what was sent to them, the token never.
        for file, content in files_in(settings().state):
            assert file == ours or token.encode() not in content, file
    assert ours.stat().st_mode & 0o777 == 0o600
