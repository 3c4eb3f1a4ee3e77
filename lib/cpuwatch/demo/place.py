"""Where a run's topics, tables and thresholds are: its own, gone afterwards."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pandas as pd
from pyflink.table import TableEnvironment

from cpuwatch import flink, learned, pipeline, results, sql, thresholds, topics
from cpuwatch.demo.given import Input, Rule
from cpuwatch.flink.apart import keep_apart, refuse_hints
from cpuwatch.flink.catalog import may_chain, options
from cpuwatch.flink.environment import execute
from cpuwatch.flink.tables import create
from cpuwatch.pipeline import Parameters, Run
from cpuwatch.spool import Spool

#: What a run that was killed leaves behind is swept by the next, after this many seconds.
_SWEEP_AFTER = 3600

#: Topics and schemas of runs, as `run_of_its_own` calls them, with the second in which one began.
RUNS = re.compile(r"(?:.+-demo-([0-9]{10})-|demo_([0-9]{10})_)[0-9a-f]{6}")

#: The order of windows.
BY_WINDOW = ["window_start", "hostname", "cpu"]


@contextmanager
def run_of_its_own() -> Iterator[Run]:
    """Names for one run; jobs, topics and schema of these names are gone afterwards."""
    sweep()
    run = Run(f"demo-{int(time.time())}-{secrets.token_hex(3)}")
    thresholds.create_schema(run.schema)
    try:
        yield run
    finally:
        ours = [job.name for job in pipeline.EVERY]
        flink.cancel(*map(run.job, [*ours, learned.JOB]))
        topics.delete(*(name for name in topics.names() if name.endswith(f"-{run.id}")))
        thresholds.drop_schema(run.schema)


def sweep() -> None:
    """Forget the topics and schemas of runs that were killed long ago."""
    now = time.time()

    def is_old(name: str) -> bool:
        found = RUNS.fullmatch(name)
        return found is not None and now - int(found[1] or found[2]) > _SWEEP_AFTER

    topics.delete(*filter(is_old, topics.names()))
    for schema in thresholds.schemas("demo_"):
        if is_old(schema):
            thresholds.drop_schema(schema)


class Place:
    """The pipeline on topics and a schema of one run's own."""

    def __init__(self, run: Run, parameters: Parameters, rule: Rule) -> None:
        self._run = run
        self._parameters = parameters
        self._learns = rule == "learned"
        self._jobs = (*pipeline.JOBS, *pipeline.LEARNED) if self._learns else pipeline.JOBS
        self._environment: TableEnvironment | None = None

    def produce(self, given: Input) -> str:
        """Make the topics, and send the readings; what was done, in words."""
        for topic in self._topics():
            topics.create(topic, whole=True)
        topics.produce(given.readings, self._run.topic(topics.READINGS))
        topics.keep_rejected(given.rejected, given.source)
        said = f"{len(given.readings):,} readings into Kafka"
        return said + (f", {len(given.rejected):,} rejected" if len(given.rejected) else "")

    def connect(self) -> None:
        """Create all tables and views, and put them on the run's own topics."""
        self._environment = flink.connect(fresh=True, quiet=True)
        for table in pipeline.tables(self._jobs):
            create(self._environment, table)
        keep_apart(self._environment, self._run)
        for job in self._jobs:
            for view in job.views:
                text = learned.JUDGED if self._learns and view == "cpu_judged" else view
                create(self._environment, view, self._text(text))

    def finish(self, *names: str) -> None:
        """Run jobs side by side, each to the end of its input."""
        environment = self._environment
        assert environment is not None, "connect first"
        jobs = []
        for job in (one for one in self._jobs if one.name in names):
            chained = may_chain(options(environment, table) for table in job.reads)
            text = self._text(job.name)
            jobs.append(
                flink.submit(
                    environment,
                    self._run.job(job.name),
                    text,
                    chained,
                    workers=1 if job.in_order else None,
                )
            )
        self._await_end(*jobs)

    def learn(self) -> None:
        """Score each reading."""
        assert self._environment is not None, "connect first"
        environment = flink.streams(self._environment)
        for table in (*learned.TABLES, learned.IN_ORDER):
            create(environment, table)
        keep_apart(environment, self._run)
        scored = flink.submit(environment, self._run.job(learned.JOB), learned.score(environment))
        self._await_end(scored)
        self.wait_for_all_scores(self._environment)

    def wait_for_all_scores(self, environment: TableEnvironment) -> None:
        """Let who makes windows of the scores wait so long that none comes too late for its own.

        However many workers wrote them, and however far apart the times of the hosts were: the
        scores are all there by now, and how far out of order they are can be seen.
        """
        parts = topics.read_parts(self._run.topic(sql.topic(learned.SCORES) or learned.SCORES))
        seconds = learned.seconds_out_of_order(
            results.typed(part, learned.SCORES).assign(partition=part["partition"])
            for part in parts
        )
        usual = sql.lateness(sql.taught(learned.SCORES))
        wait = sql.interval(max(usual, seconds))
        execute(
            environment,
            f"ALTER TABLE `{learned.SCORES}` MODIFY WATERMARK FOR time_ltz AS time_ltz - {wait}",
        )

    def over_score(self, threshold: float) -> pd.DataFrame:
        """The windows in which a reading has at least this score."""
        return pd.concat(
            [
                part[part["anomaly_score"] >= threshold]
                for part in self.spooled("cpu_out_scored", BY_WINDOW).parts()
            ],
            ignore_index=True,
        )

    def _await_end(self, *jobs: flink.Job) -> None:
        """Wait until jobs have read all, and what they wrote can be read."""
        for started in jobs:
            flink.wait_until_finished(started)
        topics.await_committed(*self._topics())

    def _topics(self) -> list[str]:
        wanted = {sql.topic(table) for table in pipeline.tables(self._jobs)}
        return sorted(self._run.topic(one) for one in wanted if one is not None)

    def _text(self, name: str) -> str:
        text = sql.taught(name, self._parameters)
        refuse_hints(name, text)
        return text

    def read(self, table: str) -> pd.DataFrame:
        """What the run's topic of a table holds."""
        return results.read(table, self._run.topic(sql.topic(table) or table))

    def spooled(self, table: str, order: list[str], renamed: dict[str, str] | None = None) -> Spool:
        """The same, on the disk, by these columns."""
        return results.spooled(table, order, self._run.topic(sql.topic(table) or table), renamed)

    def write_thresholds(self, wanted: dict[str, float]) -> None:
        """Write them into the run's own schema."""
        database = thresholds.engine(self._run.schema)
        try:
            thresholds.create(database)
            thresholds.write(database, wanted)
        finally:
            database.dispose()
