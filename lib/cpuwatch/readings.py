"""What a reading is, and where readings come from.

A reading says how busy one CPU of one host was at one moment. It comes from the seeded fleet
(with its labelled incidents), from a CSV file, or from this machine.

A DataFrame of readings has the columns

- ``hostname`` (str),
- ``cpu`` (str),
- ``usage`` (float64, percent, 0 to 100),
- ``occurred_at`` (int64, epoch milliseconds).
"""

from __future__ import annotations

import csv
import re
import socket
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_FLOOR, Context, Decimal
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import NamedTuple, TypedDict

import numpy as np
import numpy.typing as npt
import pandas as pd
import psutil

from cpuwatch.errors import CpuwatchError

COLUMNS = ("hostname", "cpu", "usage", "occurred_at")

HOSTS = ("doc", "grumpy", "sleepy", "bashful", "happy", "sneezy", "dopey")
CPUS = ("cpu1", "cpu2", "cpu3", "cpu4", "cpu5")
THRESHOLDS: dict[str, float] = {
    "doc": 20.0,
    "grumpy": 30.0,
    "sleepy": 40.0,
    "bashful": 60.0,
    "happy": 70.0,
    "sneezy": 80.0,
    "dopey": 90.0,
}
FLEET_START = pd.Timestamp("2026-01-05T09:00:00Z")
CYCLE_TICKS = 600  # one tick is one second

# Event times that are accepted: from 1970 on, and before 2200, in epoch milliseconds.
FIRST_TIME = 0
END_OF_TIME = 7_258_118_400_000


class Reading(TypedDict):
    """One reading, as it stands in the topic."""

    hostname: str
    cpu: str
    usage: float
    occurred_at: int


# --- The seeded fleet ---------------------------------------------------------------------


class _Normal(NamedTuple):
    """How a host behaves when nothing is wrong (all in percent; phase in cycles)."""

    level: float
    swing: float
    phase: float
    noise: float


# Each level lies well below the host's threshold. dopey is restless: a few of its readings in
# a hundred pass 80, while its average stays far from its own threshold of 90.
_NORMAL = {
    "doc": _Normal(level=9.0, swing=2.0, phase=0.00, noise=2.0),
    "grumpy": _Normal(level=17.0, swing=2.5, phase=0.15, noise=2.5),
    "sleepy": _Normal(level=24.0, swing=4.0, phase=0.40, noise=3.0),
    "bashful": _Normal(level=40.0, swing=4.0, phase=0.60, noise=2.5),
    "happy": _Normal(level=48.0, swing=4.0, phase=0.30, noise=3.0),
    "sneezy": _Normal(level=58.0, swing=4.0, phase=0.85, noise=3.0),
    "dopey": _Normal(level=68.0, swing=3.5, phase=0.75, noise=7.0),
}
# The cpus of a host differ a little, so that their lines do not hide each other.
_CPU_OFFSET = (-1.0, -0.5, 0.0, 0.5, 1.0)

# Flapping: 40 s on, then 60 s off. Wherever the 30 s windows fall, one lies at least half in
# each on phase and one lies wholly in each off phase.
_FLAP_ON, _FLAP_OFF = 40, 60


class _Planned(NamedTuple):
    """An incident of the script, before the seed moves it."""

    kind: str
    hostname: str
    cpus: int  # how many of the host's cpus it hits
    start: int  # tick of the cycle, before jitter
    ticks: int
    peak: float
    deserves_alert: bool
    note: str


_SCRIPT = (
    _Planned("creep", "bashful", 3, 120, 300, 70.0, True,
             "The load grows slowly past the host's own threshold and stays below 80."),
    _Planned("spike", "happy", 2, 150, 6, 95.0, False,
             "A few busy seconds are above 80, but the average of 30 s stays normal."),
    _Planned("plateau", "doc", 5, 210, 120, 46.0, True,
             "Five times the usual load for two minutes, and yet it never reaches 80."),
    _Planned("flapping", "grumpy", 3, 270, 3 * _FLAP_ON + 2 * _FLAP_OFF, 62.0, True,
             "The load jumps over the threshold and back, three times."),
    _Planned("plateau", "sneezy", 4, 400, 90, 93.0, True,
             "The load is above 80 and above the host's own threshold, so both rules find it."),
)  # fmt: skip
_JITTER = 20  # ticks, either way


class _Incident(NamedTuple):
    """An incident of one cycle: the plan, where the seed put it, and the cpus it hits."""

    plan: _Planned
    start: int
    cpus: tuple[int, ...]

    def share(self) -> npt.NDArray[np.float64]:
        """Return how far the load has moved from normal (0) to the peak (1), by tick."""
        tick = np.arange(self.plan.ticks)
        if self.plan.kind == "creep":
            # It climbs for four fifths of the time, then stays up.
            return np.minimum(tick / (0.8 * self.plan.ticks), 1.0)
        if self.plan.kind == "flapping":
            return (tick % (_FLAP_ON + _FLAP_OFF) < _FLAP_ON).astype(np.float64)
        return np.ones(self.plan.ticks)


def _random(*key: int) -> np.random.RandomState:
    # RandomState, not the newer Generator: numpy promises that its numbers never change,
    # and the same seed must give the same bytes on every attendee's machine.
    if not 0 <= key[0] < 2**32:
        raise ValueError(f"seed {key[0]} is not between 0 and {2**32 - 1}")
    return np.random.RandomState(list(key))


def _cycle_incidents(seed: int, cycle: int) -> list[_Incident]:
    random = _random(seed, cycle, 1)
    found = []
    for plan in _SCRIPT:
        start = plan.start + int(random.randint(-_JITTER, _JITTER + 1))
        cpus = sorted(random.permutation(len(CPUS))[: plan.cpus].tolist())
        found.append(_Incident(plan, start, tuple(cpus)))
    return found


def _cycle_usage(seed: int, cycle: int) -> npt.NDArray[np.float64]:
    """Return one cycle of the fleet, shape (CYCLE_TICKS, hosts, cpus), in percent."""
    tick = np.arange(CYCLE_TICKS)
    usage = np.empty((CYCLE_TICKS, len(HOSTS), len(CPUS)))
    for index, host in enumerate(HOSTS):
        normal = _NORMAL[host]
        # A day has its busy and its quiet hours. Here a "day" lasts one cycle: ten minutes.
        drift = normal.swing * np.sin(2 * np.pi * (tick / CYCLE_TICKS + normal.phase))
        usage[:, index, :] = normal.level + drift[:, np.newaxis] + np.array(_CPU_OFFSET)
    for incident in _cycle_incidents(seed, cycle):
        host_index = HOSTS.index(incident.plan.hostname)
        when = slice(incident.start, incident.start + incident.plan.ticks)
        share = incident.share()
        for cpu in incident.cpus:
            series = usage[when, host_index, cpu]
            usage[when, host_index, cpu] = (1 - share) * series + share * incident.plan.peak
    noise = np.array([_NORMAL[host].noise for host in HOSTS])[:, np.newaxis]
    usage += noise * _random(seed, cycle).standard_normal(usage.shape)
    return np.clip(np.round(usage, 2), 0.0, 100.0)


def _utc(start: datetime | str) -> pd.Timestamp:
    moment = pd.Timestamp(start)
    return moment.tz_localize("UTC") if moment.tzinfo is None else moment.tz_convert("UTC")


def _epoch_ms(start: datetime | str) -> int:
    return int(_utc(start).value // 1_000_000)


def _cycles(ticks: int) -> range:
    if ticks < 0:
        raise ValueError(f"ticks {ticks} is negative")
    return range(-(-ticks // CYCLE_TICKS))


def fleet(
    seed: int = 7, start: datetime | str = FLEET_START, ticks: int = CYCLE_TICKS
) -> pd.DataFrame:
    """Make the readings of the seeded fleet: seven hosts of five cpus, one reading a second.

    Every host reports at every tick. A cycle has 600 ticks; each cycle plays the incidents
    again, with fresh noise and at other moments. A shorter fleet is the beginning of a longer
    one.

    Parameters
    ----------
    seed : int
        0 to 2**32 - 1. The same seed gives the same bytes.
    start : datetime or str
        Time of the first tick; UTC unless it says otherwise.
    ticks : int
        How many seconds.

    Returns
    -------
    pandas.DataFrame
        35 * ticks readings, by occurred_at, then in the order of HOSTS and CPUS. Usage is in
        percent, rounded to two decimals.

    Raises
    ------
    ValueError
        If the seed or the ticks are out of range.
    """
    cycles = [_cycle_usage(seed, cycle) for cycle in _cycles(ticks)]
    usage = np.concatenate(cycles)[:ticks] if cycles else np.empty((0, len(HOSTS), len(CPUS)))
    series = len(HOSTS) * len(CPUS)
    return pd.DataFrame(
        {
            "hostname": np.tile(np.repeat(np.array(HOSTS, dtype=object), len(CPUS)), ticks),
            "cpu": np.tile(np.array(CPUS, dtype=object), ticks * len(HOSTS)),
            "usage": usage.reshape(-1),
            "occurred_at": np.repeat(
                _epoch_ms(start) + 1000 * np.arange(ticks, dtype=np.int64), series
            ),
        }
    )


def live(seed: int = 7, start: datetime | str = FLEET_START) -> Iterator[list[Reading]]:
    """Yield the fleet for ever, tick by tick; the caller sets the pace.

    Parameters
    ----------
    seed, start
        As for `fleet`; the readings are the same.

    Yields
    ------
    list of Reading
        The 35 readings of one tick.
    """
    occurred_at = _epoch_ms(start)
    series = [(host, cpu) for host in HOSTS for cpu in CPUS]
    for cycle in count():
        for usage in _cycle_usage(seed, cycle).reshape(CYCLE_TICKS, -1).tolist():
            yield [
                {"hostname": host, "cpu": cpu, "usage": value, "occurred_at": occurred_at}
                for (host, cpu), value in zip(series, usage, strict=True)
            ]
            occurred_at += 1000


def incidents(
    seed: int = 7, start: datetime | str = FLEET_START, ticks: int = CYCLE_TICKS
) -> pd.DataFrame:
    """List what is really wrong in the fleet of the same seed, start and ticks.

    Parameters
    ----------
    seed, start, ticks
        As for `fleet`. An incident that begins before the last tick is listed with the end
        that it would have.

    Returns
    -------
    pandas.DataFrame
        One row an incident, by start: kind ('spike', 'plateau', 'creep' or 'flapping'),
        hostname, cpus (tuple of str), start and end (UTC, [start, end)), peak (percent,
        before noise), deserves_alert (bool), note (str).

    Raises
    ------
    ValueError
        If the seed or the ticks are out of range.
    """
    first = _utc(start).floor("ms")
    rows = []
    for cycle in _cycles(ticks):
        for plan, begin, cpus in _cycle_incidents(seed, cycle):
            tick = cycle * CYCLE_TICKS + begin
            if tick < ticks:
                rows.append(
                    (
                        plan.kind,
                        plan.hostname,
                        tuple(CPUS[cpu] for cpu in cpus),
                        first + pd.Timedelta(seconds=tick),
                        first + pd.Timedelta(seconds=tick + plan.ticks),
                        plan.peak,
                        plan.deserves_alert,
                        plan.note,
                    )
                )
    columns = ["kind", "hostname", "cpus", "start", "end", "peak", "deserves_alert", "note"]
    table = pd.DataFrame(rows, columns=columns).astype(
        {
            "start": "datetime64[ns, UTC]",
            "end": "datetime64[ns, UTC]",
            "peak": "float64",
            "deserves_alert": "bool",
        }
    )
    return table.sort_values(["start", "hostname"], ignore_index=True)


# --- This machine ---------------------------------------------------------------------------


def machine(interval: float = 1.0) -> Iterator[list[Reading]]:
    """Yield the readings of this machine for ever, one list a tick, one reading a logical CPU.

    Parameters
    ----------
    interval : float
        Seconds over which each usage is measured, and so the pace. The first list comes after
        the first interval.

    Raises
    ------
    ValueError
        If the interval is not above 0.
    """
    if not interval > 0:
        raise ValueError(f"interval {interval} is not above 0 seconds")
    return _machine(interval)


def _machine(interval: float) -> Iterator[list[Reading]]:
    hostname = socket.gethostname()
    while True:
        # With an interval psutil measures before it answers. Without one its first answer
        # would be a meaningless 0.0.
        usage = psutil.cpu_percent(interval=interval, percpu=True)
        now = time.time_ns() // 1_000_000
        yield [
            {
                "hostname": hostname,
                "cpu": f"cpu{number}",
                "usage": min(max(float(value), 0.0), 100.0),
                "occurred_at": now,
            }
            for number, value in enumerate(usage, 1)
        ]


# --- What is no reading ---------------------------------------------------------------------


def validate(record: object) -> str | None:
    """Say why a decoded record of the topic is no reading.

    Parameters
    ----------
    record : object
        Whatever the JSON held.

    Returns
    -------
    str or None
        One short phrase, or None for a reading. Fields that a reading does not have are
        allowed.
    """
    if not isinstance(record, dict):
        return f"record ({type(record).__name__}) is not an object"
    for name in COLUMNS:
        if record.get(name) is None:
            return f"{name} is missing"
    for name in ("hostname", "cpu"):
        text = record[name]
        if not isinstance(text, str):
            return f"{name} {_show(text)} is not text"
        if not text.strip():
            return f"{name} '' is empty"
    usage = record["usage"]
    if isinstance(usage, bool) or not isinstance(usage, (int, float)) or usage != usage:
        return f"usage {_show(usage)} is not a number"
    if not 0 <= usage <= 100:
        return f"usage {_show(usage)} is not between 0 and 100"
    occurred_at = record["occurred_at"]
    if isinstance(occurred_at, bool) or not isinstance(occurred_at, int):
        return f"occurred_at {_show(occurred_at)} is not a whole number"
    if not FIRST_TIME <= occurred_at < END_OF_TIME:
        return f"occurred_at {_show(occurred_at)} is not between 1970 and 2200"
    return None


def _show(value: object) -> str:
    """Return a value for a message: on one line, and short."""
    if isinstance(value, str):
        return f"'{_shorten(value)}'"
    if isinstance(value, int) and abs(value) >= 10**40:
        return "with more than 40 digits"  # Python may refuse to print it
    if isinstance(value, (int, float)):
        return str(value)
    return f"({type(value).__name__})"


def _shorten(text: str, length: int = 40) -> str:
    # Only the beginning is looked at: a field may be megabytes long.
    shown = "".join(char if char.isprintable() else "\ufffd" for char in text[: length + 1])
    return shown if len(text) <= length else shown[: length - 1] + "…"


# --- CSV replay -----------------------------------------------------------------------------

_TIME_NAMES = ("occurred_at", "timestamp", "time")
_VALUE_NAMES = ("usage", "value", "cpu_usage")
_HOST_NAMES = ("hostname", "host", "instance")
_CPU_NAMES = ("cpu", "core")

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?")
_ISO = re.compile(
    r"([+-]?[0-9]{4,6})-([0-9]{2})-([0-9]{2})"
    r"(?:[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]+))?)?"
    r" ?(?:([Zz]|UTC)|([+-])([0-9]{2}):?([0-9]{2})?)?)?"
)
_BASIC_ISO = re.compile(
    r"([0-9]{4})([0-9]{2})([0-9]{2})"
    r"[Tt]([0-9]{2})([0-9]{2})(?:([0-9]{2})(?:[.,]([0-9]+))?)?"
    r"(?:([Zz])|([+-])([0-9]{2}):?([0-9]{2})?)?"
)
_DAMAGED = re.compile("[\ud800-\udfff]")
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_DAY_MS = 86_400_000
# Enough digits for any time text that is looked at, so nothing is ever rounded up.
_EXACT = Context(prec=200, rounding=ROUND_FLOOR)
_LONGEST_TIME = 64


class ReadingsError(CpuwatchError, ValueError):
    """A file cannot be used as readings; the message names the file, why, and what to do."""


@dataclass(frozen=True, eq=False)
class CsvReadings:
    """What a CSV file held.

    Attributes
    ----------
    readings : pandas.DataFrame
        The readings, by occurred_at; those of the same moment in the order of the file.
    rejected : pandas.DataFrame
        The rows that are no reading: line (int, counted from 1), reason (str), text (str).
    """

    readings: pd.DataFrame
    rejected: pd.DataFrame

    @property
    def rows(self) -> int:
        """Return how many rows the file has: readings and rejected ones."""
        return len(self.readings) + len(self.rejected)


class _Header(NamedTuple):
    """Where the columns are. Without a host or cpu column the index is None."""

    delimiter: str
    names: list[str]
    time: int
    value: int
    host: int | None
    cpu: int | None


class _RejectedError(Exception):
    """A row is no reading; the message is the reason."""


def read_csv(path: str | Path) -> CsvReadings:
    """Read a CSV file of readings; keep what is wrong apart, with its line and reason.

    The header names the columns, in any case and order: the time (occurred_at, timestamp or
    time), the value (usage, value or cpu_usage), the host (hostname, host or instance;
    otherwise the name of the file) and the cpu (cpu or core; otherwise cpu1). The delimiter
    is a comma, or else a semicolon or a tab. One line is one row.

    Times are ISO 8601 (UTC unless they say otherwise) or epoch seconds or milliseconds; the
    median of the file's numbers decides which. What is smaller than a millisecond is cut off.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    CsvReadings

    Raises
    ------
    ReadingsError
        If the file cannot be read, has no usable header, or has not a single usable row.
    """
    path = Path(path)
    lines, encoding, damaged = _lines(path)
    header_line = next((number for number, line in enumerate(lines, 1) if line.strip()), None)
    if header_line is None:
        raise ReadingsError(f"{path} is empty: give a CSV file with a header and readings.")
    header = _header(path, _DAMAGED.sub("\ufffd", lines[header_line - 1]))

    rows: list[tuple[int, list[str]]] = []
    rejected: list[tuple[int, str]] = []
    for number, line in enumerate(lines[header_line:], header_line + 1):
        if not line.strip():
            continue
        try:
            if damaged and _DAMAGED.search(line):
                raise _RejectedError(f"line is not valid {encoding}")
            rows.append((number, _fields(line, header)))
        except _RejectedError as reason:
            rejected.append((number, str(reason)))
    if not rows and not rejected:
        raise ReadingsError(f"{path} has a header but no rows: add readings below the header.")

    to_ms = _epoch_unit([fields[header.time].strip() for _, fields in rows])
    kept: list[tuple[str, str, float, int]] = []
    for number, fields in rows:
        try:
            kept.append(_reading(fields, header, to_ms, _shown_stem(path)))
        except _RejectedError as reason:
            rejected.append((number, str(reason)))
    rejected.sort()
    if not kept:
        number, why = rejected[0]
        raise ReadingsError(
            f"{path} has no row that is a reading: the first, line {number}, is rejected "
            f"because {why}; mend its rows or give another file."
        )
    readings = pd.DataFrame(kept, columns=list(COLUMNS)).astype(
        {"usage": "float64", "occurred_at": "int64"}
    )
    return CsvReadings(
        readings.sort_values("occurred_at", kind="stable", ignore_index=True),
        pd.DataFrame(
            [(number, why, _DAMAGED.sub("\ufffd", lines[number - 1])) for number, why in rejected],
            columns=["line", "reason", "text"],
        ).astype({"line": "int64"}),
    )


def _shown_stem(path: Path) -> str:
    # A file name may hold bytes that are no text; a host name may not.
    return _DAMAGED.sub("\ufffd", path.stem)


def _lines(path: Path) -> tuple[list[str], str, bool]:
    """Return the physical lines, the encoding, and whether some bytes are not valid in it.

    Bytes that are not valid stand in the lines as lone surrogates, which `_DAMAGED` finds.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ReadingsError(f"{path} does not exist: check the name of the file.") from None
    except IsADirectoryError:
        raise ReadingsError(f"{path} is a directory: give a CSV file inside it.") from None
    except PermissionError:
        raise ReadingsError(f"{path} may not be read: give yourself read permission.") from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ReadingsError(
            f"{_shorten(str(path), 200)} cannot be read ({why}): give another file."
        ) from None

    encoding = "UTF-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "UTF-8"
    if encoding == "UTF-16":
        text = data[: len(data) // 2 * 2].decode("utf-16", "surrogatepass")
        if len(data) % 2:
            text += "\udc80"  # half a character: the last line is damaged
        damaged = True
    else:
        try:
            text, damaged = data.decode("utf-8-sig"), False
        except UnicodeDecodeError:
            text, damaged = data.decode("utf-8-sig", "surrogateescape"), True
    if "\0" in text:
        raise ReadingsError(f"{path} is a binary file, not text: give a CSV file.")
    # Not str.splitlines, which also splits at characters that a field may hold.
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), encoding, damaged


def _header(path: Path, line: str) -> _Header:
    wanted = {"time": _TIME_NAMES, "value": _VALUE_NAMES}
    fewest_missing = list(wanted)
    for delimiter in (",", ";", "\t"):
        try:
            names = [name.strip() for name in _split(line, delimiter)]
        except _RejectedError:
            continue
        while names and not names[-1]:
            names.pop()  # a delimiter at the end of the line
        folded = [name.lower() for name in names]

        def column(accepted: tuple[str, ...], folded: list[str] = folded) -> int | None:
            return next((folded.index(name) for name in accepted if name in folded), None)

        found = {what: column(accepted) for what, accepted in wanted.items()}
        when, value = found["time"], found["value"]
        if when is not None and value is not None:
            return _Header(delimiter, names, when, value, column(_HOST_NAMES), column(_CPU_NAMES))
        missing = [what for what, index in found.items() if index is None]
        if len(missing) < len(fewest_missing):
            fewest_missing = missing
    lacks = " and ".join(f"no {what} column" for what in fewest_missing)
    names_it = " and ".join(
        f"the {what} {', '.join(wanted[what][:-1])} or {wanted[what][-1]}"
        for what in fewest_missing
    )
    raise ReadingsError(f"{path} has {lacks} in its first line: name {names_it}.")


def _split(line: str, delimiter: str) -> list[str]:
    if '"' not in line:
        return line.split(delimiter)
    # One line at a time, so a quote that is not closed cannot swallow the lines after it.
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error as error:
        if "unexpected end" in str(error):
            raise _RejectedError("a quote is not closed") from None
        if "field limit" in str(error):
            raise _RejectedError("a quoted field is too long") from None
        raise _RejectedError("a quoted field goes on after its closing quote") from None


def _fields(line: str, header: _Header) -> list[str]:
    fields = _split(line, header.delimiter)
    wanted = len(header.names)
    if len(fields) < wanted or any(extra.strip() for extra in fields[wanted:]):
        columns = "1 column" if len(fields) == 1 else f"{len(fields)} columns"
        raise _RejectedError(f"row has {columns}, not {wanted}")
    return fields


def _epoch_unit(times: list[str]) -> int:
    """Return what to multiply the file's numeric times with to get milliseconds."""
    numbers = [float(text) for text in times if _is_number(text)]
    return 1000 if numbers and statistics.median(numbers) < 1e11 else 1


def _is_number(text: str) -> bool:
    return len(text) <= _LONGEST_TIME and _NUMBER.fullmatch(text) is not None


def _reading(
    fields: list[str], header: _Header, to_ms: int, stem: str
) -> tuple[str, str, float, int]:
    occurred_at = _time(fields[header.time].strip(), header.names[header.time], to_ms)
    usage = _usage(fields[header.value].strip(), header.names[header.value])
    hostname = stem if header.host is None else _name(fields, header, header.host)
    cpu = "cpu1" if header.cpu is None else _name(fields, header, header.cpu)
    return hostname, cpu, usage, occurred_at


def _name(fields: list[str], header: _Header, index: int) -> str:
    text = fields[index]
    if not text.strip():
        raise _RejectedError(f"{_shorten(header.names[index])} '' is empty")
    return text


def _usage(text: str, column: str) -> float:
    if not text:
        raise _RejectedError(f"{_shorten(column)} '' is empty")
    try:
        usage = float(text)
    except ValueError:
        usage = float("nan")
    # float() also takes 1_000, digits of other scripts, nan and inf, which are no usage.
    if usage != usage or abs(usage) == float("inf") or "_" in text or not text.isascii():
        raise _RejectedError(f"{_shorten(column)} {_show(text)} is not a number")
    if not 0 <= usage <= 100:
        raise _RejectedError(f"{_shorten(column)} {_shorten(text)} is not between 0 and 100")
    return usage


def _time(text: str, column: str, to_ms: int) -> int:
    if not text:
        raise _RejectedError(f"{_shorten(column)} '' is empty")
    occurred_at: int | None
    if _is_number(text):
        # Decimal, not float: 1700000000.123 s must not become 1700000000122 ms.
        exact = _EXACT.multiply(Decimal(text), to_ms)
        occurred_at = int(exact.to_integral_value(ROUND_FLOOR, _EXACT))
    else:
        occurred_at = _iso_ms(text)
    if occurred_at is None:
        raise _RejectedError(
            f"{_shorten(column)} {_show(text)} is neither ISO 8601 nor epoch seconds"
            " or milliseconds"
        )
    if not FIRST_TIME <= occurred_at < END_OF_TIME:
        raise _RejectedError(f"{_shorten(column)} {_show(text)} is not between 1970 and 2200")
    return occurred_at


@lru_cache(maxsize=4096)
def _day_ms(year: str, month: str, day: str) -> int | None:
    """Return the first millisecond of a day, or None if there is no such day."""
    try:
        return (date(int(year), int(month), int(day)).toordinal() - _EPOCH_DAY) * _DAY_MS
    except ValueError:
        if int(year) < 1 and 1 <= int(month) <= 12 and 1 <= int(day) <= 31:
            return -(10**15)  # before anything that `date` knows
        if int(year) > 9999 and 1 <= int(month) <= 12 and 1 <= int(day) <= 31:
            return 10**15  # after it
        return None


def _iso_ms(text: str) -> int | None:
    """Return epoch milliseconds of an ISO 8601 time, or None if it is none."""
    if len(text) > _LONGEST_TIME:
        return None
    # datetime.fromisoformat reads less in Python 3.10 than later; this is the same in each.
    match = _ISO.fullmatch(text) or _BASIC_ISO.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, _, sign, zone_h, zone_m = match.groups("0")
    start_of_day = _day_ms(year, month, day)
    if start_of_day is None:
        return None
    h, m, s, zh, zm = int(hour), int(minute), int(second), int(zone_h), int(zone_m)
    if h > 23 or m > 59 or s > 59 or zh > 23 or zm > 59:
        return None
    offset = (zh * 60 + zm) * 60_000 * (-1 if sign == "-" else 1)
    millis = int((fraction + "00")[:3])
    return start_of_day + ((h * 60 + m) * 60 + s) * 1000 + millis - offset
