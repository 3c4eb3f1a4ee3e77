"""Times as files write them: ISO 8601, epoch times in four units, and Windows' own."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_FLOOR, Context, Decimal
from functools import cached_property, lru_cache

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?")
_ISO = re.compile(
    r"([+-]?[0-9]{4,6})-([0-9]{2})-([0-9]{2})"
    r"(?:[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]+))?)?"
    r" ?(?:([Zz]|UTC)|([+-])([0-9]{2}):?([0-9]{2})?)?)?"
)
_BASIC_ISO = re.compile(
    r"([0-9]{4})([0-9]{2})([0-9]{2})"
    r"[Tt]([0-9]{2})([0-9]{2})(?:([0-9]{2})(?:[.,]([0-9]+))?)?"
    r"(?:([Zz])|([+-])([0-9]{2}):?([0-9]{2})?)?"
)
_YEAR_FIRST = re.compile(r"[0-9]{4}/[0-9]{2}/[0-9]{2}(?![/0-9]).*")
_MONTH_FIRST = re.compile(
    r"([0-9]{2})/([0-9]{2})/([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_DAY_MS = 86_400_000

#: The units of epoch times: each up to which median of a file's numbers, and what makes
#: milliseconds of it.
UNITS = (
    ("seconds", 1e11, Decimal(1000)),
    ("milliseconds", 1e14, Decimal(1)),
    ("microseconds", 1e17, Decimal("1e-3")),
    ("nanoseconds", float("inf"), Decimal("1e-6")),
)
# Enough digits for any time text that is looked at, so nothing is ever rounded up.
_EXACT = Context(prec=200, rounding=ROUND_FLOOR)
_LONGEST = 64

#: Times in so coarse steps are no times any more, in milliseconds: a spreadsheet rounded them.
_COARSE_MS = 10_000


def is_number(text: str) -> bool:
    """Whether a text is an epoch time, in whatever unit."""
    if text[4:5] == "-" and text[:4].isdigit():
        return False  # most times are ISO 8601, and this is quick
    return len(text) <= _LONGEST and _NUMBER.fullmatch(text) is not None


@dataclass
class Clock:
    """What a file's numeric times are: found out by looking at each of them.

    All have the same unit: that of their median. The numbers themselves are not kept: there
    may be very many.

    Attributes
    ----------
    comma
        Whether a comma in a number is its decimal mark.
    """

    comma: bool = False
    _counts: list[int] = field(default_factory=lambda: [0] * len(UNITS))
    _lowest: list[float] = field(default_factory=lambda: [float("inf")] * len(UNITS))
    _highest: list[float] = field(default_factory=lambda: [float("-inf")] * len(UNITS))
    _rounded: dict[str, int] = field(default_factory=dict)

    def see(self, text: str) -> None:
        """Look at one time, without blanks around it."""
        if self.comma and "," in text:
            text = text.replace(",", ".")
        if not is_number(text):
            return
        found = float(text)
        place = 0
        while found >= UNITS[place][1]:
            place += 1
        self._counts[place] += 1
        self._lowest[place] = min(self._lowest[place], found)
        self._highest[place] = max(self._highest[place], found)
        if ("e" in text or "E" in text) and len(self._rounded) < 1000:
            self._rounded[text] = self._rounded.get(text, 0) + 1

    @cached_property
    def unit(self) -> int:
        """The place of the unit in `UNITS`, once all were seen; milliseconds without any."""
        total = sum(self._counts)
        if not total:
            return 1
        middle = (self._at((total - 1) // 2, True) + self._at(total // 2, False)) / 2
        return next(place for place, (_, end, _) in enumerate(UNITS) if middle < end)

    @property
    def numbers(self) -> int:
        """How many times are numbers."""
        return sum(self._counts)

    def rounded(self) -> str | None:
        """A time that a spreadsheet rounded, and that several rows have; None if there is none."""
        to_ms = UNITS[self.unit][2]
        for text, count in self._rounded.items():
            exact = Decimal(text)
            exponent = exact.as_tuple().exponent
            assert isinstance(exponent, int)
            if count > 1 and exact and Decimal(1).scaleb(exponent) * to_ms >= _COARSE_MS:
                return text
        return None

    def _at(self, rank: int, below: bool) -> float:
        """A number near the one of this rank: within its unit's range, at the side that counts."""
        for place, count in enumerate(self._counts):
            if rank < count:
                return (self._highest if below else self._lowest)[place]
            rank -= count
        raise AssertionError("there is no such rank")

    def ms(self, text: str) -> int | None:
        """Epoch milliseconds of a time, what is smaller cut off; None if it is none."""
        if self.comma and "," in text and is_number(text.replace(",", ".")):
            text = text.replace(",", ".")
        if not is_number(text):
            return iso_ms(text)
        # Decimal, not float: 1700000000.123 s must not become 1700000000122 ms.
        exact = _EXACT.multiply(Decimal(text), UNITS[self.unit][2])
        return int(exact.to_integral_value(ROUND_FLOOR, _EXACT))


@lru_cache(maxsize=4096)
def _day_ms(year: str, month: str, day: str) -> int | None:
    """Return the first millisecond of a day, or None if there is no such day."""
    try:
        return (date(int(year), int(month), int(day)).toordinal() - _EPOCH_DAY) * _DAY_MS
    except ValueError:
        if int(year) < 1 and 1 <= int(month) <= 12 and 1 <= int(day) <= 31:
            return -(10**15)  # before anything that `date` knows
        if int(year) > 9999 and 1 <= int(month) <= 12 and 1 <= int(day) <= 31:
            return 10**15  # after it
        return None


def iso_ms(text: str) -> int | None:
    """Return epoch milliseconds of an ISO 8601 time, or None if it is none.

    Slashes in place of the date's hyphens are taken as well, if the year comes first.
    """
    if len(text) > _LONGEST:
        return None
    # datetime.fromisoformat reads less in Python 3.10 than later; this is the same in each.
    match = _ISO.fullmatch(text) or _BASIC_ISO.fullmatch(text)
    if match is None and _YEAR_FIRST.fullmatch(text):
        match = _ISO.fullmatch(text.replace("/", "-"))
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, _, sign, zone_h, zone_m = match.groups("0")
    start_of_day = _day_ms(year, month, day)
    if start_of_day is None:
        return None
    h, m, s, zh, zm = int(hour), int(minute), int(second), int(zone_h), int(zone_m)
    if h > 23 or m > 59 or s > 59 or zh > 23 or zm > 59:
        return None
    offset = (zh * 60 + zm) * 60_000 * (-1 if sign == "-" else 1)
    millis = int((fraction + "00")[:3])
    return start_of_day + ((h * 60 + m) * 60 + s) * 1000 + millis - offset


def month_first_ms(text: str, minutes: int) -> int | None:
    """Epoch milliseconds of Windows' MM/DD/YYYY HH:MM:SS.mmm, or None if it is none.

    Parameters
    ----------
    text
        A local time.
    minutes
        What to add to it to get UTC.
    """
    match = _MONTH_FIRST.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        return None
    month, day, year, hour, minute, second, fraction = match.groups("0")
    start = _day_ms(year, month, day)
    h, m, s = int(hour), int(minute), int(second)
    if start is None or h > 23 or m > 59 or s > 59:
        return None
    millis = int((fraction + "00")[:3])
    return start + ((h * 60 + m + minutes) * 60 + s) * 1000 + millis
