"""Which column of a file is what: by the names that monitoring exports use, or as people say."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cpuwatch import words
from cpuwatch.readings import asked, meaning
from cpuwatch.readings.asked import Asked
from cpuwatch.readings.table import CsvError
from cpuwatch.words import option, shorten

#: Above its times CloudWatch says what the other columns' names are.
LABELS = ("label", "full_label")

#: The names by which a column is known, in the order in which they are preferred: before times of
#: any zone those that say UTC, before a usage of anything that of a CPU, and any value last.
TIME = (
    "occurred_at", "timestamp_utc", "time_utc", "datetime_utc", "timestamp", "time", "_time",
    "@timestamp", "datetime", "date_time", "date", "epoch", "ts", "clock", "timestamp_ms",
    "timestamp_ns", "time_ms", "epoch_ms", "unix_time", "unixtime", "__timestamp__", *LABELS,
)  # fmt: skip
_CPU_USAGE = (
    "cpu_usage", "usage_active", "cpu_usage_percent", "cpu_percent", "cpu_utilization",
    "cpuutilization", "cpu_usage_%", "%cpu", "cpu%", "cpu_%", "cpu_pct", "percent_processor_time",
)  # fmt: skip
_ANY_USAGE = (
    "usage", "usage_percent", "usage_%", "usage%", "usage_pct", "utilization",
)  # fmt: skip
ANY_VALUE = ("value", "_value", "value_%", "average", "mean", "__value__")
USAGE = (*_CPU_USAGE, *_ANY_USAGE, *ANY_VALUE)
IDLE = (
    "idle", "%idle", "usage_idle", "cpu_idle", "idle_percent", "percent_idle", "pct_idle",
    "percent_idle_time", "%_idle_time", "idle_%", "idle%", "cpu_idle_%", "%_idle",
)  # fmt: skip
HOST = (
    "hostname", "host", "host_name", "server", "node", "nodename", "machine", "computer",
    "computername", "vm", "entity", "instance", "instanceid", "instance_id", "instancename",
    "instance_name", "series",
)  # fmt: skip
CPU = ("cpu", "core", "cpu_id", "cpuid", "cpu_core", "processor")

#: Names that dates have, times of day, and zones, where they are columns of their own.
DATES = ("date", "day", "date_utc", "_date", "log_date")
CLOCKS = ("time", "clock", "time_of_day", "time_utc", "_time", "log_time", "timestamp")
ZONES = ("timezone", "time_zone", "tz", "zone", "utc_offset", "gmt_offset", "tz_offset", "offset")

#: Columns that say what was measured. Different things are never averaged together.
MEASURE = (
    "metric", "metric_name", "metricname", "__name__", "name", "_measurement", "measurement",
    "_field", "field", "mode", "cpu_mode", "state", "type", "type_instance", "plugin", "counter",
    "objectname", "countername", "counter_name", "statistic", "stat", "unit", "units",
    "variable", "metricid", "metric_id", "metric_type", "key_", "item_name", "kpi",
)  # fmt: skip

_BRACKETS = str.maketrans("", "", "()[]")
_MARKS = re.compile(r"[\s.-]+")

#: What pandas adds to a name that a file has twice.
_AGAIN = re.compile(r"\.[0-9]+$")

#: How people name a column by its place, if none has such a name.
_PLACE = re.compile(r"column ([1-9][0-9]{0,5})")

#: What one column may be at once: a fraction, and that of what was idle or was not.
_TOGETHER = ({"ratio", "idle"}, {"ratio", "usage"})

#: A usage that is a column a series, each of them.
ALL_OTHERS = "*"


@dataclass(frozen=True)
class Roles:
    """Where a file's columns are. Without a host or cpu column the index is None.

    Attributes
    ----------
    names
        All of them.
    time, value, host, cpu
        Their places.
    idle
        Whether the value is what is left of 100 percent.
    ratio
        Whether the value is a fraction of one.
    measures
        The places of columns that say what was measured.
    all_cpus
        Whether a row that names no CPU is of all of them.
    """

    names: list[str]
    time: int
    value: int
    host: int | None
    cpu: int | None
    idle: bool
    ratio: bool
    measures: tuple[int, ...]
    all_cpus: bool = False

    def unused(self) -> list[int]:
        """The places of the named columns that are nothing of this."""
        used = {self.time, self.value, self.host, self.cpu, *self.measures}
        return [place for place, name in enumerate(self.names) if name and place not in used]


def place(names: Sequence[str], wanted: str) -> int | None:
    """Where a column is that people name: as it is written, in any case, or by its place."""
    if wanted in names:
        return names.index(wanted)
    folded = [name.lower() for name in names]
    if wanted.lower() in folded:
        return folded.index(wanted.lower())
    match = _PLACE.fullmatch(wanted.lower())
    return int(match[1]) - 1 if match is not None and int(match[1]) <= len(names) else None


def with_places(names: Sequence[str]) -> list[str]:
    """The names; a column without one is called by its place, such as `column 1`."""
    return [
        name or (its if (its := f"column {at}") not in names else "")
        for at, name in enumerate(names, 1)
    ]


def required(path: Path, names: Sequence[str], wanted: str) -> int:
    """The same; a file without it is refused with the names that it has."""
    found = place(names, wanted)
    if found is None:
        raise CsvError(
            f"{path} has no column '{shorten(wanted)}': it has {listed(names)}; name one of them."
        )
    if names.count(names[found]) > 1:
        raise double(path, names[found])
    return found


def fold(name: str) -> str:
    """A name as those above are: in small letters, with one kind of mark between words."""
    return _MARKS.sub("_", name.lower().translate(_BRACKETS))


def first(names: Sequence[str], accepted: Sequence[str], taken: Iterable[int] = ()) -> int | None:
    """Where the first of the accepted names is, among the columns that are not taken."""
    taken = set(taken)
    folded = ["" if at in taken else fold(name) for at, name in enumerate(names)]
    return next((folded.index(name) for name in accepted if name in folded), None)


def resolve(path: Path, names: list[str], said: Asked) -> Roles | list[str]:
    """Which column is what; or what is missing, of time and value.

    Parameters
    ----------
    path
        For messages.
    names
        The header's.
    said
        What people say; that comes before what the names say.

    Raises
    ------
    CsvError
        If the file lacks a column that people name, or names one of them twice.
    """
    told = {
        what: required(path, names, name)
        for what, name in said.columns.items()
        if name != ALL_OTHERS
    }
    _refuse_twice(path, names, told)
    taken = list(told.values())
    time = told.get("time", first(names, TIME, taken))
    value = next((told[what] for what in ("usage", "idle", "ratio") if what in told), None)
    is_idle = "idle" in told
    if value is not None and value == told.get("ratio"):
        is_idle = is_idle or meaning.is_idle(names[value])
    if value is None:
        value = first(names, USAGE, taken)
    if value is None:
        value = _idle(names, taken)
        is_idle = value is not None
    if time is None or value is None:
        return [what for what, at in (("time", time), ("value", value)) if at is None]
    taken += [time, value]
    host = told.get("host", first(names, HOST, taken))
    cpu = told.get("cpu", first(names, CPU, taken))
    used = {time, value, host, cpu}
    _refuse_double(path, names, used - set(told.values()))
    measures = [at for at, name in enumerate(names) if fold(name) in MEASURE and at not in used]
    ignored = {required(path, names, name) for name in said.ignored}
    measures = [at for at in measures if at not in ignored]
    return Roles(names, time, value, host, cpu, is_idle, "ratio" in told, tuple(measures))


def _idle(names: Sequence[str], taken: Sequence[int]) -> int | None:
    """Where the one column is that says for certain that it is what a CPU did not do."""
    found = first(names, IDLE, taken)
    if found is not None:
        return found
    others = [
        at
        for at, name in enumerate(names)
        if at not in taken and "{" not in name and meaning.is_idle(name)
    ]
    return others[0] if len(others) == 1 else None


def _refuse_double(path: Path, names: Sequence[str], used: Iterable[int | None]) -> None:
    folded = [fold(name) for name in names]
    for at in used:
        if at is not None and folded.count(folded[at]) > 1:
            raise double(path, names[at], names.count(names[at]) == 1)


def double(path: Path, name: str, can_say: bool = False) -> CsvError:
    """The refusal of a file with several columns of one name.

    Parameters
    ----------
    path, name
        Of the file, and of the columns.
    can_say
        Whether people can say which one is meant.
    """
    say = ", or say by --columns which one is meant" if can_say else ""
    return CsvError(
        f"{path} has more than one column '{shorten(name)}': give them different names, or leave"
        f" one out{say}."
    )


def _refuse_twice(path: Path, names: Sequence[str], told: Mapping[str, int]) -> None:
    for what, at in told.items():
        for other, its in told.items():
            if what < other and at == its and {what, other} not in _TOGETHER:
                raise CsvError(
                    f"{path}: the column '{shorten(names[at])}' is said to be both {what} and"
                    f" {other}; say two columns."
                )


def rivals(roles: Roles, said: Asked) -> list[int]:
    """The places of other columns that may be the usage as well as the one that is taken."""
    if {"usage", "idle", "ratio"} & set(said.columns):
        return []
    taken = fold(roles.names[roles.value])
    kind = next((kind for kind in (_CPU_USAGE, _ANY_USAGE, ANY_VALUE) if taken in kind), ())
    return [at for at in roles.unused() if fold(_AGAIN.sub("", roles.names[at])) in kind]


def called(names: Sequence[str], at: int) -> str:
    """What a column is called in an option: by its place if its name cannot be said there."""
    name = names[at]
    odd = not name.isprintable() or not name or asked.is_several(name)
    return f"column {at + 1}" if odd else name


def part_of(names: Sequence[str], what: str, at: int) -> str:
    """What people say of a column."""
    return f"{what}={called(names, at)}"


def say(names: Sequence[str], what: str, at: int) -> str:
    """The same, as a shell takes it."""
    return option(part_of(names, what, at))


def listed(names: Iterable[str], most: int = 12) -> str:
    """Names for a message."""
    shown = [f"'{shorten(name)}'" for name in names if name]
    return words.listed(shown, most) or "empty"
