"""Jobs that were stopped with a savepoint: what was noted of each, and which may go on from it.

A job that has gone on since, or was deployed afresh, has written more than its savepoint knows;
and offsets that were noted in a topic mean nothing in one that was made anew. So a job goes on by
its name alone only as long as all is as it was when it stopped.
"""

from __future__ import annotations

from typing import Any

from cpuwatch import topics
from cpuwatch.flink import noted
from cpuwatch.flink.cluster import Job

#: Where the notes hold them.
_KEY = "savepoints"

#: What a savepoint's note has once its job has gone on, or begun afresh.
_SPENT = "spent"


def savepoints() -> dict[str, list[dict[str, Any]]]:
    """For each job that was stopped with a savepoint the latest of these, the newest last.

    Each is a dict of `place`, as the cluster knows it, `texts`: the statements that the job was
    made of, empty if nobody knows them, and, unless a former version noted it, `id`: the job's,
    `reads`: its topics, None if nobody knows them, and `topics`: the ids of all its topics.
    """
    return {name: list(found) for name, found in noted.entry(_KEY).items()}


def note(job: Job, place: str, keep: int) -> list[str]:
    """Note a savepoint with which a job was stopped.

    Parameters
    ----------
    job
        The job.
    place
        As in `savepoints`.
    keep
        How many of a job are kept.

    Returns
    -------
    list of str
        The places of those that are not kept any more.
    """
    # As they were when it was deployed: to ask Kafka now might fail, and the savepoint be lost.
    one = {
        "place": place,
        "texts": noted.texts(job),
        "id": job.id,
        "reads": noted.reads(job),
        "topics": noted.topic_ids(job),
    }
    gone: list[str] = []

    def added(before: dict[str, Any]) -> dict[str, Any]:
        found = [*before.get(job.name, []), one]
        gone[:] = [other["place"] for other in found[:-keep]]
        return {**before, job.name: found[-keep:]}

    noted.change(_KEY, added)
    return gone


def spend(name: str) -> None:
    """Note that a job goes on, or begins afresh: what it does from now on, no savepoint knows."""
    if all(_SPENT in one for one in savepoints().get(name, [])):
        return
    noted.change(
        _KEY,
        lambda before: {**before, name: [{**one, _SPENT: True} for one in before.get(name, [])]},
    )


def reads(place: str) -> list[str] | None:
    """The topics that the job of a savepoint read; None if nobody knows them."""
    for found in savepoints().values():
        for one in found:
            if one["place"] == place:
                return one.get("reads")
    return None


def is_known(name: str) -> bool:
    """Whether the statement is known of a job that was stopped: then it goes on by its name.

    Of one that was no text, such as a function in Python, only its notebook knows what it did.
    """
    found = savepoints().get(name, [])
    return bool(found) and name in found[-1]["texts"]


def why_not(name: str) -> str | None:
    """Why a job may not go on from its latest savepoint; None if it may.

    Raises
    ------
    CpuwatchError
        If Kafka does not answer.
    """
    found = savepoints().get(name)
    if not found:
        return "it was not stopped with a savepoint"
    if _is_spent(name, found[-1]):
        return "it has gone on or begun afresh since, and would do once more what it did"
    ids = found[-1].get("topics", {})
    now = topics.states(*ids)
    for topic, topic_id in ids.items():
        if topic not in now or now[topic].id != topic_id:
            return f"the topic {topic} is not the one any more that it was"
    return None


def _is_spent(name: str, one: dict[str, Any]) -> bool:
    if "id" in one:
        return _SPENT in one
    # A former version's: all that is known is whether the job was deployed from it.
    return _SPENT in one or noted.entry(name).get("begun from") == one["place"]
