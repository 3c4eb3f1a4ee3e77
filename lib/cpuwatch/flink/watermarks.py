"""A job's watermark: up to where, in event time, its windows believe to have seen all."""

from __future__ import annotations

import re

import pandas as pd

from cpuwatch import naming, waiting
from cpuwatch.flink import cluster, metrics, rest
from cpuwatch.flink.cluster import Job

#: What Flink says of it, for each worker of an operator.
METRIC = re.compile(r"^\d+\.currentInputWatermark$")

#: The same of a partition, where a source reads it.
_OF_PARTITION = re.compile(
    r"\.split\.(?P<topic>.+)-(?P<partition>\d+)\.watermark\.currentWatermark$"
)

#: Flink's word for 'no watermark yet'.
NONE = -(2**63)


def watermark(job: Job | str) -> pd.Timestamp | None:
    """The watermark at a job's windows: the minimum over all partitions that it reads.

    Parameters
    ----------
    job
        A running job that has windows, or its name.

    Returns
    -------
    pandas.Timestamp or None
        In UTC; None as long as a partition has brought nothing.
    """
    one = cluster.meant(job)
    return metrics.refreshed(lambda: _now(one))


def wait_for_watermark(job: Job | str, moment: pd.Timestamp, timeout: float = 60.0) -> pd.Timestamp:
    """Wait until a job's watermark has come to a moment, and give it.

    Parameters
    ----------
    job
        A running job that has windows, or its name.
    moment
        In event time.
    timeout
        In seconds.

    Raises
    ------
    CpuwatchError
        If it does not come there in time, and says where it stands; or no such job runs.
    """
    one = cluster.meant(job)

    def there() -> pd.Timestamp | None:
        now = _now(one)
        return now if now is not None and now >= moment else None

    def sentence() -> str:
        now = _now(one)
        stands = "has none yet" if now is None else f"stands at {now:%H:%M:%S}"
        return (
            f"Waited {timeout:.0f} seconds for the watermark of {one.name} to come to"
            f" {moment:%H:%M:%S}; it {stands}. A partition that brings nothing holds it back:"
            " workshop.doctor() says which."
        )

    return waiting.until(there, timeout, sentence, rest.PAUSE)


def _now(job: Job) -> pd.Timestamp | None:
    """The same as the cluster knows it now: the least of all workers."""
    found = least(job)
    return None if found == NONE else pd.Timestamp(found, unit="ms", tz="UTC")


def least(job: Job) -> int:
    """The same in epoch milliseconds, or `NONE`."""
    return min(marks(job), default=NONE)


def marks(job: Job) -> list[int]:
    """What each worker of a job's windows has, in epoch milliseconds, or `NONE`."""
    return [int(value) for value in metrics.find(job, METRIC, of=metrics.WINDOWS).values()]


def by_partition(job: Job) -> dict[tuple[str, int], int]:
    """The watermark of each topic's partition that a job reads, in epoch milliseconds, or `NONE`.

    It is there as long as the partition is, however silent.
    """
    return {
        (naming.shown(found["topic"]), int(found["partition"])): int(value)
        for name, value in metrics.find(job, _OF_PARTITION, of=metrics.SOURCE).items()
        if (found := _OF_PARTITION.search(name)) is not None
    }
