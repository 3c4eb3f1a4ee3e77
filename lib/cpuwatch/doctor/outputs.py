"""Why a job that has read all puts nothing out: no match, an open window, a held watermark."""

from __future__ import annotations

import math
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import pairwise
from typing import Any

from cpuwatch import pipeline, sql, words
from cpuwatch.doctor.findings import Finding, remark, trouble
from cpuwatch.doctor.samples import Sample
from cpuwatch.flink import noted, watermarks
from cpuwatch.flink.cluster import Job
from cpuwatch.readings.reading import PIPELINE_TIMES

#: Readings as new as this, in seconds: the next will close the window by themselves.
_LIVE = 60.0

#: A function that makes windows, and what is between its parentheses.
_WINDOWS = re.compile(
    r"\b(TUMBLE|HOP|CUMULATE|SESSION)\s*\(((?:[^()]|\([^()]*\))*)\)", re.IGNORECASE
)


def readings(sample: Sample) -> Iterator[Finding]:
    """How many readings there are, and whether they are any."""
    what = f"Topic {sample.topic}"
    good = sum(_is_reading(one) for one in sample)
    if good:
        yield Finding(what, True, f"readings are there; {_newest_time(sample)}")
        yield from _repeated(what, sample)
        return
    shown = next((words.shorten(str(one), 80) for one in sample), "no JSON object")
    yield trouble(
        what,
        f"none of the {len(sample):,} records looked at is a reading; the first: {shown}",
        "A reading has hostname, cpu, usage (0 to 100) and occurred_at (whole milliseconds):"
        " 'cpuwatch bad' shows what is wrong with each.",
    )


def _repeated(what: str, sample: Sample) -> Iterator[Finding]:
    """Readings that came more than once: each counts, and an average does not show it."""
    times = Counter(
        (one["hostname"], one["cpu"], one["occurred_at"]) for one in sample if _is_reading(one)
    )
    again = times.total() - len(times)
    if again:
        (host, cpu, moment), most = times.most_common(1)[0]
        series = f"{words.shorten(host)} {words.shorten(cpu)}"
        yield remark(
            what,
            f"{again:,} of the {len(sample):,} records looked at repeat a reading that is there,"
            f" such as {series} of {_moment(moment)}, {most} times: each counts in its average",
            "Somebody sends twice: a cell that was run again, or two producers at once."
            " 'cpuwatch reset' begins with empty topics.",
        )


def _is_reading(record: dict[str, Any]) -> bool:
    usage, moment = record.get("usage"), record.get("occurred_at")
    first, last = PIPELINE_TIMES
    return (
        _number(usage) is not None
        and 0 <= float(str(usage)) <= 100
        and isinstance(moment, int)
        and first <= moment <= last
        and all(isinstance(record.get(name), str) for name in ("hostname", "cpu"))
    )


def _number(value: object) -> float | None:
    """A number as Flink reads it; None if it is none."""
    try:
        found = float(str(value))
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _newest_time(sample: Sample) -> str:
    newest = max(one["occurred_at"] for one in sample if _is_reading(one))
    return f"the newest looked at is of {_moment(newest)}"


def _moment(milliseconds: float) -> str:
    return words.iso(datetime.fromtimestamp(milliseconds / 1000, timezone.utc), "seconds")


# --- Nothing comes out ----------------------------------------------------------------------


def empty(what: str, job: pipeline.Job, now: Job, inputs: list[Sample]) -> Iterator[Finding]:
    """Why nothing came out of a job that has read all."""
    text = noted.texts(now).get(job.name) or sql.taught(job.name)
    window = windows_of(now, text)
    if window is not None:
        yield _open_window(what, now, window, inputs)
        return
    own = sql.difference(text, sql.taught(job.name)) if noted.texts(now) else None
    count = sum(map(len, inputs))
    looked = f"all is read, and none of the {count:,} newest records matches"
    if own:
        yield trouble(
            what,
            f"{looked}{_condition(text)}. The statement is your own: {own}; {_highest(inputs)}",
            "Look at its WHERE in the cell that deployed it, and run that cell again.",
        )
    else:
        yield remark(
            what,
            f"{looked}{_condition(text)}; {_highest(inputs)}",
            "That is as it should be if no host was in trouble: send readings that are.",
        )


def _condition(text: str) -> str:
    found = re.search(r"\bWHERE\b(.*)", text, re.IGNORECASE | re.DOTALL)
    return f" WHERE {words.shorten(' '.join(found[1].split()), 120)}" if found else ""


def _highest(inputs: list[Sample]) -> str:
    for name in ("usage", "usage_avg"):
        values = [
            number
            for sample in inputs
            for one in sample
            if (number := _number(one.get(name))) is not None
        ]
        if values:
            return f"the highest {name} among them is {max(values):g}"
    return "none of them has a usage"


# --- Windows and watermarks -----------------------------------------------------------------


@dataclass(frozen=True)
class Windows:
    """What windows a statement has.

    Attributes
    ----------
    kind
        TUMBLE, HOP, CUMULATE or SESSION.
    step, length
        In milliseconds; 0 if they cannot be read. A session's length is its gap.
    """

    kind: str
    step: int
    length: int

    def first_open(self, times: list[int], mark: int) -> tuple[int, int]:
        """The begin and end of the first window that a watermark has not closed.

        Parameters
        ----------
        times
            Of the readings, in order; there is one at least.
        mark
            The watermark, in epoch milliseconds.
        """
        if self.kind == "SESSION":
            return self._first_session(times, mark)
        step, length = self.step, self.length
        next_end = (mark + 1) // step * step + step
        bases = sorted({moment // step * step for moment in times})
        for base in bases:
            last = base // length * length if self.kind == "CUMULATE" else base
            end = max(base + step, next_end)
            if end <= last + length:
                break
        else:
            end = bases[-1] + step
        return (end - step) // length * length if self.kind == "CUMULATE" else end - length, end

    def _first_session(self, times: list[int], mark: int) -> tuple[int, int]:
        begin = times[0]
        for one, following in pairwise(times):
            if following - one > self.length:
                if one + self.length - 1 > mark:
                    return begin, one + self.length
                begin = following
        return begin, times[-1] + self.length


def windows_of(now: Job, text: str) -> Windows | None:
    """The windows of a job's statement, or of one of its views; None if there are none."""
    for one in (text, *noted.texts(now).values()):
        found = _WINDOWS.search(sql.bare(one))
        if found is not None:
            kind = found[1].upper()
            lengths = [1000 * length for length in sql.intervals(found[2])] or [0]
            # These take the step first; what stands behind the length shifts all windows.
            which = min(1, len(lengths) - 1) if kind in ("HOP", "CUMULATE") else 0
            return Windows(kind, lengths[0], lengths[which])
    return None


def _open_window(what: str, now: Job, window: Windows, inputs: list[Sample]) -> Finding:
    """The first window that is not closed, and what would close it."""
    delay, mark = _delay(now), watermarks.least(now)
    times = sorted(one["occurred_at"] for part in inputs for one in part if _is_reading(one))
    if not window.length or not times:
        return trouble(
            what,
            "all is read, but no window is closed yet",
            "Send later readings: the watermark has to pass a window's end.",
        )
    begin, end = window.first_open(times, mark)
    closes = end + delay * 1000
    stands = "has not begun" if mark == watermarks.NONE else f"stands at {_moment(mark)}"
    says = (
        f"all is read, but the window from {_moment(begin)} to {_moment(end)} is not closed"
        f" yet: the watermark {stands}"
    )
    step_next = f"It is closed by a reading of {_moment(closes)} or later in each partition"
    if time.time() - times[-1] / 1000 < _LIVE:
        return remark(what, says, f"{step_next}: wait, if readings go on coming.")
    return trouble(what, says, f"{step_next}: send later readings, as 'cpuwatch produce' does.")


def held_back(what: str, now: Job) -> Iterator[Finding]:
    """Whether one partition holds the watermark back, and with it every window."""
    text = noted.texts(now).get(now.name) or _taught(now.name)
    window = windows_of(now, text)
    if window is None:
        return
    marks = watermarks.by_partition(now)
    if not marks:
        return
    ahead, delay = max(marks.values()), _delay(now) * 1000
    # As long as a window lasts, partitions may differ: no window waits for long then.
    late = [one for one in marks if ahead - marks[one] > window.length and ahead != watermarks.NONE]
    if not late:
        return
    (topic, number) = min(late, key=lambda place: marks[place])
    mark = marks[topic, number]
    has = (
        "has no reading"
        if mark == watermarks.NONE
        else f"has no reading after {_moment(mark + delay)}, and others reach"
        f" {_moment(ahead + delay)}"
    )
    yield trouble(
        what,
        f"the watermark is held back by partition {number} of {topic}, which {has}: it is the least"
        " of all partitions, and no window closes before it",
        f"Send readings of {_moment(ahead + delay)} or later under keys that reach partition"
        f" {number}, as the fleet's do ('cpuwatch produce').",
    )


def _taught(name: str) -> str:
    return sql.taught(name) if pipeline.job(name) else ""


def _delay(job: Job) -> int:
    """How far the watermark stays behind the newest reading, in seconds."""
    return sql.lateness(noted.texts(job).get("cpu_in") or sql.taught("cpu_in"))
