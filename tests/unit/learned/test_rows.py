"""Scores find their readings, in the order in which these came."""

from __future__ import annotations

import random

import pandas as pd
import pytest

from cpuwatch import readings
from cpuwatch.learned import in_order_of_arrival, seconds_out_of_order
from cpuwatch.spool import Spool

SECOND = 1_000_000_000


def test_each_reading_has_its_own_score() -> None:
    given = Spool(
        {"hostname": "text", "cpu": "text", "usage": "real", "occurred_at": "whole"},
        ["occurred_at"],
    )
    # Out of order in the file; twice at one moment; one that came too late for a score.
    given.add(
        [
            ("b", "cpu1", 3.0, 2000),
            ("a", "cpu1", 1.0, 1000),
            ("b", "cpu1", 2.0, 1000),
            ("b", "cpu1", 4.0, 2000),
            ("a", "cpu2", 9.0, 500),
        ]
    )
    scores = Spool(
        {"time_ltz": "time", "hostname": "text", "cpu": "text", "anomaly_score": "real"},
        ["hostname", "cpu", "time_ltz"],
    )
    scores.add(
        [
            (1 * SECOND, "b", "cpu1", 0.2),
            (2 * SECOND, "b", "cpu1", 0.3),
            (2 * SECOND, "b", "cpu1", 0.4),
            (1 * SECOND, "a", "cpu1", 0.1),
        ]
    )
    found = in_order_of_arrival(given, scores).table()
    assert found["usage"].tolist() == [3.0, 1.0, 2.0, 4.0, 9.0]
    assert found["anomaly_score"].tolist()[:4] == [0.3, 0.1, 0.2, 0.4]
    assert found["anomaly_score"].isna().tolist() == [False] * 4 + [True]
    assert found["time"].dt.strftime("%S").tolist()[:3] == ["02", "01", "01"]


def written_by(workers: int, seed: int) -> pd.DataFrame:
    """Scores as workers write them: each its own series in order, a thousand at once."""
    chance, fleet = random.Random(seed), readings.fleet()
    keys = list(zip(fleet["hostname"], fleet["cpu"], strict=True))
    worker = {key: chance.randrange(workers) for key in sorted(set(keys))}
    partition = {host: chance.randrange(2) for host in sorted(set(fleet["hostname"]))}
    rows = fleet.assign(
        time_ltz=pd.to_datetime(fleet["occurred_at"], unit="ms", utc=True),
        partition=fleet["hostname"].map(partition),
        worker=[worker[key] for key in keys],
    )
    bundle = rows.groupby("worker").cumcount() // 1000
    return rows.assign(bundle=bundle).sort_values(["bundle", "worker"], kind="stable")


def lost(rows: pd.DataFrame, wait: int) -> int:
    """How many are too late for their windows of 30 s, if their partition is read by itself."""
    seconds = rows["occurred_at"] // 1000
    watermark = seconds.groupby(rows["partition"]).cummax() - wait
    return int((watermark >= seconds // 30 * 30 + 30).sum())


@pytest.mark.parametrize("workers", [1, 2, 4, 8])
def test_who_waits_as_long_as_scores_are_out_of_order_loses_none(workers: int) -> None:
    rows = written_by(workers, seed=workers)
    parts = [rows[at : at + 777] for at in range(0, len(rows), 777)]
    wait = seconds_out_of_order(parts)
    assert lost(rows, wait) == 0
    assert (lost(rows, 10) > 0) == (workers > 1)
    # Of one worker they come as the readings did, and nobody has to wait longer than before.
    assert wait == 1 or workers > 1


def test_of_no_scores_nobody_waits() -> None:
    assert seconds_out_of_order([]) == 0
