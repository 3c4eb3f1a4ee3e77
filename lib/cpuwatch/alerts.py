"""Alerts: consecutive ones are one episode, and how good they are against labelled incidents.

A DataFrame of alerts has one row for each window whose average is over the threshold, with the
columns window_start and window_end (UTC), hostname, cpu, usage_avg, usage_max, readings and
allowed_top.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

_EPISODE_COLUMNS = [
    "id",
    "hostname",
    "cpu",
    "opened",
    "closed",
    "peak_avg",
    "allowed_top",
    "windows",
]


def episodes(alerts: pd.DataFrame, window: pd.Timedelta) -> pd.DataFrame:
    """Join the consecutive alerts of one cpu to episodes.

    Parameters
    ----------
    alerts : pandas.DataFrame
        Alerts in any order. The same window twice counts once: delivery is at least once.
    window : pandas.Timedelta
        Length of a window. An episode ends where the next window is no alert.

    Returns
    -------
    pandas.DataFrame
        One row an episode, by opened, hostname and cpu: id (hostname/cpu/opened), hostname,
        cpu, opened (start of the first window), closed (end of the last), peak_avg (highest
        average, percent), allowed_top (threshold at the first window), windows (how many).

    Raises
    ------
    ValueError
        If the window is not longer than nothing.
    """
    if not window > pd.Timedelta(0):
        raise ValueError(f"window {window} is not longer than 0 seconds")
    series = ["hostname", "cpu"]
    ordered = alerts.drop_duplicates([*series, "window_start"]).sort_values(
        [*series, "window_start"], ignore_index=True
    )
    # A window that does not follow on the one before it, of the same cpu, opens an episode.
    opens = ordered.groupby(series)["window_start"].diff() != window
    found = (
        ordered.assign(episode=opens.cumsum())
        .groupby("episode")
        .agg(
            hostname=("hostname", "first"),
            cpu=("cpu", "first"),
            opened=("window_start", "first"),
            closed=("window_end", "last"),
            peak_avg=("usage_avg", "max"),
            allowed_top=("allowed_top", "first"),
            windows=("window_start", "size"),
        )
    )
    found["id"] = [
        f"{host}/{cpu}/{_iso(opened)}"
        for host, cpu, opened in zip(found.hostname, found.cpu, found.opened, strict=True)
    ]
    return found[_EPISODE_COLUMNS].sort_values(["opened", *series], ignore_index=True)


def _iso(moment: pd.Timestamp) -> str:
    text = moment.tz_convert("UTC").isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z").replace(".000Z", "Z")


@dataclass(frozen=True, eq=False)
class Score:
    """How good a set of alerts is.

    Attributes
    ----------
    incidents : pandas.DataFrame
        The incidents, each with found (bool), alerts (how many belong to it), first_alert
        (start of the first such window, or NaT) and delay (from the start of the incident to
        the end of that window, when the average was known; or NaT).
    invented : pandas.DataFrame
        The alerts that belong to no incident that deserves one.
    precision : float
        Share of the alerts that belong to an incident that deserves one; NaN without alerts.
    recall : float
        Share of the incidents that deserve an alert and have one; NaN without such incidents.
    """

    incidents: pd.DataFrame
    invented: pd.DataFrame
    precision: float
    recall: float

    @property
    def missed(self) -> pd.DataFrame:
        """Return the incidents that deserve an alert and have none."""
        return self.incidents[self.incidents["deserves_alert"] & ~self.incidents["found"]]


def score(alerts: pd.DataFrame, incidents: pd.DataFrame) -> Score:
    """Compare alerts with the labelled incidents.

    An alert belongs to an incident of its host if its window overlaps the incident, or begins
    within one window after the incident's end.

    Parameters
    ----------
    alerts : pandas.DataFrame
        Needs hostname, window_start and window_end. To score filtered readings, let the
        reading's time be window_start, and one second later window_end.
    incidents : pandas.DataFrame
        As `cpuwatch.readings.incidents` returns them.

    Returns
    -------
    Score
    """
    host = alerts["hostname"].to_numpy()
    starts, ends = alerts["window_start"], alerts["window_end"]
    deserved = np.zeros(len(alerts), dtype=bool)
    counts: list[int] = []
    firsts: list[object] = []
    delays: list[object] = []
    for incident in incidents.to_dict("records"):
        begin, end = incident["start"], incident["end"]
        belongs = (
            (host == incident["hostname"])
            & (ends > begin).to_numpy()
            & (starts < end + (ends - starts)).to_numpy()
        )
        if incident["deserves_alert"]:
            deserved |= belongs
        counts.append(int(belongs.sum()))
        firsts.append(starts[belongs].min() if belongs.any() else pd.NaT)
        delays.append(ends[belongs].min() - begin if belongs.any() else pd.NaT)
    judged = incidents.assign(
        found=np.array(counts, dtype=np.int64) > 0,
        alerts=np.array(counts, dtype=np.int64),
        first_alert=pd.Series(firsts, index=incidents.index, dtype="datetime64[ns, UTC]"),
        delay=pd.Series(delays, index=incidents.index, dtype="timedelta64[ns]"),
    )
    found = judged.loc[judged["deserves_alert"].astype(bool), "found"]
    return Score(
        incidents=judged,
        invented=alerts[~deserved],
        precision=float(deserved.mean()) if len(alerts) else float("nan"),
        recall=float(found.mean()) if len(found) else float("nan"),
    )
