"""The shapes of tables: a row a reading, labels in one text, or one column a series."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cpuwatch.readings import columns, lacking
from cpuwatch.readings.asked import Asked
from cpuwatch.readings.columns import ALL_OTHERS, CPU, HOST, MEASURE, TIME
from cpuwatch.readings.labels import labels
from cpuwatch.readings.meaning import PARTS, is_idle, other_thing
from cpuwatch.readings.times import is_time

#: Rows of a line: their fields, and the column that each of them comes from, if only one.
Expand = Callable[[list[str]], Iterable[tuple[list[str], str]]]

_PERFMON_TIME = re.compile(r"\(PDH-[CT]SV [0-9.]+\).*\((-?[0-9]+)\)")
_PERFMON = re.compile(r"\\\\([^\\]+)\\([^\\(]+?)(?:\((.*)\))?\\([^\\]+)")
_CPU_COUNTERS = (
    "Processor\\% Processor Time", "Processor Information\\% Processor Time",
    "Processor Information\\% Processor Utility", "Prozessor\\Prozessorzeit (%)",
    "Prozessorinformationen\\Prozessorzeit (%)",
)  # fmt: skip

#: Words that name a measured thing, and hardly a host. One of them in the name of a column, and
#: it is not certain that each column is a host's.
THINGS = PARTS | frozenset(
    (
        "cpu", "core", "usage", "utilization", "percent", "pct", "idle", "value", "metric", "load",
        "mem", "memory", "ram", "swap", "disk", "sda", "net", "network", "eth", "temp",
        "temperature", "sensor", "min", "max", "avg", "average", "mean", "median", "p", "sum",
        "count", "total", "uptime", "requests", "bytes", "in", "out", "rx", "tx", "read", "write",
        "id", "index", "comment", "note", "status", *CPU, *MEASURE,
    )
)  # fmt: skip
_WORDS = re.compile(r"[^a-z]+")
_HOSTLIKE = re.compile(r"[A-Za-z][\w.-]*[0-9][\w.:-]*|[\w-]+(?:\.[\w-]+)+(?::[0-9]+)?")
CPULIKE = re.compile(r"(?:cpu|core)[ _-]?[0-9]+|cpu[ _-]total|all|_total", re.IGNORECASE)

#: What Splunk adds to a table of series.
_OF_SPLUNK = ("_span", "_spandays")
_PERCENT = re.compile(r"[0-9.,+-]+\s?%")


@dataclass(frozen=True)
class Shape:
    """How the lines of a file become rows that have a time, a value and labels each.

    Attributes
    ----------
    names
        The columns of such a row.
    expand
        Makes them of a line's fields.
    said
        What people are told of it.
    minutes
        If times are Windows' local ones: what to add to get UTC.
    series
        The columns of which each is a series, and what stands in such a row for each.
    """

    names: list[str]
    expand: Expand | None = None
    said: tuple[str, ...] = ()
    minutes: int | None = None
    series: dict[str, list[str]] = field(default_factory=dict)


def wide(
    path: Path, names: list[str], said: Asked, sample: Callable[[], Iterator[list[str]]]
) -> Shape | None:
    """The shape of a table that has one column a series; None if it is not certain to be one.

    Parameters
    ----------
    path
        For messages.
    names
        The header's.
    said
        What people say.
    sample
        Gives the fields of the first rows.

    Raises
    ------
    CsvError
        If people say that each column is a series, and one of them is certainly none.
    """
    minutes = None
    match = _PERFMON_TIME.fullmatch(names[0]) if names else None
    if match is not None:
        time: int | None = 0
        minutes = int(match.group(1))
    elif "time" in said.columns:
        time = columns.place(names, said.columns["time"])
    else:
        time = columns.first(names, TIME)
    if time is None:
        return None
    asked = ALL_OTHERS in said.columns.values()
    kept = _kept(names, said, time) if asked else {}
    ignored = {columns.place(names, name) for name in said.ignored} | {time, *kept.values()}
    others = [
        at for at, name in enumerate(names) if name and at not in ignored and name not in _OF_SPLUNK
    ]
    tags = _series_labels([names[at] for at in others], minutes is not None)
    label = _label(names, kept, others)
    if tags is None and others and all(CPULIKE.fullmatch(names[at]) for at in others):
        tags = [{label: names[at]} for at in others]
    if tags is None and asked and not is_time(names[time]):  # that would be no header
        naming = lacking.naming(names, others, sample())
        if naming and others:
            raise lacking.naming_series(path, names, said, naming)
    if tags is None and (asked or _surely_series(names, others, sample)):
        tags = [{label: names[at]} for at in others]
    if not tags:
        return None
    return _melted(names, time, others, tags, minutes, list(kept.values()))


def _kept(names: list[str], said: Asked, time: int) -> dict[str, int]:
    """The places of columns that are no series, as people say: of hosts, of CPUs, to choose by."""
    wanted = {what: name for what, name in said.columns.items() if what in ("host", "cpu")}
    wanted |= {f"where {name}": name for name in said.where}
    found = {what: columns.place(names, name) for what, name in wanted.items()}
    kept: dict[str, int] = {}
    for what, at in found.items():
        if at is not None and at != time and at not in kept.values():
            kept[what] = at
    return kept


def _label(names: list[str], kept: dict[str, int], others: list[int]) -> str:
    """What the columns of series name: CPUs, if another column has the hosts."""
    if "cpu" in kept or any(columns.fold(names[at]) == "cpu" for at in kept.values()):
        return "series"
    hosts = any(columns.fold(names[at]) in HOST for at in kept.values())
    cpus = bool(others) and all(CPULIKE.fullmatch(names[at]) for at in others)
    return "cpu" if "host" in kept or hosts or cpus else "series"


def _series_labels(names: list[str], perfmon: bool) -> list[dict[str, str]] | None:
    found = [_perfmon_labels(name) if perfmon else _braced(name) for name in names]
    tags = [one for one in found if one is not None]
    if not tags or (len(tags) < len(names) and not perfmon):
        return None
    if perfmon:
        return [one or {"counter": name} for one, name in zip(found, names, strict=True)]
    if not any(label.lower() in (*HOST, *CPU) for one in tags for label in one):
        tags = [one | {"series": name} for one, name in zip(tags, names, strict=True)]
    return tags


def _braced(name: str) -> dict[str, str] | None:
    return labels(name) if "{" in name else None


def _perfmon_labels(name: str) -> dict[str, str] | None:
    match = _PERFMON.fullmatch(name)
    if match is None:
        return None
    host, thing, instance, counter = match.groups("")
    return {"host": host, "counter": f"{thing}\\{counter}", "cpu": instance}


def _surely_series(
    names: list[str], others: list[int], sample: Callable[[], Iterator[list[str]]]
) -> bool:
    """Whether each of these columns is a host's, by its name or by what it holds."""
    if not others or any(THINGS & set(_WORDS.split(names[at].lower())) for at in others):
        return False
    if all(_HOSTLIKE.fullmatch(names[at]) for at in others):
        return True
    percent = dict.fromkeys(others, False)
    for fields in sample():
        for at in others:
            text = fields[at].strip() if at < len(fields) else ""
            if text and not _PERCENT.fullmatch(text):
                return False
            percent[at] = percent[at] or bool(text)
    return all(percent.values())


def may_be_host(name: str) -> bool:
    """Whether a column may be a host's, by its name."""
    if THINGS & set(_WORDS.split(name.lower())) or other_thing(name):
        return False
    return _HOSTLIKE.fullmatch(name) is not None


def _melted(
    names: list[str],
    time: int,
    others: list[int],
    tags: list[dict[str, str]],
    minutes: int | None,
    kept: list[int],
) -> Shape:
    known = list(dict.fromkeys(label for one in tags for label in one))
    time_name = "time" if minutes is not None else names[time]
    tails = [
        (at, [one.get(label, "") for label in known], names[at])
        for at, one in zip(others, tags, strict=True)
    ]

    def expand(fields: list[str]) -> Iterable[tuple[list[str], str]]:
        when = fields[time]
        for at, tail, name in tails:
            # A series without a reading at this moment has an empty cell.
            if fields[at] and not fields[at].isspace():
                yield [when, fields[at], *tail, *(fields[one] for one in kept)], name

    said = []
    if minutes:
        said.append(f"Its times are local: {minutes:+} minutes make UTC, as its header says.")
    series = {name: [time_name, "", *tail] for _, tail, name in tails}
    all_names = [time_name, "value", *known, *(names[at] for at in kept)]
    return Shape(all_names, expand, tuple(said), minutes, series)


def certain(name: str, values: Sequence[str]) -> str | None:
    """The one value of a column that is a CPU's usage without any doubt, or None.

    Parameters
    ----------
    name
        Of a column that says what was measured.
    values
        All of its values.
    """
    if name.lower() == "counter":
        found = [one for one in values if one.lower() in map(str.lower, _CPU_COUNTERS)]
        found = found or [one for one in values if is_idle(one)]
        return found[0] if len(found) == 1 else None
    if all(one.startswith("usage_") for one in values):
        return next((one for one in ("usage_active", "usage_idle") if one in values), None)
    return None
