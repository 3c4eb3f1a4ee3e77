"""A column that nothing is read from: whether it could tell apart what is taken for one series."""

from __future__ import annotations

from dataclasses import dataclass, field

from cpuwatch.readings.meaning import PARTS, words_of
from cpuwatch.readings.numbers import number, percentage
from cpuwatch.readings.times import is_time

#: So many different values of a column are kept.
MOST = 2000

#: So many series are watched one by one.
_MOST_SERIES = 50_000

#: What stands where there is no value.
_MISSING = frozenset(("", "n/a", "na", "null", "none", "nan", "-", "--", "\\n", "#n/a"))

#: Words of the names of columns that name something by numbers.
_NAMES = frozenset(
    (
        "id", "no", "nr", "num", "number", "index", "idx", "core", "thread", "cpu", "socket",
        "device", "dev", "disk", "container", "pod", "vm", "node", "host", "server", "instance",
        "machine", "shard", "replica", "partition", "worker", "slot", "port", "unit", "lane",
        "channel", "rack", "pid", "item", "itemid", "numa", "group", "site", "zone", "region",
    )
)  # fmt: skip

#: Words of the names of columns that hold what was counted or measured, in whole numbers.
_MEASURED = frozenset(
    (
        "temp", "temperature", "celsius", "fahrenheit", "bytes", "kb", "mb", "gb", "mem", "memory",
        "count", "connections", "load", "ms", "s", "sec", "seconds", "duration", "rpm", "speed",
        "watts", "power", "interval", "percent", "pct", "requests", "users", "total", "free",
        "used", "size", "rate", "uptime", "in", "out", "hour", "minute", "second", "year", "month",
        "day", "week", "weekday", "timestamp", "time", "epoch", "max", "min", "avg", "sum", "step",
        "usage", "idle", "util", "utilization", "value",
    )
)  # fmt: skip

#: Whole numbers from here on may be times, and so many different ones are no few.
_AS_TIMES = 1e9
_FEW = 64


def is_id(name: str) -> bool:
    """Whether a column's name says that it names something."""
    named = bool(_NAMES & set(words_of(name))) or name.lower().endswith("id")
    return named and not _is_measured(name)


def _is_measured(name: str) -> bool:
    """Whether a column's name says that it was counted or measured, as one of several things is."""
    words = set(words_of(name))
    counted = any(len(w) > 3 and w[-1] == "s" and w[-2] not in "su" for w in words)
    return counted or bool(words & (_MEASURED | PARTS))


@dataclass
class Varying:
    """Whether a column has two values in one series, in memory that stays small.

    Attributes
    ----------
    found
        Whether it has.
    """

    found: bool = False
    _first: dict[int, int] = field(default_factory=dict)

    def see(self, series: int, value: str) -> None:
        """Look at one value of a series, which is named by a hash."""
        if self.found:
            return
        its = hash(value)
        if self._first.get(series, its) != its:
            self.found = True
            self._first.clear()
        elif len(self._first) < _MOST_SERIES:
            self._first[series] = its


@dataclass
class Other:
    """A column that nothing is read from.

    Attributes
    ----------
    values
        The different ones.
    varying
        Whether one series has two of them.
    is_text
        Whether one is certainly neither a number nor a time.
    is_whole
        Whether all are whole numbers, and no times.
    has_blanks
        Whether one has a blank in it, as names hardly have.
    """

    values: set[str] = field(default_factory=set)
    varying: Varying = field(default_factory=Varying)
    is_text: bool = False
    is_whole: bool = True
    has_blanks: bool = False
    _measured: bool = False

    def see(self, series: int, value: str) -> None:
        """Look at one value of a series, which is named by a hash."""
        if self._measured or not value or value.lower() in _MISSING:
            return
        self.varying.see(series, value)
        if value not in self.values and len(self.values) < MOST:
            self.values.add(value)
            self._sort(value)

    def _sort(self, value: str) -> None:
        found = percentage(value, comma=True)
        self.has_blanks = self.has_blanks or (found is None and " " in value)
        if found is None:
            self.is_whole = False
            self.is_text = self.is_text or not is_time(value)
        elif found % 1:
            self._measured = not self.is_text
            self.is_whole = False
        elif number(value) is None or found >= _AS_TIMES:
            self.is_whole = False

    def names_something(self, name: str, rows: int, has_host: bool) -> bool:
        """Whether its values look as if they named something.

        Parameters
        ----------
        name
            The column's.
        rows
            How many there are.
        has_host
            Whether another column names the hosts.
        """
        if self._measured or len(self.values) < 2:
            return False
        many = len(self.values) > max(2, rows // 2)
        if self.is_text:
            # Where each row has its own, they are remarks, or ids of the rows.
            return not many or not (self.has_blanks or (has_host and rows > MOST))
        return self.is_whole and not many and self._is_number_of(name)

    def _is_number_of(self, name: str) -> bool:
        return is_id(name) or (len(self.values) <= _FEW and not _is_measured(name))
