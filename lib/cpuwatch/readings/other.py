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

#: Further words of the names of columns that hold numbers of any kind.
_NUMBERS = frozenset(
    (
        "ram", "swap", "disk", "net", "network", "gpu", "average", "mean", "median", "ns", "us",
        "latency", "tps", "qps", "iops", "queue", "score", "priority", "version", "build", "rank",
        "weight", "age", "mhz", "ghz", "code", "voltage", "fan", "row", "line", "key", "serial",
        "procs", "rx", "tx", "read", "write", "sda", "eth", "cores", "slots", "account",
    )
)  # fmt: skip

#: Seconds since 1970 of the years 2010 to 2039; other units are these thousands of it.
_AS_TIMES = (1.26e9, 2.21e9)
_UNITS = (1, 1e3, 1e6, 1e9)

#: So many different numbers are no few.
_FEW = 64

#: In so large a part of its rows a series' next value is the one that came after it before, and
#: another one, if values name things that report by turns.
_BY_TURNS, _CHANGES = 0.8, 0.5


def holds_numbers(name: str) -> bool:
    """Whether a column's name says that it holds numbers: of things, or what was measured."""
    return is_id(name) or _is_measured(name) or bool(_NUMBERS & set(words_of(name)))


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
class Turns:
    """Whether a column's values come by turns in each series, as those of several things do.

    Attributes
    ----------
    steps, changes, kept
        How many rows have one of their series before them; have another value than that; have
        the value that came after that one before.
    """

    steps: int = 0
    changes: int = 0
    kept: int = 0
    _last: dict[int, str] = field(default_factory=dict)
    _after: dict[str, str] = field(default_factory=dict)

    def see(self, series: int, value: str) -> None:
        """Look at one value of a series, which is named by a hash."""
        last = self._last.get(series)
        if last is None and len(self._last) >= _MOST_SERIES:
            return
        self._last[series] = value
        if last is None:
            return
        self.steps += 1
        self.changes += last != value
        self.kept += self._after.get(last) == value
        self._after[last] = value

    @property
    def are_regular(self) -> bool:
        """Whether they do."""
        first = len(self._after)  # of these no turn is known yet
        return self.kept > first and (
            self.kept + first >= _BY_TURNS * self.steps and self.changes >= _CHANGES * self.steps
        )


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
        Whether all are whole numbers.
    are_times
        Whether one is a number that may be a time.
    has_blanks
        Whether one has a blank in it, as names hardly have.
    turns
        How the values of a column come that has decimals.
    """

    values: set[str] = field(default_factory=set)
    varying: Varying = field(default_factory=Varying)
    is_text: bool = False
    is_whole: bool = True
    are_times: bool = False
    has_blanks: bool = False
    turns: Turns = field(default_factory=Turns)
    _measured: bool = False
    _decimal: bool = False

    def see(self, series: int, value: str) -> None:
        """Look at one value of a series, which is named by a hash."""
        if self._measured or not value or value.lower() in _MISSING:
            return
        self.varying.see(series, value)
        if value not in self.values and len(self.values) < MOST:
            self.values.add(value)
            self._sort(value)
        if self._decimal and not self.is_text:
            self.turns.see(series, value)

    def _sort(self, value: str) -> None:
        found = percentage(value, comma=True)
        self.has_blanks = self.has_blanks or (found is None and " " in value)
        if found is None:
            self.is_whole = False
            self.is_text = self.is_text or not is_time(value)
        elif found % 1:
            self._measured = not self.is_text and len(self.values) > _FEW
            self._decimal = True
            self.is_whole = False
        elif number(value) is None:
            self.is_whole = False
        else:
            self.are_times = self.are_times or _may_be_time(found)

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
        if is_id(name):
            return not many and (self.is_whole or self.turns.are_regular)
        few = len(self.values) <= _FEW and not many and not _is_measured(name)
        return few and (self.turns.are_regular or (self.is_whole and not self.are_times))


def epoch_ms(text: str) -> int | None:
    """Epoch milliseconds of a number that may be a time, of the years 2010 to 2039, or None."""
    found, (first, last) = number(text), _AS_TIMES
    if found is None:
        return None
    return next((int(1000 * found / unit) for unit in _UNITS if first <= found / unit < last), None)


def _may_be_time(found: float) -> bool:
    first, last = _AS_TIMES
    return any(first <= found / unit < last for unit in _UNITS)
