"""Columns whose names say the same, or what their values do not: a CPU, a host, a usage."""

from __future__ import annotations

import re
from dataclasses import replace

from cpuwatch.readings.asked import Asked
from cpuwatch.readings.columns import ANY_VALUE, HOST, Roles, fold, listed, part_of, say
from cpuwatch.readings.layout import Layout
from cpuwatch.readings.numbers import percentage
from cpuwatch.readings.shapes import CPULIKE, may_be_host
from cpuwatch.readings.survey import Survey
from cpuwatch.readings.table import CsvError
from cpuwatch.words import option, shorten, shown

#: One row alone tells nothing of what its file holds.
_SEVERAL = 2

#: A CPU's number, perhaps within a node, as Windows has it.
_NUMBER = re.compile(r"[0-9]{1,4}(?:,(?:[0-9]{1,4}|_total))?", re.IGNORECASE)


def of_cpus(layout: Layout, found: Survey, said: Asked) -> Roles | None:
    """The roles of columns of which one has a host's name, and names CPUs; None if there is none.

    Parameters
    ----------
    layout, found
        Of the file.
    said
        What people say of its columns.
    """
    roles = layout.roles
    if roles.cpu is not None:
        return None
    for at, other in found.others.items():
        if fold(roles.names[at]) in HOST and other.values and all(map(is_cpu, other.values)):
            return replace(roles, cpu=at, all_cpus=True)
    hosts = found.hosts
    named = any(CPULIKE.fullmatch(host.strip()) for host in hosts)
    if "host" not in said.columns and named and all(map(is_cpu, hosts)):
        return replace(roles, host=None, cpu=roles.host)
    return None


def is_cpu(value: str) -> bool:
    """Whether a text names a CPU, and hardly a host."""
    value = value.strip()
    return (CPULIKE.fullmatch(value) or _NUMBER.fullmatch(value)) is not None


def refuse_swapped(layout: Layout, found: Survey, said: Asked) -> list[str]:
    """Refuse a CPU's column that holds percentages; what to say of hosts that look like CPUs.

    Raises
    ------
    CsvError
        If nobody says that this column names CPUs.
    """
    roles = layout.roles
    if roles.cpu is None:
        return []
    names, name = roles.names, shorten(roles.names[roles.cpu])
    if "cpu" not in said.columns:
        for value in sorted(found.cpus):
            number = percentage(value.strip(), found.style.comma)
            if number is not None and (number % 1 or found.swapped):
                raise CsvError(
                    f"{layout.text.path}: the column '{name}' holds {shown(value)}, which hardly"
                    f" names a CPU: say --columns {say(names, 'usage', roles.cpu)} if that is"
                    f" usage, or --columns {say(names, 'cpu', roles.cpu)} if it is a name."
                )
    hosts = sorted(found.hosts)
    if "host" in said.columns or not any(CPULIKE.fullmatch(host.strip()) for host in hosts):
        return []
    if roles.host is None or not all(map(is_cpu, hosts)):
        return []
    host = shorten(names[roles.host])
    pair = f"{part_of(names, 'host', roles.cpu)},{part_of(names, 'cpu', roles.host)}"
    return [
        f"Attention: the hosts of '{host}' look like CPUs ({listed(hosts, 4)}): if they are, say"
        f" --columns {option(pair)}."
    ]


def refuse_split(layout: Layout, found: Survey, said: Asked) -> None:
    """Raise CsvError if a decimal comma may have made two fields of each usage.

    A number in a column of which nobody says what it is.
    """
    roles, at = layout.roles, layout.roles.value + 1
    if not found.split or found.rows < _SEVERAL or (at == roles.host and "host" in said.columns):
        return
    names = roles.names
    role = "host" if at == roles.host or roles.host is None else "cpu"
    own = f"--columns {say(names, role, at)} if it names the {role}"
    if at != roles.host:
        own += f", or --columns {say(names, 'ignore', at)} if it tells nothing apart"
    raise CsvError(
        f"{layout.text.path}: each '{shorten(names[roles.value])}' is a whole number, and so is"
        f" what follows it in '{shorten(names[at])}': both may be one number with a decimal comma."
        f" Save the file with semicolons between fields; if '{shorten(names[at])}' is a column of"
        f" its own, say {own}."
    )


def refuse_two(layout: Layout, found: Survey) -> None:
    """Raise CsvError if two columns may be the usage, and differ."""
    names = layout.roles.names
    for at in found.rivals:
        if found.rivals[at]:
            value = layout.roles.value
            one, other = shorten(names[value]), shorten(names[at])
            raise CsvError(
                f"{layout.text.path} has two columns that may be the usage, '{one}' and '{other}',"
                f" and they differ: say --columns {say(names, 'usage', value)} or"
                f" --columns {say(names, 'usage', at)}."
            )


def refuse_beside(layout: Layout, found: Survey, said: Asked) -> None:
    """Raise CsvError if columns beside a value are series, and that may be the mean of them.

    A file that names hosts, or CPUs, in a column of their own has none that are such.
    """
    roles, names = layout.roles, layout.roles.names
    told = {"usage", "idle", "ratio"} & set(said.columns)
    if told or layout.shape.series or fold(names[roles.value]) not in ANY_VALUE:
        return
    series = [at for at in roles.unused() if _is_series(layout, found, at)]
    if len(series) < _SEVERAL:
        return
    also = [part_of(names, "host", roles.host)] if roles.host is not None else []
    also += [part_of(names, "cpu", roles.cpu)] if roles.cpu is not None else []
    others = [roles.value, *(at for at in found.others if at not in series)]
    also += [part_of(names, "ignore", at) for at in others]
    value = shorten(names[roles.value])
    raise CsvError(
        f"{layout.text.path}: the columns {listed((names[at] for at in series), 4)} seem to be"
        f" series, and '{value}' may be of all of them: say --columns"
        f" {option(','.join(['usage=*', *also]))} to read each of them, or"
        f" --columns {say(names, 'usage', roles.value)} to read '{value}' alone."
    )


def _is_series(layout: Layout, found: Survey, at: int) -> bool:
    """Whether a column that nothing is read from holds numbers, and has a host's or CPU's name."""
    roles, other, name = layout.roles, found.others.get(at), layout.roles.names[at]
    if other is None or other.is_text or not other.values or other.are_times:
        return False
    if roles.cpu is None and CPULIKE.fullmatch(name):
        return True
    return roles.host is None and may_be_host(name)
