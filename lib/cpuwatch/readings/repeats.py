"""Moments that come more than once in one series: which column would tell them apart."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable

from cpuwatch.readings.numbers import number
from cpuwatch.spool import Spool

#: So many series are watched one by one; with more of them the sorted file is asked.
_MOST_SERIES = 50_000

#: So many moments are looked at to find the column.
_SAMPLE = 200

#: In so large a part of the moments names are the same ones.
_MOSTLY = 0.8

_MOMENT = "occurred_at, hostname, cpu"


class Repeats:
    """Watches readings as they come, in little memory and time.

    As long as each series goes forward in time, only its last moment has to be known.
    """

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], int] = {}
        self._suspected = False

    def see(self, hostname: str, cpu: str, occurred_at: int) -> None:
        """Look at one reading."""
        if self._suspected:
            return
        key = hostname, cpu
        if occurred_at <= self._last.get(key, -1) or len(self._last) > _MOST_SERIES:
            self._suspected = True
            self._last.clear()
        else:
            self._last[key] = occurred_at

    def count(self, readings: Spool) -> int:
        """How many moments of a series come more than once."""
        if not self._suspected:
            return 0
        query = f"SELECT 1 FROM rows GROUP BY {_MOMENT} HAVING COUNT(*) > 1"
        ((found,),) = readings.ask(f"SELECT COUNT(*) FROM ({query})")
        return int(found)


def telling(rows: Iterable[tuple[str, str, int, list[str]]]) -> tuple[int | None, list[int]]:
    """Which value tells rows of the same moment apart: its place in their lists, or None.

    A value that never comes again, such as a row's number, or that is measured, such as a
    temperature, names no series: the second are the places of such values that differ.

    Parameters
    ----------
    rows
        Of each reading hostname, cpu, occurred_at and what the columns hold that nothing is
        read from.
    """
    spool = Spool({"hostname": "text", "cpu": "text", "occurred_at": "whole", "rest": "text"})
    spool.add((*moment, json.dumps(rest)) for *moment, rest in rows)
    apart = (
        f"SELECT {_MOMENT} FROM rows GROUP BY {_MOMENT} HAVING COUNT(DISTINCT rest) > 1"
        f" LIMIT {_SAMPLE}"
    )
    query = f"SELECT DISTINCT {_MOMENT}, rest FROM rows JOIN ({apart}) USING ({_MOMENT})"
    moments: dict[tuple[object, ...], list[list[str]]] = defaultdict(list)
    for *moment, rest in spool.ask(query):
        moments[tuple(moment)].append(json.loads(rest))
    groups = list(moments.values())
    width = len(groups[0][0]) if groups else 0
    columns = [[[row[at] for row in group] for group in groups] for at in range(width)]
    grades = [(_grade(column), at) for at, column in enumerate(columns)]
    best = min((one for one in grades if one[0] is not None), default=(None, None))[1]
    differ = [at for at, column in enumerate(columns) if any(len(set(its)) > 1 for its in column)]
    return best, differ


def _grade(groups: list[list[str]]) -> tuple[int, int, int] | None:
    """How well a column tells rows apart, the less the better; None if it does not."""
    told = sum(len(set(values)) > 1 for values in groups)
    if not told:
        return None
    different = {value for values in groups for value in values}
    numbers = [found for value in different if (found := number(value)) is not None]
    all_numbers = len(numbers) == len(different)
    if all_numbers and any(found % 1 for found in numbers) and not _recurs(groups):
        return None  # measured
    if len(groups) > 1 and len(different) == sum(map(len, groups)):
        return None  # each row has its own
    return int(all_numbers), -told, len(different)


def _recurs(groups: list[list[str]]) -> bool:
    """Whether most moments have the same values, as of what has names, and not of what varies."""
    ((_, most),) = Counter(frozenset(values) for values in groups).most_common(1)
    return len(groups) > 1 and most >= _MOSTLY * len(groups)
