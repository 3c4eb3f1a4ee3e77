"""A preview: the first rows of a query over what its topics hold now."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

import pandas as pd
from pyflink.table import TableEnvironment, TableResult

from cpuwatch.errors import CpuwatchError
from cpuwatch.flink import tables
from cpuwatch.flink.cluster import Job, cancel_all, failure, status
from cpuwatch.flink.environment import CHECKPOINTS, EVERY, ask, clean
from cpuwatch.settings import settings

# A preview has no rows to show before its end, so it makes no checkpoint.
_NEVER = "1 h"


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
    text = clean(query)

    def used_by() -> dict[str, dict[str, str]]:
        # Flink's own tree, before it is planned: views are unfolded in it, too.
        tree = environment.sql_query(text)._j_table.getQueryOperation().getCalciteTree()
        names = tables.in_plan(tree.explain())
        return {name: tables.options(environment, name) for name in names}

    used = ask(used_by, query)
    tables.check_topics(used)
    planned = _Preview(environment, text, rows, used)
    # Planning and collecting are one call: of two threads in Java at once, the next call
    # might meet the wrong one (see java.call).
    deadline = time.monotonic() + timeout
    ask(planned.run, query, watch=lambda: planned.check(deadline), stop=planned.give_up)
    return planned.table()


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
            options.set(CHECKPOINTS, _NEVER)
            return environment.execute_sql(
                f"SELECT {columns} FROM (SELECT * FROM (\n{self._query}\n)"
                f" ORDER BY {', '.join(f'`{name}`' for name in self._order())}"
                f" LIMIT {self._limit})"
            )
        finally:
            options.set(CHECKPOINTS, EVERY)
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
