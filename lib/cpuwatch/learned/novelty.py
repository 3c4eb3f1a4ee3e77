"""A detector for one series: it reports what has not been seen before in that series.

Plain Python, one pass, in event time, with bounded state: at most some 700 numbers a series. Four
features are watched, each by a `Memory` of the values that it has had so far:

- value: the median of the last 30 s of readings (of one every five minutes: the reading);
- change: the slot's value less the recent level (an exponential mean of 12 slots);
- level: the mean of the last 72 slots;
- spread: the standard deviation of the last 12 slots.

A slot is one reading or 30 s, whichever is longer. The settings are the same for every series. How
they were chosen, and how good it is, docs/learned-limits.md says.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from math import asinh, inf, sqrt
from typing import Any

from cpuwatch.learned.memory import Memory

#: A score of at least this is a report; the same for every series.
THRESHOLD = 0.5

#: What is larger is no number that anybody measured, and its square is none at all.
_LARGEST = 1e100

#: How new something is, if it is new, and is not to be reported now.
_NEARLY = 0.99

FEATURES = ("value", "change", "level", "spread")
_VALUE, _CHANGE, _LEVEL, _SPREAD = range(4)


class Learned:
    """A detector for one series of readings.

    After a report it is silent for a while, and what was reported is known from then on: it tells
    that something is new, not for how long that lasts.
    """

    SLOT = 30.0  # seconds; what lasts less than half of it goes unseen
    MOST = 40  # readings of a slot at most; of a faster series every so many are taken
    GAP = 0.14  # asinh scale; far out: 14% more than ever before
    REACH = asinh(4.0)  # at least four units from the median
    WARM = 90  # readings (value) or slots (the others) that are learnt before any score
    DELAY = 30  # a value is known only after as many readings (slots) more
    SILENT = 90  # readings (slots) without a report after a report
    RECENT = 12  # slots
    LONG = 72  # slots
    # Of a far reading a 33,000th is left in the recent level when the silence is over. That is no
    # change: the unit of change and spread is at least this share of the farthest known reading.
    TRACE = 1e-4

    def __init__(self) -> None:
        self.memories = [Memory() for _ in FEATURES]
        self.queues: list[list[float]] = [[] for _ in FEATURES]  # not yet known, oldest first
        # The readings of the last 30 s: their times, they themselves, and they in order.
        self.times: list[float] = []
        self.window: list[float] = []
        self.ordered: list[float] = []
        self.slots: list[float] = []  # the last LONG
        self.level = 0.0
        self.quiet = self.quiet_slots = self.late = 0
        self.last = self.closed = -inf
        self.usual = 1  # readings in the window when the last slot closed
        self.why = ""  # the feature that made the last report

    def update(self, time_s: float, value: float) -> float:
        """Take in the next reading.

        Parameters
        ----------
        time_s
            Its event time, in seconds.
        value
            In whatever unit, always the same.

        Returns
        -------
        float
            Its score, 0 to 1; from `THRESHOLD` on it is a report. A reading that is late, comes
            twice or is no number is no evidence, and has 0.
        """
        ahead = time_s - self.last
        if not (ahead >= self.SLOT / self.MOST and abs(value) <= _LARGEST):
            # Late, twice, too soon after the last one, or no number: no evidence, neither way.
            self.late = self.late + 1 if ahead < 0 else 0
            if self.late < self.WARM:
                return 0.0
            self.times, self.window, self.ordered = [], [], []  # the clock was set back: follow it
            self.closed = -inf
        self.late = 0
        self.last = time_s
        median, count = self._median(time_s, value)
        self.quiet -= 1
        best, why = self._feature(_VALUE, median), _VALUE
        if best >= 1 and (self.quiet > 0 or 2 * count < self.usual):
            best = _NEARLY
        if time_s >= self.closed + self.SLOT:
            self.closed, self.usual = time_s, count
            self.quiet_slots -= 1
            for feature, margin in self._slot(median):
                counts = _NEARLY if margin >= 1 and self._is_quiet(feature) else margin
                if counts > best:
                    best, why = counts, feature
        if best >= 1:
            self.quiet = self.quiet_slots = self.SILENT + 1
            self.why = FEATURES[why]
        return best / (1 + best)

    def _is_quiet(self, feature: int) -> bool:
        """Whether it is silent for a while, after a report.

        What made the report moves the level for long, and where that comes to rest is known later.
        """
        longer = self.LONG + self.DELAY - self.SILENT if feature == _LEVEL else 0
        return self.quiet_slots > -max(0, longer)

    def _median(self, time_s: float, value: float) -> tuple[float, int]:
        """The median of the last 30 s of readings, and how many they are."""
        times, window, ordered = self.times, self.window, self.ordered
        start = time_s - self.SLOT
        while times and times[0] <= start:
            del times[0], ordered[bisect_left(ordered, window.pop(0))]
        times.append(time_s)
        window.append(value)
        count = len(times)
        if count == 1:
            ordered[:] = window
            return value, 1
        insort(ordered, value)
        median = (ordered[count // 2] + ordered[(count - 1) // 2]) / 2
        memory = self.memories[0]
        memory.noise += (abs(value - median) - memory.noise) / min(memory.learnt + 1, self.WARM)
        return median, count

    def _slot(self, value: float) -> list[tuple[int, float]]:
        """Take in a slot's value: for each feature that it has by now, how new that is."""
        slots, recent = self.slots, self.RECENT
        if not slots:
            self.level = value
        slots.append(value)
        if len(slots) > self.LONG:
            del slots[0]
        found: list[tuple[int, float]] = []
        if len(slots) > recent:
            found.append((_CHANGE, self._feature(_CHANGE, value - self.level)))
            last = slots[-recent:]
            mean = sum(last) / recent
            spread = sqrt(sum([(v - mean) ** 2 for v in last]) / recent)
            found.append((_SPREAD, self._feature(_SPREAD, spread)))
            if len(slots) == self.LONG:
                found.append((_LEVEL, self._feature(_LEVEL, sum(slots) / self.LONG)))
        self.level += (value - self.level) / recent
        return found

    def _feature(self, feature: int, value: float) -> float:
        """How new a feature's value is; it is known from some values later on."""
        nearest, far, learnt = self._distances(feature, value)
        if not learnt:
            return 0.0
        # Of few values known, many a normal one is new: ask for up to twice the gap.
        gap = self.GAP * (1 + self.WARM / learnt)
        return min(nearest / gap, far / self.REACH)

    def _distances(self, feature: int, value: float) -> tuple[float, float, int]:
        """How far it is from what is known, and of how many values; none as long as it warms up."""
        memory, queue = self.memories[feature], self.queues[feature]
        traces = feature in (_CHANGE, _SPREAD)
        least = self.TRACE * self.memories[_VALUE].farthest() if traces else 0.0
        if memory.learnt < self.WARM:
            memory.learn(value, least)
            return 0.0, 0.0, 0
        nearest, far = memory.distances(value)
        learnt = memory.learnt
        queue.append(value)
        if len(queue) > self.DELAY:
            memory.learn(queue.pop(0), least)
        return nearest, far, learnt

    def state(self) -> dict[str, Any]:
        """All that it knows, as JSON can hold it."""
        own = {name: value for name, value in self.__dict__.items() if name != "ordered"}
        for name in ("last", "closed"):  # JSON has no infinity
            own[name] = None if own[name] == -inf else own[name]
        own["memories"] = [memory.state() for memory in self.memories]
        return own

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Learned:
        """The detector that had this state."""
        series = cls()
        for name, value in state.items():
            if name == "memories":
                series.memories = [Memory.from_state(memory) for memory in value]
            elif name == "queues":
                series.queues = [list(queue) for queue in value]
            elif isinstance(value, list):
                setattr(series, name, list(value))
            else:
                setattr(series, name, -inf if value is None else value)
        series.ordered = sorted(series.window)
        return series
