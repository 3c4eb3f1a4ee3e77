"""Flink from Python: a TableEnvironment on the session cluster, its tables and its jobs.

Nothing here blocks in Java, so the Stop button works at any moment: see `java`. Jobs are
submitted through PyFlink; watched and cancelled through the cluster: see `jobs`.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pandas as pd
from py4j.protocol import Py4JError
from pyflink.java_gateway import get_gateway
from pyflink.table import EnvironmentSettings, TableEnvironment, TablePipeline, TableResult
from pyflink.util.exceptions import JavaException

from cpuwatch import sql, topics
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink import explain, java
from cpuwatch.flink.cluster import (
    ENDED,
    Job,
    cancel,
    cancel_all,
    failure,
    jobs,
    page,
    readers,
    rest,
    status,
    wait_until_finished,
    wait_until_running,
)
from cpuwatch.flink.settle import wait_until_settled
from cpuwatch.progress import Line
from cpuwatch.settings import settings
from cpuwatch.stack import flink as cluster

__all__ = [
    "ENDED",
    "Job",
    "cancel",
    "connect",
    "create_table",
    "deploy",
    "execute",
    "failure",
    "jobs",
    "page",
    "preview",
    "readers",
    "replace",
    "rest",
    "status",
    "stop_readers",
    "submit",
    "wait_until_finished",
    "wait_until_running",
    "wait_until_settled",
    "warm_up",
]

# Only such a job shows rows at each checkpoint; a preview has none to show before its end.
_CHECKPOINTS = "execution.checkpointing.interval"
_EVERY = "500 ms"
_NEVER = "1 h"

#: Java's threads in which an environment was made.
_PREPARED: set[int] = set()

Result = TypeVar("Result")


def connect() -> TableEnvironment:
    """A TableEnvironment whose statements run on the session cluster.

    Starts a Java process of its own the first time, which ends with this one.

    Raises
    ------
    CpuwatchError
        If the cluster has never been started here.
    """
    config = settings()
    address = urlsplit(config.flink_address)
    if not config.client_folder.exists():
        raise CpuwatchError("The stack has never been started here: run 'cpuwatch up'.")
    os.environ.update(cluster.client_environment(config.client_folder))

    def create() -> TableEnvironment:
        _prepare()
        environment = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
        options = environment.get_config()
        for name, value in {
            "execution.target": "remote",
            "rest.address": address.hostname,
            "rest.port": address.port,
            "parallelism.default": 1,
            # A sink with exactly-once delivery shows its rows at each checkpoint.
            _CHECKPOINTS: _EVERY,
            # Windows are aligned to the epoch, and times are written in UTC, wherever we are.
            "table.local-time-zone": "UTC",
        }.items():
            options.set(name, str(value))
        return environment

    return java.call(create)


def warm_up() -> None:
    """Start the Java process that `connect` needs, in the background, and return at once."""

    def start() -> None:
        # If this fails, the call that needs it says why.
        with suppress(Exception):
            connect()

    threading.Thread(target=start, name="warm up", daemon=True).start()


def execute(environment: TableEnvironment, statement: str) -> None:
    """Execute a statement that starts no job, such as CREATE TABLE.

    Raises
    ------
    CpuwatchError
        If Flink refuses it: the cause in one line, and where it is.
    """
    _ask(lambda: environment.execute_sql(_clean(statement)), statement)


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
    text = _clean(statement)
    found = re.match(r"CREATE\s+TABLE\s+`?(\w+)`?", text, re.IGNORECASE)
    if found is None:
        raise CpuwatchError("That creates no table: write CREATE TABLE name (…) WITH (…).")
    name = found[1]
    trial = f"{name}__trial"

    def create() -> list[Any]:
        # Tried under another name first: a statement with a mistake must not cost the table.
        with suppress(JavaException, Py4JError):
            environment.execute_sql(f"DROP TABLE IF EXISTS {trial}")
        environment.execute_sql(text[: found.start(1)] + trial + text[found.end(1) :])
        # The options are looked at when a query uses them, and no sooner.
        environment.sql_query(f"SELECT * FROM {trial}")
        environment.execute_sql(f"DROP TABLE {trial}")
        environment.execute_sql(f"DROP TABLE IF EXISTS `{name}`")
        environment.execute_sql(text)
        with environment.execute_sql(f"DESCRIBE `{name}`").collect() as rows:
            return [list(row) for row in rows]

    described = _ask(create, statement)
    table = pd.DataFrame(
        [
            {
                "column": column,
                "type": kind.replace("VARCHAR(2147483647)", "STRING"),
                "key": key or "",
                "computed as": (more or "").removeprefix("AS ").replace("`", ""),
                "watermark": (mark or "").replace("`", ""),
            }
            for column, kind, _null, key, more, mark, *_ in described
        ]
    )
    return table.loc[:, (table != "").any()]


def preview(
    environment: TableEnvironment, query: str, rows: int = 10, timeout: float = 60.0
) -> pd.DataFrame:
    """Show the first rows of a query over what its topics hold now.

    Parameters
    ----------
    environment
        From `connect`.
    query
        A SELECT.
    rows
        How many rows to show at most.
    timeout
        In seconds.

    Returns
    -------
    pandas.DataFrame
        The first rows in the order of their time, then of the other columns from left to
        right: the same at each call, in whatever order the partitions are read. Unlike a
        deployed job it ends where the topic ends now, so that the last windows close, too.

    Raises
    ------
    CpuwatchError
        If Flink refuses the query, or its job fails or does not end in time.
    """
    text = _clean(query)
    used = _ask(lambda: _tables_in(environment, text), query)
    _check_topics(used)
    planned = _Preview(environment, text, rows, used)
    # Planning and collecting are one call: of two threads in Java at once, the next call
    # might meet the wrong one (see java.call).
    deadline = time.monotonic() + timeout
    _ask(planned.run, query, watch=lambda: planned.check(deadline), stop=planned.give_up)
    return planned.table()


def deploy(environment: TableEnvironment, name: str, statement: str | TablePipeline) -> Job:
    """Deploy an INSERT as a continuous job, and wait until it runs.

    The job's output topic is emptied first, and a running job of the same name is replaced:
    a cell that runs again makes no row twice. Jobs that read the emptied topic are stopped.

    Parameters
    ----------
    environment
        From `connect`.
    name
        The job's name on the cluster.
    statement
        INSERT INTO … SELECT …; or the same as a Table API pipeline, from `insert_into`.

    Returns
    -------
    Job
        It runs; see `wait_until_settled`.

    Raises
    ------
    CpuwatchError
        If Flink refuses the statement (then all is as it was), or the job fails.
    """
    line = Line(f"{name}: Initializing ▸ Running")
    running, stopped = replace(environment, name, statement, line.show)
    line.end(
        f"It replaces what {' and '.join(stopped)} read, so that was stopped: deploy it again."
        if stopped
        else ""
    )
    return running


def replace(
    environment: TableEnvironment,
    name: str,
    statement: str | TablePipeline,
    tell: Callable[[str], object] = lambda _: None,
) -> tuple[Job, list[str]]:
    """Do what `deploy` does, and show nothing.

    Parameters
    ----------
    environment, name, statement
        As for `deploy`.
    tell
        Called with a line about the state of the work.

    Returns
    -------
    Job
        It runs.
    list of str
        The jobs that were stopped because they read what it replaces.
    """
    tell(f"{name}: checking the statement")
    stopped = _clear(environment, name, statement)
    tell(f"{name}: Initializing")
    job = submit(environment, name, statement)

    def show(now: Job) -> None:
        state = "" if now.state == "INITIALIZING" else f" ▸ {now.state.title()} …"
        tell(f"{name}: Initializing{state}")

    try:
        return wait_until_running(job, progress=show), stopped
    except KeyboardInterrupt:
        cancel_all([job])
        raise


def submit(environment: TableEnvironment, name: str, statement: str | TablePipeline) -> Job:
    """Submit an INSERT as a job; a running job of the same name is replaced.

    Parameters
    ----------
    environment
        From `connect`.
    name
        The job's name on the cluster.
    statement
        The INSERT statement, or a Table API pipeline.

    Returns
    -------
    Job
        Just submitted; see `wait_until_running` and `wait_until_finished`.

    Raises
    ------
    CpuwatchError
        If Flink refuses the statement, or the cluster does not answer.
    """
    cancel(name)

    def start() -> Job:
        environment.get_config().set("pipeline.name", name)
        if isinstance(statement, str):
            result = environment.execute_sql(_clean(statement))
        else:
            result = statement.execute()
        client = result.get_job_client()
        if client is None:
            raise CpuwatchError("That statement starts no job: a job is an INSERT INTO … SELECT.")
        return Job(str(client.get_job_id()), name, "INITIALIZING")

    return _ask(start, statement, lambda job: cancel_all([job]))


def stop_readers(topic: str) -> list[str]:
    """Cancel the workshop's jobs that read a topic, before it is emptied.

    A job whose topic is deleted and made anew would read it from the start again, and write
    its rows twice.

    Returns
    -------
    list of str
        The names of the jobs that were cancelled.
    """
    table = {topics.READINGS: "cpu_in", topics.AVERAGES: "cpu_out_agg"}.get(topic)
    found = readers(table) if table else []
    cancel_all(found)
    return [job.name for job in found]


def _ask(
    work: Callable[[], Result],
    statement: str | TablePipeline,
    undo: Callable[[Result], object] = lambda _: None,
    watch: Callable[[], object] = lambda: None,
    stop: Callable[[], object] = lambda: None,
) -> Result:
    """Do `work` in Java; what Flink refuses becomes one line."""
    text = statement if isinstance(statement, str) else None

    def prepared() -> Result:
        _prepare()
        return work()

    try:
        return java.call(prepared, undo, watch, stop)
    except (JavaException, Py4JError) as error:
        raise CpuwatchError(explain.java(explain.trace_of(error), text)) from error


def _prepare() -> None:
    """See to it that the Java thread that is going to answer us can plan.

    Flink's planner keeps something for each thread, set when an environment is made in that
    thread. Py4j has a thread for each connection, and takes another connection whenever the
    usual one is busy: then planning fails, and goes on failing.
    """
    gateway = get_gateway()
    # Python's garbage collector would tell Java of each object that has gone, at any moment
    # and from any thread, and make more connections. What it tells is worth some kilobytes.
    gateway._gateway_client.garbage_collect_object = lambda *_: None
    thread = gateway.jvm.java.lang.Thread.currentThread().getId()
    if thread not in _PREPARED:
        TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
        _PREPARED.add(thread)


def _clean(statement: str) -> str:
    return sql.fill(statement).strip().removesuffix(";")


def _options(environment: TableEnvironment, table: str) -> dict[str, str]:
    """The options in a table's WITH (…)."""
    with environment.execute_sql(f"SHOW CREATE TABLE `{table}`").collect() as rows:
        text = "\n".join(str(row[0]) for row in rows)
    return dict(re.findall(r"'([\w.-]+)'\s*=\s*'((?:[^']|'')*)'", text))


def _tables_in(environment: TableEnvironment, statement: str) -> dict[str, dict[str, str]]:
    """The tables that a statement names, each with its options."""
    words = set(re.findall(r"\w+", re.sub(r"'[^']*'|--.*", " ", statement)))
    views = set(environment.list_views())
    return {
        name: _options(environment, name)
        for name in environment.list_tables()
        if name in words and name not in views
    }


def _check_topics(tables: dict[str, dict[str, str]]) -> None:
    wanted = {options["topic"]: table for table, options in tables.items() if options.get("topic")}
    there = topics.names() if wanted else []
    for topic, table in wanted.items():
        if topic not in there:
            raise CpuwatchError(
                f"There is no topic {topic}, which the table {table} reads."
                f" The topics are: {', '.join(there) or 'none yet'}."
            )


def _clear(environment: TableEnvironment, name: str, statement: str | TablePipeline) -> list[str]:
    """Check a job's statement, then make room for its output; the jobs that this stopped."""

    def plan() -> tuple[str, dict[str, dict[str, str]]]:
        if isinstance(statement, str):
            text = _clean(statement)
            bare = re.sub(r"^(\s*--[^\n]*\n)+", "", text)  # comments may come first
            found = re.match(r"\s*INSERT\s+INTO\s+`?(\w+)`?", bare, re.IGNORECASE)
            if found is None:
                environment.execute_sql(f"EXPLAIN {text}")  # its own mistakes come first
                raise CpuwatchError(
                    "That statement starts no job: a job is an INSERT INTO … SELECT."
                )
            environment.explain_sql(text)
            return found[1], _tables_in(environment, text)
        statement.explain()
        target = statement._j_table_pipeline.getSinkIdentifier().get().getObjectName()
        return target, _tables_in(environment, target)

    target, used = _ask(plan, statement)
    _check_topics({table: options for table, options in used.items() if table != target})
    cancel(name)
    topic = used.get(target, {}).get("topic")
    if topic is None:
        return []
    downstream = [job for job in readers(target) if job.name != name]
    cancel_all(downstream)
    topics.empty(topic)
    return sorted({job.name for job in downstream})


class _Preview:
    """A preview's job, and what it has brought so far."""

    def __init__(
        self,
        environment: TableEnvironment,
        query: str,
        limit: int,
        used: dict[str, dict[str, str]],
    ) -> None:
        self._environment = environment
        self._query = query
        self._limit = int(limit)
        self._used = used
        self._job: Job | None = None
        self._names: list[str] = []
        self._times: dict[str, bool] = {}  # columns that are times; whether they know their zone
        self._rows: list[tuple[Any, ...]] = []

    def run(self) -> None:
        """Start the job and collect its rows; in a thread of its own."""
        result = self._plan()
        self._job = Job(str(result.get_job_client().get_job_id()), "preview", "INITIALIZING")
        self._rows = []
        with result.collect() as rows:
            for row in rows:
                # A changelog: later rows may push earlier ones out of the first ones.
                if row.get_row_kind().name in ("INSERT", "UPDATE_AFTER"):
                    self._rows.append(tuple(row))
                else:
                    self._rows.remove(tuple(row))

    def _plan(self) -> TableResult:
        environment, options = self._environment, self._environment.get_config()
        kafka = [name for name, used in self._used.items() if used.get("connector") == "kafka"]
        try:
            for table in kafka:  # so that it ends where the topic ends now
                environment.execute_sql(
                    f"ALTER TABLE `{table}` SET ('scan.bounded.mode' = 'latest-offset')"
                )
            schema = environment.sql_query(self._query).get_schema()
            self._names = list(schema.get_field_names())
            kinds = [type(kind).__name__ for kind in schema.get_field_data_types()]
            self._times = {
                name: kind == "LocalZonedTimestampType"
                for name, kind in zip(self._names, kinds, strict=True)
                if "Timestamp" in kind
            }
            # PyFlink cannot fetch a TIMESTAMP_LTZ: as text it can.
            columns = ", ".join(
                f"CAST(`{name}` AS STRING) AS `{name}`" if name in self._times else f"`{name}`"
                for name in self._names
            )
            options.set("pipeline.name", "preview")
            options.set(_CHECKPOINTS, _NEVER)
            return environment.execute_sql(
                f"SELECT {columns} FROM (SELECT * FROM (\n{self._query}\n)"
                f" ORDER BY {', '.join(f'`{name}`' for name in self._order())}"
                f" LIMIT {self._limit})"
            )
        finally:
            options.set(_CHECKPOINTS, _EVERY)
            for table in kafka:
                environment.execute_sql(f"ALTER TABLE `{table}` RESET ('scan.bounded.mode')")

    def _order(self) -> list[str]:
        """The columns that the rows are ordered by: the times first."""
        return sorted(self._names, key=lambda name: name not in self._times)

    def check(self, deadline: float) -> None:
        """Raise if the job fails or takes too long."""
        job = self._job
        if job is not None:
            now = status(job)
            if now.state in ("RESTARTING", "FAILING", "FAILED"):
                why = failure(job)
                if why is not None:
                    raise CpuwatchError(f"The preview failed: {why}.")
        if time.monotonic() > deadline:
            raise CpuwatchError(f"The preview was not ready in time. {self._suspect()}")

    def _suspect(self) -> str:
        ours = settings().kafka_for_flink
        for table, used in self._used.items():
            address = used.get("properties.bootstrap.servers")
            if address not in (None, ours):
                return (
                    f"The table {table} reads from the Kafka at {address}, which is not this"
                    " workshop's: write '${kafka}' there."
                )
        return "Is the cluster busy? See workshop.jobs(), and try again."

    def give_up(self) -> None:
        """End the job, and with it the thread that waits for its rows."""
        if self._job is not None:
            with suppress(CpuwatchError):
                cancel_all([self._job])

    def table(self) -> pd.DataFrame:
        """What was collected."""
        places = [self._names.index(name) for name in self._order()]
        self._rows.sort(key=lambda row: [(row[n] is not None, row[n]) for n in places])
        table = pd.DataFrame(self._rows, columns=self._names)
        for name, has_zone in self._times.items():
            table[name] = pd.to_datetime(table[name], format="ISO8601", utc=has_zone)
        return table
