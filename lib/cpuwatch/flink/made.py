"""By which statements the tables and views of a TableEnvironment were made."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from weakref import WeakKeyDictionary

from pyflink.table import TableEnvironment

from cpuwatch import sql

#: For each environment the texts by which its tables and views were made. Two notebooks may
#: have different tables of one name, and a job is what its tables make of it.
_TEXTS: WeakKeyDictionary[TableEnvironment, dict[str, str]] = WeakKeyDictionary()


def remember(environment: TableEnvironment, name: str, text: str) -> None:
    """Keep the statement of a table or a view: it is noted with the jobs that use it."""
    _TEXTS.setdefault(environment, {})[name] = text.strip()


def with_bases(environment: TableEnvironment, names: Iterable[str]) -> list[str]:
    """The same tables, and before each those that it is made LIKE."""
    known = _TEXTS.get(environment, {})
    found: list[str] = []
    for name in names:
        base = sql.base_in(known.get(name, ""))
        found += [*with_bases(environment, [base] if base else []), name]
    return list(dict.fromkeys(found))


def in_order(made: Mapping[str, str]) -> list[str]:
    """The names of tables and views, each after those that its statement names.

    A column may have the name of a table: where that leads round in a circle, it stops.

    Parameters
    ----------
    made
        For each the statement that makes it.
    """
    found: list[str] = []
    seen: set[str] = set()

    def place(name: str) -> None:
        if name in seen:
            return
        seen.add(name)
        for other in sorted(sql.names_in(made[name]) & made.keys()):
            place(other)
        found.append(name)

    for name in made:
        place(name)
    return found


def texts(environment: TableEnvironment, names: Iterable[str]) -> dict[str, str | None]:
    """For each table or view the statement that made it; None if it was made elsewhere."""
    known = _TEXTS.get(environment, {})
    return {name: known.get(name) for name in names}


def views_in(environment: TableEnvironment, statement: str) -> list[str]:
    """The views that a statement is built on, directly or through another view."""
    there = set(environment.list_views())
    known = _TEXTS.get(environment, {})
    found: list[str] = []
    waiting = [statement]
    while waiting:
        for name in sorted(sql.names_in(waiting.pop()) & there - set(found)):
            found.append(name)
            waiting.append(known.get(name, ""))
    return found


def in_plan(plan: str) -> list[str]:
    """The tables that a plan reads, as Flink's abstract syntax tree names them."""
    scans = re.findall(r"TableScan\(table=\[\[[^,\]]+, [^,\]]+, ([^,\]]+)", plan)
    return list(dict.fromkeys(scans))


def window_times(environment: TableEnvironment, statement: str) -> dict[str, bool]:
    """By which times a statement makes windows, and whether it leaves out rows without them.

    In a stream Flink fails at a row whose time is NULL, again and again.
    """
    made = texts(environment, views_in(environment, statement)).values()
    text = "\n".join(sql.normal(one) for one in (statement, *made) if one)
    times = re.findall(r"\bDESCRIPTOR\s*\(\s*`?(\w+)", text, re.IGNORECASE)
    return {
        time: bool(re.search(rf"\b{time}`?\s+IS\s+NOT\s+NULL\b", text, re.IGNORECASE))
        for time in times
    }
