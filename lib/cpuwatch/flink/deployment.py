"""A statement becomes a job: checked, its output topic emptied, submitted, noted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyflink.table import TableEnvironment, TablePipeline

from cpuwatch import naming, pipeline, sql, topics, words
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink import catalog, guards, java, made, noted, resumable
from cpuwatch.flink.awaiting import wait_until_running
from cpuwatch.flink.cluster import PREVIEW, Job, cancel, cancel_all, jobs
from cpuwatch.flink.environment import CHAINS, CHECKPOINTS, PHASES, WORKERS, ask, clean, streamed
from cpuwatch.flink.metrics import readers
from cpuwatch.flink.rows import Rows
from cpuwatch.flink.slots import await_slots, is_full, slots
from cpuwatch.progress import Line
from cpuwatch.settings import settings
from cpuwatch.stack import claims

if TYPE_CHECKING:
    from cpuwatch.flink.savepoints import Savepoint

_NO_JOB = "That statement starts no job: a job is an INSERT INTO … SELECT."

#: Whose state a job takes over: the place of a savepoint.
_STATE = "execution.state-recovery.path"

_EXECUTE = re.compile(rf"\A({sql.BEFORE})EXECUTE\b", re.IGNORECASE | re.DOTALL)
_SET = re.compile(
    r"\s*EXECUTE\s+STATEMENT\s+SET\s+BEGIN\b(.*)\bEND\s*\Z", re.IGNORECASE | re.DOTALL
)
_INSERT = re.compile(rf"\s*INSERT\s+INTO\s+({sql.NAMES})", re.IGNORECASE)


def deploy(
    environment: TableEnvironment,
    name: str,
    statement: str | TablePipeline | None = None,
    from_savepoint: Savepoint | str | None = None,
) -> Job:
    """Deploy an INSERT as a continuous job, and wait until it runs.

    The job's output topic is emptied first, and a running job of the same name is replaced:
    a cell that runs again makes no row twice. Jobs that read the emptied topic are stopped.

    From a savepoint it goes on instead: with what the stopped job was in the midst of, after
    what that has written, which stays.

    Parameters
    ----------
    environment
        From `connect`.
    name
        The job's name on the cluster.
    statement
        INSERT INTO … SELECT …; or several of them as one job, EXECUTE STATEMENT SET BEGIN …
        END; or a Table API pipeline, from `insert_into`. By default the workshop's own for a job
        of this name; its tables have to be there.
    from_savepoint
        From `flink.stop`. The statement may have changed as far as what the job remembers still
        fits, but not the topics that it reads. Or the savepoint's place, a text: then any job
        may go on from it, and it is yours to know what it has read.

    Returns
    -------
    Job
        It runs; see `wait_until_settled`.

    Raises
    ------
    CpuwatchError
        If the workshop has no statement of this name and none is given, or Flink refuses the
        statement or the savepoint, or there is no room for the job, or another one writes to its
        topic (then all is as it was), or the job fails.
    """
    _look_at(environment, name, statement)
    if statement is None:
        statement = _own(name)
    line = Line(f"{name}: Initializing ▸ Running")
    line.show(f"{name}: checking the statement")
    job, stopped = replace(environment, name, statement, from_savepoint=from_savepoint)
    line.show(f"{name}: Initializing")

    def show(now: Job) -> None:
        state = "" if now.state == "INITIALIZING" else f" ▸ {now.state.title()} …"
        line.show(f"{name}: Initializing{state}")

    try:
        with _as_it_was(_place(from_savepoint)):
            running = wait_until_running(job, progress=show)
    except KeyboardInterrupt:
        cancel_all([job])
        raise
    resumable.spend(name)  # not before: if it cannot go on, what was stopped still can
    line.end(
        f"It replaces what {' and '.join(stopped)} read, so that was stopped: deploy it again."
        if stopped
        else ""
    )
    return running


def _look_at(environment: object, name: object, statement: object) -> None:
    """Raise if a beginner has taken one of them for another."""
    if (
        not isinstance(name, str)
        or (statement is None and re.search(r"\s", name.strip()))
        or not (statement is None or isinstance(statement, (str, TablePipeline)))
    ):
        raise CpuwatchError(
            "flink.deploy takes the environment, the job's name and its statement, in this order:"
            ' flink.deploy(env, "my_job", "INSERT INTO … SELECT …").'
        )
    if isinstance(environment, str):
        raise CpuwatchError(
            f"flink.deploy takes the environment first, not {words.kind(environment)}: env ="
            " flink.connect() makes one."
        )


def _own(name: str) -> str:
    """The workshop's own statement for a job."""
    known = [one.name for one in pipeline.EVERY]
    if name not in known:
        raise CpuwatchError(
            f"What is the job {name!r} to do? flink.deploy takes its statement after the name,"
            f" INSERT INTO … SELECT …; by the name alone it knows {', '.join(known)}."
        )
    return sql.taught(name)


def replace(
    environment: TableEnvironment,
    name: str,
    statement: str | TablePipeline,
    spare: bool = False,
    from_savepoint: Savepoint | str | None = None,
) -> tuple[Job, list[str]]:
    """Do what `deploy` does, but show nothing and do not wait until it runs.

    Parameters
    ----------
    environment, name, statement
        As for `deploy`.
    spare
        Whether jobs of an attendee's own that read its output run on: see `renew`.
    from_savepoint
        As for `deploy`.

    Returns
    -------
    Job
        Just submitted.
    list of str
        The jobs that were stopped because they read what it replaces.
    """
    naming.new(name)
    plan = check(environment, statement)
    used = {table: catalog.options(environment, table) for table in plan.reads}
    catalog.check_topics(used)
    sinks = {table: catalog.options(environment, table) for table in plan.writes}
    reads = {topic for one in used.values() for topic in catalog.topics_in(one)}
    outputs = [one["topic"] for one in sinks.values() if "topic" in one]
    workers = workers_for(environment, name, used.values())
    guards.refuse_shared(name, sinks)
    place = _place(from_savepoint)
    if from_savepoint is None:
        _await_room(workers, name, outputs, spare)
        resumable.spend(name)
        cancel(name)
    else:
        guards.refuse_beside(name)
        guards.refuse_foreign(from_savepoint, name, reads)
    stopped: list[str] = []
    for output in outputs:
        if from_savepoint is None:
            stopped += renew(output, spare)
        elif not topics.partitions_of(output):
            topics.create(output)
    try:
        with catalog.as_group(environment, plan.reads, name):
            chained = catalog.may_chain(used.values())
            with _as_it_was(place):
                job = submit(environment, name, statement, chained, place, workers)
        written = statement if isinstance(statement, str) else None
        views = [] if written is None else made.views_in(environment, written)
        noted.note_job(
            job,
            {
                name: written,
                **made.texts(
                    environment,
                    [*views, *made.with_bases(environment, [*plan.reads, *plan.writes])],
                ),
            },
            reads,
            outputs,
            str(environment.get_config().get("pipeline.auto-watermark-interval", "")),
            place,
            guards.prefixes(sinks.values()),
        )
    except KeyboardInterrupt:
        cancel(name)  # the one before is gone already
        raise
    return job, stopped


def _await_room(workers: int, name: str, outputs: list[str], spare: bool) -> None:
    """Wait until there is room for a job, if those end that it replaces: none has ended yet."""
    if not is_full(workers):
        return
    leaving = {job for output in outputs for job in _replaced(output, spare)}
    leaving |= {job for job in jobs(running_only=True) if job.name == name}
    await_slots(workers, sum(map(slots, leaving)))


def workers_for(environment: TableEnvironment, name: str, used: Iterable[Mapping[str, str]]) -> int:
    """How many workers a job has: at most as many as a topic that it reads has partitions.

    One without a partition would read nothing, and hold the watermark back for ever.
    """
    known = pipeline.job(name)
    if known is not None and known.in_order:
        return 1
    names = {topic for one in used for topic in catalog.topics_in(one)}
    wanted = int(environment.get_config().get(WORKERS, "1"))
    if wanted == 1:
        return 1
    return min([wanted, *(len(topics.partitions_of(topic)) or wanted for topic in names)])


@contextmanager
def _as_it_was(from_savepoint: str | None) -> Iterator[None]:
    """If a job cannot go on from its savepoint, say what has not changed."""
    try:
        yield
    except CpuwatchError as error:
        if from_savepoint is None:
            raise
        raise CpuwatchError(
            f"{str(error).rstrip('.')}. The savepoint is as it was, and so is the output: what was"
            " stopped can go on from it by the statement that it had."
        ) from error


def _place(savepoint: Savepoint | str | None) -> str | None:
    return savepoint if savepoint is None or isinstance(savepoint, str) else savepoint.place


@dataclass(frozen=True)
class Plan:
    """What a statement does."""

    reads: list[str]
    writes: list[str]


def check(environment: TableEnvironment, statement: str | TablePipeline) -> Plan:
    """Let Flink check a job's statement, and see which tables it reads and writes."""

    def plan() -> Plan:
        if not isinstance(statement, str):
            target = statement._j_table_pipeline.getSinkIdentifier().get().getObjectName()
            plan = f"{statement.explain()}\n{streamed(environment)}"
            return Plan(made.in_plan(plan), [target])
        text = clean(statement)
        inserts = written_tables(sql.bare(text))
        # All stays in its line and column, so that Flink's mistakes are told where they are.
        explained = f"EXPLAIN\n{_EXECUTE.sub(lambda found: found[1] + ' ' * 7, text)}"
        with Rows(environment.execute_sql(explained)) as rows:
            if not inserts:
                raise CpuwatchError(_NO_JOB)  # its own mistakes came first
            reads = made.in_plan("\n".join(str(text) for _, (text,) in rows.take()))
        return Plan(reads, [own_table(environment, parts) for parts in inserts])

    return ask(plan, statement, place=lambda line, column: (max(line - 1, 0), column))


def written_tables(text: str) -> list[list[str]]:
    """The tables that a statement without comments writes: of one INSERT, or of a set of them.

    Of each the parts of its name, of which the last is the table's own.
    """
    together = _SET.match(text)
    parts = sql.parts(together[1], ";") if together else [text]
    found = [_INSERT.match(part) for part in parts]
    return [_parts(one[1]) for one in found if one] if all(found) else []


def _parts(name: str) -> list[str]:
    """The parts of a name with dots, which may be quoted."""
    return [
        part[1:-1].replace("``", "`") if part.startswith("`") else part
        for part in re.findall(sql.NAME, name)
    ]


def own_table(environment: TableEnvironment, parts: list[str]) -> str:
    """The name of a table that a job writes, without the catalogue's and the database's."""
    if len(parts) == 1:
        return parts[0]
    here = [environment.get_current_catalog(), environment.get_current_database()]
    if parts[:-1] != here[max(0, 3 - len(parts)) :]:
        raise CpuwatchError(
            f"The table {'.'.join(parts)} is in another database than the notebook's"
            f" {'.'.join(here)}: create the sink there, and call it {parts[-1]}."
        )
    return parts[-1]


def submit(
    environment: TableEnvironment,
    name: str,
    statement: str | TablePipeline,
    chained: bool = False,
    from_savepoint: str | None = None,
    workers: int | None = None,
) -> Job:
    """Submit an INSERT as a job; a running job of the same name is replaced.

    Parameters
    ----------
    environment
        From `connect`.
    name
        The job's name on the cluster.
    statement
        The INSERT statement, or a Table API pipeline.
    chained
        Whether it may chain its operators: see `catalog.may_chain`.
    from_savepoint
        The place of a savepoint whose state it takes over.
    workers
        How many share its work; by default as many as the environment says.

    Returns
    -------
    Job
        Just submitted; see `wait_until_running` and `wait_until_finished`.

    Raises
    ------
    CpuwatchError
        If Flink refuses the statement, or the cluster does not answer.
    """
    known_as = naming.new(name)
    claims.once(settings())
    if from_savepoint is None:
        resumable.spend(name)
    cancel(name)
    if workers is None:
        workers = int(environment.get_config().get(WORKERS, "1"))
    await_slots(workers)

    def start() -> Job:
        environment.get_config().set("pipeline.name", known_as)
        wanted = _wanted(environment, statement, chained)
        wanted[WORKERS] = str(workers)
        wanted |= _checkpoints(environment, name)
        if from_savepoint is not None:
            wanted[_STATE] = from_savepoint
        with _options(environment, wanted):
            if isinstance(statement, str):
                result = environment.execute_sql(clean(statement))
            else:
                result = statement.execute()
        client = result.get_job_client()
        if client is None:
            raise CpuwatchError(_NO_JOB)
        return Job(str(client.get_job_id()), name, "INITIALIZING")

    return ask(start, statement, lambda job: cancel_all([job]))


def _wanted(
    environment: TableEnvironment, statement: str | TablePipeline, chained: bool
) -> dict[str, str]:
    """The options that one statement has beside those of its environment.

    Sums of a window are made in the order of arrival, where that can be done. By itself Flink
    adds up parts of a window between checkpoints, and then the parts, so that the last digit of
    an average depends on when the checkpoints were. In one phase it does not; but then a record
    without a time stops the job for ever, unless the statement leaves it out.

    In two phases it would as well, but for what the reader in its chain does: see `CHAINS`.
    """
    text = statement if isinstance(statement, str) else ""
    times = made.window_times(environment, text)
    left_out = all(times.values())
    wanted = {CHAINS: "true"} if chained or not left_out else {}
    theirs = environment.get_config().get_configuration()
    if times and left_out and not theirs.contains_key(PHASES):
        wanted[PHASES] = "ONE_PHASE"
    return wanted


def _checkpoints(environment: TableEnvironment, name: str) -> dict[str, str]:
    """How often a job whose rows people wait for makes checkpoints, if not as often as others."""
    known = pipeline.job(name)
    usual = re.fullmatch(r"(\d+) ms", environment.get_config().get(CHECKPOINTS, ""))
    if known is None or not known.awaited or usual is None:
        return {}
    return {CHECKPOINTS: f"{max(10, int(usual[1]) // 2)} ms"}


@contextmanager
def _options(environment: TableEnvironment, wanted: dict[str, str]) -> Iterator[None]:
    """Set options of an environment for one statement."""
    options = java.options_of(environment)
    before = java.plain(options.toMap())
    for name, value in wanted.items():
        options.setString(name, value)
    try:
        yield
    finally:
        for name in wanted:
            if name in before:
                options.setString(name, before[name])
            else:
                options.removeKey(name)
                # What a statement was run with stays in what runs them: without this the next
                # one, even a preview, would go on from the same savepoint.
                kept = environment._j_tenv.getPlanner().getExecEnv().getConfiguration()
                kept.removeKey(name)


def renew(topic: str, spare: bool = False, partitions: int | None = None) -> list[str]:
    """Empty a topic, or make it, and stop the jobs that read what was in it before.

    A job whose topic is deleted and made anew would read it from the start again, and write
    its rows twice.

    Parameters
    ----------
    topic
        The topic's name.
    spare
        Whether jobs that are none of the pipeline's run on. Then the topic stays the same one,
        without its records, and these jobs see what comes next.
    partitions
        How many a new one has; by default as many as `topics.usual_partitions` says.

    Returns
    -------
    list of str
        The names of the jobs that were stopped.
    """
    topics.possible(topic, partitions)  # before anything is stopped
    reading = readers(topic)
    ours = _replaced(topic, spare, reading)
    # Rows of files are no job's: nobody would find them again.
    kept = topics.rejected_rows() if topic == topics.BAD_READINGS else []
    cancel_all(ours)
    if len(ours) < len(reading):
        topics.clear(topic)
    else:
        topics.empty(topic, partitions)
    topics.keep(kept)
    return sorted({job.name for job in ours})


def _replaced(topic: str, spare: bool, reading: list[Job] | None = None) -> list[Job]:
    """Of the jobs that read a topic those that end when it is renewed."""
    found = readers(topic) if reading is None else reading
    return [job for job in found if not spare or not is_own(job.name)]


def is_own(name: str) -> bool:
    """Whether a job of that name is an attendee's own: none of the pipeline's, and no preview."""
    return pipeline.job(name) is None and name != PREVIEW
