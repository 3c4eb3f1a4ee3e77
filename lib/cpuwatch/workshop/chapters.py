"""Begin a chapter: all is as the chapters before leave it, so that any may be run first.

`begin` looks at what is there, keeps what is right, and makes anew what is not, and says why.
Whether a job is right is seen from what was noted when it was deployed (see `flink.noted`).
"""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType

import pandas as pd
from pyflink.table import TableEnvironment
from sqlalchemy import inspect

from cpuwatch import files, flink, pipeline, sql, thresholds, topics
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink import noted
from cpuwatch.flink.deployment import is_own, renew, replace
from cpuwatch.flink.environment import warm_up
from cpuwatch.flink.metrics import readers
from cpuwatch.flink.tables import create
from cpuwatch.pipeline import Job
from cpuwatch.progress import LINE, Line
from cpuwatch.readings import COLUMNS, FLEET_START, fleet
from cpuwatch.settings import settings
from cpuwatch.stack import control, known
from cpuwatch.workshop.errors import explain_errors

_UP = "Kafka, PostgreSQL and Flink are up."

Tell = Callable[[str], None]


def begin(chapter: str, keep: bool = False) -> None:
    """Begin a chapter: the stack is up, and all is as the chapters before leave it.

    What you made yourself is not lost: a statement of your own under the name of one of the
    workshop's jobs is kept aside, and a job under a name of your own runs on.

    Errors of Flink, Kafka and PostgreSQL are shown in a line or two from now on; `trace`
    shows the rest.

    Parameters
    ----------
    chapter
        Its number, such as '03'.
    keep
        Whether to go on with what you changed: your own statements, readings and thresholds
        instead of the workshop's.

    Raises
    ------
    CpuwatchError
        If that cannot be done: the cause, and what to do.
    """
    explain_errors()
    # A host's name is text, also if it looks like a formula: '$x^2$'.
    pd.set_option("display.html.use_mathjax", False)
    _check(chapter)
    line = Line(summary(chapter))
    start = time.monotonic()
    done = CatchUp(chapter, keep, line.show)
    done.run()
    took = time.monotonic() - start
    if pipeline.left_before(chapter):
        warm_up()  # while the attendee reads on
    said = [f"(Done just now, in {took:.0f} s: {', '.join(done.did)}.)"] if done.did else []
    line.end("\n".join(textwrap.fill(text, LINE) for text in (*said, *done.remarks)))


def _check(chapter: str) -> None:
    there = pipeline.numbers()
    if chapter not in there:
        raise CpuwatchError(f"There is no chapter {chapter!r}: they are {', '.join(there)}.")


def summary(chapter: str) -> str:
    """What is there when a chapter begins, in a line or two."""
    running = pipeline.jobs_before(chapter)
    left = [
        said
        for one in pipeline.CHAPTERS
        if one.number < chapter
        for said in (
            *(_SAID[thing] for thing in one.leaves),
            *(job.name for job in running if job.chapter == one.number),
        )
    ]
    if not left:
        return _UP
    # JupyterLab would break a longer line wherever it ends.
    return f"{_UP}\n" + textwrap.fill(f"There from before: {', '.join(left)}.", LINE)


def catch_up(chapter: str, tell: Tell = lambda _: None, keep: bool = False) -> list[str]:
    """Bring about what the chapters before this one leave behind.

    Parameters
    ----------
    chapter
        Its number, such as '03'.
    tell
        Called with a line about the state of the work.
    keep
        As for `begin`.

    Returns
    -------
    list of str
        What had to be done, and why; empty if all was right.
    """
    _check(chapter)
    done = CatchUp(chapter, keep, tell)
    done.run()
    return [*done.did, *done.remarks]


class CatchUp:
    """Brings about what the chapters before one leave, and keeps what an attendee made.

    Attributes
    ----------
    did
        What had to be done, and why.
    remarks
        What became of an attendee's own work, in whole sentences.
    """

    def __init__(self, chapter: str, keep: bool, tell: Tell) -> None:
        self.did: list[str] = []
        self.remarks: list[str] = []
        self._chapter = chapter
        self._keep = keep
        self._tell = tell
        self._environment: TableEnvironment | None = None
        self._unsettled: list[tuple[Job, flink.Job]] = []

    def run(self) -> None:
        """Look at everything, and do what is to be done."""
        if not all(service.answers for service in known.status()):
            self._tell("Starting Kafka, PostgreSQL and Flink: this takes some ten seconds")
            control.up(lambda text: self._tell(f"{text} …"), show=False)
            self.did.append("the stack was started")
        # Of two notebooks that begin at once, both would send what neither finds.
        with files.only_one(settings().notes / "begin.lock", waits=self._tell_of_another):
            self._restore()

    def _tell_of_another(self) -> None:
        self._tell("Another notebook begins a chapter just now: waiting until that is done")

    def _restore(self) -> None:
        restore = {pipeline.READINGS: self.restore_readings, pipeline.THRESHOLDS: self._thresholds}
        for thing in pipeline.left_before(self._chapter):
            restore[thing]()
        self._jobs(pipeline.jobs_before(self._chapter))

    def _offer(self) -> str:
        return f'workshop.begin("{self._chapter}", keep=True)'

    # --- Jobs ---------------------------------------------------------------------------------

    def _jobs(self, wanted: tuple[Job, ...]) -> None:
        there = flink.jobs(running_only=True) if wanted else []
        for job in wanted:
            # What it reads has to be there first: it is looked up once, when it comes by.
            self._settle(job.reads)
            self._tell(f"Looking at {job.name}")
            standing = noted.standing(job, there)
            theirs = noted.kept(job.name) if standing.theirs is None else standing.theirs
            if self._keep and theirs is not None:
                self._go_on_with(job, theirs, there)
            elif standing.running is not None:
                if not standing.settled:
                    self._unsettled.append((job, standing.running))
            else:
                if standing.theirs is not None:
                    self._keep_aside(job, standing.theirs)
                self._tell(f"Deploying {job.name}")
                self._deploy(job)
                why = f" anew, since {standing.why}" if standing.why else ""
                self.did.append(f"{job.name} was deployed{why}")
        self._settle(tuple(job.writes for job, _ in self._unsettled))

    def _keep_aside(self, job: Job, theirs: dict[str, str]) -> None:
        if job.name not in theirs:
            self.remarks.append(
                f"{job.name} was not deployed by flink.deploy, so nobody knows its statement: it"
                " is in the cell that started it. The workshop's has taken its place;"
                f" {self._offer()} would have left it running."
            )
            return
        noted.keep(job.name, theirs)
        self.remarks.append(
            f"{job.name} was your own: {_difference(job, theirs)}. It is kept aside, and the"
            f" workshop's runs, which this chapter counts on. {self._offer()} goes on with yours."
        )

    def _go_on_with(self, job: Job, theirs: dict[str, str], there: list[flink.Job]) -> None:
        """Let an attendee's own job of that name run, or deploy it again."""
        running = next((one for one in there if one.name == job.name), None)
        if running is not None and noted.standing(job, there).theirs is not None:
            self._unsettled.append((job, running))
            return
        if job.name not in theirs:
            self.remarks.append(f"{job.name} does not run any more: deploy yours again.")
            return
        self._tell(f"Deploying your own {job.name}")
        self._deploy(job, theirs)
        self.did.append(f"your own {job.name} was deployed ({_difference(job, theirs)})")

    def _deploy(self, job: Job, texts: Mapping[str, str] = MappingProxyType({})) -> None:
        if self._environment is None:
            self._environment = flink.connect(fresh=True, quiet=True)
        # Of its own tables and views alone, so that a mistake in another's costs nothing here.
        own = [name for name in texts if name != job.name]
        for name in dict.fromkeys((*pipeline.tables([job]), *own, *job.views)):
            create(self._environment, name, texts.get(name))
        statement = texts.get(job.name, sql.taught(job.name))
        self._tell_of_own(*(topic for table in (job.writes,) if (topic := sql.topic(table))))
        running, _ = replace(self._environment, job.name, statement, spare=True)
        self._unsettled.append((job, running))

    def _tell_of_own(self, *names: str) -> None:
        """Say which jobs of an attendee's own read a topic that is going to be made anew."""
        for topic in names:
            for name in sorted({job.name for job in readers(topic) if is_own(job.name)}):
                text = (
                    f"Your job {name} reads {topic}, whose records are made anew now. It runs on,"
                    " and gets them as new ones: deploy it again if it should begin with them."
                )
                self._tell(text)
                self.remarks.append(text)

    def _settle(self, tables: tuple[str, ...]) -> None:
        for job, running in [one for one in self._unsettled if one[0].writes in tables]:
            self._tell(f"Waiting until {job.name} has read its input")
            flink.wait_until_settled(running, quiet=True)
            self._unsettled.remove((job, running))

    # --- What else chapters leave ---------------------------------------------------------------

    def restore_readings(self) -> None:
        """See to it that the topic of readings holds the fleet, and nothing else."""
        topic = topics.READINGS
        more = self._keep or pipeline.may_hold_more(self._chapter)
        live = self._keep or pipeline.may_be_live(self._chapter)
        # What holds the fleet alone holds nothing live: that is asked only where there may be more.
        if noted.holds_readings(topic, or_more=more) and (live or not more or not _is_live(topic)):
            return
        state = _with_fleet(topic)
        if state is not None:
            noted.note_readings(topic, state)  # somebody else sent them: a notebook's cell
            return
        now = topics.states(topic).get(topic)
        if self._keep and now is not None and any(now.ends.values()):
            return  # whatever it holds
        if noted.holds_readings(topic, or_more=True):
            self.remarks.append(
                f"{topic} held more than the fleet's readings, which this chapter counts on: they"
                f" were sent anew. {self._offer()} leaves the topic as it is."
            )
        warm_up()  # Java takes some seconds to start, and the jobs need it next
        self._tell_of_own(topic)
        self._tell(f"Sending the fleet's readings to {topic}")
        state = _send_fleet(topic) or _send_fleet(topic)
        if state is not None:
            noted.note_readings(topic, state)
        else:
            self.remarks.append(
                f"{topic} holds more than the fleet's readings, which this chapter counts on:"
                " something else sends to it. Stop that, and run this cell again."
            )
        self.did.append("the readings were sent")

    def _thresholds(self) -> None:
        """See to it that the thresholds are what the workshop's file says."""
        database = thresholds.engine()
        try:
            wanted = thresholds.load()
            there: dict[str, float] | None = (
                dict(thresholds.read(database).itertuples(index=False))
                if inspect(database).has_table(thresholds.TABLE.name)
                else None
            )
            if there == wanted or (self._keep and there):
                return
            self._tell("Writing the thresholds")
            thresholds.create(database)
            if set(there or {}) - set(wanted):
                with database.begin() as connection:
                    connection.execute(
                        thresholds.TABLE.delete().where(thresholds.TABLE.c.hostname.not_in(wanted))
                    )
            thresholds.write(database, wanted)
        finally:
            database.dispose()
        self.did.append("the thresholds were written")
        if there:
            yours = [
                f"{host} {there[host]:g}%"
                for host in sorted(there)
                if there[host] != wanted.get(host)
            ]
            if yours:
                self.remarks.append(
                    f"Your thresholds were {', '.join(yours)}; {self._offer()} keeps such changes."
                )


def _difference(job: Job, theirs: Mapping[str, str]) -> str:
    """Where an attendee's statement, or a table or view of it, is not the workshop's."""
    for name, text in theirs.items():
        known = name == job.name or name in (*job.reads, job.writes, *job.views)
        if known and (found := sql.difference(text, sql.taught(name))):
            return found if name == job.name else f"in {name}, {found}"
    return "it reads or writes other tables"


def _send_fleet(topic: str) -> topics.State | None:
    """Make a topic anew with the fleet's readings: its state; None if it holds others, too."""
    renew(topic, spare=True)
    sent = topics.produce(fleet())
    state = topics.states(topic)[topic]  # before it is counted what it holds
    return state if topics.held(topic) == sent else None


def _is_live(topic: str) -> bool:
    """Whether the newest reading of any partition was measured on another day than the fleet's."""
    ends = topics.states(topic)[topic].ends
    found = topics.values(topic, [(number, end - 1) for number, end in ends.items() if end])
    moments = [(topics.decode(one) or {}).get("occurred_at") for one in found.values()]
    day = FLEET_START.floor("D").value // 1_000_000
    return any(isinstance(one, int) and one > day + 24 * 3_600_000 for one in moments)


def _with_fleet(topic: str) -> topics.State | None:
    """A topic's state, if it holds the fleet's readings and nothing else."""
    now = topics.states(topic).get(topic)
    wanted = fleet()
    if now is None or sum(now.ends.values()) != len(wanted):
        return None
    found = topics.read(topic)
    if not set(COLUMNS) <= set(found.columns):
        return None
    order = ["occurred_at", "hostname", "cpu"]
    try:
        found = found[list(COLUMNS)].astype(wanted.dtypes.to_dict())
    except (TypeError, ValueError):
        return None  # something in it is no reading
    left, right = (one.sort_values(order, ignore_index=True) for one in (found, wanted))
    return now if left.equals(right) else None


#: How what chapters leave is called.
_SAID = {pipeline.READINGS: "21,000 readings", pipeline.THRESHOLDS: "thresholds"}
