"""A spreadsheet's days: numbers since 1899-12-30, with a part of a day."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from cpuwatch.readings.dates import DAY_MS

#: A spreadsheet counts days since 1899-12-30. Those of 2000 to 2099 are no other times: as
#: seconds they would all be of one day in 1970.
_FIRST_DAY = 25_569  # 1970-01-01
_DAYS_FROM, DAYS_TO = 36_526, 73_051

#: With so many decimals a day's part says milliseconds; with fewer than those not even seconds.
_MS_DECIMALS, _TELLING_DECIMALS = 8, 5

#: No file holds so many days; seconds since something else do.
_MOST_DAYS = 3_660


def may_be_day(found: float) -> bool:
    """Whether a number may be a spreadsheet's day, with or without a part of one."""
    return _DAYS_FROM <= found < DAYS_TO


@dataclass
class Days:
    """Whether a column's numbers are a spreadsheet's days since 1899-12-30.

    Attributes
    ----------
    count
        How many may be such days.
    lowest, highest
        Of those.
    decimals
        The most that one of them has.
    first, example
        The first of them, and the first with a part of a day.
    uneven
        One that is at no whole minute.
    """

    count: int = 0
    lowest: float = float("inf")
    highest: float = float("-inf")
    decimals: int = 0
    first: str = ""
    example: str | None = None
    uneven: str | None = None

    def see(self, text: str, found: float) -> None:
        """Look at one number in the range of such days."""
        self.first = self.first or text
        self.count += 1
        self.lowest, self.highest = min(self.lowest, found), max(self.highest, found)
        exact = Decimal(text)
        if exact % 1 == 0:
            return
        self.example = self.example or text
        self.decimals = max(self.decimals, -int(exact.normalize().as_tuple().exponent))
        if self.uneven is None and exact * 1440 % 1:
            self.uneven = text

    @property
    def are_certain(self) -> bool:
        """Whether they are days, and no other count of something."""
        return self.example is not None and self.highest - self.lowest <= _MOST_DAYS

    @property
    def rounded(self) -> str | None:
        """One that a spreadsheet rounded to tens of seconds or worse; None if there is none."""
        return self.uneven if self.decimals < _TELLING_DECIMALS else None

    def ms(self, text: str) -> int:
        """Epoch milliseconds, as exactly as the column's decimals say them."""
        # What was 09:00:01 has become 46027.37501: the next whole second is meant. Those with fewer
        # decimals are at whole minutes, and exact.
        inexact = self.decimals >= _TELLING_DECIMALS
        step: int = 10 ** max(0, _MS_DECIMALS - self.decimals) if inexact else 1
        exact = (Decimal(text) - _FIRST_DAY) * DAY_MS / step
        return int(exact.to_integral_value(ROUND_HALF_EVEN)) * step
