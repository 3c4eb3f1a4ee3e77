"""The figures of late readings: how long they are on their way, and the watermarks they meet."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import (
    AutoDateLocator,
    ConciseDateFormatter,
    DateLocator,
    SecondLocator,
    date2num,
)
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cpuwatch import sql
from cpuwatch.figures.style import (
    JOB,
    PARTITIONS,
    TEXT,
    as_it_is,
    colour,
    hosts_in_order,
    legend,
    new,
    time_axis,
)
from cpuwatch.pipeline import WORKSHOP

#: Of event times so many half minutes may have a mark of their own.
_MOST = 15


@as_it_is
def delays_figure(readings: pd.DataFrame, marked: tuple[int, ...] = (10,)) -> Figure:
    """Draw which share of the readings is still on its way, so many seconds after it happened.

    Parameters
    ----------
    readings : pandas.DataFrame
        hostname, occurred_at and arrived_at (both epoch milliseconds).
    marked : tuple of int
        Seconds at which a line is drawn.
    """
    figure, axes = new(5.4, "Still on their way, seconds after they happened")
    delay = (readings["arrived_at"] - readings["occurred_at"]) / 1000
    for host in hosts_in_order(readings["hostname"]):
        _left_draw(axes, delay[readings["hostname"] == host], colour(host), 2.5)
    _left_draw(axes, delay, "black", 5)
    for seconds in marked:
        axes.axvline(seconds, color="0.4", linestyle="--", linewidth=2)
        axes.annotate(f"{seconds} s", (seconds, 1), xytext=(6, -4), textcoords="offset points",
                      fontsize=TEXT, va="top", color="0.3")  # fmt: skip
    axes.set_yscale("log")
    axes.set_ylim(0.0003, 1)
    axes.set_yticks([1, 0.1, 0.01, 0.001], ["100%", "10%", "1%", "0.1%"])
    axes.minorticks_off()
    axes.set_xlim(0, float(delay.max()) * 1.02)
    axes.set_xlabel("seconds since it happened", fontsize=TEXT)
    axes.set_ylabel("share on its way", fontsize=TEXT)
    axes.grid(axis="y", color="0.9")
    hosts = hosts_in_order(readings["hostname"])
    legend(
        figure,
        [
            Line2D([], [], color="black", linewidth=5, label="all"),
            *(Line2D([], [], color=colour(host), linewidth=2.5, label=host) for host in hosts),
        ],
    )  # fmt: skip
    return figure


def _left_draw(axes: Axes, delay: pd.Series[Any], shade: str, width: float) -> None:
    """Draw the share of delays that are longer than so many seconds."""
    ordered = np.sort(delay.to_numpy())
    left = 1 - np.arange(1, len(ordered) + 1) / len(ordered)
    # Some hundred places are enough for the eye, and the tail has each of its own.
    some = np.unique(
        np.concatenate([np.arange(0, len(ordered), 50), np.arange(len(ordered))[-400:]])
    )
    axes.step(ordered[some], left[some], where="post", color=shade, linewidth=width)


@as_it_is
def watermarks_figure(
    records: pd.DataFrame,
    lateness: int | None = None,
    window: int | None = None,
    idle: int | None = None,
    between: tuple[str, str] | None = None,
) -> Figure:
    """Draw a topic's records by when they arrived and happened, and the watermarks over them.

    Parameters
    ----------
    records : pandas.DataFrame
        occurred_at and arrived_at (both epoch milliseconds), partition.
    lateness : int, optional
        How far a watermark stays behind the latest reading, in seconds; by default as cpu_in says.
    window : int, optional
        The length of a window, in seconds; by default the workshop's.
    idle : int, optional
        After so many seconds a silent partition counts no more.
    between : tuple of str, optional
        Times of day of arrival, the first and the last one that are drawn; by default all.
    """
    lateness, window = usual(lateness, window)
    found = watermarks(records, lateness, window, idle)
    if between is not None:
        day = found["arrived"].iloc[0].normalize()
        left, right = (day + pd.Timedelta(f"{one}") for one in between)
        found = found[found["arrived"].between(left, right)]
    partitions = [name for name in found.columns if isinstance(name, int)]
    whose = "of each partition, and of the job" if len(partitions) > 1 else "of the job"
    figure, axes = new(7.2, f"Readings as they arrive; the watermark {whose}")
    arrived = _plain(found["arrived"])
    is_late = found["late"].to_numpy()
    _bands(axes, found, window)
    axes.plot(arrived[~is_late], _plain(found["happened"])[~is_late], ".", color="0.7",
              markersize=3, zorder=1, rasterized=True)  # fmt: skip
    entries = [Line2D([], [], linestyle="", marker=".", color="0.6", markersize=8, label="reading")]
    if len(partitions) > 1:
        for place, number in enumerate(partitions):
            shade = PARTITIONS[place % len(PARTITIONS)]
            axes.step(arrived, _plain(found[number]), where="post", color=shade, linewidth=2.5)
            entries.append(Line2D([], [], color=shade, linewidth=2.5, label=f"partition {number}"))
    axes.step(arrived, _plain(found["watermark"]), where="post", color=JOB, linewidth=4.5,
              linestyle="-" if len(partitions) == 1 else (0, (3, 1)), zorder=3)  # fmt: skip
    axes.plot(arrived[is_late], _plain(found["happened"])[is_late], "x", color="black",
              markersize=7, zorder=4)  # fmt: skip
    entries += [
        Line2D([], [], color=JOB, linewidth=4.5, label="the job's watermark"),
        Line2D([], [], linestyle="", marker="x", markersize=9, color="black",
               label="too late: its window is closed"),
    ]  # fmt: skip
    axes.margins(x=0, y=0.02)
    time_axis(axes, "time of arrival (UTC)", AutoDateLocator(tz="UTC"))
    places: DateLocator = AutoDateLocator(tz="UTC")
    if found["happened"].max() - found["happened"].min() < _MOST * pd.Timedelta("30s"):
        places = SecondLocator(bysecond=[0, 30], tz="UTC")
    axes.yaxis.set_major_locator(places)
    axes.yaxis.set_major_formatter(ConciseDateFormatter(places, tz="UTC", show_offset=False))
    axes.set_ylabel("event time (UTC)", fontsize=TEXT)
    legend(figure, entries)
    return figure


def watermarks(
    records: pd.DataFrame,
    lateness: int | None = None,
    window: int | None = None,
    idle: int | None = None,
) -> pd.DataFrame:
    """The watermarks that records meet as they arrive, and which of them are too late.

    Parameters
    ----------
    records, lateness, window, idle
        As for `watermarks_figure`.

    Returns
    -------
    pandas.DataFrame
        In the order of arrival: arrived, happened; for each partition, by its number, its
        watermark after the record; watermark, the job's, after it as well; and late, whether the
        record's window was closed before it came.
    """
    lateness, window = usual(lateness, window)
    order = records.sort_values("arrived_at", kind="stable")
    happened = order["occurred_at"].to_numpy(np.int64)
    arrived = order["arrived_at"].to_numpy(np.int64)
    numbers = sorted(int(one) for one in order["partition"].unique())
    found = pd.DataFrame({"arrived": _moments(arrived), "happened": _moments(happened)})
    marks = np.full((len(order), len(numbers)), np.nan)
    counts = np.full((len(order), len(numbers)), np.nan)
    for place, number in enumerate(numbers):
        own = (order["partition"] == number).to_numpy()
        latest = pd.Series(np.where(own, happened, np.nan)).cummax().ffill().to_numpy()
        marks[:, place] = latest - 1000 * lateness
        last = pd.Series(np.where(own, arrived, np.nan)).ffill().to_numpy()
        silent = np.zeros(len(order), bool) if idle is None else arrived - last > 1000 * idle
        counts[:, place] = np.where(silent, np.inf, marks[:, place])
        found[number] = _moments(marks[:, place])
    # As long as a partition has brought nothing there is no minimum.
    least = np.where(np.isnan(counts).any(axis=1), np.nan, counts.min(axis=1))
    job = pd.Series(least).cummax().ffill()
    found["watermark"] = _moments(job.to_numpy())
    end = (happened // (1000 * window) + 1) * 1000 * window
    found["late"] = (job.shift() >= end).to_numpy()
    return found


def usual(lateness: int | None, window: int | None) -> tuple[int, int]:
    """These lengths in seconds, where none is given the pipeline's own."""
    return (
        sql.lateness(sql.taught("cpu_in")) if lateness is None else lateness,
        WORKSHOP.window if window is None else window,
    )


def _moments(milliseconds: Any) -> pd.Series[Any]:
    """Epoch milliseconds as times; nothing where there is none."""
    found: pd.Series[Any] = pd.to_datetime(pd.Series(milliseconds), unit="ms", utc=True)
    return found


def _plain(values: pd.Series[Any]) -> Any:
    """Moments as matplotlib draws them fastest."""
    return values.dt.tz_convert(None).to_numpy("datetime64[us]")


def _bands(axes: Axes, found: pd.DataFrame, window: int) -> None:
    """Shade every other window."""
    length = pd.Timedelta(seconds=window)
    start = found["happened"].min().floor(length)
    while start < found["happened"].max():
        if start.value // length.value % 2:
            low, high = (date2num(at.tz_convert(None)) for at in (start, start + length))
            axes.axhspan(low, high, color="0.95", zorder=0)
        start += length
