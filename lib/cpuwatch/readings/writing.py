"""How a column writes its dates, as the whole of it tells."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property

from cpuwatch.readings.dates import (
    CERTAIN,
    ORDERS,
    POINTS,
    SHORT,
    Written,
    day_ms,
    moment_ms,
    written,
)

#: A column whose dates have several forms is refused, unless so small a part has another one.
_STRAY = 0.1

#: Years of two digits from here on are of readings, and so many different numbers are kept.
_FIRST_YEAR, _FEW = 20, 50


@dataclass
class Writing:
    """How a column writes its dates: found out by looking at each of them.

    Attributes
    ----------
    said
        The order that people say, or that the file's kind has; None if nobody does.
    forms
        How many dates have each form.
    examples
        For what may contradict another thing: the first text that shows it.
    years
        Whether the first number of each short date may be its year.
    firsts, lasts
        Some first and last numbers of these.
    """

    said: str | None = None
    forms: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    years: bool = True
    firsts: set[int] = field(default_factory=set)
    lasts: set[int] = field(default_factory=set)

    def see(self, text: str) -> bool:
        """Look at one text, and return whether it is a date."""
        its = written(text)
        if its is None:
            return False
        self.forms[its.form] += 1
        self.examples.setdefault(its.form, text)
        if its.has_clock:
            self.examples.setdefault(f"{its.form} {'half' if its.half else 'whole'}", text)
        if its.form != CERTAIN:
            self._see_order(its, text)
        return True

    def add_certain(self, count: int, example: str) -> None:
        """Count dates of that form that were not looked at, in 24 hours, such as this one."""
        if count:
            self.forms[CERTAIN] += count
            self.examples.setdefault(CERTAIN, example)
            self.examples.setdefault(f"{CERTAIN} whole", example)

    def _see_year(self, its: Written) -> None:
        """Look at whether the first number of a short date may be the year, and the last one is."""
        first, second, last = its.numbers
        may_be = day_ms(f"20{int(first):02}", second, last[2:]) is not None
        self.years = self.years and may_be and int(first) >= _FIRST_YEAR
        if len(self.firsts) < _FEW:
            self.firsts.add(int(first))
        if len(self.lasts) < _FEW:
            self.lasts.add(int(last))

    @property
    def may_begin_with_year(self) -> bool:
        """Whether short dates may have the year in front, as well or better than at the end."""
        if self.lead != SHORT or not self.years:
            return False
        # Days change, and years do not: of one year at the end and several days it is certain.
        return len(self.firsts) == 1 or len(self.lasts) > 1

    def _see_order(self, its: Written, text: str) -> None:
        first, second, _ = its.numbers
        if 12 < int(first) <= 31:
            self.examples.setdefault(f"{its.form} day_first", text)
        if 12 < int(second) <= 31:
            self.examples.setdefault(f"{its.form} month_first", text)
        if its.form == SHORT:
            self._see_year(its)
        if int(first) != int(second):
            self.examples.setdefault(f"{its.form} differs", text)

    @property
    def without_zone(self) -> bool:
        """Whether dates of 24 or 12 hours were seen whose first has no zone."""
        found = [written(text) for text in self._clocks]
        return any(its is not None and its.minutes is None for its in found)

    @property
    def has_clock(self) -> bool:
        """Whether a date was seen with a time of day."""
        found = [text for key, text in self.examples.items() if key.endswith((" half", " whole"))]
        return any((its := written(text)) is None or its.has_clock for text in found)

    @property
    def _clocks(self) -> list[str]:
        """A date of that form with a clock of 12 hours, and one of 24, if there are such."""
        keys = (f"{self.lead} half", f"{self.lead} whole")
        return [self.examples[key] for key in keys if key in self.examples]

    @cached_property
    def lead(self) -> str:
        """The form of most dates, once all were seen; the certain one without any."""
        return max(
            self.forms, key=lambda form: (self.forms[form], form == CERTAIN), default=CERTAIN
        )

    def mixed(self) -> tuple[str, str] | None:
        """Two texts of different forms, if that is no accident; or of different clocks."""
        others = self.forms.total() - self.forms[self.lead]
        if others > _STRAY * self.forms.total():
            other = next(form for form in self.forms if form != self.lead)
            return self.examples[self.lead], self.examples[other]
        clocks = self._clocks
        return (clocks[0], clocks[1]) if len(clocks) == 2 else None

    @property
    def usual(self) -> str | None:
        """The order that all have who write such dates, unless the file shows another one."""
        return "day_first" if self.lead == POINTS else None

    @cached_property
    def order(self) -> str | None:
        """The one order in which all dates of that form can be read; None if there is none."""
        shown = [order for order in ORDERS if f"{self.lead} {order}" in self.examples]
        if self.said is not None:
            return self.said if set(shown) <= {self.said} else None
        if self.usual is not None:
            return self.usual if set(shown) <= {self.usual} else None
        if self.lead == SHORT or len(shown) > 1:
            return None
        if not shown and f"{self.lead} differs" in self.examples:
            return None
        return shown[0] if shown else "day_first"

    def proof(self, order: str) -> str | None:
        """A text that can only be read in this order, if there is one."""
        return self.examples.get(f"{self.lead} {order}")

    def ms(self, text: str, minutes: int) -> int | None:
        """Epoch milliseconds of a date of that form; None if it is none, or of another form.

        Parameters
        ----------
        text
            A time.
        minutes
            What makes UTC of it if it names no zone.
        """
        its = written(text)
        if its is None or its.form != self.lead:
            return None
        return moment_ms(its, self.order == "day_first", minutes)
