"""What is looked at before a job takes its place on the cluster, while all is as it was."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from cpuwatch import naming
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink import cluster, noted, resumable

if TYPE_CHECKING:
    from cpuwatch.flink.savepoints import Savepoint

_PREFIX = "sink.transactional-id-prefix"


def refuse_beside(name: str) -> None:
    """Raise if a job runs whose place one from a savepoint would take."""
    if any(job.name == name for job in cluster.jobs(running_only=True)):
        raise CpuwatchError(
            f"{name} runs, and what it has done since the savepoint would be done once more: stop"
            f" it first, flink.stop('{name}'), and go on from that savepoint."
        )


def refuse_foreign(savepoint: Savepoint | str, name: str, reads: Iterable[str]) -> None:
    """Raise if a savepoint is another job's, or of one that read what this one does not.

    Flink looks at the form of the state alone, and a source reads on what it read before: topics
    of both. Who gives the savepoint's place as a text knows that.

    Parameters
    ----------
    savepoint
        From `flink.stop`, or its place.
    name
        The name of the job that would go on from it.
    reads
        The topics that this one reads.
    """
    if isinstance(savepoint, str):
        return
    on_purpose = f"If that is what you want, give its place: from_savepoint={savepoint.place!r}."
    if savepoint.job != name:
        raise CpuwatchError(
            f"That is a savepoint of {savepoint.job}, and this job is {name}: it would go on where"
            f" the other was, in the other's topics as well. {on_purpose}"
        )
    before = resumable.reads(savepoint.place) or []
    gone = sorted(_single(before) - _single(reads))
    if gone:
        raise CpuwatchError(
            f"{name} read {' and '.join(gone)} when it was stopped, and does not by this statement"
            " and its tables. From that savepoint it would read on there all the same: let it"
            f" begin afresh. {on_purpose}"
        )


def _single(topics: Iterable[str]) -> set[str]:
    """Single topics, of what an option 'topic' says, which may be a list."""
    return {one for topic in topics for one in topic.split(";")}


def prefixes(sinks: Iterable[Mapping[str, str]]) -> set[str]:
    """What the transactions begin with in which these tables, by their options, are written."""
    return {
        used[_PREFIX]
        for used in sinks
        if _PREFIX in used and used.get("sink.delivery-guarantee") == "exactly-once"
    }


def refuse_shared(name: str, sinks: Mapping[str, Mapping[str, str]]) -> None:
    """Raise if another job runs that writes the same topic, or by the same transactions.

    Parameters
    ----------
    name
        The job's name.
    sinks
        The options of each table that it writes.
    """
    for other in cluster.jobs(running_only=True):
        if other.name == name:
            continue
        topics, theirs = set(noted.writes(other)), noted.prefixes(other)
        for table, used in sinks.items():
            if used.get("topic") in topics:
                raise CpuwatchError(
                    f"{other.name} runs, and writes to the topic {used['topic']}, too, which would"
                    f" be emptied. Give the table {table} another 'topic', or stop {other.name}:"
                    f" workshop.stop_jobs('{other.name}')."
                )
            for prefix in prefixes([used]) & theirs:
                raise CpuwatchError(
                    f"{other.name} runs, and its transactions in Kafka begin with"
                    f" '{naming.shown(prefix)}', too, so that each would end those of the other."
                    f" Give the table {table} a '{_PREFIX}' of its own, such as '{name}'."
                )
