"""Whether a file says of its values that they are usage, or what was idle, or only a part."""

from __future__ import annotations

from cpuwatch.readings.asked import Asked
from cpuwatch.readings.columns import ALL_OTHERS, called, say
from cpuwatch.readings.layout import Layout
from cpuwatch.readings.meaning import (
    is_idle,
    is_idle_cpu,
    is_of_metric,
    other_series,
    other_thing,
    part,
    part_at_end,
    says_cpu,
    says_idle,
)
from cpuwatch.readings.survey import Survey
from cpuwatch.readings.table import CsvError
from cpuwatch.words import option, shorten, shown

#: So many series are named in a remedy.
_MOST_WANTED = 6

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
    others: list[str] = []
    tells_cpu = False
    for at, value, sure in _of_all_rows(layout, found):
        name = layout.roles.names[at]
        if at in found.measures:
            _refuse_other_units(layout, name, value)
        told = f"{shorten(name)} is {shown(value)}"
        if is_idle(value) if sure else is_idle_cpu(value):
            _refuse_contradiction(layout, said)
            its = True
        elif says_idle(value) and not its:
            remarks += _doubtful(layout, said, told)
        elif part(value) and (sure or is_of_metric(value)):
            remarks.append(_part(f"{told} in all rows"))
        elif not says_idle(value) and (other_thing if sure else other_series)(value):
            others.append(_other(f"{told} in all rows"))
        tells_cpu = tells_cpu or (says_cpu(value) and not other_thing(value))
    if not tells_cpu:
        remarks += others
    return its, remarks + _series(layout, found, said) + _named(layout, found, said, its)


def _of_all_rows(layout: Layout, found: Survey) -> list[tuple[int, str, bool]]:
    """What columns say of all rows: their places, the one value, and if it names the metric."""
    roles = layout.roles
    used = {roles.time, roles.value, roles.host, roles.cpu}
    single = [(at, next(iter(its)), True) for at, its in found.measures.items() if len(its) == 1]
    single += [
        (at, values[0], False)
        for at, values in layout.where.items()
        if at not in found.measures and at not in used and len(values) == 1
    ]
    seen = {at for at, _, _ in single}
    single += [
        (at, next(iter(other.values)), False)
        for at, other in found.others.items()
        if at not in seen and other.is_text and len(other.values) == 1
    ]
    return single


def _refuse_contradiction(layout: Layout, said: Asked) -> None:
    if "usage" not in said.columns:
        return
    name = shorten(said.columns["usage"])
    idle = f"idle={said.columns['usage']}"
    idle += f",ratio={said.columns['usage']}" if "ratio" in said.columns else ""
    raise CsvError(
        f"{layout.text.path}: its rows are of what is idle, and '{name}' is said to be usage: say"
        f" --columns {option(idle)}, and usage is 100 - idle."
    )


def _refuse_other_units(layout: Layout, name: str, value: str) -> None:
    if value.lower().endswith(_COUNTERS):
        raise _counter(layout, f"{shorten(name)} is {shown(value)} in all rows,")
    percent = ("", "percent", "%", "percentage", "pct")
    if name.lower() in ("unit", "units") and value.lower() not in percent:
        raise CsvError(
            f"{layout.text.path}: the {shorten(name)} of its values is {shown(value)}, and"
            " usage is in percent: export that."
        )


def _counter(layout: Layout, what: str) -> CsvError:
    return CsvError(
        f"{layout.text.path}: {what} a counter that only grows, and no usage: export its rate in"
        ' percent, such as 100 - 100 * rate(…{mode="idle"}[1m]).'
    )


def _series(layout: Layout, found: Survey, said: Asked) -> list[str]:
    """What to say of series whose names say memory or the like; refuses them beside CPUs."""
    other = next(filter(other_series, sorted(found.hosts | found.cpus)), None)
    if other is None:
        return []
    host = layout.roles.host
    wanted = sorted(filter(says_cpu, found.hosts))
    if host is None or not wanted or "host" in said.columns or other not in found.hosts:
        return [_other(f"there is a series {shown(other)}")]
    names = layout.roles.names
    column = called(names, host)
    where = " ".join(f"--where {option(f'{column}={name}')}" for name in wanted[:_MOST_WANTED])
    raise CsvError(
        f"{layout.text.path}: the series {shown(other)} is hardly a CPU's usage, and others are,"
        f" such as {shown(wanted[0])}: take those alone, such as by {where}; or say --columns"
        f" {say(names, 'host', host)} if these are names of hosts."
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
    read = [one for one, its in layout.shape.series.items() if layout.is_wanted(its)]
    for one in read or [column]:
        if one.lower().endswith(_COUNTERS[0]):
            raise _counter(layout, f"{shown(one)} is")
    if "usage" in said.columns and says_idle(column) and not its:
        remarks += _doubtful(layout, said, f"the name of {shorten(column)} says idle")
    elif "usage" in said.columns and part(column):
        remarks.append(_part(f"usage is read from {shorten(column)}"))
    elif "usage" in said.columns and not layout.shape.series and other_thing(column):
        remarks.append(_other(f"usage is read from {shorten(column)}"))
    others = [*layout.titles, *([layout.named.host] if roles.host is None else [])]
    remarks += [
        _other(f"'{shorten(one)}' says {other_series(one)}")
        for one in others
        if other_series(one) and not {"usage", "idle"} & set(said.columns)
    ]
    above = next(filter(says_idle, others), None)
    if above is not None and not its and not {"usage", "idle"} & set(said.columns):
        remarks.append(
            f"Attention: '{shorten(above)}' says idle, and its values are taken for usage: if they"
            f" are what was idle, say --columns {option(f'idle={_column(layout)}')}."
        )
    return remarks


def _doubtful(layout: Layout, said: Asked, why: str) -> list[str]:
    """What to say of values that are said to be usage, and seem to be what was idle."""
    column = _column(layout)
    ratio = f",ratio={column}" if "ratio" in said.columns else ""
    idle, usage = option(f"idle={column}{ratio}"), option(f"usage={column}{ratio}")
    if "usage" in said.columns:
        return [
            f"Attention: {why}, and the values are taken for usage, as you say: if they are what"
            f" was idle, say --columns {idle}."
        ]
    raise CsvError(
        f"{layout.text.path}: {why}, so its values are perhaps no usage: if all of them are what"
        f" was idle of a CPU, say --columns {idle}; if all are usage, say"
        f" --columns {usage}; if only some are, take those alone by --where."
    )


def _part(why: str) -> str:
    return f"Attention: {why}: that is a part of what the CPU did, not all of its usage."


def _other(why: str) -> str:
    return f"Attention: {why}: that is hardly a CPU's usage; take it for what it is."


def _column(layout: Layout) -> str:
    if layout.shape.series:
        return ALL_OTHERS
    return called(layout.roles.names, layout.roles.value)
