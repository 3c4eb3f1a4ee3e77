"""The cluster's slots: who has them, and whether there is room for one more job."""

from __future__ import annotations

from cpuwatch import waiting, web
from cpuwatch.flink import cluster, rest
from cpuwatch.flink.cluster import Job
from cpuwatch.settings import settings

#: How long the slot of a job that has ended may be taken still, in seconds.
MOMENT = 10.0


def free_slots() -> int:
    """How many more jobs of ours the cluster has room for."""
    return int(rest.ask("/overview")["slots-available"])


def is_without_workers() -> bool:
    """Whether the cluster has no slots at all, as while its TaskManager is started again."""
    return int(rest.ask("/overview")["slots-total"]) == 0


def is_full(workers: int = 1) -> bool:
    """Whether the cluster has no slots left for one more job of so many workers.

    One without any, as while its TaskManager is started again, is none that is full.
    """
    found = rest.ask("/overview")
    return int(found["slots-total"]) > 0 and int(found["slots-available"]) < workers


def has_place(job: Job) -> bool:
    """Whether a job has the slot that it needs, or has ended."""
    waiting_for_one = {"CREATED", "SCHEDULED"}
    try:
        steps = rest.ask(f"/jobs/{job.id}")["vertices"]
        # One that has just been submitted has none yet.
        return bool(steps) and all(one["status"] not in waiting_for_one for one in steps)
    except web.HTTPError:
        return True  # it has ended meanwhile


def slots(job: Job) -> int:
    """How many slots a job has; none if it has ended."""
    try:
        vertices = rest.ask(f"/jobs/{job.id}")["vertices"]
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
    waiting.until(
        lambda: not is_full(workers - leaving), MOMENT, lambda: _full(workers), rest.PAUSE
    )


def _full(workers: int) -> str:
    found = rest.ask("/overview")
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
    ours = sorted({job.name for job in cluster.jobs(running_only=True)})
    yours = f"yours are {', '.join(ours)}" if ours else "none of them is yours"
    mend = "Stop what you need no more: workshop.stop_jobs('NAME')" if ours else ""
    ask = "ask whoever runs the cluster for more slots" if is_shared() else ""
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


def is_shared() -> bool:
    """Whether others may have jobs on the cluster, too."""
    return settings().prefix is not None or settings().outside("flink")
