"""Figures: what the windows, the thresholds and the alerts look like, host by host."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from cpuwatch.figures.style import (
    INCIDENT,
    TEXT,
    as_it_is,
    colour,
    hosts_in_order,
    plain,
    time_axis,
    times,
)
from cpuwatch.words import length, shorten

Array: TypeAlias = npt.NDArray[Any]
_Span: TypeAlias = tuple[pd.Timestamp, pd.Timestamp]

MOST_PANELS = 8
_CHARACTER_WIDTH = 13  # pixels of such a character, about
_TITLE_PAD = 10  # points between a panel and its name: room for the mark of an alert at 100 %
_SHADE: dict[str, Any] = {"facecolor": INCIDENT, "alpha": 0.4, "edgecolor": "0.5"}  # an incident's
_NAME_LENGTH = 28  # characters of a host's name that fit over a panel


@as_it_is
def alerts_figure(
    windows: pd.DataFrame,
    alerts: pd.DataFrame,
    thresholds: dict[str, float] | None,
    default_threshold: float,
    incidents: pd.DataFrame | None,
    window: pd.Timedelta,
    bad: int = 0,
    late: int = 0,
    hosts: list[str] | None = None,
) -> Figure:
    """Draw the averages of each host against its threshold, with the alerts marked.

    Parameters
    ----------
    windows : pandas.DataFrame
        window_start (UTC), hostname, cpu and usage_avg (percent). Each average is drawn at the
        middle of its window.
    alerts : pandas.DataFrame
        Those of the windows that are over the threshold, with the same columns.
    thresholds : dict of str to float or None
        Threshold by hostname, in percent. None if the alerts follow from no threshold.
    default_threshold : float
        Threshold of a host that is not in `thresholds`.
    incidents : pandas.DataFrame or None
        As `cpuwatch.readings.incidents` returns them; shaded. None if nobody knows them.
    window : pandas.Timedelta
        Length of a window.
    bad : int
        How many records are no readings, for the footnote.
    late : int
        How many readings came too late for their window, for the footnote.
    hosts : list of str, optional
        All hosts, from `in_order_of_panels`, where `windows` holds the first of them alone.

    Returns
    -------
    matplotlib.figure.Figure
        One panel a host, at most eight: with more hosts, those with most alerts.
    """
    if hosts is None:
        hosts = in_order_of_panels(windows["hostname"].unique().tolist(), alerts)
    shown = hosts[:MOST_PANELS]
    columns = 1 if len(shown) <= 3 else 2
    rows = max(1, -(-len(shown) // columns))
    figure = Figure(figsize=(16, 9), dpi=100)
    # Fixed margins: they fit the fixed text sizes, whatever the readings are.
    figure.subplots_adjust(
        left=0.06, right=0.9 if columns == 1 else 0.93, top=0.86, bottom=0.17,
        hspace=0.5, wspace=0.2,
    )  # fmt: skip
    figure.suptitle(_title(alerts, window, len(hosts) - len(shown)), fontsize=24, y=0.97)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes in grid.flat[len(shown) :]:
        axes.set_axis_off()
    if not shown:
        figure.text(0.5, 0.5, "no windows", ha="center", fontsize=24)
        return figure
    span = windows["window_start"].min(), windows["window_start"].max() + window
    _axes_of_time(grid, span, len(shown))
    for axes, host in zip(grid.flat, shown, strict=False):
        _panel(axes, windows[windows["hostname"] == host], window, colour(host))
        _mark(axes, alerts[alerts["hostname"] == host], window)
        _name(axes, host)
        if thresholds is not None:
            known = host in thresholds
            _threshold(axes, thresholds[host] if known else default_threshold, known)
        if incidents is not None:
            _incidents(axes, incidents, host, span)
    _footnote(figure, bad, late)
    with_incidents = incidents is not None and bool(incidents["hostname"].isin(shown).any())
    _legend(figure, thresholds is not None, with_incidents)
    return figure


def in_order_of_panels(hosts: Iterable[str], alerts: pd.DataFrame) -> list[str]:
    """Return hosts in the order of their panels in `alerts_figure`, which has room for some.

    Parameters
    ----------
    hosts : iterable of str
        All hosts, each once.
    alerts : pandas.DataFrame
        hostname of each alert.
    """
    hosts = hosts_in_order(hosts)
    if len(hosts) > MOST_PANELS:
        counts = alerts["hostname"].value_counts().to_dict()
        hosts.sort(key=lambda host: -counts.get(host, 0))  # stable: ties keep their order
    return hosts


def _title(alerts: pd.DataFrame, window: pd.Timedelta, not_shown: int) -> str:
    number, hosts = len(alerts), alerts["hostname"].nunique()
    text = f"CPU usage, averages of {length(window.total_seconds(), mixed=False)}: "
    text += f"{number} alert{'' if number == 1 else 's'}" if number else "no alerts"
    if number:
        text += f" on {hosts} host{'' if hosts == 1 else 's'}"
    if not_shown:
        text += f" ({not_shown} more host{'' if not_shown == 1 else 's'} not shown)"
    return text


def _panel(axes: Axes, windows: pd.DataFrame, window: pd.Timedelta, line_colour: str) -> None:
    for _, series in windows.sort_values("window_start").groupby("cpu"):
        middle, average = _middle(series, window), series["usage_avg"].to_numpy("float64")
        # The line breaks where windows are missing: nothing is known there.
        gap = np.diff(middle) > window.to_timedelta64()
        after_gap = np.flatnonzero(gap) + 1
        axes.plot(
            np.insert(middle, after_gap, middle[after_gap]),
            np.insert(average, after_gap, np.nan),
            color=line_colour,
            linewidth=2.5,
            zorder=3,
        )
        # A window with no neighbour makes no line; a dot shows that it is there.
        alone = np.append(True, gap) & np.append(gap, True)
        axes.plot(middle[alone], average[alone], "o", color=line_colour, markersize=9, zorder=3)
    axes.set_ylim(0, 100)
    axes.set_yticks([0, 50, 100])
    axes.grid(axis="y", color="0.9")
    plain(axes)


def _mark(axes: Axes, alerts: pd.DataFrame, window: pd.Timedelta) -> None:
    axes.plot(
        _middle(alerts, window),
        alerts["usage_avg"].to_numpy(),
        linestyle="",
        marker="^",
        markersize=11,
        color="black",
        markeredgecolor="white",
        zorder=4,
        clip_on=False,
    )


def _middle(windows: pd.DataFrame, window: pd.Timedelta) -> Array:
    middle: Array = times(windows["window_start"] + window / 2)
    return middle


def _name(axes: Axes, host: str) -> None:
    name = shorten(host, _NAME_LENGTH)
    axes.set_title(name, loc="left", fontweight="bold", fontsize=TEXT + 2, pad=_TITLE_PAD)


def _threshold(axes: Axes, top: float, known: bool) -> None:
    axes.axhline(top, color="black", linestyle="--", linewidth=1.5, zorder=2)
    axes.annotate(
        f"{top:g}" if known else f"{top:g}\ndefault",
        (1.0, min(max(top, 0), 100)),
        xycoords=("axes fraction", "data"),
        xytext=(6, 0),
        textcoords="offset points",
        va="center",
        annotation_clip=False,
        fontsize=TEXT,
    )


def _incidents(axes: Axes, incidents: pd.DataFrame, host: str, span: _Span) -> None:
    """Shade the incidents of a host, and name each above the panel if there is room."""
    first, last = span
    width = axes.get_window_extent().width
    taken = len(axes.get_title(loc="left")) * _CHARACTER_WIDTH * 1.5 / width
    for incident in incidents[incidents["hostname"] == host].to_dict("records"):
        start, end = max(incident["start"], first), min(incident["end"], last)
        if start >= end:
            continue
        axes.axvspan(start, end, zorder=1, **_SHADE)
        needs = len(incident["kind"]) * _CHARACTER_WIDTH / width
        centred = (start + (end - start) / 2 - first) / (last - first) - needs / 2
        left = min(max(centred, taken), 1 - needs)
        if left < taken or abs(left - centred) > needs:
            continue
        taken = left + needs
        axes.annotate(
            incident["kind"],
            (left, 1.0),
            xycoords="axes fraction",
            xytext=(0, _TITLE_PAD),
            textcoords="offset points",
            va="baseline",
            fontsize=TEXT,
        )


def _axes_of_time(grid: Array, span: _Span, shown: int) -> None:
    grid.flat[0].set_xlim(*span)
    columns = grid.shape[1]
    for index, axes in enumerate(grid.flat[:shown]):
        if index % columns == 0:
            axes.set_ylabel("%", fontsize=TEXT)
        if index + columns >= shown:  # the lowest panel of its column
            axes.tick_params(axis="x", labelbottom=True)
            time_axis(axes, "time (UTC)", AutoDateLocator(tz="UTC", minticks=3, maxticks=7))


def _footnote(figure: Figure, bad: int, late: int) -> None:
    """Say what is in no average."""
    left_out = [
        f"{count:,} {one if count == 1 else many}"
        for count, one, many in (
            (bad, "record that is no reading", "records that are no readings"),
            (late, "reading that came too late", "readings that came too late"),
        )
        if count
    ]
    if left_out:
        text = f"in no average: {' and '.join(left_out)}"
        figure.text(0.99, 0.005, text, ha="right", va="bottom", fontsize=TEXT - 2, color="0.35")


def _legend(figure: Figure, with_thresholds: bool, with_incidents: bool) -> None:
    entries: list[Line2D | Patch] = [
        Line2D([], [], color="0.35", linewidth=2, label="average of one cpu"),
        Line2D([], [], color="black", marker="^", markersize=11, linestyle="", label="alert"),
    ]
    if with_thresholds:
        entries.insert(1, Line2D([], [], color="black", linestyle="--", label="threshold"))
    if with_incidents:
        entries.append(Patch(label="incident", **_SHADE))
    figure.legend(
        handles=entries, loc="lower center", ncols=len(entries), frameon=False, fontsize=TEXT + 2
    )
