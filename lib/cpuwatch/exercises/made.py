"""What a job of an attendee's own has made, and which windows it can have closed by now."""

from __future__ import annotations

import pandas as pd

from cpuwatch import flink, results, topics, waiting
from cpuwatch.errors import CpuwatchError
from cpuwatch.exercises import held, truth
from cpuwatch.exercises.exercise import NotYetError

#: How far the watermark stays behind, in seconds: `cpu_in` says so.
BEHIND = 10

#: How long an attendee's job may take to write what it has, in seconds.
PATIENCE = 3.0


def written_by(topic: str, job: str, others: bool = True) -> pd.DataFrame:
    """What an attendee's job has written to a topic.

    Parameters
    ----------
    topic, job
        Their names.
    others
        Whether to name the jobs that run, if this one does not.

    Raises
    ------
    NotYetError
        If it does not run, or has written nothing.
    """
    running = {one.name for one in flink.jobs(running_only=True)}
    if job not in running:
        there = ", ".join(sorted(running)) or "none"
        told = f" Those that run: {there}." if others else ""
        raise NotYetError(
            f"No job {job} runs: flink.deploy takes its name as its second value.{told}"
        )
    if not topics.partitions_of(topic):
        raise NotYetError(f"There is no topic {topic}: the sink's table says where rows go.")

    def written() -> list[pd.DataFrame]:
        found = held.records(topic)
        return [found] if len(found) else []

    try:
        (found,) = waiting.until(written, PATIENCE, "")
    except CpuwatchError:
        raise NotYetError(
            f"The topic {topic} is empty: {job} has written nothing yet. Which window can it close?"
        ) from None
    return results.with_times(found.drop(columns=["partition", "offset"]))


def moment(watermark: int) -> pd.Timestamp:
    """The latest end of a window that a watermark, in epoch milliseconds, has passed."""
    return pd.Timestamp(watermark + 1, unit="ms", tz="UTC")


def closed(one: pd.DataFrame, length: int, until: int, by: tuple[str, ...]) -> pd.DataFrame:
    """The windows of some readings that a watermark, in epoch milliseconds, has closed."""
    found = truth.windows(one, length, by=by)
    end = moment(until)
    return pd.DataFrame(found[found["window_end"] <= end].reset_index(drop=True))


def in_time(one: pd.DataFrame, length: int) -> pd.DataFrame:
    """Those readings that no job can have dropped as late, from windows of so many seconds.

    The others are late by their own partition. Whether they are by the job's watermark depends on
    how far it had read the other partitions by then.
    """
    happened = one["occurred_at"]
    seen = happened.groupby(one["partition"]).transform(lambda its: its.cummax().shift())
    end = (happened // (1000 * length) + 1) * 1000 * length
    # The last millisecond of a window is the one before its end.
    late = seen - 1000 * BEHIND + 1 >= end
    return one[~late]


def slowest(one: pd.DataFrame) -> int:
    """The watermark of readings: the minimum over their partitions."""
    return int(one.groupby("partition")["occurred_at"].max().min()) - 1000 * BEHIND
