"""A TableEnvironment on the session cluster, and how it is spoken to.

Nothing here blocks in Java, so the Stop button works at any moment: see `java`.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar
from weakref import WeakKeyDictionary

from py4j.protocol import Py4JError
from pyflink.common import Configuration
from pyflink.datastream import DataStream, StreamExecutionEnvironment
from pyflink.java_gateway import get_gateway
from pyflink.table import (
    EnvironmentSettings,
    StreamTableEnvironment,
    Table,
    TableConfig,
    TableEnvironment,
)
from pyflink.util.exceptions import JavaException

from cpuwatch import naming, sql
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink import explain, gateway, java, rest
from cpuwatch.progress import Line
from cpuwatch.settings import settings
from cpuwatch.stack import claims
from cpuwatch.stack.flink import client_environment

#: How often a job makes a checkpoint: a sink with exactly-once delivery shows its rows then.
CHECKPOINTS = "execution.checkpointing.interval"

#: Whether operators that follow each other call each other within one task. Tables whose format
#: skips what it cannot read must not be read in such a chain: the reader takes whatever fails
#: behind it, a cast or a function of yours, for a record that it cannot read, and skips it.
CHAINS = "pipeline.operator-chaining.enabled"

#: How many workers share a job's work.
WORKERS = "parallelism.default"

#: How long a job remembers what no record has touched since, such as an episode long over.
STATE_TTL = "table.exec.state.ttl"

#: Whether sums are made in one phase: in the order of arrival.
PHASES = "table.optimizer.agg-phase-strategy"

#: Java's threads in which an environment was made.
_PREPARED: set[int] = set()

#: This process's environment, by its cluster, and by the settings that it was made with.
_CONNECTED: dict[tuple[object, ...], TableEnvironment] = {}

#: For an environment of streams the plans of the tables that became streams.
_STREAMED: WeakKeyDictionary[TableEnvironment, list[str]] = WeakKeyDictionary()

Result = TypeVar("Result")


def connect(fresh: bool = False, quiet: bool = False) -> TableEnvironment:
    """A TableEnvironment whose statements run on the session cluster.

    Starts a Java process of its own the first time, which ends with this one. Called again it
    gives back the same one, with its tables: so a notebook's cell may run twice.

    Parameters
    ----------
    fresh
        Whether to make a new one, which has no tables yet.
    quiet
        Whether to show no progress.

    Raises
    ------
    CpuwatchError
        If the cluster has never been started here, or somebody else uses the prefix.
    """
    config = settings()
    if not config.client_folder.exists():
        raise CpuwatchError(
            "The stack has never been started here: run the notebook's first cell, or"
            " 'cpuwatch up' in a terminal."
        )
    claims.once(config)  # whatever is submitted by it, also without our help
    os.environ.update(client_environment(config.client_folder))
    os.environ.pop("PYFLINK_GATEWAY_PORT", None)  # it would lead to another one's Java

    def create() -> TableEnvironment:
        prepare()
        environment = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
        options = environment.get_config()
        for name, value in {
            "execution.target": "remote",
            **rest.client_options(),
            WORKERS: config.parallelism,
            CHECKPOINTS: f"{round(1000 * config.checkpoints)} ms",
            CHAINS: "false",
            STATE_TTL: "7 d",
            # A job that somebody submits without our help, and without a name, is theirs, too.
            **({"pipeline.name": naming.full("job")} if naming.prefix() else {}),
            # Windows are aligned to the epoch, and times are written in UTC, wherever we are.
            "table.local-time-zone": "UTC",
            # Functions in Python run as they would here.
            "python.executable": sys.executable,
            "python.client.executable": sys.executable,
        }.items():
            options._j_table_config.set(name, str(value))  # PyFlink's own asks Java five times
        if naming.prefix():
            _call_jobs_in_full(options)
        return environment

    line = Line("Connected to Flink.", quiet)
    # Another stack may have had the same address, and other keys.
    which = (
        config.flink_address,
        config.notes,
        config.prefix,
        config.parallelism,
        config.checkpoints,
    )
    if not fresh and which in _CONNECTED:
        return _CONNECTED[which]
    start = time.monotonic()

    def show() -> None:
        took = f", {time.monotonic() - start:.0f} s so far" if time.monotonic() > start + 2 else ""
        line.show(f"Connecting: this notebook starts a Java process of its own{took}")

    show()
    environment = java.call(create, watch=show)
    if not fresh:
        _CONNECTED[which] = environment
    line.end()
    return environment


def streams(environment: TableEnvironment) -> StreamTableEnvironment:
    """An environment beside this one, with its options, whose tables can be made into streams.

    It has no tables yet. What it makes into a stream is noted, so that a job of it is known to
    read these tables.

    Parameters
    ----------
    environment
        From `connect`.
    """

    def create() -> StreamTableEnvironment:
        prepare()
        options = environment.get_config().get_configuration().to_dict()
        configuration = Configuration()
        for name, value in options.items():
            configuration.set_string(name, value)
        made = StreamTableEnvironment.create(
            StreamExecutionEnvironment.get_execution_environment(configuration)
        )
        for name, value in options.items():
            made.get_config().set(name, value)
        return made

    made = java.call(create)
    plain = made.to_data_stream
    plans = _STREAMED.setdefault(made, [])

    def noted(table: Table) -> DataStream:
        plans.append(table.explain())
        return plain(table)

    made.to_data_stream = noted
    return made


def streamed(environment: TableEnvironment) -> str:
    """The plans of what an environment has made into streams; empty for one of `connect`."""
    return "\n".join(_STREAMED.get(environment, []))


def _call_jobs_in_full(options: TableConfig) -> None:
    """Let a name that somebody sets for a job without our help be one of theirs as well."""
    plain = options.set

    def named(key: str, value: str) -> TableConfig:
        return plain(key, naming.full(value) if key == "pipeline.name" else value)

    options.set = named


def warm_up() -> None:
    """Start the Java process that `connect` needs, in the background, and return at once."""

    def start() -> None:
        # If this fails, the call that needs it says why.
        with suppress(Exception):
            connect(fresh=True, quiet=True)

    threading.Thread(target=start, name="warm up", daemon=True).start()


def execute(environment: TableEnvironment, statement: str) -> None:
    """Execute a statement that starts no job, such as ALTER TABLE.

    Parameters
    ----------
    environment
        From `connect`.
    statement
        One statement of SQL, with or without a semicolon at its end.

    Raises
    ------
    CpuwatchError
        If Flink refuses it: the cause in one line, and where it is.
    """
    ask(lambda: environment.execute_sql(clean(statement)), statement)


def clean(statement: str) -> str:
    """A statement as Flink takes it: with this stack's addresses, without a last semicolon."""
    return sql.fill(statement).strip().removesuffix(";")


def ask(
    work: Callable[[], Result],
    statement: object = None,
    undo: Callable[[Result], object] = lambda _: None,
    watch: Callable[[], object] = lambda: None,
    stop: Callable[[], object] = lambda: None,
    place: explain.Place = lambda line, column: (line, column),
) -> Result:
    """Do `work` in Java; what Flink refuses becomes one line.

    Parameters
    ----------
    work, undo, watch, stop
        As for `java.call`.
    statement
        What Flink may refuse: the words of a text help to explain why.
    place
        As for `explain.java`.

    Raises
    ------
    CpuwatchError
        If Flink refuses it.
    """
    text = statement if isinstance(statement, str) else None

    def prepared() -> Result:
        prepare()
        return work()

    try:
        return java.call(prepared, undo, watch, stop)
    except (JavaException, Py4JError) as error:
        raise CpuwatchError(explain.refused(error, text, place)) from error


def prepare() -> None:
    """See to it that the Java thread that is going to answer us can plan.

    Flink's planner keeps something for each thread, set when an environment is made in that
    thread. Py4j has a thread for each connection, and takes another connection whenever the
    usual one is busy: then planning fails, and goes on failing.
    """
    ours = get_gateway()
    gateway.lock(ours)  # if it was started before this package was imported
    gateway.keep_temporary_folder()
    # Python's garbage collector would tell Java of each object that has gone, at any moment
    # and from any thread, and make more connections. What it tells is worth some kilobytes.
    client = ours._gateway_client  # noqa: SLF001 - Py4J gives its client in no other way
    client.garbage_collect_object = lambda *_: None
    java.make_patient(client)
    thread = ours.jvm.java.lang.Thread.currentThread().getId()
    if thread not in _PREPARED:
        TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
        _PREPARED.add(thread)
