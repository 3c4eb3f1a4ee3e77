"""What a reading is, and where readings come from.

A reading says how busy one CPU of one host was at one moment. It comes from the seeded fleet
(with its labelled incidents), from this machine, or from a CSV file (see `replay`).

A DataFrame of readings has the columns

- ``hostname`` (str),
- ``cpu`` (str),
- ``usage`` (float64, percent, 0 to 100),
- ``occurred_at`` (int64, epoch milliseconds).
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from datetime import datetime
from itertools import count
from typing import NamedTuple, TypedDict

import numpy as np
import numpy.typing as npt
import pandas as pd
import psutil

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
    # The kernel lets a machine's name be any bytes, or none.
    hostname = socket.gethostname().encode(errors="replace").decode() or "this-machine"
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
            return f"{name} {shown(text)} is not text"
        if not text.strip():
            return f"{name} '' is empty"
    usage = record["usage"]
    if isinstance(usage, bool) or not isinstance(usage, (int, float)) or usage != usage:
        return f"usage {shown(usage)} is not a number"
    if not 0 <= usage <= 100:
        return f"usage {shown(usage)} is not between 0 and 100"
    occurred_at = record["occurred_at"]
    if isinstance(occurred_at, bool) or not isinstance(occurred_at, int):
        return f"occurred_at {shown(occurred_at)} is not a whole number"
    if not FIRST_TIME <= occurred_at < END_OF_TIME:
        return f"occurred_at {shown(occurred_at)} is not between 1970 and 2200"
    return None


def shown(value: object) -> str:
    """Return a value for a message: on one line, and short."""
    if isinstance(value, str):
        return f"'{shorten(value)}'"
    if isinstance(value, int) and abs(value) >= 10**40:
        return "with more than 40 digits"  # Python may refuse to print it
    if isinstance(value, (int, float)):
        return str(value)
    return f"({type(value).__name__})"


def shorten(text: str, length: int = 40) -> str:
    """Return a text for a message: printable, and cut to a length."""
    # Only the beginning is looked at: a field may be megabytes long.
    shown = "".join(char if char.isprintable() else "\ufffd" for char in text[: length + 1])
    return shown if len(text) <= length else shown[: length - 1] + "…"
