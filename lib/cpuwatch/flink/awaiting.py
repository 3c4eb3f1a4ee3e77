"""Wait until a job runs, has finished, or has come as far as somebody wants."""

from __future__ import annotations

import re
from collections.abc import Callable

from cpuwatch import waiting
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink import cluster, explain, rest
from cpuwatch.flink.cluster import ENDED, Job
from cpuwatch.flink.failing import FAILING, Failing

#: How long a failing job may go on trying, in seconds, before we give it up. A broker or
#: a TaskManager that was killed is back well before.
PATIENCE = 60.0

#: Causes that no patience mends, as `explain` tells them.
_HOPELESS = re.compile(r"CAST fails on|divides by zero|has another form now")

#: And, in Kafka's words, one that little patience does: who just begins may not know its topics.
_NO_TOPIC = re.compile(r"UnknownTopicOrPartition|does not host this topic|InvalidTopicException")

#: How long a broker may take to know them, in seconds.
BROKER = 20.0


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
        why = cluster.failure(job) or "somebody cancelled it"
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
    vertices = rest.ask(f"/jobs/{job.id}")["vertices"]
    return all(vertex["status"] in ("RUNNING", "FINISHED") for vertex in vertices)


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
    failing = Failing(lambda: cluster.latest_trace(job)[0])
    without_topic: float | None = None  # for how long it had been failing when that began

    def there() -> Job | None:
        nonlocal now, without_topic
        now = cluster.status(job)
        progress(now)
        if reached(now.state):
            return now
        if now.state == "FAILED":
            raise CpuwatchError(f"The job {job.name} failed: {cluster.failure(job)}.")
        if now.state == "CANCELED":
            raise CpuwatchError(
                f"Somebody cancelled the job {job.name}, or deployed another one of that name: see"
                " workshop.jobs()."
            )
        failing.look(now.state)
        if now.state in FAILING:
            trace = cluster.latest_trace(job)[1]
            why = explain.java(trace).rstrip(".") if trace else "no cause is given"
            seconds = failing.seconds or 0.0
            if not _NO_TOPIC.search(trace):
                without_topic = None
            elif without_topic is None or without_topic > seconds:
                without_topic = seconds
            lacks_topic = without_topic is not None and seconds - without_topic > BROKER
            if lacks_topic or _HOPELESS.search(why):
                raise given_up("cannot run", why)
            if seconds > PATIENCE:
                raise given_up("fails again and again", why)
        return None

    def given_up(what: str, why: str) -> CpuwatchError:
        if may_cancel:
            cluster.cancel_all([job])  # not by its name: another one may have that by now
            return CpuwatchError(f"The job {job.name} {what}: {why}.")
        return CpuwatchError(
            f"The job {job.name} {what}: {why}. It goes on trying, and keeps what it remembers."
        )

    def sentence() -> str:
        said = f"Waited {timeout:.0f} seconds for {what}; it is {now.state}."
        cause = cluster.failure(job) if failing.seconds is not None else None
        if cause and now.state in FAILING:
            return f"{said} {cause}."  # whatever it has not done yet, that is why
        lacks = missing()
        if lacks and cause:
            return f"{said} {lacks} It failed meanwhile: {cause}."
        if lacks:
            return f"{said} {lacks}"
        cause = cause or cluster.failure(job)
        return f"{said} {f'{cause}.' if cause else f'Look at it in Flink: {cluster.page(job)}'}"

    return waiting.until(there, timeout, sentence, rest.PAUSE)
