"""What was deployed, kept in the state folder: by which statements, and on which topics.

A job is what its statement, its views, its tables and the records in its topics make of it.
Whoever deploys one notes these, so that `workshop.begin` can see whether a job that runs is
the one it would deploy, without asking Flink and without computing anything again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cpuwatch import files, pipeline, sql, topics
from cpuwatch.flink.cluster import Job
from cpuwatch.flink.environment import clean
from cpuwatch.flink.metrics import seconds
from cpuwatch.settings import settings


def _file() -> Path:
    return settings().notes / "deployed.json"


def _notes() -> dict[str, Any]:
    try:
        found = json.loads(_file().read_text())
    except (OSError, ValueError):
        return {}  # none, or damaged: then everything is deployed anew
    if not isinstance(found, dict):
        return {}
    # A job's note of a former version, which kept no texts: as if it had not been noted.
    return {
        name: note
        for name, note in found.items()
        if "texts" in note or "id" not in note or name == _READINGS
    }


def entry(name: str) -> dict[str, Any]:
    """What is noted under a name; empty if nothing is."""
    return dict(_notes().get(name, {}))


def change(name: str, to: Callable[[dict[str, Any]], Mapping[str, Any]]) -> None:
    """Note something else under a name, made of what is noted there, while nobody else does."""
    files.folder(settings().notes)
    with files.only_one(settings().notes / "deployed.lock"):
        notes = _notes()
        text = json.dumps({**notes, name: to(dict(notes.get(name, {})))}, indent=1) + "\n"
        files.write(_file(), text, private=True)  # a statement may hold what is nobody's business


def _write(name: str, note: Mapping[str, Any]) -> None:
    change(name, lambda _: note)


def _hash(text: str | None) -> str | None:
    return None if text is None else hashlib.sha256(sql.normal(clean(text)).encode()).hexdigest()


def _differs(name: str, texts: Mapping[str, str | None]) -> bool:
    """Whether a job of the pipeline's name does something else than the pipeline's."""
    job = pipeline.job(name)
    return job is not None and any(
        _hash(texts.get(one)) != _hash(sql.taught(one)) for one in _parts(job)
    )


def _parts(job: pipeline.Job) -> tuple[str, ...]:
    """What makes a job: its statement, its views, its tables and those that they are made LIKE."""
    tables = (*job.reads, job.writes, *job.also_writes)
    bases = (base for table in tables for base in sql.bases(table))
    return tuple(dict.fromkeys((job.name, *job.views, *tables, *bases)))


def note_job(
    job: Job,
    texts: Mapping[str, str | None],
    reads: Iterable[str],
    writes: Iterable[str],
    tick: str = "",
    begun_from: str | None = None,
    prefixes: Iterable[str] = (),
) -> None:
    """Note a job that was deployed just now.

    Parameters
    ----------
    job
        The job.
    texts
        For the job, its views and its tables the statement of each; None if it is unknown.
        They are kept: whoever wrote them may want them back.
    reads, writes
        The topics.
    tick
        How often watermarks move, for tables whose watermark does not follow each record:
        Flink's option pipeline.auto-watermark-interval.
    begun_from
        The place of the savepoint from which it goes on; None if it begins afresh.
    prefixes
        What its transactions begin with.
    """
    reads, writes = sorted(reads), sorted(writes)
    names = sorted({*reads, *writes})
    _write(
        job.name,
        {
            "id": job.id,
            "statements": {name: _hash(text) for name, text in texts.items()},
            "texts": dict(texts),
            "tick": tick,
            "begun from": begun_from,
            "own": _differs(job.name, texts),
            "reads": reads,
            "writes": writes,
            "prefixes": sorted(prefixes),
            "topics": {name: one.id for name, one in topics.states(*names).items()},
        },
    )


def texts(job: Job) -> dict[str, str]:
    """The statements that a noted job was made of; empty if it was not noted."""
    note = _notes().get(job.name, {})
    return _known(note["texts"]) if note.get("id") == job.id else {}


def begun_from(job: Job) -> str | None:
    """The place of the savepoint from which a noted job went on; None if it began afresh."""
    note = _notes().get(job.name, {})
    found = note.get("begun from") if note.get("id") == job.id else None
    return None if found is None else str(found)


def tick(job: Job) -> float:
    """How often a job's watermarks move, in seconds."""
    note = _notes().get(job.name, {})
    found = seconds(str(note.get("tick", ""))) if note.get("id") == job.id else None
    return 0.2 if found is None else found  # Flink's own


def read_by(job: Job) -> dict[str, dict[str, int]]:
    """How far the topics reach now that a noted job reads: for each its partitions' ends."""
    note = _notes().get(job.name, {})
    if note.get("id") != job.id:
        return {}
    return {name: _ends(one) for name, one in topics.states(*note["reads"]).items()}


def reads(job: Job) -> list[str] | None:
    """The topics that a noted job reads; None if it was not noted."""
    note = _notes().get(job.name, {})
    return list(note["reads"]) if note.get("id") == job.id else None


def writes(job: Job) -> list[str]:
    """The topics that a noted job writes; empty if it was not noted."""
    note = _notes().get(job.name, {})
    return list(note["writes"]) if note.get("id") == job.id else []


def prefixes(job: Job) -> set[str]:
    """What a noted job's transactions begin with; empty if it was not noted."""
    note = _notes().get(job.name, {})
    return set(note.get("prefixes", [])) if note.get("id") == job.id else set()


def topic_ids(job: Job) -> dict[str, str]:
    """The ids of the topics that a noted job reads and writes; empty if it was not noted."""
    note = _notes().get(job.name, {})
    return dict(note["topics"]) if note.get("id") == job.id else {}


def note_settled(job: Job, read: Mapping[str, dict[str, int]]) -> None:
    """Note that a job has written all that follows from its input.

    Parameters
    ----------
    job
        The job.
    read
        From `read_by`, before it was waited for.
    """
    note = _notes().get(job.name, {})
    if read and note.get("id") == job.id:
        wrote = {name: _ends(one) for name, one in topics.states(*writes(job)).items()}
        _write(job.name, {**note, "settled": {"read": dict(read), "wrote": wrote}})


def _ends(state: topics.State) -> dict[str, int]:
    return {str(number): end for number, end in state.ends.items()}


@dataclass(frozen=True)
class Standing:
    """How a job of the pipeline stands.

    Attributes
    ----------
    running
        The one that runs and is right; None if it has to be deployed.
    why
        Why it has to be deployed anew, as half a sentence, such as 'its statement has changed';
        None if it is right, or was never deployed.
    settled
        Whether it has written all that follows from what its topics hold now.
    theirs
        The attendee's own one of that name: its texts, empty if nobody knows them; None if
        there is none.
    """

    running: Job | None = None
    why: str | None = None
    settled: bool = False
    theirs: dict[str, str] | None = None


def standing(job: pipeline.Job, there: Iterable[Job]) -> Standing:
    """How a job stands, given the jobs that run."""
    note = _notes().get(job.name)
    found = [one for one in there if one.name == job.name]
    runs_well = len(found) == 1 and found[0].state == "RUNNING"
    if runs_well and (note is None or found[0].id != note["id"]):
        return Standing(why="somebody deployed another one of that name", theirs={})
    if note is None:
        return Standing()
    theirs = _known(note["texts"]) if note["own"] else None
    if not runs_well:
        return Standing(why="it did not run any more", theirs=theirs)
    why = _text_changed(job, note) or _topic_changed(note)
    if why:
        return Standing(why=why, theirs=theirs)
    return Standing(found[0], settled=_is_settled(note))


def _known(texts: Mapping[str, str | None]) -> dict[str, str]:
    return {name: text for name, text in texts.items() if text is not None}


#: Where the notes hold what attendees' own jobs were made of, before the pipeline's took over.
_KEPT = "kept aside"


def keep(name: str, texts: Mapping[str, str]) -> None:
    """Keep what an attendee's own job of the pipeline's name was made of.

    Parameters
    ----------
    name
        The job's.
    texts
        From `Standing.theirs`.
    """
    change(_KEPT, lambda before: {**before, name: dict(texts)})


def kept(name: str) -> dict[str, str] | None:
    """What was kept of an attendee's own job; None if nothing was."""
    found = _notes().get(_KEPT, {}).get(name)
    return dict(found) if found else None


def _text_changed(job: pipeline.Job, note: Mapping[str, Any]) -> str | None:
    for name in _parts(job):
        if note["statements"].get(name) != _hash(sql.taught(name)):
            if name == job.name:
                return "its statement has changed"
            return f"its {'view' if name in job.views else 'table'} {name} has changed"
    return None


def _topic_changed(note: Mapping[str, Any]) -> str | None:
    now = topics.states(*note["topics"])
    for name, topic_id in note["topics"].items():
        if name not in now or now[name].id != topic_id:
            return f"the topic {name} was made anew"
    for name, ends in note.get("settled", {}).get("wrote", {}).items():
        if any(now[name].ends.get(int(number), 0) < end for number, end in ends.items()):
            return f"records of the topic {name} are gone"
    return None


def _is_settled(note: Mapping[str, Any]) -> bool:
    read = note.get("settled", {}).get("read")
    if not read:
        return False
    return bool(read == {topic: _ends(one) for topic, one in topics.states(*read).items()})


# --- Readings -------------------------------------------------------------------------------

_READINGS = "readings of the fleet"


def note_readings(topic: str, state: topics.State) -> None:
    """Note that a topic held exactly the workshop's readings when its state was this."""
    _write(_READINGS, {"topic": topic, "id": state.id, "ends": _ends(state)})


def holds_readings(topic: str, or_more: bool = False) -> bool:
    """Whether a topic is as it was when `note_readings` noted it.

    Parameters
    ----------
    topic
        The topic's name.
    or_more
        Whether there may be more records after those.
    """
    note = _notes().get(_READINGS)
    now = topics.states(topic).get(topic)
    if note is None or now is None or (note["topic"], note["id"]) != (topic, now.id):
        return False
    ends = _ends(now)
    if or_more:
        return all(ends.get(number, 0) >= end for number, end in note["ends"].items())
    return bool(note["ends"] == ends)


def forget() -> None:
    """Forget all notes: whatever runs is deployed anew when a chapter needs it."""
    _file().unlink(missing_ok=True)
