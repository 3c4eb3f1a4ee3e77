"""What judges say of rows, numbers, pictures and topics, by a fleet in memory."""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Callable
from typing import Any

import answers
import matplotlib.pyplot as plt
import pandas as pd
import pytest
import twin
from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from cpuwatch import exercises, readings, thresholds, workshop
from cpuwatch.exercises import compare, held, made, truth
from cpuwatch.readings import THRESHOLDS

FLEET = workshop.fleet(seed=7)
STORED = FLEET.assign(partition=(FLEET["hostname"] > "doc").astype(int))
STORED = STORED.assign(offset=STORED.groupby("partition").cumcount())
TIMED = STORED.assign(time_ltz=truth.moments(STORED["occurred_at"]))
DOC = STORED[STORED["hostname"] == "doc"]
LIMITS = pd.DataFrame({"hostname": list(THRESHOLDS), "allowed_top": list(THRESHOLDS.values())})

AVERAGES = twin.averages(FLEET, 30)
AVERAGES = AVERAGES[AVERAGES["window_start"] < AVERAGES["window_start"].max()]
AVERAGES = AVERAGES.astype(dict.fromkeys(["window_start", "window_end"], "datetime64[ns, UTC]"))
AVERAGES = AVERAGES.reset_index(drop=True)
TABLES = {"cpu_out_agg": AVERAGES, "cpu_out_over": twin.alerts(AVERAGES, THRESHOLDS)}

JUDGED = AVERAGES.assign(allowed_top=AVERAGES["hostname"].map(THRESHOLDS))
JUDGED = JUDGED.assign(excess=JUDGED["usage_avg"] - JUDGED["allowed_top"])
FAR = JUDGED.loc[JUDGED["excess"] > 10, ["window_start", "hostname", "cpu", "excess"]]

Topics = dict[str, pd.DataFrame]


@pytest.fixture(autouse=True)
def topics(monkeypatch: pytest.MonkeyPatch) -> Topics:
    """What the topics hold, without a Kafka: a test may put in what an attendee has sent."""
    found = {"cpu_load_stats_real": STORED}
    monkeypatch.setattr(held, "records", lambda topic: found[topic].copy())
    monkeypatch.setattr(held, "rows", lambda table: TABLES[table].copy())
    monkeypatch.setattr(truth, "limits", LIMITS.copy)
    return found


def says(name: str, answer: Any = None) -> str:
    """The verdict, with a plus or a minus."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        verdict = exercises.judge(name, answer)
    return f"{'+' if verdict.right else '-'} {verdict.says}"


#: What is judged by a number, or by what needs no service.
ALONE = [
    *("01-warm-up", "08-warm-up", "08-core", "08-stretch", "09-warm-up", "10-warm-up"),
    *("10-stretch", "11-warm-up", "12-warm-up", "13-warm-up", "07-core", "05-core"),
]


#: What is odd as a number, or as rows.
ODD = ["", "nan", {1: 2}, [[]], [10**400], pd.NA, pd.Series(dtype=float), pd.Timestamp(0), int, len]


@pytest.mark.parametrize("answer", [*answers.JUNK, *ODD], ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("name", ALONE)
def test_whatever_is_given_is_answered_in_a_sentence(name: str, answer: object) -> None:
    begun = time.monotonic()
    assert re.fullmatch(r"- .*[.?]", says(name, answer), re.DOTALL)
    assert time.monotonic() - begun < 5


def test_an_error_that_nobody_thought_of_is_answered_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(held, "records", fails)
    assert "another kind than asked for (ZeroDivisionError)" in says("01-warm-up", 1)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemError])
def test_an_interrupt_is_not_hidden(
    error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(_: object) -> None:
        raise error

    monkeypatch.setattr(held, "records", stopped)
    with pytest.raises(error):
        exercises.judge("01-warm-up", 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda one: one, r"\+ All 3,000"),
        (lambda one: one.assign(note="x"), r"\+ All 3,000"),
        (lambda one: one.assign(usage=0.0), "usage differs in 3,000 of 3,000"),
        (
            lambda one: one.assign(usage=one["usage"].sample(frac=1, random_state=1).to_numpy()),
            "usage differs in",
        ),
        (lambda one: one.assign(usage=one["usage"].round()), "usage is rounded"),
        (lambda one: one.drop(columns="usage"), "no field usage"),
        (lambda one: one.drop(columns=["cpu", "occurred_at"]), "no field cpu and occurred_at"),
        (lambda one: pd.concat([one, later(one)]), "3,000 readings that are not among doc's"),
        (lambda one: pd.concat([one, later(one).head(500)]), "500 readings that are not"),
        (lambda one: pd.concat([one, one]), "twice"),
        (lambda one: one.tail(9), "2,991 are not in cpu_doc"),
    ],
)
def test_01_core_looks_at_what_was_sent(
    change: Callable[[pd.DataFrame], pd.DataFrame], words: str, topics: Topics
) -> None:
    topics["cpu_doc"] = change(DOC.drop(columns=["partition", "offset"])).assign(
        partition=0, offset=range(len(change(DOC)))
    )
    assert re.search(words, says("01-core"))


def later(one: pd.DataFrame) -> pd.DataFrame:
    return one.assign(occurred_at=one["occurred_at"] + 3_600_000)


OF_CPU = TIMED[(TIMED["hostname"] == "doc") & (TIMED["cpu"] == "cpu1")]
MOMENTS = ["occurred_at", "hostname", "cpu", "usage"]


@pytest.mark.parametrize(
    ("name", "answer", "words"),
    [
        ("02-warm-up", OF_CPU[["time_ltz", "usage"]], r"\+ 600 readings"),
        ("02-warm-up", OF_CPU[["occurred_at", "usage"]], r"\+ 600 readings"),
        ("02-warm-up", OF_CPU[["time_ltz", "usage"]].astype({"time_ltz": str}), r"\+ 600"),
        ("02-warm-up", OF_CPU[["time_ltz", "usage"]].head(10), "10 of 600 rows, as flink.preview"),
        ("02-warm-up", OF_CPU[["time_ltz", "usage"]].round(1), "usage is rounded"),
        ("02-warm-up", DOC[["occurred_at", "usage"]], "These are all CPUs of doc"),
        ("02-core", TIMED.loc[TIMED["usage"] >= 90, MOMENTS], r"\+ 321 readings"),
        ("02-core", TIMED.loc[TIMED["usage"] > 90, MOMENTS], "1 row with a usage of exactly"),
        ("04-warm-up", LIMITS[LIMITS["allowed_top"] > 60], r"\+ dopey, happy, sneezy"),
        ("04-warm-up", LIMITS[LIMITS["allowed_top"] > 60].to_dict("records"), r"\+ dopey"),
        ("04-warm-up", LIMITS[LIMITS["allowed_top"] >= 60], "limit of 60 is among them"),
        ("04-warm-up", LIMITS[LIMITS["allowed_top"] > 55], "limit of 60 is among them"),
        ("04-warm-up", LIMITS[LIMITS["allowed_top"] < 60], "may not go over 60%"),
        ("04-warm-up", LIMITS[LIMITS["allowed_top"] <= 60], "may not go over 60%"),
        ("05-core", FAR, r"\+ 40 averages.*None is over by exactly 10: >= gives the same"),
        ("05-core", FAR.round(1), "excess is rounded: give it as it is"),
        ("05-core", FAR.assign(excess=FAR["excess"] // 1), "excess is rounded"),
        ("05-core", FAR.rename(columns={"excess": "d"}).assign(d=1.0), "d differs in 40 of 40"),
    ],
)
def test_rows_are_judged_by_what_is_in_them(name: str, answer: object, words: str) -> None:
    assert re.search(words, says(name, answer))


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("usage_avg > 69", r"\+ Busy hosts"),
        ("usage_avg >= 69", "exactly 69% is among them"),
        ("usage_max > 69", "the average is asked for"),
        ("usage_avg > 0", "These are all averages"),
    ],
)
def test_05_warm_up_asks_for_a_number_that_an_average_has(where: str, words: str) -> None:
    counted = AVERAGES.query(where).groupby("hostname", as_index=False).agg(n=("cpu", "size"))
    assert re.search(words, says("05-warm-up", counted))


JUMPS = AVERAGES.sort_values(["hostname", "cpu", "window_start"])
JUMPS = JUMPS.assign(jump=JUMPS.groupby(["hostname", "cpu"])["usage_avg"].diff())


def test_06_core_says_that_no_data_tell_at_least_from_more_than() -> None:
    answer = JUMPS.loc[JUMPS["jump"] > 20, ["window_start", "hostname", "cpu", "jump"]]
    assert says("06-core", answer).endswith("No jump is exactly 20: > gives the same.")


def test_06_warm_up_says_that_the_first_one_stays() -> None:
    one = JUMPS[(JUMPS["hostname"] == "doc") & (JUMPS["cpu"] == "cpu1")]
    answer = one.assign(before=one["usage_avg"].shift())[["window_start", "usage_avg", "before"]]
    assert says("06-warm-up", answer).startswith("+")
    assert "The first average is missing" in says("06-warm-up", answer.dropna())


def test_a_slip_is_known_by_the_first_rows_of_an_answer_that_was_cut(topics: Topics) -> None:
    twice = pd.concat([STORED, later(STORED)])
    topics["cpu_load_stats_real"] = twice.assign(offset=range(len(twice)))
    found = twice.assign(time_ltz=truth.moments(twice["occurred_at"]))
    found = found[["time_ltz", "hostname", "cpu", "usage"]]
    under = compare.cut(found[found["usage"] < 90], 30_000)
    assert "These are the readings under 90%" in says("02-core", under)
    told = says("02-core", compare.cut(found, 30_000))
    assert "more than 30,000 rows, and 642 rows are wanted. Too many are such as" in told


ALL = "{hostname} {cpu}: {usage_avg:.1f}, allowed {allowed_top"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (ALL + ":g}", r"\+ For example: doc cpu3: 46.1, allowed 20"),
        (ALL + "}%", r"\+"),
        (ALL + ":.2f}", r"\+"),
        (ALL + ":.0f}", r"\+"),
        ("{hostname} {cpu}: {usage_avg:.1f}, allowed 20 or 80", "which limit was passed, 37.5"),
        ("{hostname} {cpu}: {usage_avg:.1f} of 100 and 120 and 280", "which limit was passed, 20"),
        ("{hostname} {cpu}: {usage_avg:.1f}", "which limit was passed, 20"),
        ("{hostname} {cpu}: 46.1 80.1, {allowed_top:g}", "average of sleepy is to be 97.3"),
        ("{hostname} {cpu}: {usage_avg:.1f} {usage_avg} {allowed_top:g}", "all its decimals"),
    ],
)
def test_07_core_is_tried_with_limits_that_nobody_guesses(text: str, words: str) -> None:
    assert re.match(f"(- .*)?{words}", says("07-core", lambda alert: text.format(**alert)))


OVER = TABLES["cpu_out_over"]
COUNTS = OVER["hostname"].value_counts()


@pytest.mark.parametrize(
    "answer",
    [
        "doc", ("doc",), ["DOC"], {"doc"}, pd.Series(["doc"], index=["host"]), pd.Index(["doc"]),
        COUNTS.head(1), COUNTS.head(1).reset_index(), COUNTS.head(1).index,
        OVER["hostname"].mode(),
    ],
    ids=lambda one: type(one).__name__,
)  # fmt: skip
def test_08_warm_up_takes_a_name_in_whatever_holds_it(answer: object) -> None:
    assert says("08-warm-up", answer).startswith("+")


def test_08_warm_up_takes_one_name_alone() -> None:
    for answer in (COUNTS, ("doc", "grumpy"), [], 7, COUNTS.head(2).reset_index()):
        assert "the name of a host, as a text" in says("08-warm-up", answer)


def draw(over: Callable[[pd.DataFrame], Any], decimals: int = 9, **options: Any) -> str:
    figure, axes = plt.subplots()
    for _, some in AVERAGES[AVERAGES["hostname"] == "doc"].groupby("cpu"):
        axes.plot(over(some), some["usage_avg"].round(decimals), **options)
    axes.axhline(20)
    axes.set_ylabel("percent")
    plt.close(figure)
    return says("08-stretch", axes)


START = "window_start"


@pytest.mark.parametrize(
    "over",
    [
        lambda some: some[START],
        lambda some: some[START].to_numpy(),
        lambda some: some[START].dt.tz_localize(None),
        lambda some: some[START].dt.to_pydatetime().tolist(),
        lambda some: some[START].dt.strftime("%H:%M:%S"),
        lambda some: some[START].astype("int64") / 1e9,
        lambda some: (some[START] - some[START].min()).dt.total_seconds(),
    ],
)
@pytest.mark.filterwarnings("ignore:The behavior of .*to_pydatetime:FutureWarning")
def test_08_stretch_takes_the_start_of_windows_in_any_form(over: Any) -> None:
    assert draw(over).startswith("+")


def test_08_stretch_takes_what_pandas_draws_and_rounded_numbers() -> None:
    figure, axes = plt.subplots()
    for _, some in AVERAGES[AVERAGES["hostname"] == "doc"].groupby("cpu"):
        some.plot(x=START, y="usage_avg", ax=axes)
    axes.axhline(20)
    axes.set_ylabel("percent")
    plt.close(figure)
    assert says("08-stretch", axes).startswith("+")
    assert draw(lambda some: some[START], decimals=1).startswith("+")


@pytest.mark.parametrize(
    ("over", "words"),
    [
        (lambda some: some["window_end"], "over the end of its windows"),
        (lambda some: range(len(some)), "not drawn over the start"),
        (lambda some: some["usage_max"], "not drawn over the start"),
        (lambda some: some["cpu"] + some["window_start"].astype(str), "not drawn over the start"),
    ],
)
def test_08_stretch_looks_at_what_lies_below(over: Any, words: str) -> None:
    assert words in draw(over)


@pytest.mark.parametrize(
    ("table", "team", "words"),
    [
        ("hostname TEXT PRIMARY KEY, team TEXT NOT NULL", "us", r"\+ 7 hosts"),
        ("hostname TEXT, team TEXT CHECK (team IS NOT NULL), UNIQUE (hostname)", "us", r"\+ 7"),
        ("hostname TEXT PRIMARY KEY, team TEXT CHECK (team <> '')", "us", "without a team is all"),
        ("hostname TEXT PRIMARY KEY, team TEXT", "us", "without a team is allowed"),
        ("hostname TEXT, team TEXT NOT NULL, PRIMARY KEY (hostname, team)", "us", "hostname and t"),
        ("hostname TEXT, team TEXT NOT NULL", "us", "Its primary key is missing"),
        ("hostname TEXT PRIMARY KEY, team TEXT NOT NULL", " ", "a text of nothing"),
    ],
)
@pytest.mark.parametrize("has_index", [False, True])
def test_04_core_is_judged_by_what_the_table_allows(
    table: str, team: str, words: str, has_index: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not PostgreSQL; but what SQLAlchemy tells of it has the same form.
    engine = create_engine("sqlite://", poolclass=StaticPool)
    monkeypatch.setattr(thresholds, "engine", lambda: engine)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE TABLE cpu_owners ({table})")
        for host in readings.HOSTS:
            connection.exec_driver_sql("INSERT INTO cpu_owners VALUES (?, ?)", (host, team))
        if has_index:
            connection.exec_driver_sql("CREATE UNIQUE INDEX once ON cpu_owners (hostname)")
            words = words if "key" not in words and "and t" not in words else r"\+ 7 hosts"
    monkeypatch.setattr(engine, "dispose", lambda: None)
    monkeypatch.setattr(truth, "limits", lambda: LIMITS.assign(hostname="my-machine"))
    assert re.search(words, says("04-core"))


def test_a_window_s_end_that_is_asked_for_is_looked_at(
    topics: Topics, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = truth.readings()
    right = made.closed(one, 60, made.slowest(one), ("hostname",))
    right = right[["window_start", "window_end", "hostname", "readings"]]
    given = [
        (right, r"\+"),
        (right.drop(columns="window_end"), "no column window_end"),
        (right.assign(window_end=right["window_start"]), "window_end differs in"),
        (right.assign(window_end=right["window_end"] - pd.Timedelta("1ms")), "holds window_time"),
    ]
    for answer, words in given:
        monkeypatch.setattr(
            "cpuwatch.exercises.chapter_09.written_by", lambda *_, answer=answer: answer
        )
        assert re.search(words, says("09-core"))


def test_12_warm_up_takes_letters_as_people_write_them() -> None:
    for answer in ("bd", "b and d", "B, D", ["d", "b"], {"b", "d"}):
        assert says("12-warm-up", answer).startswith("+")
