"""The jobs on the Flink cluster: see them, wait for them, cancel them.

All of it goes through the cluster's REST interface, so it needs no Java here, and works for
a job that another process submitted.
"""

from __future__ import annotations

import re
import ssl
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from cpuwatch import labpaths, naming, sql, waiting, web
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink import explain
from cpuwatch.flink.failing import FAILING, Failing
from cpuwatch.settings import settings
from cpuwatch.stack import claims, failures, flinkaccess
from cpuwatch.stack.supervisor import Supervisor

#: A job in one of these states has ended for good.
ENDED = frozenset({"FINISHED", "CANCELED", "FAILED"})

#: The name of every preview's job.
PREVIEW = "preview"

#: How often to ask for a job's state, in seconds.
PAUSE = 0.1

#: How long a failing job may go on trying, in seconds, before we give it up. A broker or
#: a TaskManager that was killed is back well before.
_PATIENCE = 60.0

#: How long a JobManager may take to come back and to take up its jobs, in seconds.
TAKEOVER = 60.0

#: How long the slot of a job that has ended may be taken still, in seconds.
_MOMENT = 10.0

#: How REST says that there is no JobManager yet, or that a job of its is just being taken up.
_NOT_YET = 503

#: What stands in the names of operators that read, and of those that hold windows.
SOURCE, WINDOWS = "Source: ", "Window"

#: The metrics that say how far a source has read a partition, and how many records in all.
SOURCE_READ = re.compile(
    r"^(?P<worker>\d+)\.(?P<source>Source__.*?)\.(?:"
    r"\w+\.topic\.(?P<topic>.+)\.partition\.(?P<partition>\d+)\.(?P<what>current|committed)Offset"
    r"|numRecordsIn)$"
)

#: The one of these that says how many records.
_RECORDS_READ = re.compile(r"^\d+\.Source__.*\.numRecordsIn$")

#: The metric that says how many records came after their window had closed.
_LATE = re.compile(r"\.numLateRecordsDropped$")

#: The option that says how often it asks its TaskManagers for metrics.
_FETCHED_EVERY = "metrics.fetcher.update-interval"

#: Causes that no patience mends, as `explain` tells them.
_HOPELESS = re.compile(r"CAST fails on|divides by zero|has another form now")

#: And, in Kafka's words, one that little patience does: who just begins may not know its topics.
_NO_TOPIC = re.compile(r"UnknownTopicOrPartition|does not host this topic|InvalidTopicException")

#: How long a broker may take to know them, in seconds.
_BROKER = 20.0

Result = TypeVar("Result")


@dataclass(frozen=True)
class Job:
    """A job on the cluster."""

    id: str
    name: str
    state: str


def jobs(running_only: bool = False, patience: float = TAKEOVER) -> list[Job]:
    """Our jobs that the cluster knows, oldest first.

    Parameters
    ----------
    running_only
        Whether to leave out those that have ended.
    patience
        For how long a JobManager that was started again is waited for, in seconds.
    """
    known = rest("/jobs/overview", patience=patience)["jobs"]
    found = sorted(known, key=lambda job: int(job["start-time"]))
    return [
        Job(job["jid"], name, job["state"])
        for job in found
        if (name := naming.short(job["name"])) is not None
        and not (running_only and job["state"] in ENDED)
    ]


def running(job: Job | str) -> Job:
    """A job that runs, whoever submitted it.

    Parameters
    ----------
    job
        The job, or its name on the cluster.

    Raises
    ------
    CpuwatchError
        If no such job runs; it names those that do.
    """
    there = jobs(running_only=True)
    known_by = "name" if isinstance(job, str) else "id"
    wanted = job if isinstance(job, str) else job.id
    found = [one for one in there if getattr(one, known_by) == wanted]
    if not found:
        name = job if isinstance(job, str) else job.name
        others = ", ".join(sorted({one.name for one in there})) or "none"
        raise CpuwatchError(f"No job {name} runs. Those that do: {others}.")
    return found[-1]


def status(job: Job) -> Job:
    """The same job with its state now.

    Parameters
    ----------
    job
        As it was when it was asked for.

    Raises
    ------
    CpuwatchError
        If the cluster does not know it any more, as after `down --wipe`, or where the JobManager
        has died since the job ended.
    """
    try:
        return Job(job.id, job.name, str(rest(f"/jobs/{job.id}/status")["status"]))
    except web.HTTPError:
        raise CpuwatchError(
            f"The cluster does not know the job {job.name} any more: it had ended before its"
            " JobManager began anew, or the stack was wiped. If its output is not all there, submit"
            " the job again."
        ) from None


def client_options() -> dict[str, str]:
    """The options by which Flink's own client finds the cluster, and is let in."""
    config = settings()
    place = urllib.parse.urlsplit(config.flink_address)
    where = {"rest.address": str(place.hostname), "rest.port": str(place.port)}
    return {**where, **flinkaccess.client_options(config)}


def page(job: Job) -> str:
    """The address of a job's page in Flink's own web interface.

    In the workshop's JupyterLab it is a path below the server that JupyterLab came from.

    Parameters
    ----------
    job
        From `jobs`, or from whatever deployed it.
    """
    here = None if settings().outside("flink") else labpaths.shown_at(labpaths.FLINK)
    return f"{here or settings().flink_page}/#/job/running/{job.id}/overview"


def cancel(*names: str) -> int:
    """Cancel every running job of these names, and wait until they have ended.

    Parameters
    ----------
    *names
        As the notebooks know them, without a prefix.

    Returns
    -------
    int
        How many there were.
    """
    running = [job for job in jobs(running_only=True) if job.name in names]
    cancel_all(running)
    return len(running)


def cancel_all(running: list[Job]) -> None:
    """Cancel these jobs, and wait until they have ended.

    A JobManager that dies meanwhile takes up only those that had not ended: these are cancelled
    once more, and one that it does not know has ended.
    """

    def have_ended() -> bool:
        states = {job.id: job.state for job in jobs(running_only=True)}
        left = [job for job in running if job.id in states]
        for job in left:
            if states[job.id] != "CANCELLING":
                with suppress(web.HTTPError):  # it has ended meanwhile
                    rest(f"/jobs/{job.id}?mode=cancel", "PATCH")
        return not left

    names = ", ".join(sorted({job.name for job in running}))
    waiting.until(
        have_ended,
        60.0,
        f"Waited 60 seconds for {names} to be cancelled. Look at 'cpuwatch status', and try again.",
        PAUSE,
    )


def readers(topic: str) -> list[Job]:
    """The running jobs that read a topic, whoever submitted them, by whatever table."""
    ours = "|".join(re.escape(table) for table in sql.tables_of(topic)) or r"(?!)"
    # A job's offsets name its topics, but only once it runs; its plan names its tables at once.
    source = re.compile(rf"(^|\W)Source: ({ours})\[")
    found = []
    for job in jobs(running_only=True):
        try:
            names = [vertex["name"] for vertex in rest(f"/jobs/{job.id}")["vertices"]]
        except web.HTTPError:
            continue  # it has ended meanwhile
        if any(source.search(name) for name in names) or topic in {one for one, _ in offsets(job)}:
            found.append(job)
    return found


def offsets(job: Job) -> dict[tuple[str, int], int]:
    """For each topic and partition that a job reads the offset of the last record it has read.

    If it reads one more than once, as a join of a table with itself does, the earliest counts;
    -1 if it has read none. Empty as long as a source has not begun.

    A job that began anew, and found nothing new to read, has no last record. How far it had read
    before, the offset tells that it commits to Kafka: the next one that it would read.
    """
    by_source: dict[str, dict[tuple[str, int], int]] = {}
    begun: dict[str, bool] = {}
    for found, value in _read(job):
        source = found["source"]
        if found["topic"] is None:
            # Of several workers some may have no partition, and never begin.
            begun[source] = begun.get(source, False) or value > 0
        else:
            _note_last(by_source.setdefault(source, {}), found, value)
    if not all(source in by_source or begun[source] for source in begun):
        return {}
    places = {(topic, number) for one in by_source.values() for topic, number in one}
    return {
        (topic, number): min(
            one.get((topic, number), -1)
            for one in by_source.values()
            if any(topic == name for name, _ in one)
        )
        for topic, number in places
    }


def offsets_by_worker(job: Job) -> dict[int, dict[tuple[str, int], int]]:
    """For each worker that reads the partitions that are its own, and how far it has read them.

    As in `offsets`; a worker without a partition is not among them.
    """
    by_worker: dict[int, dict[tuple[str, int], int]] = {}
    for found, value in _read(job):
        if found["topic"] is not None:
            _note_last(by_worker.setdefault(int(found["worker"]), {}), found, value)
    return by_worker


def _read(job: Job) -> Iterator[tuple[re.Match[str], int]]:
    """What a job's sources say of how far they are: whose it is, and the number."""
    for name, value in metrics(job, SOURCE_READ, of=SOURCE).items():
        found = SOURCE_READ.search(name)
        assert found is not None, "metrics are those that fit the pattern"
        yield found, int(value) if found["topic"] else int(float(value))


def _note_last(read: dict[tuple[str, int], int], found: re.Match[str], value: int) -> None:
    """Note the last record of a partition, by the newer of the two offsets that tell of it."""
    place = naming.shown(found["topic"]), int(found["partition"])
    read[place] = max(read.get(place, -1), value - (found["what"] == "committed"))


def records_read(job: Job) -> int:
    """How many records a job has read from its sources so far, as far as the cluster knows."""
    return sum(int(float(value)) for value in metrics(job, _RECORDS_READ, of=SOURCE).values())


def late(job: Job) -> int:
    """How many readings came too late for their window since the job began or began anew."""
    return sum(int(float(value)) for value in metrics(job, _LATE).values())


def refreshed(question: Callable[[], Result]) -> Result:
    """What is asked of metrics, by the numbers of now.

    The cluster answers with those of before, and asks for new ones twice a second.
    """
    question()
    time.sleep(1.0)
    return question()


def metrics_delay() -> float:
    """For how long, in seconds, the cluster may tell of metrics what was true before."""
    found = {one["key"]: one["value"] for one in rest("/jobmanager/config")}
    every = seconds(str(found.get(_FETCHED_EVERY, "")))
    return 10.0 if every is None else every  # Flink's own


def seconds(text: str) -> float | None:
    """A length of time as Flink's options have it, such as '500', '200 ms' or '4 s'."""
    found = re.fullmatch(r"(\d+)\s*(ms|s|min)?", text.strip())
    if found is None:
        return None
    return int(found[1]) * {"s": 1.0, "min": 60.0}.get(found[2] or "ms", 0.001)


def changed(job: Job) -> int:
    """When a job, or one of its tasks, last came into another state; 0 if nobody knows it.

    In milliseconds, by the cluster's clock; at once, where its page tells of it a moment later.
    """
    there = rest("/jobs/overview")["jobs"]
    return next((int(one["last-modification"]) for one in there if one["jid"] == job.id), 0)


def free_slots() -> int:
    """How many more jobs of ours the cluster has room for."""
    return int(rest("/overview")["slots-available"])


def is_full(workers: int = 1) -> bool:
    """Whether the cluster has no slots left for one more job of so many workers.

    One without any, as while its TaskManager is started again, is none that is full.
    """
    found = rest("/overview")
    return int(found["slots-total"]) > 0 and int(found["slots-available"]) < workers


def has_place(job: Job) -> bool:
    """Whether a job has the slot that it needs, or has ended."""
    waiting_for_one = {"CREATED", "SCHEDULED"}
    try:
        return all(
            one["status"] not in waiting_for_one for one in rest(f"/jobs/{job.id}")["vertices"]
        )
    except web.HTTPError:
        return True  # it has ended meanwhile


def slots(job: Job) -> int:
    """How many slots a job has; none if it has ended."""
    try:
        vertices = rest(f"/jobs/{job.id}")["vertices"]
    except web.HTTPError:
        return 0
    return max((int(one["parallelism"]) for one in vertices), default=0)


def await_slots(workers: int = 1, leaving: int = 0) -> None:
    """Wait until the cluster has room for one more job; a moment, as one that was cancelled needs.

    Parameters
    ----------
    workers
        How many the job has: each takes a slot.
    leaving
        How many slots there will be more, of jobs that are going to end for it.

    Raises
    ------
    CpuwatchError
        If it has none: it says whose jobs have the slots.
    """
    waiting.until(lambda: not is_full(workers - leaving), _MOMENT, lambda: _full(workers), PAUSE)


def _full(workers: int) -> str:
    found = rest("/overview")
    total, free = int(found["slots-total"]), int(found["slots-available"])
    if workers > total:
        mend = (
            "ask whoever runs it for more, or set less"
            if settings().outside("flink")
            else "'cpuwatch down', then 'cpuwatch up', starts it with enough for this setting"
        )
        return (
            f"There is no room for {workers} workers (CPUWATCH_PARALLELISM): each takes a slot of"
            f" the cluster, and it has {total}: {mend}."
        )
    ours = sorted({job.name for job in jobs(running_only=True)})
    yours = f"yours are {', '.join(ours)}" if ours else "none of them is yours"
    mend = "Stop what you need no more: workshop.stop_jobs('NAME')" if ours else ""
    ask = "ask whoever runs the cluster for more slots" if _is_shared() else ""
    if not ours and not ask:
        mend = "Stop some under the prefix that has them: CPUWATCH_PREFIX=… cpuwatch jobs stop NAME"
    what = f"{mend}, or {ask}" if mend and ask else mend or ask.capitalize()
    if workers > 1:
        return (
            f"There is no room for one more job: its {workers} workers take a slot of the cluster"
            f" each, and of {total} slots {free} are free; {yours}. {what}."
        )
    return (
        f"There is no room for one more job: each takes a slot of the cluster, and all {total} are"
        f" taken; {yours}. {what}."
    )


def _is_shared() -> bool:
    return settings().prefix is not None or settings().outside("flink")


def metrics(job: Job, wanted: re.Pattern[str], of: str = "") -> dict[str, str]:
    """A job's metrics whose names match, whatever operator they belong to.

    Parameters
    ----------
    job
        The job.
    wanted
        Searched for in the metrics' names.
    of
        What stands in the names of the operators that are asked, such as `SOURCE`; by default
        all are.
    """
    found: dict[str, str] = {}
    try:
        for vertex in rest(f"/jobs/{job.id}")["vertices"]:
            if of not in vertex["name"]:
                continue
            where = f"/jobs/{job.id}/vertices/{vertex['id']}/metrics"
            names = [one["id"] for one in rest(where) if wanted.search(one["id"])]
            if names:
                query = urllib.parse.quote(",".join(names))
                found |= {one["id"]: one["value"] for one in rest(f"{where}?get={query}")}
    except web.HTTPError:
        pass  # the job is being restarted, or has ended: its state says so
    return found


def wait_until_finished(
    job: Job, timeout: float = 600.0, progress: Callable[[Job], None] = lambda _: None
) -> Job:
    """Wait until a bounded job has read all its input and written all its output.

    Parameters
    ----------
    job
        From `submit`.
    timeout
        In seconds.
    progress
        Called with the job's state again and again.

    Raises
    ------
    CpuwatchError
        If it fails, goes on failing, is cancelled or does not end in time; it names the cause.
    """
    ended = wait(job, lambda state: state in ENDED, f"{job.name} to finish", timeout, progress)
    if ended.state != "FINISHED":
        why = failure(job) or "somebody cancelled it"
        raise CpuwatchError(f"The job {job.name} ended as {ended.state}: {why}.")
    return ended


def wait_until_running(
    job: Job,
    timeout: float = 60.0,
    progress: Callable[[Job], None] = lambda _: None,
    may_cancel: bool = True,
) -> Job:
    """Wait until a job runs, or has finished already.

    Parameters
    ----------
    job, timeout, progress
        As for `wait_until_finished`.
    may_cancel
        Whether a job that cannot run is cancelled; if not, it goes on trying.

    Raises
    ------
    CpuwatchError
        If it fails, goes on failing, is cancelled or does not run in time; it names the cause.
    """

    def runs(state: str) -> bool:
        return state == "FINISHED" or (state == "RUNNING" and _all_tasks_run(job))

    return wait(job, runs, f"{job.name} to run", timeout, progress, may_cancel=may_cancel)


def _all_tasks_run(job: Job) -> bool:
    vertices = rest(f"/jobs/{job.id}")["vertices"]
    return all(vertex["status"] in ("RUNNING", "FINISHED") for vertex in vertices)


def failure(job: Job, patience: float = TAKEOVER) -> str | None:
    """The cause of a job's latest failure, in one line; None if it never failed."""
    found = latest_failure(job, patience)
    return None if found is None else found[1]


def latest_failure(job: Job, patience: float = TAKEOVER) -> tuple[float, str] | None:
    """When a job failed last, in seconds since the epoch, and why; None if it never did."""
    moment, trace = _latest_trace(job, patience)
    return (moment, explain.java(trace).rstrip(".")) if trace else None


def _latest_trace(job: Job, patience: float = TAKEOVER) -> tuple[float, str]:
    """When a job failed last, and Java's own words; those are empty if it never did."""
    found = rest(f"/jobs/{job.id}/exceptions?maxExceptions=1", patience=patience)
    trace, moment = found.get("root-exception") or "", found.get("timestamp") or 0
    for entry in found.get("exceptionHistory", {}).get("entries", []):
        trace = entry.get("stacktrace") or trace
        moment = entry.get("timestamp") or moment
        break
    return moment / 1000, trace


def wait(
    job: Job,
    reached: Callable[[str], bool],
    what: str,
    timeout: float,
    progress: Callable[[Job], None] = lambda _: None,
    missing: Callable[[], str | None] = lambda: None,
    may_cancel: bool = True,
) -> Job:
    """Ask for the job's state until it is reached.

    `missing` is asked when the time is over: what it is that the job waits for. A job that cannot
    run is cancelled, unless it may not be: then it goes on trying.
    """
    now = job
    failing = Failing(lambda: _latest_trace(job)[0])
    without_topic: float | None = None  # for how long it had been failing when that began

    def there() -> Job | None:
        nonlocal now, without_topic
        now = status(job)
        progress(now)
        if reached(now.state):
            return now
        if now.state == "FAILED":
            raise CpuwatchError(f"The job {job.name} failed: {failure(job)}.")
        if now.state == "CANCELED":
            raise CpuwatchError(
                f"Somebody cancelled the job {job.name}, or deployed another one of that name: see"
                " workshop.jobs()."
            )
        failing.look(now.state)
        if now.state in FAILING:
            trace = _latest_trace(job)[1]
            why = explain.java(trace).rstrip(".") if trace else "no cause is given"
            seconds = failing.seconds or 0.0
            if not _NO_TOPIC.search(trace):
                without_topic = None
            elif without_topic is None or without_topic > seconds:
                without_topic = seconds
            lacks_topic = without_topic is not None and seconds - without_topic > _BROKER
            if lacks_topic or _HOPELESS.search(why):
                raise given_up("cannot run", why)
            if seconds > _PATIENCE:
                raise given_up("fails again and again", why)
        return None

    def given_up(what: str, why: str) -> CpuwatchError:
        if may_cancel:
            cancel_all([job])  # not by its name: another one may have that by now
            return CpuwatchError(f"The job {job.name} {what}: {why}.")
        return CpuwatchError(
            f"The job {job.name} {what}: {why}. It goes on trying, and keeps what it remembers."
        )

    def sentence() -> str:
        said = f"Waited {timeout:.0f} seconds for {what}; it is {now.state}."
        cause = failure(job) if failing.seconds is not None else None
        if cause and now.state in FAILING:
            return f"{said} {cause}."  # whatever it has not done yet, that is why
        lacks = missing()
        if lacks and cause:
            return f"{said} {lacks} It failed meanwhile: {cause}."
        if lacks:
            return f"{said} {lacks}"
        cause = cause or failure(job)
        return f"{said} {f'{cause}.' if cause else f'Look at it in Flink: {page(job)}'}"

    return waiting.until(there, timeout, sentence, PAUSE)


def rest(path: str, method: str = "GET", body: Any = None, patience: float = TAKEOVER) -> Any:
    """Ask the cluster's REST interface; the parameters are those of `web.ask`.

    What changes something is done under a prefix of ours alone; looking is free.

    A JobManager that died is started again and takes up its jobs; that is waited for, at most
    for `patience` seconds.

    Raises
    ------
    CpuwatchError
        If the cluster does not answer, or somebody else uses the prefix.
    web.HTTPError
        If its answer is an error.
    """
    config = settings()
    if method != "GET":
        claims.once(config)
    address = config.flink_address
    reason = ""

    def answer() -> list[Any] | None:
        nonlocal reason
        try:
            return [flinkaccess.ask(config, path, method, body)]
        except web.HTTPError as error:
            if error.status in (401, 403):
                reason = flinkaccess.why(error)
                raise CpuwatchError(silent()) from error
            if error.status != _NOT_YET:
                raise
            reason = str(error)
        except (OSError, ValueError) as error:
            reason = flinkaccess.why(error)
            if not (isinstance(error, (ConnectionError, ssl.SSLEOFError)) and is_begun_again()):
                raise CpuwatchError(silent()) from error
        return None

    def is_begun_again() -> bool:
        return not config.outside("flink") and Supervisor(config.state).is_running()

    def silent() -> str:
        return f"Flink at {address} does not answer ({reason}). {failures.remedy(config.state)}"

    return waiting.until(answer, patience, silent, PAUSE)[0]
