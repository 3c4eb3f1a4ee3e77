"""Text for people is short and on one line; times are told and read in one way."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pandas as pd
import pytest

from cpuwatch import words


def test_a_text_for_a_message_is_printable_and_short() -> None:
    assert words.printable("a\nb\u202ec") == "a\ufffdb\ufffdc"
    assert words.shorten("x" * 40) == "x" * 40
    assert words.shorten("x" * 41) == "x" * 39 + "…"
    assert words.shorten("größe\n", 5) == "größ…"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a\nb", "'a\ufffdb'"),
        (5, "5"),
        (True, "True"),
        (1.5, "1.5"),
        (None, "(NoneType)"),
        (["a"], "(list)"),
    ],
)
def test_any_value_can_be_shown(value: object, text: str) -> None:
    assert words.shown(value) == text


def test_a_number_that_python_refuses_to_print_is_described() -> None:
    assert words.shown(10**5000) == "with more than 40 digits"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (30, "30 s"), (150, "2 min 30 s"), (3600, "1 h"), (90_061, "1 d 1 h")],
)
def test_a_length_of_time_in_words(seconds: int, text: str) -> None:
    assert words.length(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "short", "spelled"),
    [
        (0.5, "0.5 s", "0.5 seconds"),
        (1, "1 s", "1 second"),
        (90, "90 s", "90 seconds"),
        (300, "5 min", "5 minutes"),
        (3600, "1 h", "1 hour"),
        (172_800, "2 d", "2 days"),
    ],
)
def test_a_length_of_time_in_one_unit(seconds: float, short: str, spelled: str) -> None:
    assert words.length(seconds, mixed=False) == short
    assert words.length(seconds, mixed=False, spelled=True) == spelled


def test_a_length_of_time_for_a_sentence() -> None:
    assert words.length(3660, spelled=True) == "1 hour 1 minute"


@pytest.mark.parametrize(
    "text", ["2026-01-05T09:00:30Z", "2026-01-05T10:00:30+01:00", "2026-01-05 09:00:30"]
)
def test_a_moment_is_read_and_told_in_utc(text: str) -> None:
    found = words.moment(text)
    assert found == datetime(2026, 1, 5, 9, 0, 30, tzinfo=timezone.utc)
    assert words.iso(found) == "2026-01-05T09:00:30Z"
    assert words.iso(found.astimezone(timezone(timedelta(hours=5)))) == "2026-01-05T09:00:30Z"


def test_a_moment_is_told_as_exactly_as_asked() -> None:
    moment = pd.Timestamp("2026-01-05T09:00:30.250Z")
    assert words.iso(moment, "seconds") == "2026-01-05T09:00:30Z"
    assert words.iso(moment.to_pydatetime()) == "2026-01-05T09:00:30.250000Z"


def test_what_is_no_moment_is_refused() -> None:
    with pytest.raises(ValueError):
        words.moment("yesterday")
