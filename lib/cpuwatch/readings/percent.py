"""From the text of a value to usage in percent, or to the reason why it is none."""

from __future__ import annotations

from cpuwatch.readings.numbers import Style, has_comma, percentage
from cpuwatch.readings.table import RejectedError
from cpuwatch.words import shorten, shown


class Percent:
    """How a column's values become usage.

    Parameters
    ----------
    column
        Its name.
    style
        How its numbers are written.
    idle
        Whether they are what is left of all that a CPU can do.
    ratio
        Whether all that it can do is 1, and not 100.
    """

    def __init__(self, column: str, style: Style, idle: bool, ratio: bool) -> None:
        self._column, self._style = shorten(column), style
        self._idle, self._ratio = idle, ratio

    def of(self, text: str) -> float:
        """Usage in percent; raises RejectedError if a text is none."""
        if not text:
            raise RejectedError(f"{self._column} '' is empty")
        found = percentage(text, self._style.comma)
        if found is None:
            mixed = self._style.points and has_comma(text)
            why = " as others are, which have a decimal point" if mixed else ""
            raise RejectedError(f"{self._column} {shown(text)} is not a number{why}")
        highest = 1 if self._ratio else 100
        if not 0 <= found <= highest:
            raise RejectedError(f"{self._column} {shorten(text)} is not between 0 and {highest}")
        usage = 100 * found if self._ratio else found
        return 100 - usage if self._idle else usage

    def way(self) -> list[str]:
        """What people are told of it, if it is not usage in percent that stands there."""
        value = f"100 * {self._column}" if self._ratio else self._column
        if self._idle:
            return [f"Usage is 100 - {value}: what is there is idle."]
        return [f"Usage is {value}."] if self._ratio else []
