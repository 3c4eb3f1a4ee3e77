"""Why is the output empty? The data's way, walked from the readings to the channel.

Every job of the pipeline that was deployed is a station: it reads topics and writes one. The first
station at which nothing comes out is named with its cause; those behind it only wait for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from cpuwatch import pipeline, sql, topics
from cpuwatch.doctor import outputs
from cpuwatch.doctor.facts import Facts
from cpuwatch.doctor.findings import Finding, remark, trouble
from cpuwatch.doctor.samples import Sample, newest
from cpuwatch.flink import metrics, resumable
from cpuwatch.flink.cluster import Job
from cpuwatch.pipeline import JOBS

#: What a job may need until its metrics show what it has read, in seconds.
_GRACE = 1.5

#: With more to read than it does in so many seconds, a job counts as held up.
_LONG = 10.0

Place = tuple[str, int]


def walk(facts: Facts) -> Iterator[Finding]:
    """Walk the data's way, as far as it was begun; everybody on it has to answer."""
    yield from Way(facts).walk()


class Way:
    """The way, and what flows on it now."""

    def __init__(self, facts: Facts) -> None:
        self.running = facts.running
        there = set(topics.names())
        self.jobs = [one for one in JOBS if one.name in self.running or _output(one) in there]
        begun = {topics.READINGS} & there
        self.wanted = sorted({_output(job) for job in self.jobs} | self._inputs() | begun)
        used = {
            topic
            for job in self.jobs
            if job.name in self.running
            for topic in (*_topics_of(job), _output(job))
        }
        self.missing = sorted(used - there)
        self.dry: dict[str, str] = {}  # a topic in which nothing comes, and whose fault that is
        with ThreadPoolExecutor(8) as pool:
            found = pool.map(newest, [name for name in self.wanted if name in there])
            self.samples = {one.topic: one for one in found}
            lag = pool.map(self._lag, [one for one in self.jobs if one.name in self.running])
            self.lags = dict(lag)

    def _inputs(self) -> set[str]:
        return {topic for job in self.jobs for topic in _topics_of(job)}

    def walk(self) -> Iterator[Finding]:
        """What is with each topic and each job, from the readings on."""
        if not self.missing and topics.READINGS not in self.samples:
            yield remark(
                "Data",
                "nothing was sent yet, and no job runs",
                "Begin with the notebook 01, or send readings by 'cpuwatch produce'.",
            )
            return
        yield from self._topics()
        for job in self.jobs:
            yield from self.station(job)

    def _topics(self) -> Iterator[Finding]:
        for name in self.missing:
            self.dry[name] = f"the topic {name} is missing"
            yield trouble(
                f"Topic {name}",
                "it is missing, and a job that runs needs it",
                "'cpuwatch doctor --fix' makes it. A job that has lost its topic is deployed again"
                " by 'cpuwatch catch-up 06', or by its chapter's cell.",
                lambda name=name: _create(name),  # type: ignore[misc]
            )
        readings = self.samples.get(topics.READINGS)
        if readings is not None and not readings:
            self.dry[topics.READINGS] = "there are no readings"
            yield trouble(
                f"Topic {topics.READINGS}",
                _first("the topic is without data, so no job has anything to read"),
                "Send readings: chapter 01 does, or 'cpuwatch produce'.",
            )
        elif readings is not None:
            yield from outputs.readings(readings)

    def station(self, job: pipeline.Job) -> Iterator[Finding]:
        """What is with one job: whether it runs, what it has read, what came out."""
        what, output = f"Way {job.name}", _output(job)
        out = self.samples.get(output)
        blocked = next((self.dry[one] for one in _topics_of(job) if one in self.dry), None)
        now = self.running.get(job.name)
        if now is None:
            yield from self._not_running(job, out)
        elif now.state != "RUNNING":
            self.dry[output] = f"{job.name} is {now.state.lower()}"
            yield trouble(
                what,
                f"the job is {now.state.lower()}, so nothing comes out; its cause stands above",
                "Mend that cause, or wait if it is starting.",
            )
        elif blocked is not None:
            self.dry[output] = blocked
            yield remark(what, f"nothing to read: {blocked}")
        else:
            yield from self._flow(job, now, out)

    def _not_running(self, job: pipeline.Job, out: Sample | None) -> Iterator[Finding]:
        again = (
            f"It was stopped with a savepoint: 'cpuwatch jobs resume {job.name}' lets it go on."
            if resumable.is_known(job.name) and resumable.why_not(job.name) is None
            else f"Deploy it: run its cell in chapter {job.chapter}, or 'cpuwatch catch-up 06'."
        )
        needed = any(
            _output(job) in _topics_of(other) and other.name in self.running for other in JOBS
        )
        input_there = any(self.samples.get(one) for one in _topics_of(job))
        silent = not out and input_there and not job.may_be_silent
        others = any(one.name in self.running for one in JOBS)
        if needed or silent or others:
            self.dry[_output(job)] = f"{job.name} does not run"
            says = "the job does not run"
            yield trouble(f"Way {job.name}", _first(says) if silent else says, again)
        else:
            yield remark(
                f"Way {job.name}", "the job does not run any more; what it wrote is there", again
            )

    def _flow(self, job: pipeline.Job, now: Job, out: Sample | None) -> Iterator[Finding]:
        what, output = f"Way {job.name}", _output(job)
        left, pace = self.lags.get(now.name, (0, 0.0))
        if left and (not pace or left / pace > _LONG):
            self.dry[output] = f"{job.name} lags behind"
            yield _lagging(what, left, pace, _first if not out else str)
            return
        if left:
            yield remark(what, f"it has {left:,} records still to read, and reads on", "Wait.")
            return
        inputs = [self.samples[one] for one in _topics_of(job) if one in self.samples]
        held = list(outputs.held_back(what, now))
        if not out and not job.may_be_silent:
            self.dry[output] = f"nothing comes out of {job.name}"
            found = held or list(outputs.empty(what, job, now, inputs))
            for one in found:
                yield Finding(one.what, one.well, _first(one.says), one.next, one.remark, one.mend)
        elif held:
            yield from held
        else:
            yield Finding(what, True, "it has read all, and its output is there")

    def _lag(self, job: pipeline.Job) -> tuple[str, tuple[int, float]]:
        """How many records a job has still to read, and how many it reads a second."""
        now = self.running[job.name]
        if now.state != "RUNNING":
            return job.name, (0, 0.0)
        ends = {
            (one.topic, number): last
            for one in (self.samples[name] for name in _topics_of(job) if name in self.samples)
            for number, last in one.last.items()
        }
        start = time.monotonic()
        before = left = _left(ends, now)
        while left and time.monotonic() - start < _GRACE:
            time.sleep(0.2)
            left = _left(ends, now)
        return job.name, (left, (before - left) / (time.monotonic() - start))


def _left(ends: dict[Place, int], job: Job) -> int:
    read = metrics.offsets(job)
    return sum(max(last - read.get(place, -1), 0) for place, last in ends.items())


def _lagging(what: str, left: int, pace: float, first: Callable[[str], str]) -> Finding:
    if pace:
        return trouble(
            what,
            first(f"it lags {left:,} records behind, and reads {pace:,.0f} a second"),
            f"Wait some {left / pace:,.0f} s, or send fewer readings a second.",
        )
    return trouble(
        what,
        first(f"it lags {left:,} records behind, and reads nothing"),
        "Wait a moment, if it began just now. Otherwise look at Flink's page ('cpuwatch page'), or"
        " deploy it again: run its chapter's cell.",
    )


def _first(says: str) -> str:
    return f"the first place where nothing comes out: {says}"


def _create(name: str) -> str:
    topics.create(name)
    return f"made the topic {name}"


def _output(job: pipeline.Job) -> str:
    topic = sql.topic(job.writes)
    assert topic is not None, "every job writes a topic"
    return topic


def _topics_of(job: pipeline.Job) -> list[str]:
    """The topics that a job reads, each once."""
    return list(dict.fromkeys(one for table in job.reads if (one := sql.topic(table)) is not None))
