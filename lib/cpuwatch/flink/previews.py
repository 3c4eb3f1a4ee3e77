"""A preview: the rows that a query makes of what its topics hold now."""

from __future__ import annotations

import re
import textwrap
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pandas as pd
from py4j.protocol import Py4JError
from pyflink.table import DataTypes, Table, TableEnvironment, TableResult
from pyflink.table.expressions import col
from pyflink.util.exceptions import JavaException

from cpuwatch import words
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink import catalog, explain, made, metrics, mirror, ordering, remarks, slots
from cpuwatch.flink.cluster import PREVIEW, Job, cancel_all, failure, status
from cpuwatch.flink.environment import CHAINS, ask, clean
from cpuwatch.flink.rows import AT_ONCE, Rows
from cpuwatch.progress import LINE, Line
from cpuwatch.settings import settings

#: What a stream cannot do because it has no end, and a preview can.
_NEEDS_AN_END = re.compile(
    r"Sort on a non-time-attribute field is not supported|"
    r"Pandas UDAFs are not supported in streaming mode"
)

#: What batch mode knows, too, but not as well: it compares each pair of rows before it looks at
#: their times, and of rows in the order of their arrival it knows the order no more.
_BETTER_AS_STREAM = re.compile(
    r"IntervalJoin\(|PROCTIME\(\).*OverAggregate\(|OverAggregate\(.*PROCTIME\(\)", re.DOTALL
)

#: A preview that takes longer than this shows what it has read, in seconds.
_LONG = 2.0

#: How long a preview waits for a slot, in seconds: one that was just set free comes at once.
_FOR_A_PLACE = 10.0

#: The column that says what happened to a row, and how Flink writes that.
_OP = "op"
_SHORT = {"INSERT": "+I", "UPDATE_BEFORE": "-U", "UPDATE_AFTER": "+U", "DELETE": "-D"}

#: Types of which there is no first and last.
_WITHOUT_ORDER = ("ARRAY", "MAP", "MULTISET", "ROW", "STRUCTURED", "RAW", "VARIANT", "DESCRIPTOR")

#: What PyFlink can fetch as it is; the rest comes as text.
_FETCHED = re.compile(
    r"(CHAR|VARCHAR|BOOLEAN|(TINY|SMALL|BIG)INT|INTEGER|FLOAT|DOUBLE|DECIMAL|DATE|"
    r"TIME_WITHOUT_TIME_ZONE|BINARY|VARBINARY|ARRAY|MAP|ROW)$"
)
_NOT_FETCHED_WITHIN = re.compile(r"TIMESTAMP|INTERVAL|MULTISET|RAW")


def preview(
    environment: TableEnvironment,
    query: str,
    rows: int = 10,
    timeout: float = 60.0,
    changes: bool = False,
    quiet: bool = False,
    meanwhile: Callable[[Job, int], object] = lambda _job, _brought: None,
) -> pd.DataFrame:
    """Show the first rows of what a query makes of the records that its topics hold now.

    Parameters
    ----------
    environment
        From `connect`. It stays as it is.
    query
        A SELECT.
    rows
        How many rows to show at most.
    timeout
        In seconds.
    changes
        Whether to show, instead of the final rows, the first changes by which a job would
        come to them: the column `op` says +I for a new row, -U and +U for a row before and
        after it changed, -D for one that is gone.
    quiet
        Whether to show neither progress nor remarks.
    meanwhile
        Called now and then, once there is a job, with it and how many rows it has brought so far;
        what it raises ends the preview.

    Returns
    -------
    pandas.DataFrame
        The rows in the order that the query asks for; where it leaves that open, in the order
        of their times, then of the other columns from left to right, whatever order the
        partitions are read in. Times are in UTC. Unlike a deployed job a preview ends where
        the topic ends now, so that the last windows close, too.

    Raises
    ------
    CpuwatchError
        If Flink refuses the query, or its job fails or does not end in time. Then nothing
        runs any more.
    """
    if not isinstance(query, str):
        raise CpuwatchError(
            "A preview takes a query, a text that begins with SELECT, as its second argument, not"
            f" {words.kind(query)}."
        )
    if not (isinstance(rows, (int, float)) and rows >= 1):
        raise CpuwatchError(
            f"rows says how many rows a preview shows, a number from 1 on; {rows!r} is none."
        )
    one = _Preview(environment, clean(query), int(rows), changes)
    # A query that Flink refuses has no progress. Any other shows its line, if only for a moment:
    # what a cell shows must not depend on how long it takes.
    lines: list[Line] = []
    started = time.monotonic()

    def watch() -> None:
        one.check(meanwhile)
        took = time.monotonic() - started
        if took > timeout or (took > _FOR_A_PLACE and not one.has_place()):
            raise CpuwatchError(one.too_long(timeout))
        if one.is_planned and not lines and not quiet:
            lines.append(Line(""))
        if lines and took > _LONG:
            lines[0].show(f"Preview: {one.progress()}, {took:.0f} s so far")

    try:
        # Planning and collecting are one call: of two threads in Java at once, the next call
        # might meet the wrong one (see java.call).
        try:
            ask(one.run, query, watch=watch, stop=one.give_up)
        except CpuwatchError as error:
            why = one.failed_by(error)
            if why is None:
                raise
            raise _failed(why) from error
        one.check_end()
        if not quiet:
            (lines or [Line("")])[0].end()
    except BaseException:
        if lines:
            lines[0].end()
        raise
    table = one.table()
    if not quiet:
        for remark in one.remarks(table):
            print(textwrap.fill(remark, LINE))
    return table


@dataclass(frozen=True)
class _Column:
    """A column of the result."""

    name: str
    kind: str  #: Flink's root of its type
    inner: str  #: the whole type

    @property
    def is_time(self) -> bool:
        return self.kind.startswith("TIMESTAMP")

    @property
    def has_order(self) -> bool:
        return not self.kind.startswith(_WITHOUT_ORDER)

    @property
    def is_fetched(self) -> bool:
        """Whether PyFlink can fetch it: of what is within, too."""
        return bool(_FETCHED.match(self.kind)) and not _NOT_FETCHED_WITHIN.search(self.inner)


class _Preview:
    """A preview's job, and what it has brought so far."""

    def __init__(
        self, environment: TableEnvironment, query: str, limit: int, changes: bool
    ) -> None:
        self.query = query
        self.used: dict[str, dict[str, str]] = {}  # the options of the tables that it reads
        self._fields: dict[str, dict[str, str]] = {}  # and their columns, with their types
        self._environment = environment
        self._limit = limit
        self._changes = changes
        self._columns: list[_Column] = []
        self._rows: list[tuple[Any, ...]] = []
        self._brought = 0  # rows, also those that are not kept
        self._job: Job | None = None
        self._over = False
        self._plan_as_job = ""
        self._zone = "UTC"

    # --- In Java's thread ---------------------------------------------------------------------

    def run(self) -> None:
        """Start the job and collect its rows."""
        refused = self._look()
        if self._changes:
            if refused is not None:
                raise refused
            started = self._start(self._fetched(self._plan(batch=False)))
            self._keep_first(started)
            return
        is_endless = False
        if not _BETTER_AS_STREAM.search(self._plan_as_job):
            try:
                started = self._start(self._ordered(self._plan(batch=True)))
            except (JavaException, Py4JError) as error:
                # It knows no session windows and no endless sources, among others.
                is_endless = "unbounded" in explain.trace_of(error)
            else:
                self._rows = [row for _, row in self._collected(started)]
                return
        try:
            self._run_as_stream(is_endless)
        except JavaException:
            if refused is not None:
                raise refused from None
            raise

    def _look(self) -> JavaException | None:
        """See what the query reads; returns why it could be no job, if it could be none."""
        environment, self._zone = self._environment, self._session_zone()
        table = environment.sql_query(self.query)
        # Flink's own tree, before it is planned: views are unfolded in it, too.
        names = made.in_plan(table._j_table.getQueryOperation().getCalciteTree().explain())
        self.used = {name: catalog.options(environment, name) for name in names}
        self._fields = {name: catalog.fields(environment, name) for name in names}
        catalog.check_topics(self.used)
        try:
            self._plan_as_job = table.explain()
        except JavaException as error:
            if not _NEEDS_AN_END.search(explain.trace_of(error)):
                raise
            return error
        return None

    def _session_zone(self) -> str:
        return str(self._environment.get_config().get("table.local-time-zone", "UTC"))

    def _plan(self, *, batch: bool) -> Table:
        """The query in a mirror of the environment, in which the topics that it reads end."""
        kafka = [
            name
            for name, options in self.used.items()
            if options.get("connector") in ("kafka", "upsert-kafka")
        ]
        self._mirror = mirror.of(self._environment, batch=batch, bounded=kafka)
        left_out = all(made.window_times(self._environment, self.query).values())
        if catalog.may_chain(self.used.values()) or not (batch or left_out):
            self._mirror.get_config().set(CHAINS, "true")
        table = self._mirror.sql_query(self.query)
        self._columns = _columns(table)
        return table

    def _ordered(self, table: Table) -> Table:
        """The first rows in the order that the query asks for, and then in one of our own."""
        names = [column.name for column in self._order()]
        asked, some = ordering.is_ordered(self.query), ordering.has_limit(self.query)
        if asked or some:
            plain = [name for name in names if "$" not in name and "`" not in name]
            with suppress(JavaException, Py4JError):
                # Two columns of one name, or one that is no name outside: then as it is.
                broken = ordering.with_ties_broken(self.query, plain)
                table = self._mirror.sql_query(broken)
        if not asked and names:
            table = table.order_by(*(col(name).asc for name in names))
        return self._fetched(table.fetch(self._limit))

    def _order(self) -> list[_Column]:
        """The columns that the rows are ordered by: the times first."""
        found = [column for column in self._columns if column.has_order]
        return sorted(found, key=lambda column: not column.is_time)

    def _fetched(self, table: Table) -> Table:
        """The table with columns that PyFlink can fetch."""
        return table.select(
            *(
                col(column.name)
                if column.is_fetched
                else col(column.name).cast(DataTypes.STRING()).alias(column.name)
                for column in self._columns
            )
        )

    def _run_as_stream(self, is_endless: bool) -> None:
        """Collect a stream: its final rows, or its first ones if there is no end."""
        table = self._plan(batch=False)
        if is_endless:
            started = self._start(self._fetched(table))
            self._keep_first(started)
            return
        if ordering.is_ordered(self.query):
            if not ordering.has_limit(self.query):  # of an endless result there are first rows only
                table = self._mirror.sql_query(f"{self.query}\nLIMIT {self._limit}")
        else:
            table = table.order_by(*(col(one.name).asc for one in self._order()))
            table = table.fetch(self._limit)
        # A changelog: later rows push earlier ones out of the first ones.
        left: Counter[str] = Counter()
        known: dict[str, tuple[Any, ...]] = {}  # by its text: a list has no hash, NaN no equal
        for kind, row in self._collected(self._start(self._fetched(table))):
            text = repr(row)
            known[text] = row
            left[text] += 1 if kind in ("INSERT", "UPDATE_AFTER") else -1
        self._rows = [known[text] for text in left.elements()]
        for name, descends in [
            *((column.name, False) for column in reversed(self._order())),
            *reversed(ordering.keys(self.query)),
        ]:
            self._sort(name, descends)
        del self._rows[self._limit :]

    def _sort(self, name: str, descends: bool) -> None:
        """Sort the rows by a column; rows that are equal in it keep their order."""
        places = [n for n, column in enumerate(self._columns) if column.name == name]
        for place in places[:1]:
            self._rows.sort(key=lambda row: (row[place] is not None, row[place]), reverse=descends)

    def _keep_first(self, started: TableResult) -> None:
        """Keep the first changes, or of an endless stream the first new rows, and end the job."""
        with Rows(started) as result:
            while left := self._limit - len(self._rows):
                wanted = min(left, AT_ONCE)
                found = result.take(wanted)
                if self._over:
                    return
                self._brought += len(found)
                for kind, row in found:
                    if self._changes:
                        self._rows.append((_SHORT[kind], *row))
                    elif kind == "INSERT":
                        self._rows.append(row)
                if len(found) < wanted:
                    return
        assert self._job is not None  # it brought the rows
        cancel_all([self._job])

    def _start(self, table: Table) -> TableResult:
        result = table.execute()
        self._job = Job(str(result.get_job_client().get_job_id()), PREVIEW, "INITIALIZING")
        if self._over:  # given up while Flink was planning
            cancel_all([self._job])
        return result

    def _collected(self, started: TableResult) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """What happened to each of the result's rows, until the job ends or is given up."""
        with Rows(started) as result:
            while found := result.take():
                if self._over:
                    return
                self._brought += len(found)
                yield from found
                if len(found) < AT_ONCE:
                    return

    @property
    def is_planned(self) -> bool:
        """Whether Flink has taken the query, and there is a job."""
        return self._job is not None

    # --- While it runs, in the main thread ------------------------------------------------------

    def check(self, meanwhile: Callable[[Job, int], object]) -> None:
        """Raise if the job fails, or `meanwhile` does."""
        if self._job is not None and not self._over:
            meanwhile(self._job, self._brought)
            now = status(self._job)
            if now.state in ("RESTARTING", "FAILING", "FAILED"):
                why = failure(self._job)
                if why is not None:
                    raise _failed(why)

    def failed_by(self, error: CpuwatchError) -> str | None:
        """Why the job failed, if the error says only that it began anew, and not why."""
        if self._job is None or "Job restarted" not in str(error):
            return None
        cancel_all([self._job])
        return failure(self._job) or "no cause is given"

    def check_end(self) -> None:
        """Raise if the rows came to an end because the job did, before its time."""
        if self._job is None or len(self._rows) == self._limit:
            return  # it brought all that was wanted
        now = status(self._job)
        if now.state == "CANCELED":
            raise CpuwatchError("The preview was stopped by somebody else: run it again.")
        if now.state in ("RESTARTING", "FAILING", "FAILED"):
            cancel_all([self._job])
            raise _failed(failure(self._job) or "no cause is given")

    def progress(self) -> str:
        """How far the job has come, in a few words."""
        if self._job is None:
            return "Flink is planning"
        if read := metrics.records_read(self._job):
            return f"{read:,} records read"
        # Flink counts every few seconds: it may run, and have read some.
        return "reading" if slots.has_place(self._job) else "waiting for a place on the cluster"

    def has_place(self) -> bool:
        """Whether its job runs, or the cluster has room for it."""
        return self._job is None or not slots.is_full() or slots.has_place(self._job)

    def too_long(self, timeout: float) -> str:
        """Why it is not ready, and what to do."""
        ours = settings().kafka_for_flink
        for table, used in self.used.items():
            address = used.get("properties.bootstrap.servers")
            if address not in (None, ours):
                return (
                    f"The preview was not ready in time. The table {table} reads from the Kafka at"
                    f" {address}, which is not this workshop's: write '${{kafka}}' there."
                )
        if slots.is_without_workers():
            if settings().outside("flink"):
                return (
                    "The Flink of CPUWATCH_FLINK has no TaskManager just now, which does the jobs'"
                    " work: ask whoever runs it, or try again if it starts them when asked."
                )
            return (
                "Flink's TaskManager, which does the jobs' work, is not there: it is being started"
                " again, so try again in a minute. 'cpuwatch status' says how it is."
            )
        if not slots.free_slots():
            return (
                "The preview found no place on the cluster: each job takes a slot, and all are"
                " taken. See workshop.jobs(), and stop what you need no more: workshop.stop_jobs()."
            )
        return (
            f"The preview was not ready after {timeout:.0f} s ({self.progress()}), and was ended."
            " Give it more time, as in preview(…, timeout=300), or let the query read less."
        )

    def give_up(self) -> None:
        """End the job, and with it the thread that waits for its rows."""
        self._over = True
        if self._job is not None:
            with suppress(CpuwatchError):
                cancel_all([self._job])

    # --- Afterwards ------------------------------------------------------------------------------

    def table(self) -> pd.DataFrame:
        """What was collected."""
        names = [column.name for column in self._columns]
        table = pd.DataFrame(self._rows, columns=[_OP, *names] if self._changes else names)
        for place, column in enumerate(self._columns, start=int(self._changes)):
            if column.is_time:
                times = pd.to_datetime(table.iloc[:, place], format="ISO8601")
                if times.dt.tz is None:
                    # As text it is what the clocks of the session's zone show.
                    times = times.dt.tz_localize(self._zone, ambiguous="NaT", nonexistent="NaT")
                table[column.name] = times.dt.tz_convert("UTC").dt.as_unit("ns")
        return table

    def remarks(self, table: pd.DataFrame) -> list[str]:
        """What is hardly meant as it is."""
        known = [name for fields in self._fields.values() for name in fields]
        return [
            *remarks.aliases(self.query, known),
            *remarks.empty_columns(table, self.used, self._fields),
        ]


def _failed(why: str) -> CpuwatchError:
    return CpuwatchError(f"The preview failed: {why}.")


def _columns(table: Table) -> list[_Column]:
    schema = table._j_table.getResolvedSchema()
    return [
        _Column(
            column.getName(),
            str(column.getDataType().getLogicalType().getTypeRoot().toString()),
            str(column.getDataType().getLogicalType().asSummaryString()),
        )
        for column in schema.getColumns()
    ]
