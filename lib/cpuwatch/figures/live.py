"""What arrives in a topic, drawn while it arrives."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator
from matplotlib.figure import Figure

from cpuwatch.figures.show import save
from cpuwatch.figures.style import (
    JOB,
    PARTITIONS,
    TEXT,
    Minutes,
    colour,
    hosts_in_order,
    new,
    percent_axis,
    time_axis,
    times,
)
from cpuwatch.pipeline import WORKSHOP
from cpuwatch.readings import HOSTS

if TYPE_CHECKING:
    from cpuwatch.flink import Job


def follow(topic: str, seconds: float = 15.0) -> None:
    """Draw what arrives in a topic of readings while it arrives; the Stop button ends it sooner.

    Parameters
    ----------
    topic : str
        The topic's name.
    seconds : float
        For how long.
    """
    _draw(topic, seconds, lambda arrived: latest(pd.DataFrame(arrived)) if arrived else None)


def roll(seconds: float = 60.0, minutes: float = 5.0) -> None:
    """Draw how far each host is over its limit, window after window, while they close.

    Parameters
    ----------
    seconds : float
        For how long; the Stop button ends it sooner.
    minutes : float
        How far back it shows.
    """
    from cpuwatch import results, thresholds, topics

    engine = thresholds.engine()

    def picture(arrived: list[dict[str, Any]]) -> Figure:
        limits = thresholds.read(engine).set_index("hostname")["allowed_top"]
        averages = results.typed(pd.DataFrame(arrived), "cpu_out_agg")
        since = pd.Timestamp.now("UTC") - pd.Timedelta(minutes=minutes)
        return over_limits(averages[averages["window_end"] > since], limits.to_dict())

    try:
        _draw(topics.AVERAGES, seconds, picture)
    finally:
        engine.dispose()


def follow_watermarks(job: Job | str, seconds: float = 60.0) -> None:
    """Draw how far the watermarks of a job and of the partitions it reads are behind the clock.

    Parameters
    ----------
    job : Job or str
        A running job that has windows, and reads what happens now; or its name.
    seconds : float
        For how long; the Stop button ends it sooner.
    """
    from cpuwatch.flink import cluster, watermarks

    one = cluster.meant(job)
    seen: list[dict[str, Any]] = []

    def picture() -> Figure:
        now = pd.Timestamp.now("UTC")
        marks: dict[str, int] = {
            f"partition {number}": mark
            for (_, number), mark in sorted(watermarks.by_partition(one).items())
        }
        marks[OF_JOB] = watermarks.least(one)
        seen.extend(
            {"time": now, "whose": whose, "behind": now.timestamp() - mark / 1000}
            for whose, mark in marks.items()
            if mark != watermarks.NONE
        )
        return behind(pd.DataFrame(seen, columns=["time", "whose", "behind"]))

    _show(seconds, picture)


def _draw(
    topic: str, seconds: float, picture: Callable[[list[dict[str, Any]]], Figure | None]
) -> None:
    """Draw what a topic holds and gets, once a second."""
    from cpuwatch import topics

    arrived: list[dict[str, Any]] = []
    lock = threading.Lock()

    def keep(record: dict[str, Any]) -> None:
        with lock:
            arrived.append(record)

    def so_far() -> Figure | None:
        with lock:
            copy = list(arrived)
        return picture(copy)

    with topics.follow(topic, keep):
        _show(seconds, so_far)


def _show(seconds: float, picture: Callable[[], Figure | None]) -> None:
    """Show a picture, made anew once a second, in the place of the one before."""
    from IPython.display import display

    show_one: Any = display
    handle: Any = None
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (figure := picture()) is not None:
            if handle is None:
                handle = show_one(_Picture(figure), display_id=True)
            else:
                handle.update(_Picture(figure))
        time.sleep(1.0)


class _Picture:
    def __init__(self, figure: Figure) -> None:
        self._figure = figure

    def _repr_png_(self) -> bytes:
        picture = io.BytesIO()
        self._figure.set_dpi(60)
        save(self._figure, picture)
        return picture.getvalue()


def latest(table: pd.DataFrame) -> Figure:
    """Draw a bar for each host: the mean of its cpus at the latest moment in a table.

    Parameters
    ----------
    table : pandas.DataFrame
        hostname, usage (percent) and occurred_at.
    """
    figure, axes = new(5, f"{len(table):,} readings so far; the latest mean of each host")
    newest = table[table["occurred_at"] == table["occurred_at"].max()]
    mean = newest.groupby("hostname")["usage"].mean()
    hosts = [host for host in HOSTS if host in mean.index]
    bars = axes.bar(hosts, [mean[host] for host in hosts], color=[colour(h) for h in hosts])
    axes.bar_label(bars, fmt="%.0f", padding=4, fontsize=TEXT)
    percent_axis(axes)
    return figure


def over_limits(averages: pd.DataFrame, limits: Mapping[str, float]) -> Figure:
    """Draw for each host how far the highest of its averages is over the host's limit.

    Parameters
    ----------
    averages : pandas.DataFrame
        window_end, hostname, usage_avg (percent).
    limits : mapping
        For each host its limit, in percent; one without has the pipeline's.
    """
    figure, axes = new(6, "points over the limit of each host, window by window")
    limit = averages["hostname"].map(dict(limits)).fillna(WORKSHOP.default_top)
    over = averages.assign(over=averages["usage_avg"] - limit)
    lines = over.groupby(["hostname", "window_end"])["over"].max()
    for host in hosts_in_order(averages["hostname"]):
        line = lines[host].reset_index()
        axes.plot(
            times(line["window_end"]), line["over"], color=colour(host), linewidth=3,
            marker="o", label=host,
        )  # fmt: skip
    axes.axhline(0, color="black", linewidth=1)
    axes.axhspan(0, 100, color="red", alpha=0.07)
    low, high = (float(lines.min()), float(lines.max())) if len(lines) else (0.0, 0.0)
    axes.set_ylim(min(low, -40) - 5, max(high, 15) + 5)
    axes.set_ylabel("over the limit, points", fontsize=TEXT)
    if len(lines):
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize=TEXT)
        time_axis(axes, "end of the window (UTC)", Minutes(1))
    else:
        axes.set_xticks([])
        axes.text(
            0.5, 0.5, "no window has closed yet", ha="center", fontsize=TEXT,
            transform=axes.transAxes,
        )  # fmt: skip
    return figure


#: The job's own watermark, among those of its partitions.
OF_JOB = "the job"


def behind(seen: pd.DataFrame) -> Figure:
    """Draw how far each watermark was behind the clock, moment by moment.

    Parameters
    ----------
    seen : pandas.DataFrame
        time; whose: 'partition 0' and the like, or `OF_JOB`; behind, in seconds.
    """
    figure, axes = new(5.4, "Seconds that each watermark is behind the clock")
    axes.set_ylabel("seconds behind", fontsize=TEXT)
    if seen.empty:
        axes.set_xticks([])
        axes.text(
            0.5, 0.5, "no watermark yet: a partition has brought nothing", ha="center",
            fontsize=TEXT, transform=axes.transAxes,
        )  # fmt: skip
        return figure
    partitions = sorted(set(seen["whose"]) - {OF_JOB}, key=lambda one: int(one.split()[-1]))
    for place, whose in enumerate(partitions):
        _line(axes, seen, whose, color=PARTITIONS[place % len(PARTITIONS)], linewidth=2.5)
    _line(axes, seen, OF_JOB, color=JOB, linewidth=4.5, linestyle=(0, (3, 1)))
    axes.set_ylim(0, max(30.0, float(seen["behind"].max()) * 1.05))
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, fontsize=TEXT)
    time_axis(axes, "clock (UTC)", AutoDateLocator(tz="UTC"))
    return figure


def _line(axes: Axes, seen: pd.DataFrame, whose: str, **look: Any) -> None:
    line = seen[seen["whose"] == whose]
    axes.plot(times(line["time"]), line["behind"], label=whose, **look)
