"""Rows against wanted rows: what differs, in one sentence; and what does not matter."""

from __future__ import annotations

import warnings
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cpuwatch.exercises.answers import number
from cpuwatch.exercises.compare import Slip, cut, difference, refuse_others
from cpuwatch.exercises.exercise import NotYetError

TIMES = pd.to_datetime(["2026-01-05 09:00:00", "2026-01-05 09:00:30"], utc=True).as_unit("ns")
WANTED = pd.DataFrame(
    {
        "window_start": list(TIMES) * 2,
        "hostname": ["doc", "doc", "happy", "happy"],
        "usage": [80.0, 81.5, 80.0, 80.0],
        "readings": [30, 30, 29, 30],
    }
)
KEY = ["window_start", "hostname"]


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one,
        lambda one: one[::-1],
        lambda one: one[["readings", "hostname", "usage", "window_start"]],
        lambda one: one.assign(more="x"),
        lambda one: one.rename(columns=str.upper),
        lambda one: one.rename(columns={"usage": "mean", "readings": "n"}),
        lambda one: one.assign(usage=one["usage"] * (1 + 1e-12)),
        lambda one: one.assign(usage=one["usage"].map(Decimal)),
        lambda one: one.assign(readings=one["readings"].astype(float)),
        lambda one: one.assign(window_start=one["window_start"].dt.strftime("%FT%TZ")),
        lambda one: one.assign(window_start=one["window_start"].dt.tz_convert("Asia/Tokyo")),
        lambda one: one.astype({"hostname": "category"}),
        lambda one: one.astype({"hostname": "string"}),
    ],
)
def test_what_does_not_matter(change: Any) -> None:
    assert difference(change(WANTED), WANTED, KEY) is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda one: one.drop(columns="usage"),
            "There is no column usage. Those that you have: wind",
        ),
        (lambda one: one[["usage"]], "There is no column window_start and hostname and readings"),
        (
            lambda one: one.head(0),
            "has 0 rows, and 4 rows are wanted. Which condition lets nothing",
        ),
        (lambda one: one.head(1), "has 1 row, and 4 rows are wanted. Missing are such as 09:00:"),
        (
            lambda one: one[one["hostname"] == "doc"],
            r"\(all 2 of them have hostname happy and usage",
        ),
        (lambda one: pd.concat([one, one]), "09:00:00 doc comes more than once"),
        (
            lambda one: pd.concat([one, one.assign(hostname="dopey")]),
            r"Too many are such as 09:00:00 dopey 80 (29|30) \(all 4 of them have hostname dopey\)",
        ),
        (
            lambda one: one.replace({"hostname": {"happy": "dopey"}}),
            "The number of rows is right, 4, and what they hold is not. Not wanted is 09:00:00 dop",
        ),
        (
            lambda one: one.assign(usage=[80, 81.5, 80, 9]),
            "The rows are the right ones, and usage differs in 1 of 4: for 09:00:30 happy it is 9.",
        ),
        (lambda one: one.assign(usage=None), "usage differs in 4 of 4: for 09:00:00 doc it is nan"),
        (lambda one: one.assign(usage="much"), "usage differs in 4 of 4"),
        (lambda one: pd.DataFrame(), "no column window_start .*Those that you have: none"),
        (
            lambda one: one.rename(columns={"hostname": "host"}).assign(host="doc"),
            "The number of rows is right, 4, and what they hold is not",
        ),
        (
            lambda one: one.rename(columns={"usage": "mean"}).assign(mean=[80, 81, 80, 80]),
            "mean is rounded: give it as it is",
        ),
        (
            lambda one: one.rename(columns={"usage": "mean"}).assign(mean=7),
            "mean differs in 4 of 4: for 09:00:00 doc it is 7",
        ),
        (
            lambda one: one.rename(columns={"usage": "mean"}).assign(mean=7, more=8),
            "There is no column usage. Those that you have: window_start, hostname, mean, read",
        ),
        (
            lambda one: one.rename(columns={"window_start": "window_end"}).assign(window_end=0),
            "There is no column window_start. Those that you have: window_end",
        ),
        (
            lambda one: one.rename(columns={"usage": "a", "readings": "b"}).assign(a=7, b=8),
            "There is no column usage and readings",
        ),
    ],
)
def test_what_differs_is_said(change: Any, words: str) -> None:
    with pytest.raises(NotYetError, match=words):
        refuse_others(change(WANTED), WANTED, KEY)


def test_ten_rows_of_more_are_known_as_a_preview() -> None:
    many = pd.concat([WANTED.assign(hostname=f"host-{number}") for number in range(5)])
    with pytest.raises(NotYetError, match=r"^These are 10 of 20 rows, as flink\.preview gives"):
        refuse_others(many.head(10), many, KEY)
    with pytest.raises(NotYetError, match="has 10 rows, and 20 rows are wanted"):
        refuse_others(many.head(10).assign(usage=1), many, KEY)


def test_of_an_answer_that_was_cut_nothing_is_said_to_be_missing() -> None:
    many = pd.concat([WANTED.assign(hostname=f"host-{number}") for number in range(5)])
    first = cut(many, 12)
    slip = Slip(lambda: many, "You took all.")
    with pytest.raises(NotYetError, match=r"^You took all\.$"):
        refuse_others(first, WANTED, KEY, [slip])
    with pytest.raises(NotYetError, match=r"^Your answer has more than 12 rows, and 4 rows"):
        refuse_others(first, WANTED, KEY)
    with pytest.raises(NotYetError, match=r"^Your answer has more than 12 rows, and 12 rows"):
        refuse_others(first, many.head(12), KEY)


def test_times_as_text_and_moments_as_numbers_are_read_quietly() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        texts = WANTED.assign(window_start=WANTED["window_start"].dt.strftime("%d.%m.%Y %H:%M"))
        assert difference(texts, WANTED, KEY) is not None  # this text has no seconds
        moments = WANTED["window_start"].astype("int64") // 1_000_000
        assert difference(WANTED.assign(window_start=moments), WANTED, KEY) is None


def test_rows_that_were_selected_compare_like_others() -> None:
    some = WANTED[WANTED["hostname"] == "happy"]
    answer = some.rename(columns={"window_start": "t", "usage": "u"}).reset_index(drop=True)
    assert difference(answer, some, KEY) is None and difference(some[::-1], answer, ["t"]) is None


def test_rows_that_come_more_than_once_may_come_in_any_order() -> None:
    twice = pd.concat([WANTED, WANTED.assign(readings=7)])
    assert difference(twice.sample(frac=1, random_state=1), twice, KEY) is None


def test_a_slip_that_is_known_has_its_own_sentence() -> None:
    slips = [
        Slip(lambda: WANTED.head(3), "You took three of them."),
        Slip(lambda: WANTED.head(2), "You took two of them."),
    ]
    with pytest.raises(NotYetError, match=r"^You took two of them\.$"):
        refuse_others(WANTED.head(2), WANTED, KEY, slips)
    refuse_others(WANTED, WANTED, KEY, slips)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (1, 1),
        (1.5, 1.5),
        ("12", 12),
        (" 12,5 % ", 12.5),
        ([3], 3),
        ((3,), 3),
        (pd.Series([4]), 4),
        (pd.Series([4]).to_numpy(), 4),
        (pd.Series([4]).iloc[0], 4),
        (Decimal("2.5"), 2.5),
        (pd.DataFrame({"n": [6]}), 6),
        (np.array(7), 7),
    ],
)
def test_what_is_a_number(answer: object, found: float) -> None:
    assert number(answer) == found


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (None, "answer is empty"),
        (..., "answer is empty"),
        ("…", "answer is empty"),
        ("many", "is a str: a number"),
        ([1, 2], "holds 2 values"),
        ([], "holds 0 values"),
        (True, "is a bool"),
        ({1: 2}, "is a dict"),
        (object(), "is an object"),
        (np.True_, "is a bool"),
        (float("nan"), "an ordinary number"),
        (float("inf"), "an ordinary number"),
        (Decimal("NaN"), "an ordinary number"),
        (Decimal("sNaN"), "is a Decimal: a number"),
        ("1e999", "an ordinary number"),
        ([10**400], "infinite, too large"),
    ],
)
def test_what_is_no_number(answer: object, words: str) -> None:
    with pytest.raises(NotYetError, match=words):
        number(answer)


@pytest.mark.parametrize(
    ("readings", "right"),
    [
        ([30, 30, 29, 30], True),  # all are counted
        ([28, 30, 29], True),  # what is late is not, and a window that holds nothing else is none
        ([29, 30, 29, 30], True),  # one of two was dropped
        ([28, 30, 29, 1], True),
        ([27, 30, 29], False),
        ([28, 29, 29], False),
        ([28, 30, 28], False),
        ([31, 30, 29], False),
        ([28, 30], False),
    ],
)
@pytest.mark.parametrize("name", ["readings", "n"])
def test_what_may_be_late_may_be_missing(readings: list[int], right: bool, name: str) -> None:
    wanted = WANTED.drop(columns="usage")
    least = wanted.head(3).assign(readings=[28, 30, 29])
    found = wanted.head(len(readings)).assign(readings=readings)
    found = found.rename(columns={"readings": name})
    assert (_why(found, wanted, least) is None) == right


def _why(found: pd.DataFrame, wanted: pd.DataFrame, least: pd.DataFrame) -> str | None:
    try:
        refuse_others(found, wanted, KEY, least=least)
    except NotYetError as error:
        return str(error)
    return None
