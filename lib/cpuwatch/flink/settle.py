"""Wait until a continuous job has worked through all that its topics hold.

A continuous job never ends, so there is no end to wait for. Its result is settled when it
has read its input to the end, and has then made a checkpoint: the exactly-once sink shows
its rows at each checkpoint.
"""

from __future__ import annotations

import re
import time
from typing import Any

from cpuwatch import topics, waiting, web
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink import cluster, noted, watermarks
from cpuwatch.flink.cluster import ENDED, Job, rest
from cpuwatch.progress import Line, bar

#: In a job's plan: a table whose watermark moves now and then.
_PERIODIC = re.compile(r"watermark=\[(?!.*watermarkEmitStrategy=\[on-event\])")

#: Metrics are fetched twice a second; and a busy machine is late.
_MARGIN = 2.0

Place = tuple[str, int]


def wait_until_settled(job: Job, timeout: float = 60.0, quiet: bool = False) -> Job:
    """Wait until a job has read all that its topics hold, and has committed its result.

    Parameters
    ----------
    job
        From `flink.deploy`, `flink.submit` or `flink.jobs`.
    timeout
        In seconds.
    quiet
        Whether to show no progress.

    Returns
    -------
    Job
        With its state.

    Raises
    ------
    CpuwatchError
        If that does not happen in time: it says what is missing.
    """
    line = Line(f"{job.name}: {bar(1.0)}, all read and committed", quiet)
    reading = _Reading(job)
    reaches = noted.read_by(job)

    def settled(state: str) -> bool:
        if state in ENDED:
            return state == "FINISHED"
        return state == "RUNNING" and reading.is_done()

    def show(_: Job) -> None:
        line.show(f"{job.name}: {bar(reading.share())}, reading")

    now = cluster.wait(
        job, settled, f"{job.name} to read all its input", timeout, show, reading.missing
    )
    if now.state == "CANCELED":
        raise CpuwatchError(f"Somebody cancelled the job {job.name}: deploy it again.")
    if now.state == "RUNNING":
        reading.check_watermark()
        _await_watermark(job, timeout)
        line.show(f"{job.name}: {bar(1.0)}, waiting for its checkpoint")
        deadline = time.monotonic() + timeout
        # A sink commits once it hears that a checkpoint is complete. It has heard of the
        # first before it takes part in the second.
        for _ in range(2):
            _checkpoint(job, deadline)
        noted.note_settled(job, reaches)
    line.end()
    return now


class _Reading:
    """How far a job has read, partition by partition, by Flink's own metrics."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._last: dict[Place, int] = {}  # the offset of the last record, -1 if there is none
        self._read: dict[Place, int] = {}

    def is_done(self) -> bool:
        read = cluster.offsets(self._job)
        if not read:
            return False  # it has not begun, or its metrics are not there yet
        self._read = read
        # Decided once what 'all' is, so that a stream that runs on does not keep us.
        if all(last < 0 for last in self._last.values()):
            names = sorted({topic for topic, _ in read})
            self._last = {
                (name, number): last
                for name in names
                for number, last in topics.last_offsets(name).items()
            }
        return bool(self._last) and any(n >= 0 for n in self._last.values()) and not self._behind()

    def _behind(self) -> list[Place]:
        return [place for place, last in self._last.items() if self._read.get(place, -1) < last]

    def share(self) -> float:
        total = sum(last + 1 for last in self._last.values())
        done = sum(min(self._read.get(p, -1), last) + 1 for p, last in self._last.items())
        return done / total if total else 0.0

    def missing(self) -> str | None:
        if not self._read:
            return None
        names = ", ".join(sorted({topic for topic, _ in self._read}))
        if all(last < 0 for last in self._last.values()):
            return f"There is no input: the topic {names} is empty. Send readings to it first."
        topic, number = (self._behind() or [(names, 0)])[0]
        place = topic, number
        return (
            f"It has read {self._read.get(place, -1) + 1} of {self._last[place] + 1} records of"
            f" partition {number} of {topic}. A slow machine may need more time: wait again."
        )

    def check_watermark(self) -> None:
        """Raise if windows can never close because one partition holds the watermark back."""
        empty = [(topic, number) for (topic, number), last in self._last.items() if last < 0]
        if not empty:
            return
        marks = watermarks.marks(self._job)
        if marks and all(one == watermarks.NONE for one in marks):
            topic, number = empty[0]
            raise CpuwatchError(
                f"The watermark of {self._job.name} stands still: partition {number} of {topic}"
                " is empty, and the watermark is the minimum over all partitions. Send readings"
                " with keys that reach every partition, as the fleet's do."
            )


def _await_watermark(job: Job, timeout: float) -> None:
    """Wait until the watermark has reached all that was read: it is what closes windows.

    Where it follows each record, that has happened. Where it moves now and then, it has done so
    once it stays where it is for longer than that takes.
    """
    if not _PERIODIC.search(_plan(job)):
        return
    still = 2 * noted.tick(job) + _MARGIN
    since, before = time.monotonic(), None

    def stands_still() -> bool:
        nonlocal since, before
        now = cluster.metrics(job, watermarks.METRIC)
        if now != before:
            since, before = time.monotonic(), now
        return time.monotonic() - since > still

    waiting.until(
        stands_still,
        max(timeout, 3 * still),
        f"The watermark of {job.name} goes on moving: does somebody send readings? Stop that, and"
        " wait again.",
        cluster.PAUSE,
    )


def _plan(job: Job) -> str:
    nodes = rest(f"/jobs/{job.id}/plan")["plan"]["nodes"]
    return "\n".join(str(node.get("description")) for node in nodes)


def _checkpoint(job: Job, deadline: float) -> None:
    """Have the job make a checkpoint, and wait until it is complete."""
    while True:
        status: dict[str, Any] = {"status": {"id": "REFUSED"}}
        try:
            asked = rest(f"/jobs/{job.id}/checkpoints", "POST", {"checkpointType": "FULL"})
            where = f"/jobs/{job.id}/checkpoints/{asked['request-id']}"
            while (status := rest(where))["status"]["id"] == "IN_PROGRESS":
                if time.monotonic() > deadline:
                    break
                time.sleep(0.02)
        except web.HTTPError:
            pass  # it restarts just now
        if status["status"]["id"] == "COMPLETED" and "failure-cause" not in status["operation"]:
            return
        if time.monotonic() > deadline:
            why = cluster.failure(job) or "Flink gives no cause"
            raise CpuwatchError(
                f"{job.name} has read its input, but makes no checkpoint ({why}), and without"
                f" one its result is not shown. Look at its page: {cluster.page(job)}"
            )
        time.sleep(cluster.PAUSE)
