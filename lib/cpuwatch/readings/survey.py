"""A first look at all rows of a file: what its columns hold, so that none is misread."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cpuwatch.readings.columns import Roles
from cpuwatch.readings.layout import Layout
from cpuwatch.readings.numbers import Style, number, percentage
from cpuwatch.readings.other import MOST, Other, Varying, holds_numbers
from cpuwatch.readings.table import RejectedError, bare, may_be_split
from cpuwatch.readings.times import Clock
from cpuwatch.readings.writing import Writing

#: Machines of fewer CPUs may be idle so that a CPU's number and what was idle make 100.
_NO_CPU = 10


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
    split
        Whether each usage is a whole number, and the field after it, in a column of no numbers, as
        well: both may be one, which has a decimal comma.
    swapped
        Whether the numbers of CPUs and what was idle always make 100.
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
    split: bool = False
    swapped: bool = False


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
    split, shifted = _may_split(layout, found)
    swapped, highest = roles.idle and roles.cpu is not None, 0.0
    see_time, see_value = found.clock.see, found.style.see
    for _, _, fields, _ in layout.rows():
        if isinstance(fields, RejectedError):
            continue
        rows += 1
        see_time(fields[time].strip())
        see_value(fields[value].strip())
        split = split and may_be_split(fields, value, shifted)
        if swapped:
            cpu = number(fields[roles.cpu or 0])
            idle = percentage(fields[value].strip(), comma=True)
            swapped = cpu is not None and idle is not None and abs(cpu + idle - 100) <= 1
            highest = max(highest, cpu or 0)
        for at, names in named:
            if fields[at] not in names and len(names) < MOST:
                names.add(bare(fields[at]))
        for at in found.rivals:
            if fields[at].strip() != fields[value].strip():
                found.rivals[at] = True
        if found.measures or found.others:
            _see_columns(found, roles, fields)
    found.rows = rows
    found.split = split and rows > 0
    found.swapped = swapped and highest >= _NO_CPU
    found.clock.seen()
    return found


def _may_split(layout: Layout, found: Survey) -> tuple[bool, bool]:
    """Whether a usage may have a decimal comma that made two fields of it; and moved others on."""
    roles, after = layout.roles, layout.roles.value + 1
    if layout.delimiter != "," or layout.shape.series or after >= len(layout.names):
        return False, False
    if after == roles.host:
        return after + 1 in found.others, True
    return after in found.others and not holds_numbers(roles.names[after]), False


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
