"""Wait until a continuous job has worked through all that its topics hold.

A continuous job never ends, so there is no end to wait for. Its result is settled when it
has read its input to the end, and has then made a checkpoint: the exactly-once sink shows
its rows at each checkpoint. What began anew in the midst of that reads on from the checkpoint
before, so it is waited for from the start.
"""

from __future__ import annotations

import re
import time
from contextlib import suppress

from cpuwatch import topics, waiting, web
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink import awaiting, cluster, explain, metrics, noted, rest, watermarks
from cpuwatch.flink.cluster import ENDED, Job
from cpuwatch.progress import Line, bar

#: In a job's plan: a table whose watermark moves now and then.
_PERIODIC = re.compile(r"watermark=\[(?!.*watermarkEmitStrategy=\[on-event\])")

#: What a busy machine is late, beside what metrics are late anyhow, in seconds.
_MARGIN = 1.5

Place = tuple[str, int]


def wait_until_settled(job: Job | str, timeout: float = 60.0, quiet: bool = False) -> Job:
    """Wait until a job has read all that its topics hold, and has committed its result.

    Parameters
    ----------
    job
        From `flink.deploy`, or its name.
    timeout
        In seconds: for reading, and for what comes after it.
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
    job = cluster.meant(job)
    line = Line(f"{job.name}: {bar(1.0)}, all read and committed", quiet)
    reading = Reading(job)
    reaches = noted.read_by(job)
    now = job
    while now.state not in ENDED:
        now = reading.await_end(timeout, line)
        if now.state == "RUNNING" and reading.is_committed(timeout, line):
            break
    if now.state == "CANCELED":
        raise CpuwatchError(f"Somebody cancelled the job {job.name}: deploy it again.")
    # Kafka has yet to write into each partition that what a checkpoint committed may be read.
    topics.await_committed(*noted.writes(job))
    if now.state == "RUNNING":
        noted.note_settled(job, reaches)
    line.end()
    return now


class Reading:
    """How far a job has read, partition by partition, by Flink's own metrics."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._delay = metrics.delay()
        self._refresh = int(rest.ask("/config")["refresh-interval"])  # ms
        self._since = 0  # when it came into the state in which it read all
        self._last: dict[Place, int] = {}  # the offset of the last record, -1 if there is none
        self._read: dict[Place, int] = {}

    def await_end(self, timeout: float, line: Line) -> Job:
        """Wait until it has read all that there is, or has ended."""

        def has_read(state: str) -> bool:
            if state in ENDED:
                return state in ("FINISHED", "CANCELED")
            # Asked for first: whatever happens from here on shows itself in it.
            self._since = cluster.changed(self._job)
            return state == "RUNNING" and self._is_new() and self.is_done()

        def show(_: Job) -> None:
            line.show(f"{self._job.name}: {bar(self._share())}, reading")

        what = f"{self._job.name} to read all its input"
        return awaiting.wait(self._job, has_read, what, timeout, show, self.missing)

    def is_committed(self, timeout: float, line: Line) -> bool:
        """Have what it has read committed: whether it is still the one that has read it."""
        self._check_watermark()
        _await_watermark(self._job, timeout, self._delay + _MARGIN)
        line.show(f"{self._job.name}: {bar(1.0)}, waiting for its checkpoint")
        deadline = time.monotonic() + timeout
        # A sink commits once it hears that a checkpoint is complete. It has heard of the
        # first before it takes part in the second.
        for _ in range(2):
            _checkpoint(self._job, deadline)
        return cluster.changed(self._job) == self._since

    def _is_new(self) -> bool:
        """Whether the metrics are of now: for a while those of before a restart stay there."""
        try:
            found = rest.ask(f"/jobs/{self._job.id}")
        except web.HTTPError:
            return False  # another JobManager just takes it up
        age = found["now"] - self._since
        if not self._since or age <= self._refresh:
            return False  # what its page tells may be older than that
        begun_anew = found["timestamps"]["RESTARTING"] > 0
        return not begun_anew or age > 1000 * (self._delay + _MARGIN)

    def is_done(self) -> bool:
        """Whether it has read all that there was when this was first asked."""
        read = metrics.offsets(self._job)
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

    def _share(self) -> float:
        total = sum(last + 1 for last in self._last.values())
        done = sum(min(self._read.get(p, -1), last) + 1 for p, last in self._last.items())
        return done / total if total else 0.0

    def missing(self) -> str | None:
        """What it has not read, as a sentence; None if that is nothing, or not known."""
        if not self._read:
            return None
        names = ", ".join(sorted({topic for topic, _ in self._read}))
        if all(last < 0 for last in self._last.values()):
            return f"There is no input: the topic {names} is empty. Send readings to it first."
        behind = self._behind()
        if not behind:
            return None  # it has read all, and does not run
        place = topic, number = behind[0]
        return (
            f"It has read {self._read.get(place, -1) + 1} of {self._last[place] + 1} records of"
            f" partition {number} of {topic}. A slow machine may need more time: wait again."
        )

    def _check_watermark(self) -> None:
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


def _await_watermark(job: Job, timeout: float, margin: float) -> None:
    """Wait until the watermark has reached all that was read: it is what closes windows.

    Where it follows each record, that has happened. Where it moves now and then, it has done so
    once it stays where it is for longer than that takes.
    """
    if not _PERIODIC.search(_plan(job)):
        return
    still = 2 * noted.tick(job) + margin
    since, before = time.monotonic(), None

    def stands_still() -> bool:
        nonlocal since, before
        now = metrics.find(job, watermarks.METRIC)
        if now != before:
            since, before = time.monotonic(), now
        return time.monotonic() - since > still

    waiting.until(
        stands_still,
        max(timeout, 3 * still),
        f"The watermark of {job.name} goes on moving: does somebody send readings? Stop that, and"
        " wait again.",
        rest.PAUSE,
    )


def _plan(job: Job) -> str:
    nodes = rest.ask(f"/jobs/{job.id}/plan")["plan"]["nodes"]
    return "\n".join(str(node.get("description")) for node in nodes)


def _checkpoint(job: Job, deadline: float) -> None:
    """Have the job make a checkpoint, and wait until it is complete."""
    why = ""

    def ask() -> bool:
        nonlocal why
        asked = rest.ask(f"/jobs/{job.id}/checkpoints", "POST", {"checkpointType": "FULL"})
        where = f"/jobs/{job.id}/checkpoints/{asked['request-id']}"
        while (found := rest.ask(where))["status"]["id"] == "IN_PROGRESS":
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        # What is asked of a job whose tasks do not all run yet has come to its end, too: in vain.
        trace = (found["operation"].get("failureCause") or {}).get("stack-trace", "")
        why = explain.java(trace) if trace else why
        return found["operation"].get("checkpointId") is not None

    while True:
        with suppress(web.HTTPError):  # it restarts just now
            if ask():
                return
        if time.monotonic() > deadline:
            cause = cluster.failure(job) or why.rstrip(".") or "Flink gives no cause"
            raise CpuwatchError(
                f"{job.name} has read its input, but makes no checkpoint ({cause}), and without"
                f" one its result is not shown. Look at its page: {cluster.page(job)}"
            )
        time.sleep(rest.PAUSE)
