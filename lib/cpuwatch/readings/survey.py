"""A first look at all rows of a file: what its columns hold, so that none is misread."""

from __future__ import annotations

from dataclasses import dataclass, field

from cpuwatch.readings.columns import Roles
from cpuwatch.readings.layout import Layout
from cpuwatch.readings.numbers import Style, number
from cpuwatch.readings.table import RejectedError
from cpuwatch.readings.times import Clock, is_time
from cpuwatch.readings.writing import Writing

#: So many different values of a column are kept.
MOST = 2000


@dataclass
class Other:
    """A column that nothing is read from.

    Attributes
    ----------
    values
        The different ones.
    pairs
        Those of each series.
    is_text
        Whether they are neither numbers nor times.
    is_whole
        Whether they are whole numbers.
    """

    values: set[str] = field(default_factory=set)
    pairs: set[tuple[str, str]] = field(default_factory=set)
    is_text: bool = True
    is_whole: bool = True

    def see(self, series: str, value: str) -> None:
        """Look at one value."""
        if not value or not (self.is_text or self.is_whole) or len(self.values) >= MOST:
            return
        if value not in self.values:
            self.values.add(value)
            self.is_whole = self.is_whole and value.isdigit()
            self.is_text = self.is_text and number(value) is None and not is_time(value)
        self.pairs.add((series, value))


@dataclass
class Survey:
    """What a file's rows hold.

    Attributes
    ----------
    rows
        How many there are, of those that are wanted.
    clock, style
        How times and usage are written.
    measures
        For the place of each column that says what was measured: its values.
    others
        The columns that nothing is read from, by their places.
    series
        The different hosts and CPUs.
    names
        Of hosts and of CPUs, each of them once.
    """

    rows: int
    clock: Clock
    style: Style
    measures: dict[int, dict[str, None]]
    others: dict[int, Other]
    series: set[str]
    names: set[str]


def look(layout: Layout, ignored: frozenset[int] = frozenset(), order: str | None = None) -> Survey:
    """Look at every row.

    Parameters
    ----------
    layout
        Of the file.
    ignored
        The places of columns that tell nothing.
    order
        The order of day and month in dates, if people say it.
    """
    roles, minutes = layout.roles, layout.shape.minutes
    if minutes is not None:
        order = "month_first"  # as Windows writes them in every language
    found = Survey(
        0,
        Clock(layout.delimiter != ",", Writing(order), minutes or 0),
        Style(),
        {at: {} for at in roles.measures},
        {at: Other() for at in roles.unused() if at not in ignored},
        set(),
        set(),
    )
    named = [at for at in (roles.host, roles.cpu) if at is not None]
    time, value, rows = roles.time, roles.value, 0
    see_time, see_value = found.clock.see, found.style.see
    for _, _, fields, _ in layout.rows():
        if isinstance(fields, RejectedError):
            continue
        rows += 1
        see_time(fields[time].strip())
        see_value(fields[value].strip())
        for at in named:
            if fields[at] not in found.names and len(found.names) < MOST:
                found.names.add(fields[at])
        if found.measures:
            _see_measures(found, fields)
        if found.others:
            _see_others(found, roles, fields)
    found.rows = rows
    found.clock.seen()
    return found


def _see_measures(found: Survey, fields: list[str]) -> None:
    for at, values in found.measures.items():
        if len(values) < MOST:
            values[fields[at].strip()] = None


def _see_others(found: Survey, roles: Roles, fields: list[str]) -> None:
    host = "" if roles.host is None else fields[roles.host]
    cpu = "" if roles.cpu is None else fields[roles.cpu]
    series = f"{host}\0{cpu}"
    if len(found.series) < MOST:
        found.series.add(series)
    for at, other in found.others.items():
        other.see(series, fields[at].strip())
