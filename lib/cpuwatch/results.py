"""What jobs have written: a topic's records with the types that its table gives them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pandas as pd

from cpuwatch import sql, topics, words
from cpuwatch.spool import Kind, Spool

#: So much of a record that is no reading is shown, in characters.
_SHOWN = 200

_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)")


def read(table: str, topic: str | None = None) -> pd.DataFrame:
    """The records of a table's topic, in the order of partitions and offsets.

    Parameters
    ----------
    table
        A table of the pipeline.
    topic
        Another topic of the same form, as a run of its own has; by default the table's.

    Returns
    -------
    pandas.DataFrame
        The table's columns, typed as by `typed`.

    Raises
    ------
    CpuwatchError
        If there is no such topic, or Kafka does not answer.
    """
    return typed(topics.read(topic or sql.topic(table) or table), table)


def as_written(table: str) -> pd.DataFrame:
    """The same, with the fields that records have: an attendee's own table may have others.

    Parameters
    ----------
    table
        A table of the pipeline.

    Returns
    -------
    pandas.DataFrame
        The table's columns, but for those that no record has, and then what else there is. Of an
        empty topic all of the table's.

    Raises
    ------
    CpuwatchError
        If there is no such topic, or Kafka does not answer.
    """
    records = topics.read(sql.topic(table) or table)
    known = typed(records, table)
    there = [name for name in known.columns if name in records.columns]
    more = records.drop(columns=[*there, "partition", "offset"], errors="ignore")
    if more.columns.empty:
        return known[there] if there and len(records) else known
    return pd.concat([known[there], with_times(more)], axis=1)


def spooled(
    table: str,
    order: Sequence[str],
    topic: str | None = None,
    renamed: Mapping[str, str] | None = None,
) -> Spool:
    """The same as `read`, on the disk and in an order: there may be very many.

    Parameters
    ----------
    table, topic
        As for `read`.
    order
        Columns, by their new names.
    renamed
        New names for columns.

    Raises
    ------
    CpuwatchError
        If there is no such topic, or Kafka does not answer.
    """
    names = dict(renamed or {})
    kinds = {names.get(column.name, column.name): _kind(column) for column in sql.columns(table)}
    found = Spool(kinds, order)
    for part in topics.read_parts(topic or sql.topic(table) or table):
        found.add_table(typed(part, table).rename(columns=names))
    return found


def _kind(column: sql.Column) -> Kind:
    if column.is_time:
        return "time"
    if column.is_text:
        return "text"
    return "whole" if column.is_whole else "real"


def bad(most: int = 1000) -> pd.DataFrame:
    """What came and is no reading: records of the topic of readings, and rows of files.

    Parameters
    ----------
    most
        Of so many records at most the beginning is looked up, from the first on.

    Returns
    -------
    pandas.DataFrame
        source (the topic, or the file), partition and offset or else line, reason, and text: the
        beginning of the record or row. In the order of their places.

    Raises
    ------
    CpuwatchError
        If Kafka does not answer.
    """
    columns = ["source", "partition", "offset", "line", "reason", "text"]
    if not topics.partitions_of(topics.BAD_READINGS):
        return pd.DataFrame(columns=columns)
    rows = [topics.decode(one.value()) or {} for one in topics.messages(topics.BAD_READINGS)]
    # A record that JSON's reader begins to read, and finds broken later, is noted by both queries.
    once = {(row["partition"], row["offset"]): row for row in reversed(rows) if "offset" in row}
    rows = [*once.values(), *(row for row in rows if "offset" not in row)]
    there = bool(once) and bool(topics.partitions_of(topics.READINGS))
    records = topics.values(topics.READINGS, sorted(once)[:most]) if there else {}
    for row in rows:
        if "offset" in row:
            value = records.get((row["partition"], row["offset"]))
            text = None if value is None else value[: 4 * _SHOWN].decode("utf-8", "replace")
            row |= {"source": topics.READINGS, "text": text}
        row["text"] = None if row.get("text") is None else words.shorten(row["text"], _SHOWN)
    found = pd.DataFrame(rows, columns=columns)
    for name in ("partition", "offset", "line"):
        found[name] = found[name].astype("Int64")
    return found.sort_values(["source", "partition", "offset", "line"], ignore_index=True)


def typed(records: pd.DataFrame, table: str) -> pd.DataFrame:
    """Give records the columns and the types of their table, also where there are none.

    Parameters
    ----------
    records
        Fields as JSON has them; those that the table does not know are left out.
    table
        A table of the pipeline.

    Returns
    -------
    pandas.DataFrame
        Times in UTC; whole numbers as int64 where none is missing.
    """
    columns = sql.columns(table)
    found = records.reindex(columns=[column.name for column in columns])
    for column in columns:
        values = found[column.name]
        if column.is_time:
            values = pd.to_datetime(values, format="ISO8601", utc=True).dt.as_unit("ns")
        elif column.is_text:
            values = values.astype(object)
        elif column.is_whole and not values.isna().any():
            values = values.astype("int64")
        elif column.is_number:
            values = values.astype("float64")
        found[column.name] = values
    return found


def with_times(records: pd.DataFrame) -> pd.DataFrame:
    """Read as times, in UTC, the columns that hold nothing but ISO 8601 times with their zone.

    Parameters
    ----------
    records
        Of a table that is not the pipeline's, so that nothing says which columns are times.
    """
    found = records.copy()
    for name in found.columns:
        values = found[name].dropna()
        if len(values) and values.map(lambda value: bool(_TIME.fullmatch(str(value)))).all():
            found[name] = pd.to_datetime(found[name], format="ISO8601", utc=True)
    return found
