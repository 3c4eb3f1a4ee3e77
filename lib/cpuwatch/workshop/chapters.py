"""Begin a chapter: all is as the chapters before leave it, so that any may be run first.

`begin` looks at what is there, keeps what is right, and makes anew what is not, and says why.
Whether a job is right is seen from what was noted when it was deployed (see `flink.noted`).
"""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable

from pyflink.table import TableEnvironment
from sqlalchemy import inspect

from cpuwatch import flink, pipeline, sql, thresholds, topics
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink import noted
from cpuwatch.flink.deployment import replace
from cpuwatch.flink.environment import warm_up
from cpuwatch.flink.tables import create
from cpuwatch.pipeline import Job
from cpuwatch.progress import LINE, Line
from cpuwatch.readings import COLUMNS, fleet
from cpuwatch.stack import control
from cpuwatch.workshop.errors import explain_errors
from cpuwatch.workshop.running import fresh_topic

_UP = "Kafka, PostgreSQL and Flink are up."

Tell = Callable[[str], None]


def begin(chapter: str) -> None:
    """Begin a chapter: the stack is up, and all is as the chapters before leave it.

    Errors of Flink, Kafka and PostgreSQL are shown in a line or two from now on; `trace`
    shows the rest.

    Parameters
    ----------
    chapter
        Its number, such as '03'.

    Raises
    ------
    CpuwatchError
        If that cannot be done: the cause, and what to do.
    """
    explain_errors()
    _check(chapter)
    line = Line(summary(chapter))
    start = time.monotonic()
    done = catch_up(chapter, line.show)
    took = time.monotonic() - start
    if pipeline.left_before(chapter):
        warm_up()  # while the attendee reads on
    line.end(f"(Done just now, in {took:.0f} s: {', '.join(done)}.)" if done else "")


def _check(chapter: str) -> None:
    there = pipeline.numbers()
    if chapter not in there:
        raise CpuwatchError(f"There is no chapter {chapter!r}: they are {', '.join(there)}.")


def summary(chapter: str) -> str:
    """What is there when a chapter begins, in a line or two."""
    left = [
        said
        for one in pipeline.CHAPTERS
        if one.number < chapter
        for said in (
            *(_SAID[thing] for thing in one.leaves),
            *(job.name for job in pipeline.JOBS if job.chapter == one.number),
        )
    ]
    if not left:
        return _UP
    # JupyterLab would break a longer line wherever it ends.
    return f"{_UP}\n" + textwrap.fill(f"There from before: {', '.join(left)}.", LINE)


def catch_up(chapter: str, tell: Tell = lambda _: None) -> list[str]:
    """Bring about what the chapters before this one leave behind.

    Parameters
    ----------
    chapter
        Its number, such as '03'.
    tell
        Called with a line about the state of the work.

    Returns
    -------
    list of str
        What had to be done, and why; empty if all was right.
    """
    _check(chapter)
    done = []
    if not all(service.answers for service in control.status()):
        tell("Starting Kafka, PostgreSQL and Flink: this takes some ten seconds")
        control.up(lambda text: tell(f"{text} …"), show=False)
        done.append("the stack was started")
    for thing in pipeline.left_before(chapter):
        done += _RESTORE[thing](tell)
    return done + _Deployer(tell).catch_up(pipeline.jobs_before(chapter))


class _Deployer:
    """Deploys the jobs that are not there as they should be."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._environment: TableEnvironment | None = None
        self._unsettled: list[tuple[Job, flink.Job]] = []

    def catch_up(self, wanted: tuple[Job, ...]) -> list[str]:
        done = []
        there = flink.jobs(running_only=True) if wanted else []
        for job in wanted:
            # What it reads has to be there first: it is looked up once, when it comes by.
            self._settle(job.reads)
            self._tell(f"Looking at {job.name}")
            standing = noted.standing(job, there)
            if standing.running is not None:
                if not standing.settled:
                    self._unsettled.append((job, standing.running))
                continue
            self._tell(f"Deploying {job.name}")
            self._unsettled.append((job, self._deploy(job)))
            why = standing.why
            done.append(f"{job.name} was deployed" + (f" anew, since {why}" if why else ""))
        self._settle(tuple(job.writes for job, _ in self._unsettled))
        return done

    def _deploy(self, job: Job) -> flink.Job:
        if self._environment is None:
            self._environment = flink.connect(quiet=True)
        # Of its own tables and views alone, so that a mistake in another's costs nothing here.
        for name in (*pipeline.tables([job]), *job.views):
            create(self._environment, name)
        return replace(self._environment, job.name, sql.taught(job.name))[0]

    def _settle(self, tables: tuple[str, ...]) -> None:
        for job, running in [one for one in self._unsettled if one[0].writes in tables]:
            self._tell(f"Waiting until {job.name} has read its input")
            flink.wait_until_settled(running, quiet=True)
            self._unsettled.remove((job, running))


def _restore_readings(tell: Tell) -> list[str]:
    """See to it that the topic of readings holds the fleet, and nothing else."""
    if noted.holds_readings(topics.READINGS):
        return []
    if not _holds_fleet(topics.READINGS):
        warm_up()  # Java takes some seconds to start, and the jobs need it next
        tell(f"Sending the fleet's readings to {topics.READINGS}")
        fresh_topic(topics.READINGS)
        topics.produce(fleet())
        noted.note_readings(topics.READINGS)
        return ["the readings were sent"]
    noted.note_readings(topics.READINGS)  # somebody else sent them: a notebook's cell
    return []


def _holds_fleet(topic: str) -> bool:
    now = topics.states(topic).get(topic)
    wanted = fleet()
    if now is None or sum(now.ends.values()) != len(wanted):
        return False
    found = topics.read(topic)
    if not set(COLUMNS) <= set(found.columns):
        return False
    order = ["occurred_at", "hostname", "cpu"]
    try:
        found = found[list(COLUMNS)].astype(wanted.dtypes.to_dict())
    except (TypeError, ValueError):
        return False  # something in it is no reading
    left, right = (one.sort_values(order, ignore_index=True) for one in (found, wanted))
    return left.equals(right)


def _restore_thresholds(tell: Tell) -> list[str]:
    """See to it that the thresholds are what the workshop's file says."""
    database = thresholds.engine()
    try:
        wanted = thresholds.load()
        there: dict[str, float] | None = (
            dict(thresholds.read(database).itertuples(index=False))
            if inspect(database).has_table(thresholds.TABLE.name)
            else None
        )
        if there == wanted:
            return []
        tell("Writing the thresholds")
        thresholds.create(database)
        if set(there or {}) - set(wanted):
            with database.begin() as connection:
                connection.execute(
                    thresholds.TABLE.delete().where(thresholds.TABLE.c.hostname.not_in(wanted))
                )
        thresholds.write(database, wanted)
        return ["the thresholds were written"]
    finally:
        database.dispose()


#: What chapters leave: how it is brought about, and how it is called.
_RESTORE: dict[str, Callable[[Tell], list[str]]] = {
    pipeline.READINGS: _restore_readings,
    pipeline.THRESHOLDS: _restore_thresholds,
}
_SAID = {pipeline.READINGS: "21,000 readings", pipeline.THRESHOLDS: "thresholds"}
