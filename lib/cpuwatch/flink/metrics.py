"""What jobs tell of themselves: how far they have read, how many records, how many too late."""

from __future__ import annotations

import re
import time
import urllib.parse
from collections.abc import Callable, Iterator
from typing import TypeVar

from cpuwatch import naming, sql, web
from cpuwatch.flink import cluster, rest
from cpuwatch.flink.cluster import Job

#: What stands in the names of operators that read, and of those that hold windows.
SOURCE, WINDOWS = "Source: ", "Window"

#: The metrics that say how far a source has read a partition, and how many records in all.
SOURCE_READ = re.compile(
    r"^(?P<worker>\d+)\.(?P<source>Source__.*?)\.(?:"
    r"\w+\.topic\.(?P<topic>.+)\.partition\.(?P<partition>\d+)\.(?P<what>current|committed)Offset"
    r"|numRecordsIn)$"
)

#: The one of these that says how many records.
_RECORDS_READ = re.compile(r"^\d+\.Source__.*\.numRecordsIn$")

#: The metric that says how many records came after their window had closed.
_LATE = re.compile(r"\.numLateRecordsDropped$")

#: The option that says how often it asks its TaskManagers for metrics.
_FETCHED_EVERY = "metrics.fetcher.update-interval"

Result = TypeVar("Result")


def readers(topic: str) -> list[Job]:
    """The running jobs that read a topic, whoever submitted them, by whatever table."""
    ours = "|".join(re.escape(table) for table in sql.tables_of(topic)) or r"(?!)"
    # A job's offsets name its topics, but only once it runs; its plan names its tables at once.
    source = re.compile(rf"(^|\W)Source: ({ours})\[")
    found = []
    for job in cluster.jobs(running_only=True):
        try:
            names = [vertex["name"] for vertex in rest.ask(f"/jobs/{job.id}")["vertices"]]
        except web.HTTPError:
            continue  # it has ended meanwhile
        if any(source.search(name) for name in names) or topic in {one for one, _ in offsets(job)}:
            found.append(job)
    return found


def offsets(job: Job) -> dict[tuple[str, int], int]:
    """For each topic and partition that a job reads the offset of the last record it has read.

    If it reads one more than once, as a join of a table with itself does, the earliest counts;
    -1 if it has read none. Empty as long as a source has not begun.

    A job that began anew, and found nothing new to read, has no last record. How far it had read
    before, the offset tells that it commits to Kafka: the next one that it would read.
    """
    by_source: dict[str, dict[tuple[str, int], int]] = {}
    begun: dict[str, bool] = {}
    for found, value in _read(job):
        source = found["source"]
        if found["topic"] is None:
            # Of several workers some may have no partition, and never begin.
            begun[source] = begun.get(source, False) or value > 0
        else:
            _note_last(by_source.setdefault(source, {}), found, value)
    if not all(source in by_source or begun[source] for source in begun):
        return {}
    places = {(topic, number) for one in by_source.values() for topic, number in one}
    return {
        (topic, number): min(
            one.get((topic, number), -1)
            for one in by_source.values()
            if any(topic == name for name, _ in one)
        )
        for topic, number in places
    }


def offsets_by_worker(job: Job) -> dict[int, dict[tuple[str, int], int]]:
    """For each worker that reads the partitions that are its own, and how far it has read them.

    As in `offsets`; a worker without a partition is not among them.
    """
    by_worker: dict[int, dict[tuple[str, int], int]] = {}
    for found, value in _read(job):
        if found["topic"] is not None:
            _note_last(by_worker.setdefault(int(found["worker"]), {}), found, value)
    return by_worker


def _read(job: Job) -> Iterator[tuple[re.Match[str], int]]:
    """What a job's sources say of how far they are: whose it is, and the number."""
    for name, value in find(job, SOURCE_READ, of=SOURCE).items():
        found = SOURCE_READ.search(name)
        assert found is not None, "metrics are those that fit the pattern"
        yield found, int(value) if found["topic"] else int(float(value))


def _note_last(read: dict[tuple[str, int], int], found: re.Match[str], value: int) -> None:
    """Note the last record of a partition, by the newer of the two offsets that tell of it."""
    place = naming.shown(found["topic"]), int(found["partition"])
    read[place] = max(read.get(place, -1), value - (found["what"] == "committed"))


def records_read(job: Job) -> int:
    """How many records a job has read from its sources so far, as far as the cluster knows."""
    return sum(int(float(value)) for value in find(job, _RECORDS_READ, of=SOURCE).values())


def late(job: Job) -> int:
    """How many readings came too late for their window since the job began or began anew."""
    return sum(int(float(value)) for value in find(job, _LATE).values())


def refreshed(question: Callable[[], Result]) -> Result:
    """What is asked of metrics, by the numbers of now.

    The cluster answers with those of before, and asks for new ones twice a second.
    """
    question()
    time.sleep(1.0)
    return question()


def delay() -> float:
    """For how long, in seconds, the cluster may tell of metrics what was true before."""
    found = {one["key"]: one["value"] for one in rest.ask("/jobmanager/config")}
    every = seconds(str(found.get(_FETCHED_EVERY, "")))
    return 10.0 if every is None else every  # Flink's own


def seconds(text: str) -> float | None:
    """A length of time as Flink's options have it, such as '500', '200 ms' or '4 s'."""
    found = re.fullmatch(r"(\d+)\s*(ms|s|min)?", text.strip())
    if found is None:
        return None
    return int(found[1]) * {"s": 1.0, "min": 60.0}.get(found[2] or "ms", 0.001)


def find(job: Job, wanted: re.Pattern[str], of: str = "") -> dict[str, str]:
    """A job's metrics whose names match, whatever operator they belong to.

    Parameters
    ----------
    job
        The job.
    wanted
        Searched for in the metrics' names.
    of
        What stands in the names of the operators that are asked, such as `SOURCE`; by default
        all are.
    """
    found: dict[str, str] = {}
    try:
        for vertex in rest.ask(f"/jobs/{job.id}")["vertices"]:
            if of not in vertex["name"]:
                continue
            where = f"/jobs/{job.id}/vertices/{vertex['id']}/metrics"
            names = [one["id"] for one in rest.ask(where) if wanted.search(one["id"])]
            if names:
                query = urllib.parse.quote(",".join(names))
                found |= {one["id"]: one["value"] for one in rest.ask(f"{where}?get={query}")}
    except web.HTTPError:
        pass  # the job is being restarted, or has ended: its state says so
    return found
