"""From the text of a value to usage in percent, or to the reason why it is none."""

from __future__ import annotations

from cpuwatch.readings.numbers import Style, has_comma, percentage
from cpuwatch.readings.table import RejectedError
from cpuwatch.words import shorten, shown

#: What is computed may lie so far beyond 0 and 100 percent.
_ROUNDING = 0.5


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
        self._rounded = self._over = self._under = 0
        self._highest = self._lowest = 0.0

    def of(self, text: str) -> float:
        """Usage in percent; raises RejectedError if a text is none."""
        if not text:
            raise RejectedError(f"{self._column} '' is empty")
        found = percentage(text, self._style.comma)
        if found is None:
            mixed = self._style.points and has_comma(text)
            why = " as others are, which have a decimal point" if mixed else ""
            raise RejectedError(f"{self._column} {shown(text)} is not a number{why}")
        usage = 100 * found if self._ratio else found
        if not 0 <= usage <= 100:
            usage = self._beyond(text, found, usage)
        return 100 - usage if self._idle else usage

    def _beyond(self, text: str, found: float, usage: float) -> float:
        """The end that is meant by what was rounded beyond it; rejects what is further away."""
        if -_ROUNDING <= usage <= 100 + _ROUNDING:
            self._rounded += 1
            return 0 if usage < 0 else 100
        if usage > 100:
            self._over += 1
        else:
            self._under += 1
        self._highest, self._lowest = max(self._highest, found), min(self._lowest, found)
        raise RejectedError(
            f"{self._column} {shorten(text)} is not between 0 and {1 if self._ratio else 100}"
        )

    def beyond(self) -> list[str]:
        """What people are told of values that are no percentage, once all were read."""
        said = []
        if self._rounded:
            values = "value is" if self._rounded == 1 else "values are"
            said.append(
                f"{self._rounded:,} {values} beyond 0% or 100% by {_ROUNDING} or less, and taken"
                " for that."
            )
        end = 1 if self._ratio else 100
        for count, which in (
            (self._over, f"over {end}, up to {self._highest:g}"),
            (self._under, f"below 0, down to {self._lowest:g}"),
        ):
            if count:
                values = "value is" if count == 1 else "values are"
                said.append(
                    f"Attention: {count:,} {values} {which}: such rows are rejected, and the"
                    f" averages are of the others alone. Export values from 0 to {end}: a"
                    " sum over CPUs divided by their number."
                )
        return said

    def way(self) -> list[str]:
        """What people are told of it, if it is not usage in percent that stands there."""
        value = f"100 * {self._column}" if self._ratio else self._column
        if self._idle:
            return [f"Usage is 100 - {value}: what is there is idle."]
        return [f"Usage is {value}."] if self._ratio else []
