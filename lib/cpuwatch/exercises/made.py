"""What an attendee made: the rows that a job of theirs has written."""

from __future__ import annotations

import pandas as pd

from cpuwatch import flink, results, topics, waiting
from cpuwatch.errors import CpuwatchError
from cpuwatch.exercises.exercise import NotYetError

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
        found = topics.read(topic)
        return [found] if len(found) else []

    try:
        (found,) = waiting.until(written, PATIENCE, "")
    except CpuwatchError:
        raise NotYetError(
            f"The topic {topic} is empty: {job} has written nothing yet. Which window can it close?"
        ) from None
    return results.with_times(found.drop(columns=["partition", "offset"]))
