"""Flink from Python: a TableEnvironment on the session cluster, and its jobs.

Nothing here blocks in Java: an interrupt there would leave the TableEnvironment
unusable. Jobs are submitted through PyFlink; watched, cancelled and stopped through
the cluster's REST interface.
"""

from __future__ import annotations

import os
import re
import time
import urllib.error
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from py4j.protocol import Py4JError
from pyflink.table import EnvironmentSettings, TableEnvironment
from pyflink.util.exceptions import JavaException

from cpuwatch import sql
from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import settings
from cpuwatch.stack import flink as cluster

#: A job in one of these states has ended for good.
ENDED = frozenset({"FINISHED", "CANCELED", "FAILED"})

#: How often to ask for a job's state, in seconds.
_PAUSE = 0.1

#: How long a failing job may go on trying, in seconds, before we give it up. A broker or
#: a TaskManager that was killed is back well before.
_PATIENCE = 60.0

#: Causes that no patience mends.
_HOPELESS = re.compile(r"UnknownTopicOrPartition|does not host this topic|InvalidTopicException")


@dataclass(frozen=True)
class Job:
    """A job on the cluster."""

    id: str
    name: str
    state: str


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
    environment = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
    options = environment.get_config()
    for name, value in {
        "execution.target": "remote",
        "rest.address": address.hostname,
        "rest.port": address.port,
        "parallelism.default": 1,
        # A sink with exactly-once delivery shows its rows at each checkpoint.
        "execution.checkpointing.interval": "500 ms",
        # Windows are aligned to the epoch, and times are written in UTC, wherever we are.
        "table.local-time-zone": "UTC",
    }.items():
        options.set(name, str(value))
    return environment


def execute(environment: TableEnvironment, statement: str) -> None:
    """Execute a statement that starts no job, such as CREATE TABLE.

    Raises
    ------
    CpuwatchError
        If Flink refuses it: the cause in one line.
    """
    try:
        environment.execute_sql(sql.fill(statement))
    except (JavaException, Py4JError) as error:
        raise CpuwatchError(cause(str(error))) from error


def submit(environment: TableEnvironment, name: str, statement: str) -> Job:
    """Submit an INSERT as a job; a running job of the same name is replaced.

    Parameters
    ----------
    environment
        From `connect`.
    name
        The job's name on the cluster.
    statement
        The INSERT statement.

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
    environment.get_config().set("pipeline.name", name)
    try:
        client = environment.execute_sql(sql.fill(statement)).get_job_client()
        if client is None:
            raise CpuwatchError("That statement starts no job: a job is an INSERT INTO … SELECT.")
        return Job(str(client.get_job_id()), name, "INITIALIZING")
    except (JavaException, Py4JError) as error:
        raise CpuwatchError(cause(str(error))) from error


def jobs(running_only: bool = False) -> list[Job]:
    """The jobs that the cluster knows, oldest first."""
    found = sorted(_rest("/jobs/overview")["jobs"], key=lambda job: int(job["start-time"]))
    return [
        Job(job["jid"], job["name"], job["state"])
        for job in found
        if not (running_only and job["state"] in ENDED)
    ]


def status(job: Job) -> Job:
    """The same job with its state now.

    Raises
    ------
    CpuwatchError
        If the cluster does not know it any more, as after a restart of the JobManager.
    """
    try:
        return Job(job.id, job.name, str(_rest(f"/jobs/{job.id}/status")["status"]))
    except urllib.error.HTTPError:
        raise CpuwatchError(
            f"The cluster does not know the job {job.name} any more: its JobManager was"
            " restarted. Submit the job again."
        ) from None


def cancel(name: str) -> int:
    """Cancel every running job of that name, and wait until it has ended.

    Returns
    -------
    int
        How many there were.
    """
    running = [job for job in jobs(running_only=True) if job.name == name]
    for job in running:
        try:
            _rest(f"/jobs/{job.id}?mode=cancel", "PATCH")
        except urllib.error.HTTPError:
            pass  # it has ended meanwhile
    for job in running:
        _wait(job, lambda state: state in ENDED, f"{name} to be cancelled", 60.0)
    return len(running)


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
    ended = _wait(job, lambda state: state in ENDED, f"{job.name} to finish", timeout, progress)
    if ended.state != "FINISHED":
        why = failure(job) or "somebody cancelled it"
        raise CpuwatchError(f"The job {job.name} ended as {ended.state}: {why}.")
    return ended


def wait_until_running(
    job: Job, timeout: float = 60.0, progress: Callable[[Job], None] = lambda _: None
) -> Job:
    """Wait until a job runs, or has finished already; parameters as `wait_until_finished`."""

    def runs(state: str) -> bool:
        return state == "FINISHED" or (state == "RUNNING" and _all_tasks_run(job))

    return _wait(job, runs, f"{job.name} to run", timeout, progress)


def _all_tasks_run(job: Job) -> bool:
    vertices = _rest(f"/jobs/{job.id}")["vertices"]
    return all(vertex["status"] in ("RUNNING", "FINISHED") for vertex in vertices)


def failure(job: Job) -> str | None:
    """The cause of a job's latest failure, in one line; None if it never failed."""
    found = _rest(f"/jobs/{job.id}/exceptions?maxExceptions=1")
    trace = found.get("root-exception") or ""
    for entry in found.get("exceptionHistory", {}).get("entries", []):
        trace = entry.get("stacktrace") or trace
        break
    return cause(trace) if trace else None


def _wait(
    job: Job,
    reached: Callable[[str], bool],
    what: str,
    timeout: float,
    progress: Callable[[Job], None] = lambda _: None,
) -> Job:
    deadline = time.monotonic() + timeout
    failing_since: float | None = None
    while True:
        now = status(job)
        progress(now)
        if reached(now.state):
            return now
        if now.state == "FAILED":
            raise CpuwatchError(f"The job {job.name} failed: {failure(job)}.")
        if now.state in ("RESTARTING", "FAILING"):
            failing_since = failing_since or time.monotonic()
            why = failure(job) or "no cause is given"
            if _HOPELESS.search(why) or time.monotonic() - failing_since > _PATIENCE:
                cancel(job.name)
                raise CpuwatchError(f"The job {job.name} fails again and again: {why}.")
        if time.monotonic() > deadline:
            raise CpuwatchError(
                f"Waited {timeout:.0f} seconds for {what}; it is {now.state}."
                f" {failure(job) or 'Look at it in Flink: ' + settings().flink_address}"
            )
        time.sleep(_PAUSE)


def cause(trace: str) -> str:
    """The innermost cause in a Java stack trace, in one line.

    Parameters
    ----------
    trace
        A stack trace with its `Caused by:` lines.
    """
    lines = [line.strip() for line in trace.strip().splitlines() if line.strip()]
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    last = (causes or lines or ["no cause is given"])[-1 if causes else 0]
    # 'org.apache.flink.table.api.ValidationException: text' says no more than 'text'.
    short = re.sub(r"^(: )?([a-z]\w*\.)+[\w$]+(Exception|Error)?: ", "", last)
    return (short or last).rstrip(".")


def _rest(path: str, method: str = "GET", body: Any = None) -> Any:
    address = settings().flink_address
    try:
        return cluster.request(address, path, method, body)
    except urllib.error.HTTPError:
        raise
    except (OSError, ValueError) as error:
        raise CpuwatchError(
            f"Flink at {address} does not answer ({getattr(error, 'reason', error)})."
            " See 'cpuwatch status', and start it with 'cpuwatch up'."
        ) from error
