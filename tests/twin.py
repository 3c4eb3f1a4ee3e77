"""The pipeline a second time, in pandas: what Flink's results have to equal."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

#: Averages may be added up in another order; nothing else may differ at all.
TOLERANCE = 1e-9


def filtered(readings: pd.DataFrame) -> pd.DataFrame:
    """Readings over 80: time (UTC), hostname, cpu, usage."""
    found = readings[readings["usage"] > 80]
    found = found.assign(time=pd.to_datetime(found["occurred_at"], unit="ms", utc=True))
    columns = ["time", "hostname", "cpu", "usage"]
    return found[columns].sort_values(columns, ignore_index=True)


def averages(readings: pd.DataFrame, window: int) -> pd.DataFrame:
    """Averages, maxima and counts by window of `window` seconds, hostname and cpu."""
    length = window * 1000
    start = readings["occurred_at"] // length * length
    grouped = readings.assign(start=start).groupby(["start", "hostname", "cpu"])["usage"]
    found = grouped.agg(usage_avg="mean", usage_max="max", readings="count").reset_index()
    found["window_start"] = pd.to_datetime(found["start"], unit="ms", utc=True)
    found["window_end"] = pd.to_datetime(found["start"] + length, unit="ms", utc=True)
    columns = ["window_start", "window_end", "hostname", "cpu", "usage_avg", "usage_max"]
    return found[[*columns, "readings"]].sort_values(
        ["window_start", "hostname", "cpu"], ignore_index=True
    )


def alerts(
    windows: pd.DataFrame, thresholds: Mapping[str, float], default: float = 80.0
) -> pd.DataFrame:
    """The windows whose average is over their host's threshold, and that threshold."""
    top = windows["hostname"].map(dict(thresholds)).fillna(default).astype("float64")
    found = windows.assign(allowed_top=top)
    return found[found["usage_avg"] > found["allowed_top"]].reset_index(drop=True)


def assert_same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Row by row the same; exactly, but for averages, which may differ by 1e-9 of themselves."""
    exact = [column for column in expected.columns if column != "usage_avg"]
    pd.testing.assert_frame_equal(found[exact], expected[exact], check_exact=True)
    if "usage_avg" in expected.columns:
        pd.testing.assert_series_equal(
            found["usage_avg"], expected["usage_avg"], rtol=TOLERANCE, atol=0
        )
    assert list(found.columns) == list(expected.columns)
