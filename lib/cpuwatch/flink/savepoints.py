"""Stop a job with a savepoint, and go on from there later: with the same statement, or another."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from cpuwatch import topics, waiting, web
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink import (
    awaiting,
    cluster,
    deployment,
    explain,
    guards,
    made,
    noted,
    rest,
    resumable,
    tables,
)
from cpuwatch.flink.cluster import ENDED, Job
from cpuwatch.flink.environment import connect
from cpuwatch.progress import Line

#: How long a job may take to write its savepoint and to end, in seconds.
_PATIENCE = 120.0

#: For how long who was interrupted waits for it still.
_MOMENT = 5.0

#: How many savepoints of a job are kept; older ones are deleted.
KEPT = 10


@dataclass(frozen=True, repr=False)
class Savepoint:
    """What a job was in the midst of when it was stopped.

    Attributes
    ----------
    job
        The job's name.
    place
        The folder in which Flink has put it, as an address that the cluster knows.
    """

    job: str
    place: str

    def __repr__(self) -> str:
        return f"savepoint of {self.job}"  # the place is a machine's own


def stop(job: Job | str, savepoint: bool = True) -> Savepoint | None:
    """Stop a job; with a savepoint another one can go on where it was.

    It works through what it has read, commits its results, writes its state and ends: what it
    was in the midst of, such as windows that are not over, is in the savepoint.

    Parameters
    ----------
    job
        From `flink.deploy`, or its name.
    savepoint
        Whether to write one. Without it the job is cancelled, and its state is gone.

    Returns
    -------
    Savepoint or None
        For `flink.deploy(…, from_savepoint=…)`.

    Raises
    ------
    CpuwatchError
        If no such job runs, or Flink cannot write the savepoint: then the job runs on. Or if the
        job does not end in time, or Kafka is not done with its rows: then the savepoint is noted,
        and `resume` goes on from it.
    """
    one = cluster.running(job)
    if not savepoint:
        cluster.cancel_all([one])
        resumable.spend(one.name)
        return None
    line = Line(f"{one.name}: stopped with a savepoint")
    line.show(f"{one.name}: writing its savepoint")
    one = awaiting.wait_until_running(one, may_cancel=False)
    asked = _ask(one)
    try:
        place = _written(one, asked, _PATIENCE)
    except KeyboardInterrupt:
        # What Flink was asked for it does: the job will have ended.
        with suppress(CpuwatchError):
            _note(one, _written(one, asked, _MOMENT))
        raise
    # Whatever comes of the waiting below, the savepoint is what is left of the job.
    old = _note(one, place)
    awaiting.wait(one, lambda state: state in ENDED, f"{one.name} to end", _PATIENCE)
    topics.await_committed(*noted.writes(one))
    for other in old:
        dispose(other)
    line.end()
    return Savepoint(one.name, place)


def _note(job: Job, place: str) -> list[str]:
    """Note a job's savepoint; the places of those that are not kept any more."""
    return resumable.note(job, place, KEPT)


def _ask(job: Job) -> str:
    """Ask for a savepoint, after which the job ends; where to hear of it."""
    try:
        asked = rest.ask(f"/jobs/{job.id}/stop", "POST", {"drain": False})
    except web.HTTPError as error:
        raise CpuwatchError(_refused(job, str(error))) from error
    return f"/jobs/{job.id}/savepoints/{asked['request-id']}"


def _written(job: Job, asked: str, patience: float) -> str:
    """Wait until a savepoint is written; where it is."""

    def written() -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = rest.ask(asked)
        except web.HTTPError:
            # The JobManager died meanwhile: the new one runs the job on, or knows it no more.
            raise CpuwatchError(_refused(job, "the JobManager began anew")) from None
        return found if found["status"]["id"] == "COMPLETED" else None

    found = waiting.until(
        written,
        patience,
        lambda: (
            f"Waited {patience:.0f} seconds for the savepoint of {job.name}. Look at it in Flink:"
            f" {cluster.page(job)}"
        ),
        rest.PAUSE,
    )
    place = found["operation"].get("location")
    if place is None:
        trace = str(found["operation"].get("failure-cause", {}).get("stack-trace", ""))
        raise CpuwatchError(_refused(job, explain.java(trace) if trace else "Flink gives no cause"))
    return str(place)


def _refused(job: Job, why: str) -> str:
    more = ""
    if "savepoint-dir" in why:
        why = "this cluster has no folder for savepoints"
        more = " Ask whoever runs it to set execution.checkpointing.savepoint-dir."
    return (
        f"{job.name} wrote no savepoint ({why.rstrip('.')}).{more} See 'cpuwatch jobs list': if it"
        " runs, nothing has changed."
    )


def resume(name: str) -> Job:
    """Let a job go on that was stopped with a savepoint, by the same statements.

    Parameters
    ----------
    name
        The job's name.

    Returns
    -------
    Job
        It runs.

    Raises
    ------
    CpuwatchError
        If it runs already, or was never stopped with a savepoint, or has gone on since, or one of
        its topics was made anew, or Flink cannot go on with it.
    """
    guards.refuse_beside(name)
    kept = resumable.savepoints()
    if not kept.get(name):
        known = ", ".join(sorted(one for one, found in kept.items() if found)) or "none"
        raise CpuwatchError(f"There is no savepoint of a job {name}. Jobs that have one: {known}.")
    latest = kept[name][-1]
    texts = latest["texts"]
    by_hand = in_a_notebook(name)
    if why := resumable.why_not(name):
        raise CpuwatchError(
            f"{name} does not go on from its last savepoint: {why}. Deploy it afresh, or, if that"
            f" is what you want, in a notebook: {by_hand}."
        )
    if not resumable.is_known(name):
        raise CpuwatchError(
            f"{name} does not go on by its name: its statement was no text, and nobody knows it. In"
            f" the notebook that made it: {by_hand}."
        )
    environment = connect(fresh=True, quiet=True)
    for one in made.in_order({other: text for other, text in texts.items() if other != name}):
        tables.create(environment, one, texts[one])
    return deployment.deploy(
        environment, name, texts[name], from_savepoint=Savepoint(name, latest["place"])
    )


def in_a_notebook(name: str) -> str:
    """How a job that was stopped with a savepoint is deployed from there, as Python."""
    place = resumable.savepoints()[name][-1]["place"]
    return f"flink.deploy(env, '{name}', …, from_savepoint={place!r})"


def stopped(running: list[Job], by_name: bool = True) -> list[str]:
    """The names of jobs that do not run, and could go on from their savepoints.

    Parameters
    ----------
    running
        The jobs that run.
    by_name
        Whether those are wanted that `resume` lets go on, or those that only a notebook can.
    """
    names = {job.name for job in running}
    return sorted(
        name
        for name in resumable.savepoints()
        if name not in names and resumable.is_known(name) == by_name and _may(name)
    )


def _may(name: str) -> bool:
    try:
        return resumable.why_not(name) is None
    except CpuwatchError:
        return True  # Kafka does not answer: who resumes it hears of that


def forget() -> None:
    """Delete all savepoints that were noted."""
    for found in resumable.savepoints().values():
        for one in found:
            dispose(one["place"])


def dispose(place: str) -> None:
    """Have the cluster delete a savepoint."""
    try:
        rest.ask("/savepoint-disposal", "POST", {"savepoint-path": place})
    except web.HTTPError:
        pass  # it is gone already
