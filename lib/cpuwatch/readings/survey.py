"""A first look at all rows of a file: what its columns hold, so that none is misread."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cpuwatch.readings.columns import Roles
from cpuwatch.readings.layout import Layout
from cpuwatch.readings.numbers import Style
from cpuwatch.readings.other import MOST, Other, Varying
from cpuwatch.readings.table import RejectedError, bare
from cpuwatch.readings.times import Clock
from cpuwatch.readings.writing import Writing


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
    varying
        Whether such a column has two values for one host's CPU.
    others
        The columns that nothing is read from, by their places.
    hosts, cpus
        Their names, each of them once.
    rivals
        The places of columns that may be the usage as well, and whether their values differ from
        those that are taken.
    """

    rows: int
    clock: Clock
    style: Style
    measures: dict[int, dict[str, None]]
    varying: dict[int, Varying]
    others: dict[int, Other]
    hosts: set[str]
    cpus: set[str]
    rivals: dict[int, bool]


def look(
    layout: Layout,
    ignored: frozenset[int] = frozenset(),
    order: str | None = None,
    rivals: Iterable[int] = (),
) -> Survey:
    """Look at every row.

    Parameters
    ----------
    layout
        Of the file.
    ignored
        The places of columns that tell nothing.
    order
        The order of day and month in dates, if people say it.
    rivals
        The places of columns that may be the usage as well.
    """
    roles, minutes = layout.roles, layout.shape.minutes
    if minutes is not None:
        order = "month_first"  # as Windows writes them in every language
    found = Survey(
        0,
        Clock(layout.delimiter != ",", Writing(order), minutes or 0),
        Style(),
        {at: {} for at in roles.measures},
        {at: Varying() for at in roles.measures},
        {at: Other() for at in roles.unused() if at not in ignored},
        set(),
        set(),
        dict.fromkeys(rivals, False),
    )
    named = [
        (at, names)
        for at, names in ((roles.host, found.hosts), (roles.cpu, found.cpus))
        if at is not None
    ]
    time, value, rows = roles.time, roles.value, 0
    see_time, see_value = found.clock.see, found.style.see
    for _, _, fields, _ in layout.rows():
        if isinstance(fields, RejectedError):
            continue
        rows += 1
        see_time(fields[time].strip())
        see_value(fields[value].strip())
        for at, names in named:
            if fields[at] not in names and len(names) < MOST:
                names.add(bare(fields[at]))
        for at in found.rivals:
            if fields[at].strip() != fields[value].strip():
                found.rivals[at] = True
        if found.measures or found.others:
            _see_columns(found, roles, fields)
    found.rows = rows
    found.clock.seen()
    return found


def _see_columns(found: Survey, roles: Roles, fields: list[str]) -> None:
    host = "" if roles.host is None else bare(fields[roles.host])
    cpu = "" if roles.cpu is None else bare(fields[roles.cpu])
    series = hash((host, cpu))
    for at, values in found.measures.items():
        value = bare(fields[at].strip())
        found.varying[at].see(series, value)
        if len(values) < MOST:
            values[value] = None
    for at, other in found.others.items():
        other.see(series, fields[at].strip())
