"""How the figures look: colours, sizes, axes of time, the order of hosts."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, DateLocator, MinuteLocator
from matplotlib.figure import Figure
from matplotlib.patches import Patch

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

#: The colours of a job's own watermark, and of its partitions'.
JOB = "#D55E00"
PARTITIONS = ("#0072B2", "#009E73", "#CC79A7", "#56B4E9")

#: The size of text, in points: readable from the back of a room.
TEXT = 16

#: More ticks of time than these would lie over each other.
_MOST_TICKS = 20

#: The colour of an incident.
INCIDENT = "#F0E442"


#: Around whatever makes a figure: a text is text, also where it looks like a formula. A host
#: may be called '$x'.
as_it_is = rc_context({"text.parse_math": False})


def colour(hostname: str) -> str:
    """Return the colour of a host: always the same one, as '#RRGGBB'.

    Parameters
    ----------
    hostname
        Any text.
    """
    # Python's own hash() of a text is another one in each process.
    other = _PALETTE[zlib.crc32(hostname.encode("utf-8", "replace")) % len(_PALETTE)]
    return _HOST_COLOURS.get(hostname, other)


def new(height: float, title: str) -> tuple[Figure, Axes]:
    """A figure with one panel: as wide as a page, so many inches high."""
    figure = Figure(figsize=(16, height), dpi=100, layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, loc="left", fontsize=TEXT + 6, pad=14)
    plain(axes)
    return figure, axes


def plain(axes: Axes) -> None:
    """Leave out what says nothing, and make the rest big enough."""
    axes.tick_params(labelsize=TEXT)
    axes.spines[["top", "right"]].set_visible(False)


def percent_axis(axes: Axes) -> None:
    """Let a panel show usage, from 0 to 100 percent, over time."""
    axes.set_ylim(0, 100)
    axes.set_ylabel("usage, %", fontsize=TEXT)


class Minutes(MinuteLocator):
    """A tick every so many minutes, or fewer where that would be too many to read, or to draw.

    Matplotlib would draw each, and a single moment is four years wide to it.

    Parameters
    ----------
    interval : int
        In minutes.
    """

    def __init__(self, interval: int) -> None:
        super().__init__(interval=interval, tz="UTC")  # type: ignore[no-untyped-call]
        self._interval = interval

    def tick_values(self, vmin: Any, vmax: Any) -> Any:  # noqa: D102
        many = (vmax - vmin).total_seconds() > 60 * self._interval * _MOST_TICKS
        if many:
            return AutoDateLocator(tz="UTC").tick_values(vmin, vmax)
        return super().tick_values(vmin, vmax)  # type: ignore[no-untyped-call]

    def nonsingular(self, vmin: Any, vmax: Any) -> Any:  # noqa: D102
        if np.isfinite(vmin) and vmin == vmax:
            minute = self._interval / (24 * 60)
            return vmin - minute, vmax + minute
        return super().nonsingular(vmin, vmax)  # type: ignore[no-untyped-call]


def time_axis(
    axes: Axes, label: str = "event time (UTC)", locator: DateLocator | None = None
) -> None:
    """Tell the time in UTC below a panel, every two minutes unless a locator says otherwise."""
    locator = locator or Minutes(2)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz="UTC"))
    axes.xaxis.get_offset_text().set_fontsize(TEXT)
    axes.set_xlabel(label, fontsize=TEXT)


def host_axis(axes: Axes) -> None:
    """Give each host of the fleet a row, from the top, with lines for the time."""
    axes.set_yticks(range(len(HOSTS)), HOSTS)
    axes.set_ylim(len(HOSTS) - 0.4, -0.6)
    axes.grid(axis="x", color="0.9")


def hosts_in_order(hosts: Iterable[str]) -> list[str]:
    """Each of these hosts once: the fleet's in their order, then others by name."""
    there = set(hosts)
    return [host for host in HOSTS if host in there] + sorted(there - set(HOSTS))


def times(values: pd.Series[Any]) -> Any:
    """Moments as matplotlib draws them fastest: without a zone, in UTC."""
    return values.dt.tz_convert("UTC").to_numpy("datetime64[us]")


def draw_incident(axes: Axes, row: int, incident: Mapping[Any, Any]) -> None:
    """Draw an incident in its host's row; one that deserves no alert is hatched."""
    left, right = (np.datetime64(incident[name].tz_convert(None)) for name in ("start", "end"))
    deserves = incident["deserves_alert"]
    axes.barh(
        row, right - left, left=left, height=0.8, zorder=1, edgecolor="0.3",
        color=INCIDENT if deserves else "white", hatch=None if deserves else "//",
        alpha=0.6 if deserves else 1.0,
    )  # fmt: skip


def incident_entries() -> list[Patch]:
    """What a legend says of `draw_incident`."""
    return [
        Patch(facecolor=INCIDENT, edgecolor="0.3", label="an incident that deserves an alert"),
        Patch(facecolor="white", edgecolor="0.3", hatch="//", label="one that deserves none"),
    ]


def legend(figure: Figure, entries: Sequence[Artist]) -> None:
    """Explain below the figure, in one line, what is drawn."""
    figure.legend(
        handles=list(entries), loc="outside lower center", ncols=len(entries), frameon=False,
        fontsize=TEXT,
    )  # fmt: skip
