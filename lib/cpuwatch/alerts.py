"""Windows become episodes, and episodes are scored against labelled incidents.

An episode of one cpu opens with the first window over the host's threshold, goes on while
the next one over it begins within the cooldown, and closes otherwise. The job
`cpu_notification` finds the same in SQL; here it is a second time, in pandas.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cpuwatch import results
from cpuwatch.pipeline import WORKSHOP
from cpuwatch.words import iso

#: The table whose records are transitions.
TRANSITIONS = "cpu_out_alerts"

EPISODE_COLUMNS = [
    "id",
    "hostname",
    "cpu",
    "opened",
    "closed",
    "peak_avg",
    "allowed_top",
    "windows",
]


def transitions(
    windows: pd.DataFrame, cooldown: pd.Timedelta, min_readings: int = WORKSHOP.min_readings
) -> pd.DataFrame:
    """Find when episodes open and close.

    Parameters
    ----------
    windows : pandas.DataFrame
        All windows, over the threshold or not, in any order: window_start, window_end,
        hostname, cpu, usage_avg (percent), readings, allowed_top (percent). The same window
        twice counts once.
    cooldown : pandas.Timedelta
        An episode goes on if a window over the threshold begins at most this long after the
        last one's end.
    min_readings : int
        A window of fewer readings is no evidence, neither way.

    Returns
    -------
    pandas.DataFrame
        A row a transition, as the topic cpu_alerts holds them: id (hostname/cpu/opened),
        event ('opened' or 'closed'), hostname, cpu, opened (start of the first window over),
        closed (end of the last one over; NaT for 'opened'), peak_avg (highest average so
        far), allowed_top (at the opening), windows (how many were over so far); of the window
        that showed it usage_avg, readings and as_of (its end). By as_of, hostname and cpu.
    """
    enough = windows[windows["readings"] >= min_readings]
    ordered = enough.drop_duplicates(["hostname", "cpu", "window_start"]).sort_values(
        ["hostname", "cpu", "window_start"]
    )
    found: list[dict[str, Any]] = []
    for _, series in ordered.groupby(["hostname", "cpu"]):
        found += _transitions(series.to_dict("records"), cooldown)
    table = results.typed(pd.DataFrame(found), TRANSITIONS)
    # The sort is stable: an episode closes before the next one of the same cpu opens.
    return table.sort_values(["as_of", "hostname", "cpu"], kind="stable", ignore_index=True)


def _transitions(series: list[dict[Hashable, Any]], cooldown: pd.Timedelta) -> list[dict[str, Any]]:
    """The transitions of one cpu."""
    found = []
    episode: dict[str, Any] | None = None
    for row in series:
        is_over = row["usage_avg"] > row["allowed_top"]
        shown_by = {name: row[name] for name in ("usage_avg", "readings")}
        shown_by["as_of"] = row["window_end"]
        if episode is not None:
            reached = row["window_start"] if is_over else row["window_end"]
            if reached > episode["closed"] + cooldown:
                found.append({**episode, **shown_by, "event": "closed"})
                episode = None
        if not is_over:
            continue
        if episode is None:
            episode = {
                "id": f"{row['hostname']}/{row['cpu']}/{iso(row['window_start'], 'seconds')}",
                "hostname": row["hostname"],
                "cpu": row["cpu"],
                "opened": row["window_start"],
                "peak_avg": row["usage_avg"],
                "allowed_top": row["allowed_top"],
                "windows": 0,
            }
            found.append({**episode, **shown_by, "event": "opened", "closed": None, "windows": 1})
        episode["closed"] = row["window_end"]  # unless it goes on
        episode["peak_avg"] = max(episode["peak_avg"], row["usage_avg"])
        episode["windows"] += 1
    return found


def episodes(transitions: pd.DataFrame, over: pd.DataFrame | None = None) -> pd.DataFrame:
    """Put transitions together to episodes.

    Parameters
    ----------
    transitions : pandas.DataFrame
        As `transitions` returns them, in any order. The same one twice counts once.
    over : pandas.DataFrame, optional
        The windows over their threshold: hostname, cpu, window_start, usage_avg. With them an
        episode that still goes on is counted to its end so far; a transition tells only of
        its first window.

    Returns
    -------
    pandas.DataFrame
        One row an episode, by opened, hostname and cpu: id, hostname, cpu, opened, closed
        (NaT while it goes on), peak_avg (highest average, percent), allowed_top (threshold at
        the opening), windows (how many were over).
    """
    # 'closed' comes before 'opened' in the alphabet, and knows more.
    latest = transitions.sort_values("event", kind="stable").drop_duplicates("id")
    found = latest[EPISODE_COLUMNS].sort_values(["opened", "hostname", "cpu"], ignore_index=True)
    if over is None:
        return found
    still = found.loc[found["closed"].isna(), ["id", "hostname", "cpu", "opened"]]
    own = still.merge(
        over[["hostname", "cpu", "window_start", "usage_avg"]], on=["hostname", "cpu"]
    )
    averages = own[own["window_start"] >= own["opened"]].groupby("id")["usage_avg"]
    return found.assign(
        peak_avg=found["id"].map(averages.max()).fillna(found["peak_avg"]),
        windows=found["id"].map(averages.count()).fillna(found["windows"]).astype("int64"),
    )


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


def score_episodes(episodes: pd.DataFrame, incidents: pd.DataFrame, window: pd.Timedelta) -> Score:
    """Compare episodes with the labelled incidents, by the window that opened each.

    Parameters
    ----------
    episodes : pandas.DataFrame
        As `episodes` returns them.
    incidents : pandas.DataFrame
        As `cpuwatch.readings.incidents` returns them.
    window : pandas.Timedelta
        Length of a window.

    Returns
    -------
    Score
        With episodes in place of alerts.
    """
    opening = episodes.assign(
        window_start=episodes["opened"], window_end=episodes["opened"] + window
    )
    return score(opening, incidents)
