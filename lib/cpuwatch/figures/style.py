"""How the figures look: colours, sizes, axes of time, the order of hosts."""

from __future__ import annotations

import zlib
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import ConciseDateFormatter, MinuteLocator
from matplotlib.figure import Figure

from cpuwatch.readings import HOSTS

# Okabe and Ito's colours, which colour-blind people can tell apart. Their yellow is too pale
# for a line on white, so grey stands in; black is kept for the alerts.
_HOST_COLOURS = {
    "doc": "#0072B2",
    "grumpy": "#E69F00",
    "sleepy": "#999999",
    "bashful": "#009E73",
    "happy": "#56B4E9",
    "sneezy": "#D55E00",
    "dopey": "#CC79A7",
}
_PALETTE = tuple(_HOST_COLOURS.values())

TEXT = 16  # points: readable from the back of a room
INCIDENT = "#F0E442"


def colour(hostname: str) -> str:
    """Return the colour of a host: always the same one, as '#RRGGBB'."""
    # Python's own hash() of a text is another one in each process.
    other = _PALETTE[zlib.crc32(hostname.encode("utf-8", "replace")) % len(_PALETTE)]
    return _HOST_COLOURS.get(hostname, other)


def new(height: float, title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(16, height), dpi=100, layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, loc="left", fontsize=TEXT + 6, pad=14)
    plain(axes)
    return figure, axes


def plain(axes: Axes) -> None:
    axes.tick_params(labelsize=TEXT)
    axes.spines[["top", "right"]].set_visible(False)


def time_axis(axes: Axes) -> None:
    locator = MinuteLocator(interval=2, tz="UTC")
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz="UTC"))
    axes.xaxis.get_offset_text().set_fontsize(TEXT)
    axes.set_xlabel("event time (UTC)", fontsize=TEXT)


def hosts_in_order(*tables: pd.DataFrame) -> list[str]:
    there = {host for table in tables for host in table["hostname"]}
    return [h for h in HOSTS if h in there] + sorted(there - set(HOSTS))


def times(values: pd.Series[Any]) -> Any:
    return values.dt.tz_convert("UTC").to_numpy("datetime64[us]")
