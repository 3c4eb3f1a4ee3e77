"""What a feature of a series has been so far, in a bounded number of values."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate, pairwise
from math import asinh
from typing import Any

#: Farther than anything is.
_FAR = 9e9


class Memory:
    """The values that a feature has had, each with how often: at most CAP of them.

    They are compared in a unit of the feature's own: how far, as a rule, it lies from its median.
    What lies near counts by the unit, and what is far out by a factor (asinh), whatever the scale.
    """

    CAP = 48  # pairs
    STEP = 0.08  # two values nearer than this (asinh scale) are one
    TRIM = 0.98  # beyond this share of the distances a distance counts as the one at this share
    LEAST = 0.01  # the unit is at least this share of the median's size

    def __init__(self) -> None:
        self.values: list[float] = []  # sorted
        self.counts: list[int] = []
        self.places: list[float] = []  # the values in the unit, from the median
        self.middle = self.unit = self.noise = 0.0
        self.learnt = self.stale = 0  # how many values in all, and since the unit was reckoned

    def _refresh(self, least: float) -> None:
        """Reckon the median and the unit anew: a mean distance that single ones do not stretch."""
        values, counts = self.values, self.counts
        total = sum(counts)
        upto = list(accumulate(counts))
        self.middle = middle = values[bisect_left(upto, total / 2)]
        cut, heap, area, far = self.TRIM * total, 0, 0.0, 0.0
        for distance, count in sorted(
            (abs(v - middle), c) for v, c in zip(values, counts, strict=True)
        ):
            if heap + count > cut:
                if heap < cut:
                    far = far or distance
                    area += far * (cut - heap)
                break
            area += distance * count
            heap += count
            far = distance
        area += far * (total - cut)
        # 1.25: then it is a standard deviation, if the feature is normally distributed.
        self.unit = unit = max(
            1.25 * area / total, 1.25 * self.noise, self.LEAST * abs(middle), least, 1e-9
        )
        self.places = [asinh((v - middle) / unit) for v in values]
        self.stale = 0

    def learn(self, value: float, least: float = 0.0) -> None:
        """Know a value from now on.

        Parameters
        ----------
        value
            Of the feature.
        least
            The unit is at least this.
        """
        self.learnt += 1
        self.stale += 1
        values, counts = self.values, self.counts
        if self.unit:
            places = self.places
            place = asinh((value - self.middle) / self.unit)
            i = bisect_left(places, place)
            below = place - places[i - 1] if i else _FAR
            above = places[i] - place if i < len(places) else _FAR
            if below < above and below < self.STEP:
                counts[i - 1] += 1
            elif above < self.STEP:
                counts[i] += 1
            else:
                i = bisect_left(values, value)
                values.insert(i, value)
                counts.insert(i, 1)
                places.insert(i, place)
                if len(values) > self.CAP:
                    self._merge()
        else:  # no unit yet: keep every value
            i = bisect_left(values, value)
            if i < len(values) and values[i] == value:
                counts[i] += 1
            else:
                values.insert(i, value)
                counts.insert(i, 1)
                self.places.insert(i, 0.0)
        if self.stale >= (32 if self.learnt > 200 else 8):
            self._refresh(least)

    def farthest(self) -> float:
        """How far from the median a known value is at most, a unit more: near ones are one."""
        if not self.unit:
            return 0.0
        return self.unit + max(self.values[-1] - self.middle, self.middle - self.values[0])

    def _merge(self) -> None:
        """Make one of the two that lie nearest to each other: the rarer is taken for the other."""
        places, counts = self.places, self.counts
        gaps = [b - a for a, b in pairwise(places)]
        i = gaps.index(min(gaps))
        keep, drop = (i, i + 1) if counts[i] >= counts[i + 1] else (i + 1, i)
        counts[keep] += counts[drop]
        del self.values[drop], counts[drop], places[drop]

    def distances(self, value: float) -> tuple[float, float]:
        """How far a value is from the nearest known one, and from the median, on the asinh scale.

        Parameters
        ----------
        value
            Of the feature.
        """
        if not self.unit:
            return 0.0, 0.0
        places = self.places
        place = asinh((value - self.middle) / self.unit)
        i = bisect_left(places, place)
        nearest = place - places[i - 1] if i else _FAR
        if i < len(places) and places[i] - place < nearest:
            nearest = places[i] - place
        return nearest, abs(place)

    def state(self) -> list[Any]:
        """All that it knows, as JSON can hold it."""
        return [
            list(self.values), list(self.counts), self.middle, self.unit,
            self.learnt, self.stale, self.noise,
        ]  # fmt: skip

    @classmethod
    def from_state(cls, state: list[Any]) -> Memory:
        """The memory that had this state."""
        memory = cls()
        values, counts, memory.middle, memory.unit, memory.learnt, memory.stale, memory.noise = (
            state
        )
        memory.values, memory.counts = list(values), list(counts)
        memory.places = [
            asinh((v - memory.middle) / memory.unit) if memory.unit else 0.0 for v in values
        ]
        return memory
