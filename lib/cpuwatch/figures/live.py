"""What arrives in a topic, drawn while it arrives."""

from __future__ import annotations

import io
import threading
import time
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from cpuwatch.figures.show import save
from cpuwatch.figures.style import TEXT, colour, new, percent_axis
from cpuwatch.readings import HOSTS


def follow(topic: str, seconds: float = 15.0) -> None:
    """Draw what arrives in a topic of readings while it arrives; the Stop button ends it sooner.

    Parameters
    ----------
    topic : str
        The topic's name.
    seconds : float
        For how long.
    """
    from IPython.display import display

    from cpuwatch import topics

    arrived: list[dict[str, Any]] = []
    lock = threading.Lock()

    def keep(record: dict[str, Any]) -> None:
        with lock:
            arrived.append(record)

    show_one: Any = display
    handle: Any = None
    with topics.follow(topic, keep):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with lock:
                table = pd.DataFrame(arrived)
            if len(table):
                picture = _Picture(latest(table))
                if handle is None:
                    handle = show_one(picture, display_id=True)
                else:
                    handle.update(picture)
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
