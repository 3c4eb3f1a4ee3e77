"""When a job that fails is given up, and what is said of one that is waited for in vain."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from cpuwatch import topics
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink import awaiting, cluster, failing, metrics, rest, settle
from cpuwatch.flink.failing import WELL, Failing

JOB = cluster.Job("1", "my_job", "RUNNING")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def looked(clock: list[float], one: Failing, *states: tuple[str, float]) -> float | None:
    """For how long it has been failing, after it was in these states for so many seconds."""
    for state, seconds in states:
        for _ in range(int(seconds)):
            one.look(state)
            clock[0] += 1.0
    return one.seconds


def test_two_failures_with_a_well_time_between_them_are_two(clock: list[float]) -> None:
    one = Failing(lambda: 7.0)
    assert looked(clock, one, ("RUNNING", 10)) is None
    assert looked(clock, one, ("RESTARTING", 2)) == 2.0
    assert looked(clock, one, ("RUNNING", WELL + 2)) is None
    assert looked(clock, one, ("RUNNING", 60), ("FAILING", 1), ("RESTARTING", 1)) == 2.0


def test_those_that_come_again_and_again_are_one(clock: list[float]) -> None:
    one = Failing(lambda: 7.0)
    turn = (("RESTARTING", 2), ("RUNNING", WELL - 10))
    assert looked(clock, one, *turn * 3) == 3 * (WELL - 8)


def test_so_are_those_that_nobody_saw(clock: list[float]) -> None:
    failures = iter([1.0, 2.0, 3.0, 3.0])  # it fails, and runs again, between two looks
    one = Failing(lambda: next(failures))
    assert looked(clock, one, ("RESTARTING", 2), ("RUNNING", WELL + 2)) is not None
    assert looked(clock, one, ("RUNNING", 2 * WELL + 4)) is None


# --- Waiting --------------------------------------------------------------------------------


Say = Callable[..., list[tuple[str, str]]]


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch) -> Say:
    """Let a job be in these states, the last for ever; what is asked for.

    It fails by one trace, or by another one before it comes into the last state.
    """
    monkeypatch.setattr(rest, "PAUSE", 0.01)

    def do(*states: str, trace: str = "", before: str = "") -> list[tuple[str, str]]:
        left, asked = list(states), []

        def answer(path: str, method: str = "GET", patience: float = 0) -> Any:
            asked.append((method, path))
            if path == "/jobs/1/status":
                return {"status": left.pop(0) if len(left) > 1 else left[0]}
            if path.startswith("/jobs/1/exceptions"):
                found = before if before and len(left) > 1 else trace
                return {"root-exception": found, "timestamp": 1}
            if path == "/jobs/overview":
                ended = any(how == "PATCH" for how, _ in asked)
                state = "CANCELED" if ended else "RUNNING"
                jobs = [("1", state), ("2", "RUNNING")]
                return {
                    "jobs": [
                        {"jid": jid, "name": "my_job", "state": state, "start-time": 1}
                        for jid, state in jobs
                    ]
                }
            return {"vertices": [{"status": "RUNNING"}]}

        monkeypatch.setattr(rest, "ask", answer)
        return asked

    return do


def finish(timeout: float = 0.3, **more: Any) -> cluster.Job:
    return awaiting.wait(JOB, lambda state: state == "FINISHED", "it", timeout, **more)


def test_a_job_that_fails_twice_with_an_hour_between_is_not_cancelled(
    say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(awaiting, "PATIENCE", 0.3)
    monkeypatch.setattr(failing, "WELL", 0.1)
    well = ["RUNNING"] * 60
    asked = say("RESTARTING", *well, "RESTARTING", *well, "FINISHED", trace="java.lang.Error: a")
    assert finish(30).state == "FINISHED"
    assert not [path for method, path in asked if method == "PATCH"]


def test_one_that_goes_on_failing_is_and_no_other_of_its_name(
    say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(awaiting, "PATIENCE", 0.1)
    asked = say("RESTARTING", trace="java.lang.Error: a")
    with pytest.raises(CpuwatchError, match=r"my_job fails again and again: a\.$"):
        finish(30)
    assert [path for method, path in asked if method == "PATCH"] == ["/jobs/1?mode=cancel"]


@pytest.mark.parametrize(
    "trace",
    [
        "org.apache.kafka.common.errors.UnknownTopicOrPartitionException: a",
        "KafkaException: This server does not host this topic-partition.",
        "org.apache.kafka.common.errors.InvalidTopicException: Invalid topics: [a]",
    ],
)
def test_a_topic_that_is_not_there_is_no_case_for_patience(
    say: Say, monkeypatch: pytest.MonkeyPatch, trace: str
) -> None:
    monkeypatch.setattr(awaiting, "BROKER", 0.1)
    say("RESTARTING", trace=trace)
    with pytest.raises(CpuwatchError, match="The job my_job cannot run: "):
        finish(5)


def test_but_a_broker_that_begins_may_not_know_it_yet(
    say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(awaiting, "BROKER", 0.2)
    unknown = "UnknownTopicOrPartitionException"
    asked = say(*["RESTARTING"] * 5, "FINISHED", trace=unknown)
    assert finish().state == "FINISHED"
    assert not [path for method, path in asked if method == "PATCH"]
    # It was down for longer than that, which is something else.
    say(*["RESTARTING"] * 60, "RESTARTING", trace=unknown, before="java.lang.Error: gone")
    start = time.monotonic()
    with pytest.raises(CpuwatchError, match="cannot run"):
        finish(30)
    assert time.monotonic() - start > 0.6 + 0.2


def test_one_that_somebody_cancelled_is_not_waited_for(say: Say) -> None:
    say("INITIALIZING", "CANCELED")
    with pytest.raises(CpuwatchError, match="Somebody cancelled the job my_job, or deployed"):
        awaiting.wait_until_running(JOB, timeout=30)


def test_who_waits_in_vain_for_one_that_fails_hears_of_its_failure(say: Say) -> None:
    say("RUNNING", "RESTARTING", trace="java.lang.Error: the cause")
    with pytest.raises(CpuwatchError, match=r"for it; it is RESTARTING\. the cause\.$"):
        finish(missing=lambda: "It has read 5 of 5 records.")
    say("RESTARTING", "RUNNING", trace="java.lang.Error: the cause")
    with pytest.raises(CpuwatchError, match=r"5 of 9 records\. It failed meanwhile: the cause\.$"):
        finish(missing=lambda: "It has read 5 of 9 records.")
    say("RUNNING")
    with pytest.raises(CpuwatchError, match=r"it is RUNNING\. It has read 5 of 9 records\.$"):
        finish(missing=lambda: "It has read 5 of 9 records.")


def test_one_that_has_read_all_does_not_lack_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "delay", lambda: 0.5)
    monkeypatch.setattr(rest, "ask", lambda _: {"refresh-interval": 500})
    monkeypatch.setattr(metrics, "offsets", lambda _: {("a", 0): 4, ("b", 0): 4})
    ends = {"a": {0: 4}, "b": {0: 4}}
    monkeypatch.setattr(topics, "last_offsets", lambda name: ends[name])
    reading = settle.Reading(JOB)
    assert reading.is_done() and reading.missing() is None
    ends["b"] = {0: 8}
    reading = settle.Reading(JOB)
    assert not reading.is_done()
    assert "It has read 5 of 9 records of partition 0 of b" in (reading.missing() or "")
