"""Help with an exercise: a hint, and the solution."""

from __future__ import annotations

from cpuwatch import pipeline, sql
from cpuwatch.errors import CpuwatchError
from cpuwatch.pipeline import Job


def hint(job: str) -> None:
    """Print a hint for a job's statement.

    Parameters
    ----------
    job
        Its name.

    Raises
    ------
    CpuwatchError
        If there is no such job; it names those there are.
    """
    print(_known(job).hint or f"There is no hint for {job}.")


def solution(job: str) -> None:
    """Print a job's views and its statement; `job` as for `hint`."""
    one = _known(job)
    print("\n\n".join(sql.taught(name) for name in (*one.views, one.name)))


def _known(name: str) -> Job:
    found = pipeline.job(name)
    if found is None:
        there = ", ".join(job.name for job in pipeline.JOBS)
        raise CpuwatchError(f"There is no job {name!r}: they are {there}.")
    return found
