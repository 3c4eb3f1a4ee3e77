"""Scores beside the readings that they belong to, in the order in which these came."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from cpuwatch.spool import Spool

#: The order of a series, and within it that of the readings' arrival.
_BY_SERIES = "hostname, cpu, {time}, rowid"


def in_order_of_arrival(readings: Spool, scores: Spool, rejected: Sequence[int] = ()) -> Spool:
    """Each row of a file with its score, in the order in which they came.

    Parameters
    ----------
    readings
        hostname, cpu, usage, occurred_at (epoch milliseconds).
    scores
        hostname, cpu, time_ltz, anomaly_score: those of a series in the order of its readings.
    rejected
        For each row that is no reading how many readings came before it. Such a row is no
        evidence: its score is 0, and the rest of it is empty.

    Returns
    -------
    Spool
        time (UTC), hostname, cpu (text), usage (percent), anomaly_score (0 to 1); a reading that
        came too late to be scored has none.
    """
    found = Spool(
        {
            "place": "whole",
            "time": "time",
            "hostname": "text",
            "cpu": "text",
            "usage": "real",
            "anomaly_score": "real",
        },
        ["place"],
    )
    waiting = scores.each(
        "SELECT hostname, cpu, time_ltz / 1000000, anomaly_score FROM rows"
        f" ORDER BY {_BY_SERIES.format(time='time_ltz')}"
    )
    given = readings.each(
        "SELECT hostname, cpu, occurred_at, usage, rowid FROM rows"
        f" ORDER BY {_BY_SERIES.format(time='occurred_at')}"
    )
    following = next(waiting, None)
    part: list[tuple[object, ...]] = []
    for hostname, cpu, moment, usage, place in given:
        score = None
        if following is not None and following[:3] == (hostname, cpu, moment):
            score = following[3]
            following = next(waiting, None)
        part.append((place, moment * 1_000_000, hostname, cpu, usage, score))
        if len(part) == 50_000:
            found.add(part)
            part = []
    found.add(part)
    # Of rows with the same place those come first that were added first: the reading itself.
    found.add((place, None, None, None, None, 0.0) for place in rejected)
    return found


def seconds_out_of_order(parts: Iterable[pd.DataFrame]) -> int:
    """For how many seconds who reads scores by their times has to wait, to lose none of them.

    Those of a series come in order, and those of several as it happens: each worker writes many at
    once, and one may be ahead.

    Parameters
    ----------
    parts
        All scores: partition, time_ltz; those of a partition in its order.

    Returns
    -------
    int
        More than the time by which a score is older than any before it in its partition.
    """
    latest: dict[object, int] = {}
    most = -1
    for part in parts:
        for number, times in part.groupby("partition")["time_ltz"]:
            moments = times.dt.as_unit("ns").astype("int64").to_numpy()
            before = latest.get(number, int(moments[0]))
            highest = np.maximum(np.maximum.accumulate(moments), before)
            latest[number] = int(highest[-1])
            most = max(most, int((highest - moments).max()))
    return most // 1_000_000_000 + 1
