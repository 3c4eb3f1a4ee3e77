"""Why a job with windows puts nothing out, whatever kind of windows it has."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from typing import Any

import pytest

from cpuwatch import pipeline, sql
from cpuwatch.doctor import outputs
from cpuwatch.doctor.findings import Finding
from cpuwatch.doctor.outputs import Windows
from cpuwatch.doctor.samples import Sample
from cpuwatch.flink import noted, watermarks
from cpuwatch.flink.cluster import Job

NOW = Job("1", "cpu_agg", "RUNNING")
TUMBLE = sql.taught("cpu_agg")
LENGTHS = {
    "TUMBLE": "INTERVAL '30' SECOND",
    "HOP": "INTERVAL '10' SECOND, INTERVAL '30' SECOND",
    "CUMULATE": "INTERVAL '10' SECOND, INTERVAL '30' SECOND",
    "SESSION": "INTERVAL '30' SECOND",
}

#: 2025-07-01T09:00:05Z.
MOMENT = 1_751_360_405_000


def own(kind: str, lengths: str | None = None) -> str:
    """An attendee's own statement, with windows of that kind."""
    text = TUMBLE.replace("TUMBLE(", f"{kind}(")
    return "-- TUMBLE(no)\n" + text.replace(LENGTHS["TUMBLE"], lengths or LENGTHS[kind])


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Lets a statement run with a watermark at a moment."""

    def do(text: str, mark: int = watermarks.NONE, **more: str) -> None:
        monkeypatch.setattr(noted, "texts", lambda _: {"cpu_agg": text, **more})
        monkeypatch.setattr(watermarks, "least", lambda _: mark)

    return do


def empty() -> Finding:
    """What is said of a job that has read two readings, 45 seconds apart."""
    record = {"hostname": "doc", "cpu": "cpu1", "usage": 5, "occurred_at": MOMENT}
    sample = Sample(
        "cpu_load_stats_real", {0: [record, {**record, "occurred_at": MOMENT + 45_000}]}
    )
    job = pipeline.job("cpu_agg")
    assert job is not None
    (found,) = outputs.empty("Way cpu_agg", job, NOW, [sample])
    return found


def window(found: Finding) -> tuple[str, ...]:
    """Begin and end of the window that is said to be open."""
    told = re.search(r"the window from \S+T(\S+)Z to \S+T(\S+)Z is not closed", found.says)
    assert told is not None, found.says
    return told.groups()


@pytest.mark.parametrize(
    ("kind", "first", "second"),
    [
        ("TUMBLE", ("09:00:00", "09:00:30"), ("09:00:30", "09:01:00")),
        ("HOP", ("08:59:40", "09:00:10"), ("09:00:30", "09:01:00")),
        ("CUMULATE", ("09:00:00", "09:00:10"), ("09:00:30", "09:01:00")),
        ("SESSION", ("09:00:05", "09:00:35"), ("09:00:50", "09:01:20")),
    ],
)
def test_the_open_window_is_named(
    say: Any, kind: str, first: tuple[str, str], second: tuple[str, str]
) -> None:
    say(own(kind))
    assert window(empty()) == first
    say(own(kind), MOMENT + 30_000)
    assert window(empty()) == second


def test_windows_in_a_view_are_windows_too(say: Any) -> None:
    say("INSERT INTO cpu_out_agg SELECT * FROM mine", mine=f"CREATE VIEW mine AS {own('HOP')}")
    assert window(empty()) == ("08:59:40", "09:00:10")


@pytest.mark.parametrize(
    ("kind", "lengths"),
    [
        ("TUMBLE", "INTERVAL '0 00:05:00' DAY TO SECOND, INTERVAL '7' SECOND"),
        ("HOP", "INTERVAL '1' MINUTE, INTERVAL '5' MINUTE, INTERVAL '7' SECOND"),
        ("SESSION", "INTERVAL '5' MINUTE"),
    ],
)
def test_the_length_is_found_among_the_intervals(say: Any, kind: str, lengths: str) -> None:
    text = own(kind, lengths) + " HAVING window_start > CURRENT_TIMESTAMP - INTERVAL '1' DAY"
    say(text)
    found = outputs.windows_of(NOW, text)
    assert found is not None and (found.kind, found.length) == (kind, 300_000)


@pytest.mark.parametrize("kind", ["TUMBLE", "HOP", "CUMULATE", "SESSION"])
def test_a_partition_that_holds_the_watermark_back_is_named(
    say: Any, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    say(own(kind))
    marks = {("cpu_load_stats_real", 0): MOMENT, ("cpu_load_stats_real", 1): MOMENT - 30_001}
    monkeypatch.setattr(watermarks, "by_partition", lambda _: marks)
    (found,) = outputs.held_back("Way cpu_agg", NOW)
    assert "held back by partition 1 of cpu_load_stats_real" in found.says
    marks["cpu_load_stats_real", 1] += 1
    assert list(outputs.held_back("Way cpu_agg", NOW)) == []


def test_without_windows_nothing_is_said_of_them(say: Any) -> None:
    say("INSERT INTO cpu_out_agg SELECT hostname FROM cpu_in -- TUMBLE(a)")
    assert "matches" in empty().says
    assert list(outputs.held_back("Way cpu_agg", NOW)) == []


@pytest.mark.parametrize("kind", ["TUMBLE", "HOP", "CUMULATE"])
def test_the_first_open_window_is_the_first_of_all(kind: str) -> None:
    step, length = (30, 30) if kind == "TUMBLE" else (10, 30)
    dice = random.Random(7)
    for _ in range(2000):
        times = sorted(dice.randrange(300) for _ in range(dice.randrange(1, 5)))
        mark = dice.randrange(-20, 320)
        there = {
            (end // length * length - (0 if end % length else length), end)
            if kind == "CUMULATE"
            else (end - length, end)
            for moment in times
            for end in range(0, 400, step)
            if moment < end
            and (
                moment // length == (end - 1) // length
                if kind == "CUMULATE"
                else moment >= end - length
            )
        }
        still = [one for one in there if one[1] - 1 > mark]
        if still:
            first = min(still, key=lambda one: one[1])
            assert Windows(kind, step, length).first_open(times, mark) == first
