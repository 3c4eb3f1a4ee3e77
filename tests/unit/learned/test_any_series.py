"""A file of one series, whatever its values: with the rule that learns each row has a score."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cpuwatch import demo, learned
from cpuwatch.demo.writing import write_csv
from cpuwatch.readings import ReadingsError
from cpuwatch.spool import Spool

COUNT = 600
TIMES = pd.date_range("2014-02-14 14:30:00", periods=COUNT, freq="5min")

Rows = list[tuple[str, object]]


def chance() -> np.random.RandomState:
    return np.random.RandomState(3)


def usual(values: object = None) -> Rows:
    """A row every five minutes."""
    if values is None:
        values = chance().normal(20, 2, COUNT).round(3)
    texts = TIMES.strftime("%Y-%m-%d %H:%M:%S").tolist()
    return list(zip(texts, list(values), strict=True))  # type: ignore[call-overload]


def in_place(values: dict[int, object]) -> Rows:
    return [(when, values.get(at, value)) for at, (when, value) in enumerate(usual())]


def day_of_25_hours() -> Rows:
    """The clock was set back by an hour: twelve moments come twice."""
    times = TIMES[:300].append(TIMES[300:] - pd.Timedelta("1h"))
    return [(f"{when}", value) for when, (_, value) in zip(times, usual(), strict=True)]


def twice() -> Rows:
    rows = usual()
    return [*rows[:300], rows[299], (rows[299][0], 33.3), *rows[300:-2]]


def with_gaps() -> Rows:
    return [row for at, row in enumerate(usual()) if at % 7 and not 200 <= at < 250]


def out_of_order() -> Rows:
    rows = usual()
    return [rows[at] for at in chance().permutation(COUNT)]


SERIES: dict[str, Callable[[], Rows]] = {
    "below 1%": lambda: usual(chance().choice([0.066, 0.068, 0.134], COUNT)),
    "between 0 and 1": lambda: usual(chance().rand(COUNT).round(4)),
    "hardly above 1": lambda: usual((0.9 + chance().rand(COUNT) * 0.15).round(3)),
    "tiny": lambda: usual([f"{value:.0e}" for value in chance().rand(COUNT) * 1e-4 + 1e-6]),
    "all 0": lambda: usual(["0.0"] * COUNT),
    "all 1": lambda: usual(["1.0"] * COUNT),
    "all 50": lambda: usual([50] * COUNT),
    "0, and three others": lambda: usual([0.0] * (COUNT - 3) + [0.5, 0.6, 0.2]),
    "whole numbers": lambda: usual(chance().randint(0, 101, COUNT)),
    "nearly all below 1": lambda: usual([97.5, *chance().rand(COUNT - 1)]),
    "slightly over 100": lambda: usual((99 + chance().rand(COUNT) * 1.4).round(3)),
    "a day of 25 hours": day_of_25_hours,
    "moments that come twice": twice,
    "gaps": with_gaps,
    "out of order": out_of_order,
}

#: Rows that are no readings, and their places.
NONE: dict[str, dict[int, object]] = {
    "no number": {0: "NaN", 300: "", 301: "null", COUNT - 1: "-"},
    "over 100.5": {7: 101.7, 300: 100.6, 301: -3},
    "one after the other": dict.fromkeys(range(100, 140), "NaN"),
}


def write(folder: Path, rows: Rows) -> Path:
    path = folder / "ec2_cpu_utilization_aaaaaa.csv"
    path.write_text("\n".join(["timestamp,value", *(f"{when},{value}" for when, value in rows)]))
    return path


def scored(path: Path, folder: Path) -> list[dict[str, str]]:
    """What the demo writes into scores.csv, of what the detector says of each reading."""
    given = demo.read_input(path, rule="learned")
    detector = learned.Learned()
    kinds = {"time_ltz": "time", "hostname": "text", "cpu": "text", "anomaly_score": "real"}
    scores = Spool(kinds, ["hostname", "cpu", "time_ltz"])  # type: ignore[arg-type]
    scores.add(
        (moment * 1_000_000, host, cpu, detector.update(moment / 1000, usage))
        for host, cpu, usage, moment in given.readings.rows()
    )
    found = learned.in_order_of_arrival(given.readings, scores, given.before)
    out = folder / "scores.csv"
    write_csv(out, (part.drop(columns="place") for part in found.parts()))
    with out.open(newline="") as file:
        return list(csv.DictReader(file))


def assert_of(rows: Rows, found: list[dict[str, str]], none: dict[int, object]) -> None:
    assert len(found) == len(rows)
    for at, ((when, value), one) in enumerate(zip(rows, found, strict=True)):
        score = float(one["anomaly_score"])
        assert 0 <= score < 1
        if at in none:
            assert (one["time"], one["hostname"], one["usage"], score) == ("", "", "", 0)
        else:
            assert one["time"] == when.replace(" ", "T") + "Z"
            assert float(one["usage"]) == min(float(str(value)), 100.0)


@pytest.mark.parametrize("name", SERIES)
def test_each_row_has_a_score(tmp_path: Path, name: str) -> None:
    rows = SERIES[name]()
    assert_of(rows, scored(write(tmp_path, rows), tmp_path), {})


@pytest.mark.parametrize("name", NONE)
def test_a_row_that_is_no_reading_has_none_of_its_own_in_its_place(
    tmp_path: Path, name: str
) -> None:
    rows = in_place(NONE[name])
    path = write(tmp_path, rows)
    assert_of(rows, scored(path, tmp_path), NONE[name])
    assert len(demo.read_input(path, rule="learned").rejected) == len(NONE[name])


def test_small_values_are_percent_with_a_word_and_thresholds_refuse_them(tmp_path: Path) -> None:
    path = write(tmp_path, SERIES["below 1%"]())
    told = demo.read_input(path, rule="learned").sentences()
    assert any(
        one.startswith("Attention: all values of value are between 0 and 1")
        and "they are taken for percent; if they are fractions, say --columns 'ratio=value'" in one
        for one in told
    )
    with pytest.raises(ReadingsError, match="probably fractions"):
        demo.read_input(path)


def test_fractions_that_are_said_to_be_some_are_none_the_less(tmp_path: Path) -> None:
    path = write(tmp_path, SERIES["below 1%"]())
    given = demo.read_input(path, columns={"ratio": "value"}, rule="learned")
    assert given.readings.table()["usage"].max() == pytest.approx(13.4)
