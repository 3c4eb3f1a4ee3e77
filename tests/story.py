"""What all jobs have made of the fleet, against pandas; for tests that bring them about."""

from __future__ import annotations

import pandas as pd
import twin

from cpuwatch import readings, results, thresholds


def write_thresholds() -> None:
    """Put the workshop's thresholds into the stack's database."""
    database = thresholds.engine()
    thresholds.create(database)
    thresholds.write(database, readings.THRESHOLDS)
    database.dispose()


def assert_results(sent: pd.DataFrame, closed: pd.DataFrame) -> None:
    """The outputs of `cpu_agg`, `cpu_over` and `cpu_filter` are those of pandas.

    Parameters
    ----------
    sent
        The readings.
    closed
        Their averages, as `twin.averages` makes them, of the windows that are closed.
    """
    order = ["window_start", "hostname", "cpu"]
    found = results.read("cpu_out_agg").sort_values(order, ignore_index=True)
    twin.assert_equal(found, closed)
    over = results.read("cpu_out_over").sort_values(order, ignore_index=True)
    twin.assert_equal(over, twin.alerts(closed, readings.THRESHOLDS))
    filtered = results.read("cpu_out_filter").sort_values(["time_ltz", "hostname", "cpu"])
    pd.testing.assert_frame_equal(
        filtered.rename(columns={"time_ltz": "time"}).reset_index(drop=True),
        twin.filtered(sent),
        check_dtype=False,
    )
