"""Times as files write them: ISO 8601, epoch times in four units, spreadsheets' days."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Context, Decimal
from functools import cached_property

from cpuwatch.readings.dates import (
    CERTAIN,
    COMPACT,
    LONGEST,
    compact_ms,
    day_ms,
    is_clock,
    written,
)
from cpuwatch.readings.days import DAYS_TO, Days, may_be_day
from cpuwatch.readings.writing import Writing

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

#: Times in so coarse steps are no times any more, in milliseconds: a spreadsheet rounded them.
_COARSE_MS = 10_000

#: So spreadsheets write the exponent of long numbers, as which nobody else writes whole ones.
_OF_A_SPREADSHEET = "E+"

#: So large a part of the numbers are days, or none is.
_MOST = 0.9

#: Steps of 100 nanoseconds that Windows counts, from 2000 to 2100. Read as nanoseconds since 1970
#: they would all be of one year that no monitoring knows.
_TICKS = (
    ("steps of 100 nanoseconds since 1601", 1.259e17, 1.575e17),
    ("steps of 100 nanoseconds since the year 1", 6.308e17, 6.625e17),
)

#: How times end that say AM or PM.
_HALF_ENDS = ("M", "m", ".")


def is_number(text: str) -> bool:
    """Whether a text is an epoch time, in whatever unit."""
    if text[4:5] == "-" and text[:4].isdigit():
        return False  # most times are ISO 8601, and this is quick
    return len(text) <= LONGEST and _NUMBER.fullmatch(text) is not None


@dataclass
class Clock:
    """What a file's times are: found out by looking at each of them.

    All numbers have the same unit: that of their median. The numbers themselves are not kept:
    there may be very many.

    Attributes
    ----------
    comma
        Whether a comma in a number is its decimal mark.
    writing
        How those are written that are no numbers.
    minutes
        What makes UTC of those that name no zone.
    days
        What those numbers are that may be a spreadsheet's days.
    compact
        How many numbers of so many digits may be dates without marks, of 2000 to 2099.
    """

    comma: bool = False
    writing: Writing = field(default_factory=Writing)
    minutes: int = 0
    days: Days = field(default_factory=Days)
    compact: Counter[int] = field(default_factory=Counter)
    _isos: int = 0
    _iso: str = ""
    _counts: list[int] = field(default_factory=lambda: [0] * len(UNITS))
    _lowest: list[float] = field(default_factory=lambda: [float("inf")] * len(UNITS))
    _highest: list[float] = field(default_factory=lambda: [float("-inf")] * len(UNITS))
    _rounded: dict[str, int] = field(default_factory=dict)
    _finest: int = 99

    def see(self, text: str) -> None:
        """Look at one time, without blanks around it."""
        if text[4:5] == "-" and text[:4].isdigit() and text[-1:] not in _HALF_ENDS:
            if not self._isos:
                self._iso = text
            self._isos += 1  # most times are ISO 8601, and this is quick
            return
        bare = text.replace(",", ".") if self.comma and "," in text else text
        if not is_number(bare):
            if not self.writing.see(text) and iso_ms(text) is not None:
                self.writing.add_certain(1, text)
            return
        found = float(bare)
        place = 0
        while found >= UNITS[place][1]:
            place += 1
        self._counts[place] += 1
        self._lowest[place] = min(self._lowest[place], found)
        self._highest[place] = max(self._highest[place], found)
        if bare[:2] == "20" and compact_ms(bare) is not None:
            self.compact[len(bare)] += 1
        if found < DAYS_TO and may_be_day(found):
            self.days.see(bare, found)
        if "e" in bare or "E" in bare:
            self._see_rounded(bare)

    def _see_rounded(self, bare: str) -> None:
        exponent = Decimal(bare).as_tuple().exponent
        assert isinstance(exponent, int)
        self._finest = min(self._finest, exponent)
        if len(self._rounded) < 1000:
            self._rounded[bare] = self._rounded.get(bare, 0) + 1

    def seen(self) -> None:
        """Make up the account, once all were seen."""
        self.writing.add_certain(self._isos, self._iso)

    @cached_property
    def is_days(self) -> bool:
        """Whether the numbers are a spreadsheet's days, or may be."""
        return self.days.count > 0 and self.days.count >= _MOST * self.numbers

    @cached_property
    def digits(self) -> int | None:
        """How many digits the numbers have that are dates without marks; None if they are none."""
        (digits, count), *_ = self.compact.most_common(1) or [(0, 0)]
        return digits if count and count >= _MOST * self.numbers else None

    @cached_property
    def ticks(self) -> str | None:
        """What the numbers probably are if not nanoseconds since 1970; None if they are those."""
        middle = self._middle
        return next((what for what, start, end in _TICKS if start <= middle < end), None)

    @property
    def _middle(self) -> float:
        total = sum(self._counts)
        if not total:
            return 0
        return (self._at((total - 1) // 2, True) + self._at(total // 2, False)) / 2

    @cached_property
    def reads_dates(self) -> bool:
        """Whether dates are read, and not only numbers."""
        dates = self.writing.forms.total()
        if self.is_days or self.digits or self.writing.lead != CERTAIN:
            return dates > self.numbers
        return True

    @cached_property
    def _reads_iso(self) -> bool:
        return self.reads_dates and self.writing.lead == CERTAIN

    @cached_property
    def _reads_numbers(self) -> bool:
        return not self.reads_dates or (self._reads_iso and not self.is_days and not self.digits)

    @cached_property
    def reads_unix(self) -> bool:
        """Whether numbers are read as times since 1970."""
        return self._reads_numbers and not self.is_days and not self.digits

    @cached_property
    def unit(self) -> int:
        """The place of the unit in `UNITS`, once all were seen; milliseconds without any."""
        if not self.numbers:
            return 1
        middle = self._middle
        return next(place for place, (_, end, _) in enumerate(UNITS) if middle < end)

    @property
    def numbers(self) -> int:
        """How many times are numbers."""
        return sum(self._counts)

    def mixed(self) -> tuple[str, str] | None:
        """Two times that are written in ways which no column mixes; None if there are none."""
        dates = self.writing.forms.total()
        if self.is_days and dates and self.numbers:
            fewer = min(dates, self.numbers)
            if fewer > (1 - _MOST) * (dates + self.numbers):
                return self.days.first, self.writing.examples[self.writing.lead]
        return self.writing.mixed() if self.reads_dates else None

    def rounded(self) -> str | None:
        """A time that a spreadsheet rounded, or several rows have; None if there is none."""
        # Of a double that is exact the zeros at the end are left out: the finest one tells.
        unit = UNITS[self.unit][2]
        step = Decimal(1).scaleb(self._finest) * unit
        if not self._rounded or step < _COARSE_MS:
            return None
        return next(
            (
                text
                for text, n in self._rounded.items()
                if (n > 1 or _OF_A_SPREADSHEET in text) and Decimal(text)
            ),
            None,
        )

    def _at(self, rank: int, below: bool) -> float:
        """A number near the one of this rank: within its unit's range, at the side that counts."""
        for place, count in enumerate(self._counts):
            if rank < count:
                return (self._highest if below else self._lowest)[place]
            rank -= count
        raise AssertionError("there is no such rank")

    def ms(self, text: str) -> int | None:
        """Epoch milliseconds of a time, what is smaller cut off; None if it is none."""
        bare = text.replace(",", ".") if self.comma and "," in text else text
        if is_number(bare):
            if self.reads_unix:
                # Decimal, not float: 1700000000.123 s must not become 1700000000122 ms.
                exact = _EXACT.multiply(Decimal(bare), UNITS[self.unit][2])
                return int(exact.to_integral_value(ROUND_FLOOR, _EXACT))
            return self._day_ms(bare) if self._reads_numbers else None
        if self._reads_iso:
            found = iso_ms(text)
            if found is not None:
                return found
        return self.writing.ms(text, self.minutes) if self.reads_dates else None

    @cached_property
    def refusal(self) -> str:
        """What a text is that is no time."""
        if self.reads_dates and self.writing.lead != CERTAIN:
            return f"no time as others are, such as '{self.writing.examples[self.writing.lead]}'"
        if self.digits is not None and self._reads_numbers:
            return f"no time as others are, which are {COMPACT[self.digits]}"
        if self.is_days and not self.reads_dates:
            return f"no spreadsheet's day as others are, such as {self.days.first}"
        return "neither ISO 8601 nor epoch seconds or milliseconds"

    def _day_ms(self, text: str) -> int | None:
        if self.is_days:
            return self.days.ms(text)
        return compact_ms(text) if len(text) == self.digits else None


def iso_ms(text: str) -> int | None:
    """Return epoch milliseconds of an ISO 8601 time, or None if it is none."""
    if len(text) > LONGEST:
        return None
    # datetime.fromisoformat reads less in Python 3.10 than later; this is the same in each.
    match = _ISO.fullmatch(text) or _BASIC_ISO.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, _, sign, zone_h, zone_m = match.groups("0")
    start_of_day = day_ms(year, month, day)
    if start_of_day is None:
        return None
    h, m, s, zh, zm = int(hour), int(minute), int(second), int(zone_h), int(zone_m)
    if h > 23 or m > 59 or s > 59 or zh > 23 or zm > 59:
        return None
    offset = (zh * 60 + zm) * 60_000 * (-1 if sign == "-" else 1)
    millis = int((fraction + "00")[:3])
    return start_of_day + ((h * 60 + m) * 60 + s) * 1000 + millis - offset


def is_time(text: str) -> bool:
    """Whether a text is a moment, a date or a time of day, and no mere number."""
    return iso_ms(text) is not None or written(text) is not None or is_clock(text)
