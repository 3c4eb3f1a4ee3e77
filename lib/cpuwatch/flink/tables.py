"""The tables and views of a TableEnvironment: create them, and import the workshop's."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from html import escape
from typing import Any

import pandas as pd
from py4j.protocol import Py4JError
from pyflink.table import TableEnvironment
from pyflink.util.exceptions import JavaException

from cpuwatch import pipeline, sql
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink.catalog import options, resolved
from cpuwatch.flink.environment import ask, clean, execute
from cpuwatch.flink.explain import Place
from cpuwatch.flink.made import remember
from cpuwatch.flink.rows import Rows

#: When a table's watermark moves.
_EMIT = "scan.watermark.emit.strategy"

#: A CREATE TABLE up to its table's name, in which all that stands before is kept.
_CREATES = re.compile(
    rf"{sql.BEFORE}CREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?"
    r"(?P<place>(?:(?:`[^`]+`|\w+)\s*\.\s*)*)(?:`(?P<quoted>[^`]+)`|(?P<name>\w+))",
    re.IGNORECASE | re.DOTALL,
)

#: What stands behind the name under which a table is tried.
_TRIAL = "__trial"


def create_table(environment: TableEnvironment, statement: str) -> pd.DataFrame:
    """Create a table; one of the same name is replaced, so a cell may run twice.

    Parameters
    ----------
    environment
        From `connect`.
    statement
        CREATE TABLE, with its connector's options. `${kafka}` and `${postgres}` stand for
        the addresses of this stack.

    Returns
    -------
    pandas.DataFrame
        The table's columns: column and type, and where there are such: key, computed as,
        watermark.

    Raises
    ------
    CpuwatchError
        If Flink refuses it. Then the table that was there before is still there.
    """
    text = clean(statement)
    found = _CREATES.match(text)
    if found is None:
        raise CpuwatchError("That creates no table: write CREATE TABLE name (…) WITH (…).")
    name = found["quoted"] or found["name"]
    end = found.end("quoted" if found["quoted"] else "name")
    trial = f"{found['place']}`{name}{_TRIAL}`"
    real = f"{found['place']}`{name}`"

    def create() -> list[Any]:
        # Tried under another name first: a statement with a mistake must not cost the table.
        with suppress(JavaException, Py4JError):
            environment.execute_sql(f"DROP TABLE IF EXISTS {trial}")
        environment.execute_sql(f"{text[:end]}{_TRIAL}{text[end:]}")
        # The options are looked at when a query uses them, and no sooner.
        environment.sql_query(f"SELECT * FROM {trial}")
        environment.execute_sql(f"DROP TABLE {trial}")
        environment.execute_sql(f"DROP TABLE IF EXISTS {real}")
        environment.execute_sql(text)
        let_watermark_follow(environment, name)
        with Rows(environment.execute_sql(f"DESCRIBE {real}")) as rows:
            return [row for _, row in rows.take()]

    described = ask(create, statement, place=_without_trial(text[:end]))
    remember(environment, name, statement)
    table = pd.DataFrame(
        [
            {
                "column": column,
                "type": kind.replace("VARCHAR(2147483647)", "STRING"),
                "key": key or "",
                "computed as": _plainly(more),
                "watermark": (mark or "").replace("`", ""),
            }
            for column, kind, _null, key, more, mark, *_ in described
        ]
    )
    return table.loc[:, (table != "").any()]


def _without_trial(before: str) -> Place:
    """Where a place is in a statement that has no word of a trial behind its table's name.

    Parameters
    ----------
    before
        The statement up to the end of that name.
    """
    row, width = before.count("\n") + 1, len(before) - before.rfind("\n") - 1

    def place(line: int, column: int) -> tuple[int, int]:
        return line, column - len(_TRIAL) if line == row and column > width else column

    return place


def _plainly(more: str | None) -> str:
    """How a column is computed, without what Flink adds."""
    return (
        (more or "").removeprefix("AS ").replace("`", "").replace("BETWEEN ASYMMETRIC", "BETWEEN")
    )


def create_view(environment: TableEnvironment, name: str, query: str) -> None:
    """Give a query a name, by which other queries may select from it; it stores nothing.

    Parameters
    ----------
    environment
        From `connect`.
    name
        The view's name; a view of the same name is replaced.
    query
        A SELECT.

    Raises
    ------
    CpuwatchError
        If Flink refuses the query. Then the view that was there before is still there.
    """
    text = f"CREATE TEMPORARY VIEW {name} AS\n{query.strip()}"

    def create() -> None:
        environment.sql_query(clean(query))  # a mistake must not cost the view
        environment.execute_sql(f"DROP TEMPORARY VIEW IF EXISTS `{name}`")
        environment.execute_sql(clean(text))

    ask(create, query)
    remember(environment, name, text)


class Imported:
    """What `import_tables` shows: the tables, each with its statement to unfold."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = tuple(names)

    def __repr__(self) -> str:
        lines = (
            f"{name} ({', '.join(column.name for column in sql.columns(name))})"
            for name in self._names
        )
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return "".join(
            f"<details><summary><code>{escape(line)}</code></summary>"
            f"<pre>{escape(sql.taught(name))}</pre></details>"
            for name, line in zip(self._names, repr(self).splitlines(), strict=True)
        )


def import_tables(environment: TableEnvironment, *names: str) -> Imported:
    """Create tables that an earlier chapter taught, from the same statements.

    Parameters
    ----------
    environment
        From `connect`.
    *names
        Tables of the pipeline, such as cpu_in.

    Returns
    -------
    Imported
        The tables' columns; in a notebook each unfolds to its statement.

    Raises
    ------
    CpuwatchError
        If there is no such table; it names those there are.
    """
    known = pipeline.tables()
    for name in names:
        if name not in known:
            raise CpuwatchError(f"There is no table {name!r}: they are {', '.join(known)}.")
    for name in names:
        create(environment, name)
    return Imported(names)


def create(environment: TableEnvironment, name: str, text: str | None = None) -> None:
    """Create a table or view of the pipeline, or replace it, and show nothing.

    Parameters
    ----------
    environment
        From `connect`.
    name
        Of its file in `sql/`.
    text
        Its statement, if it is not the workshop's own.
    """
    text = sql.taught(name) if text is None else text
    base = sql.base_in(text)
    if base is not None and base not in environment.list_tables():
        create(environment, base)
    view = re.match(r"\s*CREATE\s+TEMPORARY\s+VIEW\b", text, re.IGNORECASE)
    kind = "TEMPORARY VIEW" if view else "TABLE"
    execute(environment, f"DROP {kind} IF EXISTS `{name}`")
    execute(environment, text)
    if not view:
        ask(lambda: let_watermark_follow(environment, name))
    remember(environment, name, text)


def let_watermark_follow(environment: TableEnvironment, name: str) -> None:
    """Let a table's watermark move with each record, if its statement does not say when.

    Flink moves it now and then otherwise, and what a job has written would depend on when.
    """
    found = resolved(environment, name)
    used = options(environment, name)
    if (
        used.get("connector") == "kafka"
        and _EMIT not in used
        and not found.getResolvedSchema().getWatermarkSpecs().isEmpty()
    ):
        environment.execute_sql(f"ALTER TABLE `{name}` SET ('{_EMIT}' = 'on-event')")
