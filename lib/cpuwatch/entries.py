"""Whether the entries of `pipeline.py` fit together: one that does not is named when it is read.

Otherwise a job of a chapter that there is not would never run, and nobody would say so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from cpuwatch.errors import CpuwatchError

if TYPE_CHECKING:
    from cpuwatch.pipeline import Chapter, Job

_LISTS = {
    "job": ("reads", "views", "parameters", "also_writes", "also_reads"),
    "chapter": ("leaves", "needs"),
}


def check_chapters(chapters: Sequence[Chapter], things: Iterable[str], jobs: Sequence[Job]) -> None:
    """Raise if a chapter leaves or needs what there is not.

    Parameters
    ----------
    chapters
        All there are.
    things
        What chapters may leave.
    jobs
        Those that `begin` can bring about.

    Raises
    ------
    CpuwatchError
        It names what there is.
    """
    numbers = [one.number for one in chapters]
    if any(len(one) != 2 for one in numbers) or numbers != sorted(set(numbers)):
        raise CpuwatchError(
            "In pipeline.CHAPTERS each chapter stands once, in order, with a number of two digits:"
            f" there are {', '.join(numbers)}."
        )
    for one in chapters:
        what = f"chapter {one.number}"
        _check_lists("chapter", one.number, one)
        _check_known(f"{what} leaves", one.leaves, things)
        before = [job for job in jobs if job.chapter < one.number]
        _check_known(f"{what} needs", one.needs or (), [job.name for job in before])
        for job in [job for job in before if job.name in (one.needs or ())]:
            for other in _sources(job, before):
                _check_known(
                    f"{job.name}, which {what} needs, reads from", [other], one.needs or ()
                )


def check_jobs(jobs: Sequence[Job], numbers: Sequence[str], parameters: Iterable[str]) -> None:
    """Raise if a job could not run, or two would take each other's place.

    Parameters
    ----------
    jobs
        All there are, in the order of pipeline.py.
    numbers
        The chapters'.
    parameters
        The names that `Parameters` has.

    Raises
    ------
    CpuwatchError
        It names what there is.
    """
    _check_once("are called", (job.name for job in jobs))
    for job in jobs:
        _check_lists("job", job.name, job)
        _check_known(f"the job {job.name} is taught in chapter", [job.chapter], numbers)
        _check_known(f"the job {job.name} has the parameter", job.parameters, parameters)
    _check_once("write", (table for job in jobs for table in (job.writes, *job.also_writes)))
    for at, job in enumerate(jobs):
        for other in _sources(job, jobs):
            if other not in [one.name for one in jobs[:at] if one.chapter <= job.chapter]:
                raise CpuwatchError(
                    f"The job {job.name} reads what {other} writes: in pipeline.py it has to come"
                    f" after {other}, and in no chapter before that one's."
                )


def _sources(job: Job, jobs: Iterable[Job]) -> list[str]:
    """The jobs whose output a job reads."""
    return [one.name for one in jobs if {one.writes, *one.also_writes} & {*job.reads}]


def _check_lists(kind: str, name: str, entry: object) -> None:
    for field in _LISTS[kind]:
        value = getattr(entry, field)
        if isinstance(value, str):
            raise CpuwatchError(
                f'The {kind} {name} has a text as {field}: write {field}=("{value}",), in brackets'
                " and with a comma."
            )


def _check_known(says: str, names: Iterable[str], there: Iterable[str]) -> None:
    there = list(there)
    for name in names:
        if name not in there:
            raise CpuwatchError(
                f"In pipeline.py {says} {name}, which there is not: there"
                f" {'is' if len(there) == 1 else 'are'} {', '.join(there) or 'none'}."
            )


def _check_once(says: str, names: Iterable[str]) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise CpuwatchError(
                f"In pipeline.py two jobs {says} {name}: give one of them another name."
            )
