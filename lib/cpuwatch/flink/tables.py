"""The tables and views of a TableEnvironment: create them, import the workshop's, look at them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from html import escape
from typing import Any
from weakref import WeakKeyDictionary

import pandas as pd
from py4j.protocol import Py4JError
from pyflink.java_gateway import get_gateway
from pyflink.table import TableEnvironment
from pyflink.util.exceptions import JavaException

from cpuwatch import naming, pipeline, sql, topics
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink import java
from cpuwatch.flink.environment import ask, clean, execute
from cpuwatch.flink.explain import Place
from cpuwatch.flink.rows import Rows

#: For each environment the texts by which its tables and views were made. Two notebooks may
#: have different tables of one name, and a job is what its tables make of it.
_TEXTS: WeakKeyDictionary[TableEnvironment, dict[str, str]] = WeakKeyDictionary()

#: When a table's watermark moves.
_EMIT = "scan.watermark.emit.strategy"

#: A table's consumer group.
_GROUP = "properties.group.id"

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


def options(environment: TableEnvironment, table: str) -> dict[str, str]:
    """The options in a table's WITH (…), its topic by our name; empty for a view.

    Raises
    ------
    CpuwatchError
        If it is on a topic of somebody else's: a plain statement may say anything.
    """
    found = resolved(environment, table)
    if found is None or table in environment.list_views():
        return {}
    used: dict[str, str] = java.plain(found.getResolvedTable().getOptions())
    if "topic" in used:
        used["topic"] = ";".join(_own_topic(table, one) for one in topics_in(used))
    return used


def _own_topic(table: str, topic: str) -> str:
    found = naming.short(topic)
    if found is None and naming.prefix():
        raise CpuwatchError(
            f"The table {table} is on the topic {topic}, which has not your prefix: create it"
            " anew by flink.create_table, or give its statement to workshop.fill."
        )
    return found or topic


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


def may_chain(tables: Iterable[Mapping[str, str]]) -> bool:
    """Whether a job on tables of these options may chain its operators: see `CHAINS`."""
    return not any(
        name.endswith("ignore-parse-errors") and value.lower() == "true"
        for used in tables
        for name, value in used.items()
    )


def fields(environment: TableEnvironment, table: str) -> dict[str, str]:
    """The columns that a table's records have as fields, with their types; empty for a view."""
    found = resolved(environment, table)
    if found is None:
        return {}
    columns = found.getResolvedSchema().getColumns()
    return {one.getName(): str(one.getDataType()) for one in columns if one.isPhysical()}


def resolved(environment: TableEnvironment, name: str) -> Any:
    """What Flink's catalogue manager has of a table or view, temporary or not; None if nothing."""
    manager = environment._j_tenv.getCatalogManager()
    return manager.getTable(identifier(environment, name)).orElse(None)


def identifier(environment: TableEnvironment, name: str) -> Any:
    """A table's or view's whole name, as Flink's own catalogue manager takes it."""
    return get_gateway().jvm.org.apache.flink.table.catalog.ObjectIdentifier.of(
        environment.get_current_catalog(), environment.get_current_database(), name
    )


def topics_in(used: Mapping[str, str]) -> list[str]:
    """The topics of a table, by its options: there may be several, with ';' between them."""
    return [topic.strip() for topic in used.get("topic", "").split(";") if topic.strip()]


def check_topics(tables: dict[str, dict[str, str]]) -> None:
    """Raise if a topic does not exist that one of these tables reads; it names those there are."""
    wanted = {topic: table for table, used in tables.items() for topic in topics_in(used)}
    there = topics.names() if wanted else []
    for topic, table in wanted.items():
        if topic not in there:
            raise CpuwatchError(
                f"There is no topic {topic}, which the table {table} reads."
                f" The topics are: {', '.join(there) or 'none yet'}."
            )


def set_options(environment: TableEnvironment, table: str, wanted: dict[str, str]) -> None:
    """Change options of a table, for this environment alone."""
    pairs = ", ".join(
        f"{sql.literal(name)} = {sql.literal(value)}" for name, value in wanted.items()
    )
    execute(environment, f"ALTER TABLE `{table}` SET ({pairs})")


@contextmanager
def as_group(environment: TableEnvironment, names: Iterable[str], group: str) -> Iterator[None]:
    """Let a job that is submitted meanwhile commit how far it reads, as a consumer group.

    It begins where its tables say, and anew where its checkpoint was, not at what it commits.
    But that is how others see how far it is: Kafka's own tools, and `metrics.offsets`.

    Parameters
    ----------
    environment
        From `connect`.
    names
        The tables that the job reads. One with a group of its own keeps it.
    group
        The consumer group's name.
    """
    ours: list[str] = []
    try:
        for name in names:
            used = options(environment, name)
            if used.get("connector") not in ("kafka", "upsert-kafka") or _GROUP in used:
                continue
            if not resolved(environment, name).isTemporary():  # Flink alters none of these
                ours.append(name)
                set_options(environment, name, {_GROUP: group})
        yield
    finally:
        for name in ours:
            execute(environment, f"ALTER TABLE `{name}` RESET ('{_GROUP}')")


def _in_schema(url: str, schema: str) -> str:
    """A JDBC address whose tables are looked for in this schema alone."""
    return f"{re.sub(r'&currentSchema=[^&]*', '', url)}&currentSchema={schema}"


def refuse_hints(name: str, text: str) -> None:
    """Raise if a statement leads past its tables' own options, to another topic perhaps.

    Flink's own setting against that looks at what a statement reads, not at what it writes.
    """
    if re.search(r"/\*\+[^*]*\bOPTIONS\b", text, re.IGNORECASE):
        raise CpuwatchError(
            f"{name}.sql sets options by a hint (/*+ OPTIONS … */), so it could not be kept apart"
            " from the workshop's own topics: put them into the table's WITH (…)."
        )


def keep_apart(environment: TableEnvironment, run: pipeline.Run) -> None:
    """Put every table of an environment on the topics and the schema of a run of its own.

    Whatever tables there are: a table that cannot be kept apart is refused.

    Parameters
    ----------
    environment
        From `connect`, with its tables. They end where their topics end.
    run
        Whose names to use.

    Raises
    ------
    CpuwatchError
        If a table is neither on one topic of Kafka nor in PostgreSQL.
    """
    views = set(environment.list_views())
    for table in environment.list_tables():
        if table in views:
            continue
        used = options(environment, table)
        connector = used.get("connector")
        if connector in ("kafka", "upsert-kafka") and "topic" in used:
            own = {
                "topic": ";".join(run.topic(one) for one in used["topic"].split(";")),
                "scan.bounded.mode": "latest-offset",
            }
            for name in ("sink.transactional-id-prefix", _GROUP):
                if name in used:
                    own[name] = run.job(used[name])
        elif connector == "jdbc":
            own = {"url": _in_schema(used["url"], run.schema)}
        else:
            raise CpuwatchError(
                f"The table {table} cannot be kept apart from the workshop's own: its connector"
                f" is {connector!r}, and a run of its own knows 'kafka' with one topic and 'jdbc'."
            )
        set_options(environment, table, own)
