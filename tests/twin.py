"""The pipeline a second time, in pandas alone: what the jobs' output has to equal.

It shares no code with cpuwatch. Times are epoch milliseconds on the way in, and whole
UTC timestamps on the way out, as in the files that `cpuwatch demo --out` writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

WINDOW_COLUMNS = ["window_start", "window_end", "hostname", "cpu"]


def filtered(readings: pd.DataFrame, above: float = 80.0) -> pd.DataFrame:
    """The readings over a fixed limit: columns time, hostname, cpu, usage."""
    found = readings[readings["usage"] > above]
    found = found.assign(time=pd.to_datetime(found["occurred_at"], unit="ms", utc=True))
    columns = ["time", "hostname", "cpu", "usage"]
    return found[columns].sort_values(columns, ignore_index=True)


def averages(readings: pd.DataFrame, window_seconds: int) -> pd.DataFrame:
    """Average, maximum and count per window, hostname and cpu.

    Windows are aligned to the epoch, [start, end).
    """
    length = 1000 * window_seconds
    start = readings["occurred_at"] // length * length  # in whole numbers: no rounding
    found = (
        readings.assign(window_start=start, window_end=start + length)
        .groupby(WINDOW_COLUMNS, as_index=False, observed=True)["usage"]
        .agg(usage_avg="mean", usage_max="max", readings="count")
    )
    for name in ("window_start", "window_end"):
        found[name] = pd.to_datetime(found[name], unit="ms", utc=True)
    return found.sort_values(["window_start", "hostname", "cpu"], ignore_index=True)


def alerts(
    averages: pd.DataFrame, thresholds: Mapping[str, float], default: float = 80.0
) -> pd.DataFrame:
    """The averages over their host's threshold, with it as `allowed_top`."""
    allowed = averages["hostname"].map(dict(thresholds)).fillna(default).astype("float64")
    found = averages.assign(allowed_top=allowed)
    return found[found["usage_avg"] > found["allowed_top"]].reset_index(drop=True)


def unusual(averages: pd.DataFrame) -> pd.DataFrame:
    """The averages that are more than three spreads over what their cpu had before.

    A spread of less than a point counts as one, and five windows have to be known.
    """
    found = averages.sort_values("window_start", kind="stable")
    usage = found["usage_avg"]
    series = [found["hostname"], found["cpu"]]
    count = usage.groupby(series).cumcount() + 1
    # One after the other, as Flink does: pandas' own cumsum makes up for what rounding loses.
    total = usage.groupby(series).transform(lambda one: np.cumsum(one.to_numpy()))
    squares = (usage * usage).groupby(series).transform(lambda one: np.cumsum(one.to_numpy()))
    spread = ((squares - total * total / count) / count).clip(lower=0) ** 0.5
    found["usual"] = (total / count).groupby(series).shift()
    found["spread"] = spread.groupby(series).shift()
    over = usage > found["usual"] + 3 * found["spread"].clip(lower=1)
    found = found[(count > 5) & over]
    columns = [*WINDOW_COLUMNS, "usage_avg", "usual", "spread"]
    return found[columns].sort_values(["window_start", "hostname", "cpu"], ignore_index=True)


def read_csv(path: str | Path) -> pd.DataFrame:
    """A table that `cpuwatch demo --out` wrote, with its types."""
    table = pd.read_csv(
        path,
        dtype={"hostname": str, "cpu": str},
        keep_default_na=False,
        float_precision="round_trip",  # the default is off by one in the last digit
    )
    for name in {"hostname", "cpu"} & set(table.columns):
        # What a spreadsheet would take for a formula has a quote before it.
        table[name] = table[name].str.replace(
            "^'(?='*[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20])", "", regex=True
        )
    for name in {"time", "window_start", "window_end"} & set(table.columns):
        table[name] = pd.to_datetime(table[name], format="ISO8601", utc=True)
    return table


def assert_equal(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    """Equal in every row and column; averages within 1e-9, all else exactly."""
    exact = [name for name in expected.columns if name != "usage_avg"]
    assert list(found.columns) == list(expected.columns)
    pd.testing.assert_frame_equal(
        found[exact], expected[exact], check_exact=True, check_dtype=False
    )
    if "usage_avg" in expected:
        pd.testing.assert_series_equal(
            found["usage_avg"], expected["usage_avg"], rtol=1e-9, atol=0, check_dtype=False
        )
