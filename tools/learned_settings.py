"""How much of the score of the rule that learns hangs on its settings; not part of `make test`.

    .venv/bin/python tools/learned_settings.py FOLDER

FOLDER has series of the Numenta Anomaly Benchmark, as CSV, and windows.json: for each file's name
the beginnings and ends of its anomalies (there: labels/combined_windows.json). The settings are
gap, reach and silence, 168 of them, at the fixed threshold. For each series those are chosen that
are best on all others, and judged on it: what is printed is the table of docs/learned-limits.md.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import product
from math import asinh, exp, sinh
from pathlib import Path
from statistics import median

from cpuwatch.learned import THRESHOLD, Learned

GAPS = (0.08, 0.10, 0.12, 0.14, 0.17, 0.20, 0.25)
REACHES = (3, 4, 5, 6)
SILENCES = (30, 60, 90, 120, 150, 200)

#: The benchmark's standard profile: what a report outside of all windows costs, at most.
FALSE = 0.11

#: So much of a series does not count, and at most so many rows.
PROBATION, MOST = 0.15, 750

Setting = tuple[float, int, int]


@dataclass(frozen=True)
class Series:
    """One series: its readings, and the rows in which each of its windows begins and ends."""

    name: str
    readings: list[tuple[float, float]]
    windows: list[tuple[int, int]]


@dataclass(frozen=True)
class Found:
    """What reports on series are worth, of how many windows, how many were found, and false."""

    worth: float = 0.0
    windows: int = 0
    found: int = 0
    wrong: int = 0

    def __add__(self, other: Found) -> Found:
        return Found(
            self.worth + other.worth,
            self.windows + other.windows,
            self.found + other.found,
            self.wrong + other.wrong,
        )

    @property
    def score(self) -> float:
        """From 0, who never speaks, to 100, who speaks once at the beginning of each window."""
        return 100 * (self.worth + self.windows) / (2 * self.windows)


def seconds(text: str) -> float:
    return datetime.fromisoformat(text[:19]).replace(tzinfo=timezone.utc).timestamp()


def read(folder: Path) -> list[Series]:
    """The series for which there are both windows and a file."""
    found = []
    for path, windows in json.loads((folder / "windows.json").read_text()).items():
        file = folder / Path(path).name
        if not file.exists():
            continue
        with file.open(newline="") as lines:
            rows = [
                (seconds(row["timestamp"]), float(row["value"])) for row in csv.DictReader(lines)
            ]
        spans = [tuple(map(seconds, window)) for window in windows]
        places = [
            (
                min(at for at, (moment, _) in enumerate(rows) if moment >= first),
                max(at for at, (moment, _) in enumerate(rows) if moment <= last),
            )
            for first, last in spans
        ]
        found.append(Series(file.stem, rows, sorted(places)))
    return found


def falling(place: float) -> float:
    """From 1 long before the end of a window to -1 long after it."""
    return -1.0 if place > 3 else 2 / (1 + exp(5 * place)) - 1


def judged(series: Series, reports: Iterable[int]) -> Found:
    """What reports in these rows are worth; of those in a window the best one counts."""
    best: dict[tuple[int, int], float] = {}
    worth, wrong = 0.0, 0
    for row in reports:
        if row < min(int(PROBATION * len(series.readings)), MOST):
            continue
        within = next((one for one in series.windows if one[0] <= row <= one[1]), None)
        if within is not None:
            first, last = within
            value = falling(-(last - row + 1) / (last - first + 1)) / falling(-1.0)
            best[within] = max(best.get(within, -1.0), value)
            continue
        before = [(first, last) for first, last in series.windows if last < row]
        width = before[-1][1] - before[-1][0] if before else 0
        worth += FALSE * (falling((row - before[-1][1]) / width) if width else -1.0)
        wrong += 1
    missed = len(series.windows) - len(best)
    return Found(worth + sum(best.values()) - missed, len(series.windows), len(best), wrong)


class _Kept(Learned):
    """Keeps how far each value was from what was known: that hangs on no setting."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[tuple[float, float, int]] = []

    def _distances(self, feature: int, value: float) -> tuple[float, float, int]:
        self.kept.append(super()._distances(feature, value))
        return self.kept[-1]


class _Told(Learned):
    """Is told those distances, and so remembers nothing."""

    def __init__(self, kept: Iterator[tuple[float, float, int]]) -> None:
        super().__init__()
        self._kept = kept

    def _distances(self, feature: int, value: float) -> tuple[float, float, int]:
        return next(self._kept)


def of_all_settings(series: Series) -> dict[Setting, Found]:
    """What each setting finds in a series."""
    first = _Kept()
    for reading in series.readings:
        first.update(*reading)
    found: dict[Setting, Found] = {}
    for gap, reach, silence in product(GAPS, REACHES, SILENCES):
        detector = _Told(iter(first.kept))
        detector.GAP, detector.REACH, detector.SILENT = gap, asinh(reach), silence
        scores = [detector.update(*reading) for reading in series.readings]
        found[gap, reach, silence] = judged(
            series, (row for row, score in enumerate(scores) if score >= THRESHOLD)
        )
    return found


def together(found: Iterable[Found]) -> Found:
    return sum(found, Found())


def table(
    series: list[Series], found: dict[str, dict[Setting, Found]], say: Callable[[str], None]
) -> None:
    """Say the table, in Markdown."""
    settings = list(next(iter(found.values())))
    say("| judged on | gap, reach, silence | score | windows found | false rows |")
    say("|---|---|---|---|---|")
    held = []
    for one in series:
        others = [found[other.name] for other in series if other is not one]
        best = max(settings, key=lambda key: together(its[key] for its in others).score)
        held.append(found[one.name][best])
        say(f"| {one.name} | {_shown(best, held[-1])} |")
    say(f"| **together** | {_shown(None, together(held))} |")
    own = (Learned.GAP, round(sinh(Learned.REACH)), Learned.SILENT)
    ours = together(its[own] for its in found.values())
    say(f"| the rule's own, on all of them | {_shown(own, ours)} |")
    scores = sorted(together(its[key] for its in found.values()).score for key in settings)
    worst, best_of_all = scores[0], scores[-1]
    say(
        f"\nOf all {len(settings)}: worst {worst:.1f}, median {median(scores):.1f},"
        f" best {best_of_all:.1f}."
    )


def _shown(setting: Setting | None, one: Found) -> str:
    chosen = "" if setting is None else "{:g}, {}, {}".format(*setting)
    return f"{chosen} | {one.score:.1f} | {one.found} of {one.windows} | {one.wrong}"


def main() -> None:
    """Read the series, try all settings, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path, help="the series, and windows.json")
    series = read(parser.parse_args().folder)
    table(series, {one.name: of_all_settings(one) for one in series}, print)


if __name__ == "__main__":
    main()
