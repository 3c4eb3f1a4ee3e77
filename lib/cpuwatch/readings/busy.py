"""Whether a file says of its values that they are usage, or what was idle, or only a part."""

from __future__ import annotations

from cpuwatch.readings.asked import Asked
from cpuwatch.readings.columns import ALL_OTHERS
from cpuwatch.readings.layout import Layout
from cpuwatch.readings.meaning import is_idle, part, part_at_end, says_idle
from cpuwatch.readings.survey import Survey
from cpuwatch.readings.table import CsvError
from cpuwatch.words import shorten, shown

_COUNTERS = ("_seconds_total", "_total", "_seconds")


def idle(layout: Layout, found: Survey, said: Asked) -> tuple[bool, list[str]]:
    """Whether the values are what is left of 100 percent, and what to say of it.

    Parameters
    ----------
    layout, found
        Of the file.
    said
        What people say of its columns.

    Raises
    ------
    CsvError
        If they are no usage at all, or if a name says idle and it is not certain of what.
    """
    its = layout.roles.idle or layout.named.idle
    remarks: list[str] = []
    for at, values in found.measures.items():
        if len(values) != 1:
            continue
        (value,) = values
        name = layout.roles.names[at]
        _refuse_other_units(layout, name, value)
        if is_idle(value):
            _refuse_contradiction(layout, said)
            its = True
        elif says_idle(value) and not its:
            remarks += _doubtful(layout, said, f"{shorten(name)} is {shown(value)}")
        elif part(value):
            remarks.append(_part(f"{shorten(name)} is {shown(value)} in all rows"))
    return its, remarks + _named(layout, found, said, its)


def _refuse_contradiction(layout: Layout, said: Asked) -> None:
    if "usage" not in said.columns:
        return
    name = shorten(said.columns["usage"])
    ratio = f",ratio={name}" if "ratio" in said.columns else ""
    raise CsvError(
        f"{layout.text.path}: its rows are of what is idle, and '{name}' is said to be usage: say"
        f" --columns 'idle={name}{ratio}', and usage is 100 - idle."
    )


def _refuse_other_units(layout: Layout, name: str, value: str) -> None:
    if value.lower().endswith(_COUNTERS):
        raise CsvError(
            f"{layout.text.path}: {shorten(name)} is {shown(value)} in all rows, a counter"
            " that only grows, and no usage: export its rate in percent, such as"
            ' 100 - 100 * rate(…{mode="idle"}[1m]).'
        )
    percent = ("", "percent", "%", "percentage", "pct")
    if name.lower() in ("unit", "units") and value.lower() not in percent:
        raise CsvError(
            f"{layout.text.path}: the {shorten(name)} of its values is {shown(value)}, and"
            " usage is in percent: export that."
        )


def _named(layout: Layout, found: Survey, said: Asked, its: bool) -> list[str]:
    """What the names of series, of the column, of the file and of titles say beside."""
    roles = layout.roles
    remarks = []
    of_idle = next(filter(says_idle, sorted(found.hosts | found.cpus)), None)
    if of_idle is not None and not its:
        remarks += _doubtful(layout, said, f"the name {shown(of_idle)} says idle")
    of_part = next(filter(part_at_end, sorted(found.hosts | found.cpus)), None)
    if of_part is not None:
        remarks.append(_part(f"there is a series {shown(of_part)}"))
    column = roles.names[roles.value]
    if "usage" in said.columns and says_idle(column) and not its:
        remarks += _doubtful(layout, said, f"the name of {shorten(column)} says idle")
    elif "usage" in said.columns and part(column):
        remarks.append(_part(f"usage is read from {shorten(column)}"))
    others = [*layout.titles, *([layout.named.host] if roles.host is None else [])]
    above = next(filter(says_idle, others), None)
    if above is not None and not its and not {"usage", "idle"} & set(said.columns):
        remarks.append(
            f"Attention: '{shorten(above)}' says idle, and its values are taken for usage: if they"
            f" are what was idle, say --columns 'idle={_column(layout)}'."
        )
    return remarks


def _doubtful(layout: Layout, said: Asked, why: str) -> list[str]:
    """What to say of values that are said to be usage, and seem to be what was idle."""
    column = _column(layout)
    ratio = f",ratio={column}" if "ratio" in said.columns else ""
    if "usage" in said.columns:
        return [
            f"Attention: {why}, and the values are taken for usage, as you say: if they are what"
            f" was idle, say --columns 'idle={column}{ratio}'."
        ]
    raise CsvError(
        f"{layout.text.path}: {why}, so its values are perhaps no usage: if all of them are what"
        f" was idle of a CPU, say --columns 'idle={column}{ratio}'; if all are usage, say"
        f" --columns 'usage={column}{ratio}'; if only some are, take those alone by --where."
    )


def _part(why: str) -> str:
    return f"Attention: {why}: that is a part of what the CPU did, not all of its usage."


def _column(layout: Layout) -> str:
    if layout.shape.series:
        return ALL_OTHERS
    return shorten(layout.roles.names[layout.roles.value])
