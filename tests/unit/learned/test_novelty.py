"""The detector: what it reports, what it keeps, and how often it is right."""

from __future__ import annotations

import csv
import json
import random
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cpuwatch import readings, sql
from cpuwatch.alerts import score
from cpuwatch.learned import THRESHOLD, Learned
from cpuwatch.settings import ROOT

NAB = ROOT / "data" / "nab"
SHARED = ROOT.parent / "shared"
WINDOW = pd.Timedelta("30s")

Series = list[tuple[float, float]]


def series(path: Path) -> Series:
    with path.open(newline="") as file:
        return [
            (
                datetime.fromisoformat(row["timestamp"]).replace(tzinfo=timezone.utc).timestamp(),
                float(row["value"]),
            )
            for row in csv.DictReader(file)
        ]


def scores(given: Iterable[tuple[float, float]]) -> list[float]:
    detector = Learned()
    return [detector.update(moment, value) for moment, value in given]


@pytest.fixture(scope="module")
def database() -> Series:
    return series(NAB / "rds_cpu_utilization_cc0c53.csv")


def normal(count: int, every: float = 300.0, seed: int = 1) -> Series:
    numbers = np.random.RandomState(seed).normal(20, 2, count).tolist()
    return [(every * place, value) for place, value in enumerate(numbers)]


def test_both_anomalies_of_a_real_series_are_reported_and_hardly_anything_else(
    database: Series,
) -> None:
    marked = [("2014-02-24T22:50", "2014-02-25T15:35"), ("2014-02-26T16:30", "2014-02-27T09:10")]
    reports = [
        datetime.fromtimestamp(moment, timezone.utc)
        for (moment, _), found in zip(database, scores(database), strict=True)
        if found >= THRESHOLD
    ]
    spans = [tuple(datetime.fromisoformat(f"{one}+00:00") for one in span) for span in marked]
    within = [sum(first <= at <= last for at in reports) for first, last in spans]
    assert all(within)
    assert len(reports) - sum(within) <= 4


def test_scores_are_between_none_and_one(database: Series) -> None:
    found = scores(database)
    assert min(found) == 0.0 and max(found) < 1.0


def test_it_never_looks_ahead(database: Series) -> None:
    whole = scores(database)
    assert scores(database[:1700]) == whole[:1700]


def test_a_state_that_was_kept_goes_on_as_if_nothing_had_been(database: Series) -> None:
    whole, detector, found = scores(database), Learned(), []
    for place, (moment, value) in enumerate(database):
        if place % 89 == 0:
            detector = Learned.from_state(json.loads(json.dumps(detector.state())))
        found.append(detector.update(moment, value))
    assert found == whole


@pytest.mark.parametrize("factor", [0.01, 1000.0])
def test_the_unit_of_the_readings_does_not_matter(database: Series, factor: float) -> None:
    scaled = [(moment, value * factor) for moment, value in database]
    reports = [one >= THRESHOLD for one in scores(database)]
    assert [one >= THRESHOLD for one in scores(scaled)] == reports


def numbers(found: object) -> Iterator[float]:
    if isinstance(found, (list, tuple)):
        for one in found:
            yield from numbers(one)
    elif isinstance(found, dict):
        yield from numbers(list(found.values()))
    elif isinstance(found, (int, float)):
        yield found


@pytest.mark.parametrize("every", [0.001, 1.0, 300.0])
def test_what_it_keeps_of_a_series_is_bounded(every: float) -> None:
    chance, detector, most = random.Random(3), Learned(), 0
    for place in range(30_000):
        # Ever new values, on ever other scales.
        value = chance.gauss(0, 1) * 10 ** chance.uniform(-3, 6)
        detector.update(every * place, value)
        if place % 500 == 0:
            most = max(most, sum(1 for _ in numbers(detector.state())))
    assert most <= 700


def test_a_step_is_reported_once_and_a_short_burst_never() -> None:
    quiet = normal(2000, every=1.0)
    burst = [(at, 90.0 if 1500 <= at < 1506 else value) for at, value in quiet]
    assert not any(one >= THRESHOLD for one in scores(burst))
    step = [(at, value + 40 if at >= 1500 else value) for at, value in quiet]
    reports = [at for (at, _), one in zip(step, scores(step), strict=True) if one >= THRESHOLD]
    assert reports and 1500 <= reports[0] <= 1530
    assert len(reports) <= 3


@pytest.mark.parametrize("usual", [50.0, 0.0, 0.066])
@pytest.mark.parametrize("more", [0.01, 1.0, 40.0])
def test_one_reading_that_is_new_has_no_echo(usual: float, more: float) -> None:
    flat = [(300.0 * at, usual + (more if at == 3000 else 0)) for at in range(4032)]
    reports = [at for at, one in enumerate(scores(flat)) if one >= THRESHOLD]
    assert reports == [3000]


@pytest.mark.parametrize("every", [60.0, 300.0])
def test_what_stays_new_is_reported_once(every: float) -> None:
    again = 0
    for seed in range(20):
        step = [
            (at, value + 40 if place >= 1200 else value)
            for place, (at, value) in enumerate(normal(1500, every, seed))
        ]
        reports = [at for at, one in enumerate(scores(step)) if one >= THRESHOLD and at >= 1200]
        assert reports
        again += len(reports) - 1
    # By chance there is something else that is new now and then.
    assert again <= 2


def test_a_stream_of_nothing_new_is_quiet() -> None:
    assert not any(one >= THRESHOLD for one in scores(normal(20_000, every=1.0)))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 1e200, -1e308])
def test_what_is_no_number_is_no_evidence(value: float) -> None:
    given, detector = normal(400), Learned()
    for moment, one in given:
        detector.update(moment, one)
    before = detector.state()
    assert detector.update(given[-1][0] + 300, value) == 0.0
    assert detector.state() == before


def test_what_is_late_or_comes_twice_is_no_evidence_and_a_clock_set_back_is_followed() -> None:
    given, detector = normal(400), Learned()
    for moment, one in given:
        detector.update(moment, one)
    assert detector.update(given[-1][0], 99.0) == 0.0
    assert detector.update(given[-50][0], 99.0) == 0.0
    for place in range(300):
        detector.update(-1_000_000.0 + 300 * place, 20.0)
    assert detector.update(-1_000_000.0 + 300 * 301, 95.0) >= THRESHOLD


def alerts(seed: int) -> pd.DataFrame:
    """The windows of the fleet in which a reading is reported."""
    fleet, found = readings.fleet(seed), []
    for (host, cpu), one in fleet.groupby(["hostname", "cpu"], sort=False):
        moments = one["occurred_at"].tolist()
        given = zip((moment / 1000 for moment in moments), one["usage"].tolist(), strict=True)
        for moment, value in zip(moments, scores(given), strict=True):
            if value >= THRESHOLD:
                start = pd.Timestamp(moment // 30_000 * 30_000, unit="ms", tz="UTC")
                found.append((host, cpu, start, start + WINDOW))
    columns = ["hostname", "cpu", "window_start", "window_end"]
    return pd.DataFrame(found, columns=columns).drop_duplicates(ignore_index=True)


def test_every_incident_of_twenty_fleets_is_found_and_none_is_invented() -> None:
    rows = []
    for seed in range(20):
        result = score(alerts(seed), readings.incidents(seed))
        rows.append((seed, result.precision, result.recall))
    table = pd.DataFrame(rows, columns=["seed", "precision", "recall"])
    print("\n" + table.to_string(index=False))
    assert (table["precision"] >= 0.9).all() and (table["recall"] >= 0.9).all()


@pytest.mark.skipif(
    not (SHARED / "tools" / "nab_score.py").exists(),
    reason="the benchmark's other series and its scorer do not ship with the project",
)
def test_by_the_benchmark(tmp_path: Path) -> None:
    for path in (SHARED / "data" / "nab").glob("*.csv"):
        lines = "\n".join(["anomaly_score", *map(repr, scores(series(path)))])
        (tmp_path / path.name).write_text(lines)
    command = [sys.executable, SHARED / "tools" / "nab_score.py", tmp_path, str(THRESHOLD)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    print(said)
    total = re.search(r"yours\s+([\d.]+)", said)
    assert total is not None and float(total[1]) >= 80


def test_sql_has_the_same_threshold() -> None:
    assert f"anomaly_score >= {THRESHOLD} AS is_over" in sql.source("cpu_judged_by_score")
