"""Exercises are judged by what was made: starters, solutions, other right answers, wrong ones."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import answers
import answers_beyond
import pandas as pd
import pytest

from cpuwatch import exercises, flink, sql, topics, waiting, workshop
from cpuwatch.exercises import Verdict, patience
from cpuwatch.exercises.chapter_13 import skewed
from cpuwatch.flink.cluster import PREVIEW
from cpuwatch.flink.deployment import is_own
from cpuwatch.flink.tables import create

#: A check takes a few seconds; it took 22 on a machine that did much else, very slowly. A query
#: has half a minute in all, for planning, a place and its rows, and what is read is read besides.
PATIENCE = 60

NAMES = [one.name for one in exercises.exercises()]

OTHERS = answers.OTHERS | answers_beyond.OTHERS
WRONG = answers.WRONG | answers_beyond.WRONG

#: What has to be solved before.
AFTER = {"04-stretch": "04-core", "12-stretch": "12-core"}


@pytest.fixture(scope="module")
def names(stack: Any) -> Iterator[dict[str, Any]]:
    """What the notebooks of the chapters have at hand."""
    workshop.reset()
    workshop.catch_up("08")
    env = flink.connect()  # the one that a check asks
    flink.import_tables(env, "cpu_in", "cpu_thresholds", "cpu_out_agg", "cpu_wide")
    flink.import_tables(env, "cpu_out_hosts")
    create(env, "cpu_judged")
    fleet = workshop.fleet(seed=7)
    topics.create("cpu_load_stats_wide", 4)
    topics.produce(fleet, "cpu_load_stats_wide")
    send_delayed(fleet)
    yield {
        "env": env,
        "flink": flink,
        "topics": topics,
        "workshop": workshop,
        "pd": pd,
        "database": workshop.database(),
        "fleet": fleet,
        "skewed": skewed(),
        "per_host": f"\n{sql.query(sql.taught('cpu_hosts'))}\n",
        "stored": topics.read(topics.READINGS),
        "averages": workshop.result(topics.AVERAGES),
        "found": workshop.result(topics.OVER),
        "incidents": workshop.incidents(seed=7),
        "end": pd.Timestamp("2026-01-05 09:09:30", tz="UTC"),
    }
    workshop.reset()


def send_delayed(fleet: pd.DataFrame) -> None:
    """Send what chapter 11 does: readings that take their time, and a clock that is ahead."""
    arriving = workshop.delayed(fleet)
    wrong = arriving["hostname"].eq("happy")
    wrong &= arriving["occurred_at"] >= fleet["occurred_at"].min() + 300_000
    ahead = arriving.assign(occurred_at=arriving["occurred_at"] + 3_600_000 * wrong)
    for topic, readings in (("cpu_arrivals", arriving), ("cpu_ahead", ahead)):
        workshop.fresh_topic(topic, partitions=1)
        topics.produce(readings, topic)


def run(name: str, code: str, names: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Verdict:
    """Run a cell; what its check says."""
    said: list[Verdict] = []

    def check(name: str, answer: Any = None) -> None:
        begun = time.monotonic()
        said.append(exercises.judge(name, answer))
        assert time.monotonic() - begun < PATIENCE

    monkeypatch.setattr(workshop, "check", check)
    if name in AFTER:
        exec(exercises.exercise(AFTER[name]).solution, dict(names))
        said.clear()
    try:
        exec(code, dict(names))
    finally:
        # An attendee's own jobs: there are slots for some of them only.
        flink.cancel(*(one.name for one in flink.jobs(running_only=True) if is_own(one.name)))
    assert len(said) == 1
    return said[0]


@pytest.mark.parametrize("name", NAMES)
def test_the_starter_runs_and_solves_nothing(
    name: str, names: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    verdict = run(name, exercises.exercise(name).starter, names, monkeypatch)
    assert not verdict.right and verdict.says


@pytest.mark.parametrize("name", NAMES)
def test_the_solution_is_right(
    name: str, names: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    verdict = run(name, exercises.exercise(name).solution, names, monkeypatch)
    assert verdict.right, verdict.says


@pytest.mark.parametrize(("name", "code"), [*OTHERS.items(), *answers.ALSO])
def test_a_right_answer_that_is_written_differently(
    name: str, code: str, names: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    verdict = run(name, code, names, monkeypatch)
    assert verdict.right, verdict.says


#: Each row with each, and slowly: no row to show. Flink ends a step between two of its records, and
#: each meets but the rows of one other table.
NOWHERE = (
    "cpu_in AS a JOIN cpu_in AS b"
    " ON REGEXP_REPLACE(a.hostname || b.hostname, '(.)(.*)(.)', '$3$2$1') = 'x'"
)

#: Queries that would take very long, or never end.
ENDLESS = {
    "03-core": f"SELECT a.cpu FROM {NOWHERE}",
    "05-core": f"SELECT c.cpu FROM {NOWHERE} CROSS JOIN cpu_out_agg AS c",
    "04-warm-up": "SELECT pg_sleep(600)",
}


@pytest.mark.parametrize("name", ENDLESS)
def test_a_query_that_never_ends_is_ended(name: str, names: dict[str, Any]) -> None:
    begun = time.monotonic()
    verdict = exercises.judge(name, ENDLESS[name])
    assert "The query took longer than" in verdict.says, verdict.says
    # The verdict stands after seconds, and its job goes when it can.
    assert time.monotonic() - begun < 3 * PATIENCE

    def is_gone() -> bool:
        return PREVIEW not in {one.name for one in flink.jobs(running_only=True)}

    waiting.until(is_gone, 30, "The query's job still runs.")


@pytest.mark.parametrize("name", ["07-core", "10-stretch"])
def test_a_function_that_never_ends_is_ended(name: str, names: dict[str, Any]) -> None:
    def loops(*_: object) -> None:
        while True:
            pass

    begun = time.monotonic()
    assert "takes longer than 5 s" in exercises.judge(name, loops).says
    assert time.monotonic() - begun < 2 * patience.PATIENCE


@pytest.mark.parametrize(
    ("name", "at"), [(name, at) for name, wrong in WRONG.items() for at in range(len(wrong))]
)
def test_a_wrong_answer_is_told_from_others(
    name: str, at: int, names: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    code, words = list(WRONG[name].items())[at]
    verdict = run(name, code, names, monkeypatch)
    assert not verdict.right and re.search(words, verdict.says), verdict.says


@pytest.fixture(scope="module")
def all_that_later_chapters_send(names: dict[str, Any]) -> None:
    """What chapter 7 sends, which is no reading, and the late reading of chapter 9."""
    reading = {"hostname": "doc", "cpu": "cpu1", "usage": 50, "occurred_at": 1767604320000}
    sender = topics.Sender(topics.READINGS)
    for record in (
        reading | {"usage": 1850},
        reading | {"occurred_at": 1767604320},
        {"hello": "world"},
        reading | {"usage": 99, "occurred_at": 1767603900000},
    ):
        sender.send(record, {"hostname": "doc"})
    sender.flush()


#: What looks at the topic of readings itself: who goes back to it finds more than was there.
OF_READINGS = [name for name in NAMES if name[:2] in ("02", "03") or name == "09-core"]


@pytest.mark.parametrize("name", OF_READINGS)
def test_the_solution_is_right_among_what_later_chapters_send(
    name: str,
    names: dict[str, Any],
    all_that_later_chapters_send: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    verdict = run(name, exercises.exercise(name).solution, names, monkeypatch)
    assert verdict.right, verdict.says


def test_each_exercise_is_tried_in_all_ways() -> None:
    assert set(NAMES) == set(OTHERS) == set(WRONG)
    assert all(len(wrong) >= 3 for wrong in WRONG.values())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("answer", answers.JUNK, ids=lambda one: type(one).__name__)
def test_whatever_is_given_is_answered_in_a_sentence(
    name: str, answer: object, names: dict[str, Any]
) -> None:
    assert exercises.judge(name, answer).says.endswith((".", "?"))


def test_a_check_before_the_work_says_what_to_do_first(stack: Any) -> None:
    workshop.reset()
    with workshop.database().begin() as connection:  # an attendee's own, which a reset leaves
        connection.exec_driver_sql("DROP TABLE IF EXISTS cpu_owners")
    for name in NAMES:
        verdict = exercises.judge(name, "SELECT 1 AS n")
        assert not verdict.right and verdict.says, name


def test_more_than_a_check_can_look_at_is_said_to_be(stack: Any) -> None:
    workshop.reset()
    topics.create(topics.READINGS)
    topics.produce(workshop.fleet(ticks=1200))  # as many as two chapters send
    flink.import_tables(flink.connect(), "cpu_in")
    under = "SELECT time_ltz, hostname, cpu, usage FROM cpu_in WHERE usage < 90"
    assert "These are the readings under 90%" in exercises.judge("02-core", under).says
    topics.produce(workshop.fleet(ticks=4600, start="2026-01-05T10:00:00Z"))  # 203,000 in all
    for name in ("01-warm-up", "02-core", "03-core"):
        verdict = exercises.judge(name, 1 if name == "01-warm-up" else "SELECT 1 AS n")
        assert not verdict.right
        assert "holds 203,000 records, and a check looks at 200,000 at most" in verdict.says
    workshop.reset()
