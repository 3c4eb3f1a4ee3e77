"""Tables that lie on the disk, and come back in order: whatever their size, in little memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any, Literal, TypeAlias

import pandas as pd

from cpuwatch.errors import CpuwatchError

#: What a column holds: times are UTC, and lie on the disk as nanoseconds since the epoch.
Kind: TypeAlias = Literal["text", "real", "whole", "time"]

#: So many rows are in memory at once.
_PART = 50_000

#: How much memory the database takes for what it has read, and for sorting, in kB.
_CACHE = 16_000


class Spool:
    """A table that rows are added to, and that gives them back in order.

    It is a private database of SQLite's, in a file that nobody else can open and that is gone
    with the process, however that ends. Where the file lies, TMPDIR says.

    Parameters
    ----------
    columns
        Their names, and what each holds.
    order
        The columns by which rows come back. Those that are equal come as they were added; texts
        are in the order of their characters' numbers, as Python has them.
    """

    def __init__(self, columns: Mapping[str, Kind], order: Sequence[str] = ()) -> None:
        self.columns = dict(columns)
        self._order = ", ".join([*map(_name, order), "rowid"])
        self._count = 0
        # One thread at a time: who makes it, and later who looks at the result.
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        with _explained():
            for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE}"):
                self._database.execute(f"PRAGMA {pragma}")
            self._database.execute(f"CREATE TABLE rows ({', '.join(map(_name, columns))})")

    @classmethod
    def of(cls, table: pd.DataFrame, columns: Mapping[str, Kind], order: Sequence[str]) -> Spool:
        """A table that has these rows.

        Parameters
        ----------
        table
            At least those columns.
        columns, order
            As for the class.
        """
        made = cls(columns, order)
        made.add_table(table)
        return made

    def __len__(self) -> int:
        return self._count

    def add(self, rows: Iterable[Sequence[object]]) -> None:
        """Add rows as they come: values in the order of the columns.

        Raises
        ------
        CpuwatchError
            If the disk has no room for them.
        """
        places = ", ".join("?" * len(self.columns))
        with _explained():
            self._database.execute("BEGIN")
            done = self._database.executemany(f"INSERT INTO rows VALUES ({places})", rows)
            self._database.execute("COMMIT")
            self._count += done.rowcount

    def add_table(self, table: pd.DataFrame) -> None:
        """Add the rows of a table that has at least these columns."""
        values = []
        for name, kind in self.columns.items():
            column = table[name]
            if kind == "time":
                column = column.dt.as_unit("ns").astype("int64")
            elif kind == "text":
                column = column.astype(object)
            elif kind == "whole" and column.isna().any():
                column = column.map(int, na_action="ignore").astype(object)
                column = column.where(column.notna(), None)
            values.append(column.tolist())
        self.add(zip(*values, strict=True))

    def ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What SQLite answers to a query of the table `rows`; times are as they lie there."""
        return list(self.each(query, *values))

    def each(self, query: str, *values: object) -> Iterator[tuple[Any, ...]]:
        """The same, row by row, however many there are."""
        with _explained(), closing(self._database.execute(query, values)) as found:
            yield from found

    def rows(self, **only: Iterable[object]) -> Iterator[tuple[Any, ...]]:
        """The rows in order, as they lie there.

        Parameters
        ----------
        **only
            For a column the values that are wanted.
        """
        wanted = {name: list(values) for name, values in only.items()}
        where = " AND ".join(
            f"{_name(name)} IN ({', '.join('?' * len(values))})" for name, values in wanted.items()
        )
        query = f"SELECT * FROM rows WHERE {where or 'TRUE'} ORDER BY {self._order}"
        parameters = [one for values in wanted.values() for one in values]
        with _explained(), closing(self._database.execute(query, parameters)) as found:
            yield from found

    def parts(self, **only: Iterable[object]) -> Iterator[pd.DataFrame]:
        """The rows in order, many at a time; once without any if there are none.

        Parameters
        ----------
        **only
            As for `rows`.
        """
        waiting: list[tuple[Any, ...]] = []
        some = False
        for row in self.rows(**only):
            waiting.append(row)
            if len(waiting) == _PART:
                yield self._table(waiting)
                waiting, some = [], True
        if waiting or not some:
            yield self._table(waiting)

    def table(self, **only: Iterable[object]) -> pd.DataFrame:
        """All rows at once, in order.

        Parameters
        ----------
        **only
            As for `rows`.
        """
        return pd.concat(list(self.parts(**only)), ignore_index=True)

    def head(self, count: int) -> pd.DataFrame:
        """The first rows."""
        query = f"SELECT * FROM rows ORDER BY {self._order} LIMIT {count}"
        return self._table(self.ask(query))

    def _table(self, rows: list[tuple[Any, ...]]) -> pd.DataFrame:
        found: dict[str, pd.Series[Any]] = {}
        for place, (name, kind) in enumerate(self.columns.items()):
            values = [row[place] for row in rows]
            if kind == "time":
                moments = pd.Series(values, dtype="Int64" if None in values else "int64")
                found[name] = pd.to_datetime(moments, unit="ns", utc=True)
            elif kind == "whole" and None not in values:
                found[name] = pd.Series(values, dtype="int64")
            else:
                found[name] = pd.Series(values, dtype="object" if kind == "text" else "float64")
        return pd.DataFrame(found)


@contextmanager
def _explained() -> Iterator[None]:
    """Say what to do when SQLite cannot read or write its file."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise CpuwatchError(
            f"Readings are sorted in a temporary file, and that failed ({error}): free some space"
            " on its disk, or set the variable TMPDIR to a folder that has more."
        ) from error


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'
