"""The figures of single chapters: each takes tables and gives a matplotlib Figure."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from cpuwatch import words
from cpuwatch.figures.lateness import usual
from cpuwatch.figures.style import (
    TEXT,
    as_it_is,
    colour,
    draw_incident,
    host_axis,
    hosts_in_order,
    incident_entries,
    legend,
    new,
    percent_axis,
    plain,
    time_axis,
    times,
)
from cpuwatch.readings import HOSTS


@as_it_is
def fleet_figure(readings: pd.DataFrame) -> Figure:
    """Draw each host's usage over time, averaged over its cpus.

    Parameters
    ----------
    readings : pandas.DataFrame
        hostname, cpu, usage (percent) and occurred_at (epoch milliseconds).
    """
    figure, axes = new(6.4, "Seven hosts, ten minutes: usage, the mean of a host's cpus")
    mean = readings.groupby(["hostname", "occurred_at"])["usage"].mean().reset_index()
    lowest = -10.0
    ends = {
        host: mean[mean["hostname"] == host]["usage"].tail(60).mean()
        for host in hosts_in_order(mean["hostname"])
    }
    for host in sorted(ends, key=lambda name: ends[name]):
        lowest = max(ends[host], lowest + 5.5)  # names must not lie over each other
        series = mean[mean["hostname"] == host]
        at = pd.to_datetime(series["occurred_at"], unit="ms", utc=True)
        axes.plot(times(at), series["usage"].to_numpy(), color=colour(host), linewidth=2.5)
        axes.annotate(
            host, (1.0, lowest),
            xycoords=("axes fraction", "data"), xytext=(8, 0), textcoords="offset points",
            color=colour(host), fontsize=TEXT + 2, fontweight="bold", va="center",
            annotation_clip=False,
        )  # fmt: skip
    percent_axis(axes)
    axes.margins(x=0)
    axes.grid(axis="y", color="0.9")
    time_axis(axes)
    return figure


@as_it_is
def timeline_figure(rules: dict[str, pd.DataFrame], incidents: pd.DataFrame) -> Figure:
    """Draw what rules reported, host by host, over what really happened.

    Parameters
    ----------
    rules : dict of str to pandas.DataFrame
        For each rule's name what it reported: hostname, window_start, window_end.
    incidents : pandas.DataFrame
        As `cpuwatch.readings.incidents` returns them.
    """
    figure = Figure(figsize=(16, 1.2 + 3.2 * len(rules)), dpi=100, layout="constrained")
    grid = figure.subplots(len(rules), 1, sharex=True, squeeze=False)
    for axes, (name, reported) in zip(grid.flat, rules.items(), strict=True):
        plain(axes)
        axes.set_title(name, loc="left", fontsize=TEXT + 6, pad=12)
        for row, host in enumerate(HOSTS):
            for incident in incidents[incidents["hostname"] == host].to_dict("records"):
                draw_incident(axes, row, incident)
            found = reported[reported["hostname"] == host]
            middle = found["window_start"] + (found["window_end"] - found["window_start"]) / 2
            axes.plot(
                times(middle), np.full(len(found), row), linestyle="", marker="o",
                markersize=9, color=colour(host), markeredgecolor="black", zorder=3,
            )  # fmt: skip
        host_axis(axes)
    time_axis(grid.flat[len(rules) - 1])
    grid.flat[0].set_xlim(
        incidents["start"].min().floor("5min"), incidents["end"].max().ceil("min")
    )
    legend(
        figure,
        [
            *incident_entries(),
            Line2D([], [], linestyle="", marker="o", markersize=9, color="0.6",
                   markeredgecolor="black", label="reported by the rule"),
        ],
    )  # fmt: skip
    return figure


@as_it_is
def episodes_figure(episodes: pd.DataFrame, incidents: pd.DataFrame) -> Figure:
    """Draw episodes as bars, a thin one for each cpu, over what really happened.

    Parameters
    ----------
    episodes : pandas.DataFrame
        As `cpuwatch.alerts.episodes` returns them; one that still goes on gets an arrow.
    incidents : pandas.DataFrame
        As `cpuwatch.readings.incidents` returns them.
    """
    figure, axes = new(6.4, "Episodes, a bar for each cpu")
    last = max(incidents["end"].max(), episodes["closed"].max()) + pd.Timedelta("1min")
    for row, host in enumerate(HOSTS):
        for incident in incidents[incidents["hostname"] == host].to_dict("records"):
            draw_incident(axes, row, incident)
        own = episodes[episodes["hostname"] == host]
        for place, episode in enumerate(own.to_dict("records")):
            y = row + (place - (len(own) - 1) / 2) * 0.15
            goes_on = pd.isna(episode["closed"])
            end = last if goes_on else episode["closed"]
            left, right = (np.datetime64(at.tz_convert(None)) for at in (episode["opened"], end))
            axes.barh(y, right - left, left=left, height=0.11, color=colour(host), zorder=3)
            if goes_on:
                axes.plot(right, y, marker=">", markersize=9, color=colour(host), zorder=4)
    host_axis(axes)
    axes.set_xlim(incidents["start"].min().floor("min"), last + pd.Timedelta("10s"))
    time_axis(axes)
    legend(
        figure,
        [
            *incident_entries(),
            Line2D([], [], linewidth=5, color="0.4", label="an episode"),
            Line2D([], [], linestyle="", marker=">", markersize=9, color="0.4", label="still open"),
        ],
    )  # fmt: skip
    return figure


@as_it_is
def watermark_figure(
    events: pd.DataFrame,
    lateness: int | None = None,
    window: int | None = None,
    tell_late: bool = True,
) -> Figure:
    """Draw events as they arrive, the watermark behind them, and the windows they fall into.

    Parameters
    ----------
    events : pandas.DataFrame
        arrived and happened, both in seconds, in order of arrival.
    lateness : int, optional
        How far the watermark stays behind the latest event, in seconds; by default as cpu_in says.
    window : int, optional
        The length of a window, in seconds; by default the workshop's.
    tell_late : bool
        Whether those that come too late are marked; without, who looks has to find them.
    """
    lateness, window = usual(lateness, window)
    figure, axes = new(
        6.4, "Events arrive out of order; the watermark decides when to stop waiting"
    )
    mark = events["happened"].cummax() - lateness
    late = events["happened"] < (mark.shift(fill_value=-lateness) // window) * window
    late &= tell_late
    last = int(events["happened"].max() // window) + 1
    right = float(events["arrived"].max()) * 1.03
    for number in range(last):
        axes.add_patch(
            Rectangle((0, number * window), right, window, zorder=0,
                      facecolor="0.93" if number % 2 else "white")
        )  # fmt: skip
        axes.text(right * 0.005, (number + 0.5) * window, f"window {number + 1}", va="center",
                  fontsize=TEXT, color="0.35")  # fmt: skip
        closes = events.loc[mark >= (number + 1) * window, "arrived"]
        if len(closes):
            axes.plot([closes.iloc[0]] * 2, [number * window, (number + 1) * window],
                      color="black", linestyle=":", linewidth=2)  # fmt: skip
            axes.annotate("closes", (closes.iloc[0], (number + 0.12) * window), xytext=(8, 0),
                          textcoords="offset points", fontsize=TEXT)  # fmt: skip
    axes.step(events["arrived"], mark, where="post", color="#D55E00", linewidth=3.5)
    on_time = events[~late]
    axes.plot(on_time["arrived"], on_time["happened"], "o", color="#0072B2", markersize=12)
    axes.plot(events["arrived"][late], events["happened"][late], "X", color="black", markersize=17)
    axes.set_xlim(0, right)
    axes.set_ylim(0, last * window)
    axes.set_yticks(range(0, last * window + 1, window))
    axes.set_xlabel("time of arrival, s", fontsize=TEXT)
    axes.set_ylabel("event time, s", fontsize=TEXT)
    told = [
        Line2D([], [], linestyle="", marker="o", markersize=12, color="#0072B2", label="event"),
        Line2D([], [], color="#D55E00", linewidth=3.5,
               label=f"watermark: the latest event less {lateness} s"),
        Line2D([], [], linestyle="", marker="X", markersize=14, color="black",
               label="too late: its window is closed"),
    ]  # fmt: skip
    legend(figure, told if tell_late else told[:-1])
    return figure


@as_it_is
def averages_figure(
    readings: pd.DataFrame, averages: pd.DataFrame, hostname: str, cpu: str, limit: float
) -> Figure:
    """Draw the readings of one cpu with the average and the maximum of each window.

    Parameters
    ----------
    readings : pandas.DataFrame
        hostname, cpu, usage (percent) and occurred_at (epoch milliseconds).
    averages : pandas.DataFrame
        window_start, window_end, hostname, cpu, usage_avg and usage_max.
    hostname, cpu : str
        Which one.
    limit : float
        A fixed limit for single readings, in percent; dashed.
    """
    name = " ".join(words.shorten(one) for one in (hostname, cpu))
    figure, axes = new(6.2, f"{name}: readings, and each window's average and maximum")
    single = readings[(readings["hostname"] == hostname) & (readings["cpu"] == cpu)]
    windows = averages[(averages["hostname"] == hostname) & (averages["cpu"] == cpu)]
    at = pd.to_datetime(single["occurred_at"], unit="ms", utc=True)
    axes.plot(times(at), single["usage"], ".", color=colour(hostname), markersize=7, alpha=0.6)
    axes.axhline(limit, color="0.4", linestyle="--", linewidth=2)
    starts, ends = times(windows["window_start"]), times(windows["window_end"])
    axes.hlines(windows["usage_avg"], starts, ends, color="black", linewidth=5)
    axes.hlines(windows["usage_max"], starts, ends, color="black", linewidth=2, linestyle=":")
    percent_axis(axes)
    axes.margins(x=0.01)
    time_axis(axes)
    legend(
        figure,
        [
            Line2D([], [], linestyle="", marker=".", markersize=12, color=colour(hostname),
                   label="reading"),
            Line2D([], [], color="black", linewidth=5, label=f"average of {_length(windows)}"),
            Line2D([], [], color="black", linewidth=2, linestyle=":", label="maximum"),
            Line2D([], [], color="0.4", linewidth=2, linestyle="--", label=f"{limit:g}%"),
        ],
    )  # fmt: skip
    return figure


def _length(windows: pd.DataFrame) -> str:
    """The length of the windows, in words."""
    if windows.empty:
        return "a window"
    longest = (windows["window_end"] - windows["window_start"]).max()
    return words.length(longest.total_seconds(), mixed=False)


@as_it_is
def heat_map(windows: pd.DataFrame, alerts: pd.DataFrame) -> Figure:
    """Draw the highest average of each host in each window as a colour; alerts are framed.

    Parameters
    ----------
    windows : pandas.DataFrame
        window_start, window_end, hostname, usage_avg (percent).
    alerts : pandas.DataFrame
        Those of them that are alerts.
    """
    figure, axes = new(
        6, f"Host by time: the highest average of {_length(windows)} of its cpus; framed: an alert"
    )
    hosts = hosts_in_order(windows["hostname"])
    table = windows.pivot_table(
        index="hostname", columns="window_start", values="usage_avg", aggfunc="max"
    ).loc[hosts]
    image = axes.imshow(table.to_numpy(), aspect="auto", cmap="cividis", vmin=0, vmax=100)
    starts = list(table.columns)
    for host, start in set(zip(alerts["hostname"], alerts["window_start"], strict=True)):
        axes.add_patch(
            Rectangle((starts.index(start) - 0.46, hosts.index(host) - 0.44), 0.92, 0.88,
                      fill=False, edgecolor="#D55E00", linewidth=4)
        )  # fmt: skip
    axes.set_yticks(range(len(hosts)), hosts)
    axes.set_xticks(range(0, len(starts), 4), [f"{start:%H:%M:%S}" for start in starts[::4]])
    axes.set_xlabel(f"window's start on {starts[0]:%Y-%m-%d} (UTC)", fontsize=TEXT)
    bar = figure.colorbar(image, ax=axes, pad=0.01)
    bar.set_label("usage, %", fontsize=TEXT)
    bar.ax.tick_params(labelsize=TEXT)
    return figure


@as_it_is
def score_figure(scores: pd.DataFrame) -> Figure:
    """Draw precision and recall of rules side by side.

    Parameters
    ----------
    scores : pandas.DataFrame
        A row for each rule, by its name; columns precision and recall, 0 to 1.
    """
    figure, axes = new(5, "How good is each rule?")
    colours = ["#999999", "#0072B2"]
    places = np.arange(2)
    for number, (rule, row) in enumerate(scores.iterrows()):
        bars = axes.barh(
            places + (number - 0.5) * 0.38, [row["precision"], row["recall"]], height=0.34,
            color=colours[number % 2], label=str(rule),
        )  # fmt: skip
        axes.bar_label(bars, [f"{row[name]:.0%}" for name in ("precision", "recall")],
                       padding=8, fontsize=TEXT + 2)  # fmt: skip
    axes.set_yticks(
        places, ["precision:\nreports that are right", "recall:\nincidents that are found"]
    )
    axes.invert_yaxis()
    axes.set_xlim(0, 1.12)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=TEXT + 2)
    return figure
