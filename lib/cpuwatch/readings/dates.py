"""Dates and times of day as people, locales and spreadsheets write them."""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from typing import NamedTuple

_EPOCH_DAY = date(1970, 1, 1).toordinal()
DAY_MS = 86_400_000

#: A time with more characters than this is none.
LONGEST = 64

#: So many digits may be a date without marks, with or without a time of day, and how that looks.
COMPACT = {8: "YYYYMMDD", 10: "YYYYMMDDhh", 12: "YYYYMMDDhhmm", 14: "YYYYMMDDhhmmss"}

#: The orders of day and month that people can say, and how a date of each looks.
ORDERS = {"day_first": "DD{0}MM{0}YYYY", "month_first": "MM{0}DD{0}YYYY"}

#: The forms that a date may have. With the year first or a month's name it is certain; of the
#: others the whole column tells which number is the day, or people do.
CERTAIN, POINTS, SLASHES, HYPHENS, SHORT = "certain", ".", "/", "-", "short"
_BY_MARK = {".": POINTS, "/": SLASHES, "-": HYPHENS}

_MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
_CLOCK = (
    r"(?P<h>[0-9]{1,2})(?P<between>[:.])(?P<m>[0-9]{2})"
    r"(?:(?P=between)(?P<s>[0-9]{2})(?:[.,](?P<f>[0-9]+))?)?"
    r"(?: *(?P<half>[AaPp])\.? ?[Mm]\.?)?"
)
# After an offset a zone's name adds nothing: Go and Java write it there.
_ZONE = (
    r" *(?:(?:UTC|GMT)?(?P<offset>[+-][0-9]{1,2}(?::?[0-9]{2})?)(?: [A-Z]{3,5})?"
    r"|(?P<utc>[Zz]|UTC|GMT))(?:\[[A-Za-z0-9_+/-]+\])?"
)
_TAIL = rf"(?:(?:,? +(?:@ +)?|[Tt]){_CLOCK}(?:{_ZONE})?(?: \([^()]*\))?)?"
_NUMERIC = re.compile(
    rf"(?P<a>[0-9]{{1,4}})(?P<mark>[./-])(?P<b>[0-9]{{1,2}})(?P=mark)(?P<c>[0-9]{{1,4}}){_TAIL}"
)
_COMPACT = re.compile(rf"(?P<a>[0-9]{{4}})(?P<b>[0-9]{{2}})(?P<c>[0-9]{{2}}) {_CLOCK}(?:{_ZONE})?")
_WEEKDAY = r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\.?,? +)?"
_NAMES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"{_WEEKDAY}(?P<day>[0-9]{{1,2}})[ -](?P<name>[a-z]{{3,9}})[ -]"
        rf"(?P<year>[0-9]{{4}}|[0-9]{{2}}){_TAIL}",
        rf"(?P<day>[0-9]{{1,2}})/(?P<name>[a-z]{{3,9}})/(?P<year>[0-9]{{4}}):{_CLOCK}(?:{_ZONE})?",
        rf"(?P<year>[0-9]{{4}})-(?P<name>[a-z]{{3,9}})-(?P<day>[0-9]{{1,2}}){_TAIL}",
        rf"{_WEEKDAY}(?P<name>[a-z]{{3,9}})\.? +(?P<day>[0-9]{{1,2}}),? +"
        rf"(?P<year>[0-9]{{4}}){_TAIL}",
        rf"{_WEEKDAY}(?P<name>[a-z]{{3,9}}) +(?P<day>[0-9]{{1,2}}) +{_CLOCK}"
        rf"(?:{_ZONE})? +(?P<year>[0-9]{{4}})",
    )
)
_OFFSET = re.compile(r"([+-])([0-9]{1,2}):?([0-9]{2})?")
_NAMED = re.compile(r"(.+?) ?((?<= )[A-Z]{2,5}|(?<= )[A-Z][a-z]+/[A-Za-z_/]+|\[[A-Za-z_/]+\])")
_ONLY_CLOCK = re.compile(rf"{_CLOCK}(?:{_ZONE})?")
_ONLY_ZONE = re.compile(_ZONE.removeprefix(" *"))


class Written(NamedTuple):
    """A date as it is written, perhaps with a time of day.

    Attributes
    ----------
    form
        One of those above.
    numbers
        In the order in which they stand; those of a certain form as year, month and day.
    clock
        Milliseconds since midnight; None if there is no such time.
    has_clock
        Whether it has a time of day at all.
    half
        Whether that says AM or PM.
    minutes
        What its zone is ahead of UTC, or None without one.
    """

    form: str
    numbers: tuple[str, str, str]
    clock: int | None
    has_clock: bool
    half: bool
    minutes: int | None


@lru_cache(maxsize=4096)
def day_ms(year: str, month: str, day: str) -> int | None:
    """Return the first millisecond of a day, or None if there is no such day."""
    try:
        return (date(int(year), int(month), int(day)).toordinal() - _EPOCH_DAY) * DAY_MS
    except ValueError:
        if int(year) < 1 and 1 <= int(month) <= 12 and 1 <= int(day) <= 31:
            return -(10**15)  # before anything that `date` knows
        if int(year) > 9999 and 1 <= int(month) <= 12 and 1 <= int(day) <= 31:
            return 10**15  # after it
        return None


@lru_cache(maxsize=1024)  # many series have the same moment
def written(text: str) -> Written | None:
    """What a text says that is a date with or without a time of day; None if it is none."""
    if len(text) > LONGEST and text.endswith(")"):
        text = text[: 2 * LONGEST].partition(" (")[0]  # a zone's long name, after its offset
    if len(text) > LONGEST:
        return None
    text = _plain_blanks(text)
    match = _NUMERIC.fullmatch(text)
    if match is not None:
        found = _form(match["a"], match["mark"], match["b"], match["c"])
        return None if found is None else _with_clock(match, *found)
    match = _COMPACT.fullmatch(text)
    if match is not None:
        return _with_clock(match, CERTAIN, (match["a"], match["b"], match["c"]))
    for pattern in _NAMES:
        match = pattern.fullmatch(text)
        month = None if match is None else _month(match["name"])
        if match is not None and month is not None:
            year = match["year"] if len(match["year"]) == 4 else f"20{match['year']}"
            return _with_clock(match, CERTAIN, (year, month, match["day"]))
    return None


def _plain_blanks(text: str) -> str:
    # Browsers put a narrow blank before AM and PM.
    return text if text.isascii() else text.replace("\u202f", " ").replace("\u00a0", " ")


def _form(a: str, mark: str, b: str, c: str) -> tuple[str, tuple[str, str, str]] | None:
    if len(a) == 4 and len(c) <= 2:
        return CERTAIN, (a, b, c)
    if len(a) <= 2 and len(c) == 4:
        return _BY_MARK[mark], (a, b, c)
    if len(a) <= 2 and len(c) == 2:
        return SHORT, (a, b, f"20{c}")
    return None


def _month(name: str) -> str | None:
    name = "sep" if name.lower() == "sept" else name.lower()
    for number, month in enumerate(_MONTHS, 1):
        if name in (month, month[:3]):
            return str(number)
    return None


def _with_clock(match: re.Match[str], form: str, numbers: tuple[str, str, str]) -> Written:
    minutes = 0 if match["utc"] else None
    if match["offset"]:
        minutes = _minutes(match["offset"])
    half = match["half"] is not None
    clock = 0 if match["h"] is None else _clock_ms(match)
    return Written(form, numbers, clock, match["h"] is not None, half, minutes)


def _clock_ms(match: re.Match[str]) -> int | None:
    hour, minute, second = int(match["h"]), int(match["m"]), int(match["s"] or 0)
    if match["half"] is not None:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if match["half"] in "Pp" else 0)
    if hour > 23 or minute > 59 or second > 59:
        return None
    millis = int(((match["f"] or "0") + "00")[:3])
    return ((hour * 60 + minute) * 60 + second) * 1000 + millis


def _minutes(offset: str) -> int:
    match = _OFFSET.fullmatch(offset)
    assert match is not None, "the pattern of a zone has such an offset"
    ahead = int(match[2]) * 60 + int(match[3] or 0)
    return -ahead if match[1] == "-" else ahead


def moment_ms(its: Written, day_first: bool, minutes: int = 0) -> int | None:
    """Epoch milliseconds of a written date, or None if there is no such moment.

    Parameters
    ----------
    its
        The date.
    day_first
        How to read one that is not certain.
    minutes
        What makes UTC of it if it names no zone.
    """
    a, b, c = its.numbers
    if its.form == CERTAIN:
        start = day_ms(a, b, c)
    else:
        start = day_ms(c, b, a) if day_first else day_ms(c, a, b)
    if start is None or its.clock is None:
        return None
    to_utc = minutes if its.minutes is None else -its.minutes
    return start + its.clock + to_utc * 60_000 if abs(to_utc) < 24 * 60 else None


def compact_ms(text: str) -> int | None:
    """Epoch milliseconds of YYYYMMDD, YYYYMMDDhh, YYYYMMDDhhmm or YYYYMMDDhhmmss, or None."""
    if len(text) not in COMPACT or not (text.isascii() and text.isdigit()):
        return None
    start = day_ms(text[:4], text[4:6], text[6:8])
    hour, minute, second = (int(text[at : at + 2] or 0) for at in (8, 10, 12))
    if start is None or hour > 23 or minute > 59 or second > 59:
        return None
    return start + ((hour * 60 + minute) * 60 + second) * 1000


def is_clock(text: str) -> bool:
    """Whether a text is a time of day without a date."""
    if len(text) > LONGEST or (":" not in text and text.count(".") < 2):
        return False  # 9.30 may be any number
    return _ONLY_CLOCK.fullmatch(_plain_blanks(text)) is not None


def named_zone(text: str) -> str | None:
    """The zone that a time names instead of an offset, as in `2026-01-05 09:00 CET`, or None."""
    match = _NAMED.fullmatch(text) if len(text) <= 2 * LONGEST else None
    if match is None or (its := written(match[1])) is None or not its.has_clock:
        return None
    zone = match[2].strip("[]")
    return None if zone in ("AM", "PM") else zone


def is_zone(text: str) -> bool:
    """Whether a text is UTC, or an offset from it."""
    return len(text) <= LONGEST and _ONLY_ZONE.fullmatch(text) is not None
