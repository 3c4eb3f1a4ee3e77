"""The jobs on the Flink cluster: see them, cancel them, why they fail."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from cpuwatch import labpaths, naming, waiting, web, words
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink import explain, rest
from cpuwatch.settings import settings

#: A job in one of these states has ended for good.
ENDED = frozenset({"FINISHED", "CANCELED", "FAILED"})

#: The name of every preview's job.
PREVIEW = "preview"


@dataclass(frozen=True)
class Job:
    """A job on the cluster."""

    id: str
    name: str
    state: str


def jobs(running_only: bool = False, patience: float = rest.TAKEOVER) -> list[Job]:
    """Our jobs that the cluster knows, oldest first.

    Parameters
    ----------
    running_only
        Whether to leave out those that have ended.
    patience
        For how long a JobManager that was started again is waited for, in seconds.
    """
    known = rest.ask("/jobs/overview", patience=patience)["jobs"]
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


def meant(job: Job | str) -> Job:
    """The job that somebody means: itself, or the running one of that name.

    Parameters
    ----------
    job
        From `flink.deploy`, or its name.

    Raises
    ------
    CpuwatchError
        If it is neither, or no such job runs.
    """
    if isinstance(job, str):
        return running(job)
    if not isinstance(job, Job):
        raise CpuwatchError(
            f"A job is asked for, as flink.deploy gives it, or its name, not {words.kind(job)}."
        )
    return job


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
        return Job(job.id, job.name, str(rest.ask(f"/jobs/{job.id}/status")["status"]))
    except web.HTTPError:
        raise CpuwatchError(
            f"The cluster does not know the job {job.name} any more: it had ended before its"
            " JobManager began anew, or the stack was wiped. If its output is not all there, submit"
            " the job again."
        ) from None


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
                    rest.ask(f"/jobs/{job.id}?mode=cancel", "PATCH")
        return not left

    names = ", ".join(sorted({job.name for job in running}))
    waiting.until(
        have_ended,
        60.0,
        f"Waited 60 seconds for {names} to be cancelled. Look at 'cpuwatch status', and try again.",
        rest.PAUSE,
    )


def changed(job: Job) -> int:
    """When a job, or one of its tasks, last came into another state; 0 if nobody knows it.

    In milliseconds, by the cluster's clock; at once, where its page tells of it a moment later.
    """
    there = rest.ask("/jobs/overview")["jobs"]
    return next((int(one["last-modification"]) for one in there if one["jid"] == job.id), 0)


def failure(job: Job, patience: float = rest.TAKEOVER) -> str | None:
    """The cause of a job's latest failure, in one line; None if it never failed."""
    found = latest_failure(job, patience)
    return None if found is None else found[1]


def latest_failure(job: Job, patience: float = rest.TAKEOVER) -> tuple[float, str] | None:
    """When a job failed last, in seconds since the epoch, and why; None if it never did."""
    moment, trace = latest_trace(job, patience)
    return (moment, explain.java(trace).rstrip(".")) if trace else None


def latest_trace(job: Job, patience: float = rest.TAKEOVER) -> tuple[float, str]:
    """When a job failed last, and Java's own words; those are empty if it never did."""
    found = rest.ask(f"/jobs/{job.id}/exceptions?maxExceptions=1", patience=patience)
    trace, moment = found.get("root-exception") or "", found.get("timestamp") or 0
    for entry in found.get("exceptionHistory", {}).get("entries", []):
        trace = entry.get("stacktrace") or trace
        moment = entry.get("timestamp") or moment
        break
    return moment / 1000, trace
