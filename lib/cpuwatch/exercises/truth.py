"""What is right, in pandas: from the records that the topics hold now, whoever sent them.

So an attendee who sent readings of their own is judged by those.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from cpuwatch import thresholds, topics
from cpuwatch.exercises import held
from cpuwatch.pipeline import WORKSHOP
from cpuwatch.readings.reading import COLUMNS, PIPELINE_TIMES, wrong_names


def readings(topic: str = topics.READINGS) -> pd.DataFrame:
    """The readings in a topic: hostname, cpu, usage, occurred_at, partition, time_ltz."""
    found = held.records(topic).reindex(columns=[*COLUMNS, "partition"])
    usage = pd.to_numeric(found["usage"], errors="coerce")
    moment = pd.to_numeric(found["occurred_at"], errors="coerce")
    names = found["hostname"].notna() & found["cpu"].notna()
    good = names & usage.between(0, 100) & moment.between(*PIPELINE_TIMES)
    found = found[good].assign(usage=usage[good], occurred_at=moment[good].astype("int64"))
    pairs = found[["hostname", "cpu"]].astype(str).drop_duplicates()
    odd = pairs[[wrong_names(*pair) is not None for pair in pairs.itertuples(index=False)]]
    if len(odd):
        marked = found.merge(odd, how="left", on=["hostname", "cpu"], indicator=True)
        found = found[(marked["_merge"] == "left_only").to_numpy()]
    return found.assign(time_ltz=moments(found["occurred_at"])).reset_index(drop=True)


def windows(
    one: pd.DataFrame,
    length: int = WORKSHOP.window,
    by: Sequence[str] = ("hostname", "cpu"),
    step: int | None = None,
) -> pd.DataFrame:
    """Average, maximum and number of the readings in each window, those still open too.

    Parameters
    ----------
    one
        From `readings`.
    length
        Of a window, in seconds.
    by
        For what there are windows of their own.
    step
        In seconds: how much later the next one begins. By default, when this one ends.

    Returns
    -------
    pandas.DataFrame
        window_start, window_end, the columns of `by`, usage_avg, usage_max, readings.
    """
    step = length if step is None else step
    parts = []
    for back in range(length // step):
        start = one["occurred_at"] // (1000 * step) * (1000 * step) - back * 1000 * step
        parts.append(one.assign(window_start=start))
    keys = ["window_start", *by]
    made = pd.concat(parts).groupby(keys, as_index=False)["usage"]
    found = made.agg(usage_avg="mean", usage_max="max", readings="count")
    end = found["window_start"] + 1000 * length
    found = found.assign(window_start=moments(found["window_start"]), window_end=moments(end))
    order = ["window_start", "window_end", *by, "usage_avg", "usage_max", "readings"]
    return pd.DataFrame(found[order])


def limits() -> pd.DataFrame:
    """The thresholds in PostgreSQL: hostname, allowed_top."""
    engine = thresholds.engine()
    try:
        return thresholds.read(engine)
    finally:
        engine.dispose()


def tops(hostnames: pd.Series[Any]) -> pd.Series[Any]:
    """For each of these hosts its limit as it is now; one without has the pipeline's."""
    known = limits().set_index("hostname")["allowed_top"]
    return hostnames.map(known).fillna(WORKSHOP.default_top)


def moments(ms: pd.Series[Any]) -> pd.Series[Any]:
    """Epoch milliseconds as times."""
    return pd.to_datetime(ms, unit="ms", utc=True).dt.as_unit("ns")
