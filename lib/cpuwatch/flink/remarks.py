"""What a preview remarks on: what Flink takes without a word, and is hardly meant so."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from itertools import islice
from typing import Any, TypeAlias

import pandas as pd

from cpuwatch import topics, words
from cpuwatch.flink import ordering
from cpuwatch.flink.catalog import topics_in

#: The type of each column.
Columns: TypeAlias = Mapping[str, str]

#: So many of a topic's first records are looked at for their fields.
_RECORDS = 50

#: Two names side by side in a SELECT list: what is selected, and what it is called from now on.
_ALIAS = re.compile(r"(?:`?\w+`?\.)?`?(\w+)`?\s+`?(\w+)`?")


def aliases(query: str, columns: Iterable[str]) -> list[str]:
    """Remark on a column that is selected under the name of another one.

    Parameters
    ----------
    query
        A SELECT.
    columns
        The columns of the tables that it reads.
    """
    known = set(columns)
    pairs = [
        match.groups() for item in ordering.selected(query) if (match := _ALIAS.fullmatch(item))
    ]
    return [
        f"Note: '{column} {alias}' selects {column} and calls it {alias}. If both columns are"
        " meant, there is a comma missing between them."
        for column, alias in pairs
        if column != alias and {column, alias} <= known
    ]


def empty_columns(
    table: pd.DataFrame, sources: Mapping[str, Mapping[str, str]], columns: Mapping[str, Columns]
) -> list[str]:
    """Remark on a column in which nothing stands, since the records have no such field.

    Parameters
    ----------
    table
        What the preview shows.
    sources
        The tables that it reads, with their options.
    columns
        For each of these the columns that its records should have as fields.
    """
    if len(table) and not table.isna().all().any():
        return []
    return [
        remark
        for name, options in sources.items()
        if options.get("connector") == "kafka"
        and "json" in (options.get("format"), options.get("value.format"))
        for remark in _missing(name, topics_in(options), columns[name])
    ]


def _missing(table: str, names: list[str], columns: Columns) -> Iterator[str]:
    fields: dict[str, Any] = {}
    for topic in names:
        with closing(topics.messages(topic)) as messages:
            for message in islice(messages, _RECORDS):
                for name, value in (topics.decode(message.value()) or {}).items():
                    fields[name] = fields.get(name) if value is None else value
    records = f"the records of {' and '.join(names)}"
    for column, kind in columns.items() if fields else ():
        what = f"Note: the column {column} of {table} stays empty, since "
        if column not in fields:
            there = ", ".join(sorted(fields))
            yield f"{what}{records} have no such field. They have: {there}."
        elif fields[column] is not None and not _fits(fields[column], kind):
            yield f"{what}{words.shown(fields[column])} in {records} is no {kind}."


def _fits(value: Any, kind: str) -> bool:
    """Whether a column of numbers can hold a field; of other types we say nothing."""
    try:
        if re.match(r"(TINY|SMALL|BIG)?INT", kind):
            int(value if isinstance(value, str) else str(value))
        elif re.match(r"DOUBLE|FLOAT|DECIMAL", kind):
            float(value)
    except (TypeError, ValueError):
        return False
    return True
