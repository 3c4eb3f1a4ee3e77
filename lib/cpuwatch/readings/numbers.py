"""Numbers as people and spreadsheets write them: percentages, with a point or a comma."""

from __future__ import annotations

import re
from dataclasses import dataclass

_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+(?:[eE][+-]?[0-9]{1,2})?")
_LONGEST = 400

#: So far beyond 0 and 1 fractions of one may lie, and so large a part of a column be fractions.
_BEYOND = 0.05
_MOSTLY = 0.9


def number(text: str) -> float | None:
    """The number that a text is, or None: digits 0 to 9 with a decimal point, finite."""
    try:
        found = float(text)
    except ValueError:
        return None
    # float() also takes 1_000, digits of other scripts, nan and inf, which measure nothing.
    if found != found or abs(found) == float("inf") or "_" in text or not text.isascii():
        return None
    return found


@dataclass
class Style:
    """How a column writes its numbers: found out by looking at each of them.

    Attributes
    ----------
    points, commas, percents, plain
        How many have a decimal point, have a decimal comma, end in a percent sign, do not.
    highest, lowest
        Of those that are numbers.
    small
        How many are between 0 and 1, and neither.
    """

    points: int = 0
    commas: int = 0
    percents: int = 0
    plain: int = 0
    highest: float = float("-inf")
    lowest: float = float("inf")
    small: int = 0

    def see(self, text: str) -> None:
        """Look at one value, without blanks around it."""
        found = number(text)
        if found is None:
            found = self._odd(text)
            if found is None:
                return
        else:
            self.plain += 1
            if "." in text:
                self.points += 1
        if found > self.highest:
            self.highest = found
        if found < self.lowest:
            self.lowest = found
        if 0 < found < 1:
            self.small += 1

    def _odd(self, text: str) -> float | None:
        bare = _without_percent(text)
        found = number(bare)
        comma = found is None and has_comma(bare)
        if comma:
            found = number(bare.replace(",", "."))
        if found is None:
            return None
        self.commas += comma
        self.points += not comma and "." in bare
        if bare is text:
            self.plain += 1
        else:
            self.percents += 1
        return found

    @property
    def comma(self) -> bool:
        """Whether a comma is certainly the decimal mark: all that have a fraction have it."""
        return self.commas > 0 and not self.points

    @property
    def is_ratio(self) -> bool:
        """Whether these may be fractions of one, and not percentages."""
        # What is computed may lie a little beyond.
        near = self.lowest >= -_BEYOND and self.highest <= 1 + 2 * _BEYOND
        return self.small > 0 and not self.percents and near

    @property
    def is_mostly_ratio(self) -> bool:
        """Whether nearly all of these may be fractions of one, and a few are certainly none."""
        share = self.small > _MOSTLY * (self.plain + self.percents)
        return share and not self.percents and not self.is_ratio


def percentage(text: str, comma: bool) -> float | None:
    """The number that a text is, or None; a percent sign after it changes nothing.

    Parameters
    ----------
    text
        Without blanks around it.
    comma
        Whether a comma is its decimal mark.
    """
    found = number(text)
    if found is None and len(text) <= _LONGEST:
        bare = _without_percent(text)
        if comma and has_comma(bare):
            bare = bare.replace(",", ".")
        found = number(bare)
    return found


def has_comma(text: str) -> bool:
    """Whether a text is a number with a decimal comma."""
    return len(text) <= _LONGEST and _COMMA.fullmatch(text) is not None


def _without_percent(text: str) -> str:
    return text[:-1].rstrip() if text.endswith("%") else text
