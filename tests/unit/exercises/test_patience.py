"""What an attendee wrote, and never ends, is ended within a check."""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import Any

import pandas as pd
import pytest

from cpuwatch import exercises
from cpuwatch.errors import CpuwatchError
from cpuwatch.exercises import answers, patience
from cpuwatch.exercises.compare import refuse_others
from cpuwatch.exercises.exercise import NotYetError
from cpuwatch.flink import metrics, rest
from cpuwatch.flink.cluster import Job

JOB = Job("1", "preview", "RUNNING")


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "PATIENCE", 0.2)
    monkeypatch.setattr(patience, "MOST", 0.6)
    monkeypatch.setattr(patience, "PAUSE", 0.0)


def loop() -> None:
    while True:
        pass


def stubborn() -> None:
    while True:
        try:
            loop()
        except Exception:
            pass


@pytest.mark.parametrize("work", [loop, stubborn, lambda: time.sleep(60)])
def test_what_never_ends_is_ended(work: Callable[[], object]) -> None:
    before = signal.getsignal(signal.SIGALRM)
    begun = time.monotonic()
    with pytest.raises(NotYetError, match="too long"), patience.briefly(lambda: "too long"):
        work()
    assert time.monotonic() - begun < 5
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_what_ends_in_time_and_an_interrupt_pass() -> None:
    with patience.briefly(lambda: "too long"):
        pass
    with pytest.raises(KeyboardInterrupt), patience.briefly(lambda: "too long"):
        raise KeyboardInterrupt
    time.sleep(0.3)  # no alarm is left


def test_beside_the_main_thread_the_clock_is_looked_at_between_calls() -> None:
    said: list[str] = []

    def work() -> None:
        try:
            with patience.briefly(lambda: "too long") as check:
                while True:
                    check()
        except NotYetError as why:
            said.append(str(why))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(10)
    assert said == ["too long"]


@pytest.mark.parametrize("body", ["while True: pass", "import time; time.sleep(60)"])
@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("07-core", "def it(alert):\n    {}", "^It takes longer .* which loop in it never ends"),
        (
            "10-stretch",
            "class it:\n    def update(self, moment, usage):\n        {}",
            "^It takes longer than .* at reading 1 of 4,032: does a loop never end",
        ),
        ("10-stretch", "def it():\n    {}", r"^Rule\(\) takes longer than"),
    ],
)
def test_a_function_that_never_ends_has_a_sentence(
    name: str, code: str, words: str, body: str
) -> None:
    made: dict[str, Any] = {}
    exec(code.format(body), made)
    verdict = exercises.judge(name, made["it"])
    assert not verdict.right and re.search(words, verdict.says), verdict.says


@pytest.mark.parametrize("body", ["raise SystemExit", "raise RecursionError", "1 / 0"])
def test_a_function_that_fails_has_one_too(body: str) -> None:
    made: dict[str, Any] = {}
    exec(f"def tell(alert):\n    {body}", made)
    assert "It fails with" in exercises.judge("07-core", made["tell"]).says
    exec(f"class Rule:\n    def update(self, moment, usage):\n        {body}", made)
    assert "At reading 1 its update stopped" in exercises.judge("10-stretch", made["Rule"]).says


def test_an_interrupt_is_not_hidden() -> None:
    def press(*_: object) -> None:
        raise KeyboardInterrupt

    for name in ("07-core", "10-stretch"):
        with pytest.raises(KeyboardInterrupt):
            exercises.judge(name, press)


def look(
    monkeypatch: pytest.MonkeyPatch,
    steps: Iterator[tuple[list[str], int]],
    brought: Iterable[int] = (),
) -> float:
    """Look at a job's steps, records and rows until its query is ended: how long that took."""
    now = (["CREATED"], 0)

    def answer(_: str) -> dict[str, Any]:
        nonlocal now
        now = next(steps, now)
        return {"vertices": [{"status": one} for one in now[0]]}

    monkeypatch.setattr(rest, "ask", answer)
    monkeypatch.setattr(metrics, "records_read", lambda _: now[1])
    watch, rows, begun = patience.Headway(), iter(brought), time.monotonic()
    with pytest.raises(NotYetError, match=r"^The query took longer than .* rows=30000"):
        while time.monotonic() - begun < 30:
            watch(JOB, next(rows, 0))
            time.sleep(0.01)
    return time.monotonic() - begun


def test_a_query_that_comes_no_further_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "MOST", 60)
    assert 0.2 <= look(monkeypatch, iter([(["RUNNING", "CREATED"], 7)])) < 30


def test_one_that_reads_on_has_more_time(monkeypatch: pytest.MonkeyPatch) -> None:
    assert look(monkeypatch, ((["RUNNING"], number) for number in count())) >= 0.6


def test_one_whose_rows_arrive_has_too(monkeypatch: pytest.MonkeyPatch) -> None:
    assert look(monkeypatch, iter([(["FINISHED", "RUNNING"], 7)]), count()) >= 0.6


def test_what_waits_for_a_place_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = [(["SCHEDULED"], 0)] * 30
    assert look(monkeypatch, iter([*waits, (["RUNNING"], 0)])) >= 0.5


def test_a_cluster_that_does_not_answer_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(_: str) -> None:
        raise CpuwatchError("It does not answer.")

    monkeypatch.setattr(rest, "ask", silent)
    watch = patience.Headway()
    for _ in range(30):
        watch(JOB, 0)
        time.sleep(0.01)


def test_a_query_is_fetched_to_the_most_rows_and_told_as_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: dict[str, Any] = {}

    def preview(_: object, query: str, **told: Any) -> pd.DataFrame:
        asked.update(told)
        return pd.DataFrame({"n": range(told["rows"])})

    monkeypatch.setattr(answers.flink, "connect", lambda **_: None)
    monkeypatch.setattr(answers.flink, "preview", preview)
    found = answers.rows("SELECT 1 AS n")
    assert len(found) == answers.MOST == asked["rows"] - 1
    assert isinstance(asked["meanwhile"], patience.Headway)
    with pytest.raises(NotYetError, match=r"^Your answer has more than 30,000 rows, and 3 rows"):
        refuse_others(found, pd.DataFrame({"n": [1, 2, -3]}), ["n"])


def test_more_rows_than_any_exercise_has_are_not_compared() -> None:
    with pytest.raises(NotYetError, match=r"The answer has 1,000,001 rows, far more"):
        answers.rows(pd.DataFrame({"n": range(1_000_001)}))
