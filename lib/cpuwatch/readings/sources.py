"""Readings to send, tick by tick: the fleet, a CSV, or this machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cpuwatch.readings.measured import machine as this_machine
from cpuwatch.readings.reading import Reading
from cpuwatch.readings.replay import no_rejected, of_readings, read_csv
from cpuwatch.readings.seeded import CPUS, CYCLE_TICKS, HOSTS, fleet, live
from cpuwatch.readings.use import Use
from cpuwatch.spool import Spool

#: Where none is asked for, this machine reports for a minute.
_MACHINE_TICKS = 60


@dataclass(frozen=True)
class Source:
    """Readings to send, tick by tick.

    Attributes
    ----------
    name
        For people.
    ticks
        Readings that belong together in time, as lists or as what makes them when it is due.
    endless
        Whether they only end when stopped.
    live
        Whether they happen now, so that each counts as measured when it is sent.
    size
        How many readings there are, if somebody knows.
    rejected
        Rows that are no readings: line, reason, text.
    use
        Which columns of a CSV were used for what.
    """

    name: str
    ticks: Iterable[Iterable[Reading]]
    endless: bool = False
    live: bool = False
    size: int | None = None
    rejected: Spool = field(default_factory=no_rejected)
    use: Use | None = None


def open_source(
    csv: Path | None,
    machine: bool,
    endless: bool,
    seed: int,
    count: int | None = None,
    columns: Mapping[str, str | Sequence[str]] | None = None,
    where: Mapping[str, str | Sequence[str]] | None = None,
) -> Source:
    """The readings that were asked for; reads a CSV whole, so that its faults show at once.

    Parameters
    ----------
    csv
        A file of readings; None for another source.
    machine
        Whether it is this machine's own CPUs.
    endless
        Whether it goes on until somebody stops it.
    seed
        Of the fleet.
    count
        How many readings; by default all.
    columns, where
        As for `read_csv`.

    Raises
    ------
    CpuwatchError
        If the CSV cannot be used.
    """
    if csv is not None:
        found = read_csv(csv, True, columns, where)
        return Source(
            csv.name,
            _rows(found.readings),
            size=len(found.readings),
            rejected=found.rejected,
            use=found.use,
        )
    if machine:
        ticks: Iterable[list[Reading]] = this_machine()
        if not endless and count is None:
            ticks = (tick for tick, _ in zip(ticks, range(_MACHINE_TICKS), strict=False))
        return Source("this machine", ticks, endless)
    if endless:
        return live_fleet(seed)
    series = len(HOSTS) * len(CPUS)
    needed = CYCLE_TICKS if count is None else -(-count // series)
    made = of_readings(fleet(seed, ticks=needed))
    return Source("the fleet", _rows(made), size=len(made))


def live_fleet(seed: int = 7) -> Source:
    """The seeded fleet as it would report now, for ever.

    Parameters
    ----------
    seed
        With the same one the fleet reports the same.
    """
    return Source("the live fleet", live(seed), endless=True, live=True)


def _rows(readings: Spool) -> Iterator[list[Reading]]:
    for hostname, cpu, usage, occurred_at in readings.rows():
        yield [Reading(hostname=hostname, cpu=cpu, usage=usage, occurred_at=occurred_at)]
