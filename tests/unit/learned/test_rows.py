"""Scores find their readings, in the order in which these came."""

from __future__ import annotations

from cpuwatch.learned import in_order_of_arrival
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
