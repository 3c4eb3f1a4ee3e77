"""What rules reported in one long series, below the series itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.dates import DayLocator
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from cpuwatch.figures.style import INCIDENT, TEXT, as_it_is, legend, plain, time_axis, times

#: Black for what was reported, and a line that a printer shows, too.
_LINE = "#0072B2"


@as_it_is
def reports_figure(series: pd.DataFrame, rules: Mapping[str, pd.Series[Any]]) -> Figure:
    """Draw a series with its marked troubles, and below it each report of each rule.

    Parameters
    ----------
    series : pandas.DataFrame
        As `workshop.real_series` returns it: time, usage (percent), trouble (0 for none).
    rules : mapping of str to pandas.Series
        For each rule's name whether it reports the reading: a truth value for each row.
    """
    figure = Figure(figsize=(16, 5.5 + 0.5 * len(rules)), dpi=100, layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[7, 1.3 * len(rules)])
    at = times(series["time"])
    for axes in (above, below):
        plain(axes)
        for _, part in series[series["trouble"] > 0].groupby("trouble"):
            inside = times(part["time"])
            axes.axvspan(inside[0], inside[-1], color=INCIDENT, alpha=0.6, zorder=0)
    above.set_title("A database server, two weeks: usage, and who reported what", loc="left",
                    fontsize=TEXT + 6, pad=14)  # fmt: skip
    above.plot(at, series["usage"].to_numpy(), color=_LINE, linewidth=1.5)
    above.set_ylim(bottom=0)
    above.set_ylabel("usage, %", fontsize=TEXT)
    troubles = series["trouble"].max()
    for row, reported in enumerate(rules.values()):
        chosen = reported.to_numpy(dtype=bool)
        found = series.loc[chosen & (series["trouble"] > 0).to_numpy(), "trouble"].nunique()
        below.plot(at[chosen], np.full(chosen.sum(), row), linestyle="", marker="|",
                   markersize=22, markeredgewidth=2, color="black")  # fmt: skip
        below.annotate(
            f"{chosen.sum():,} reports, {found} of {troubles} found", (1.0, row),
            xycoords=("axes fraction", "data"), xytext=(8, 0), textcoords="offset points",
            fontsize=TEXT, va="center", annotation_clip=False,
        )  # fmt: skip
    below.set_yticks(range(len(rules)), list(rules))
    below.set_ylim(len(rules) - 0.4, -0.6)
    below.margins(x=0)
    time_axis(below, locator=DayLocator(interval=2, tz="UTC"))
    legend(
        figure,
        [
            Patch(facecolor=INCIDENT, alpha=0.6, label="marked by people as trouble"),
            Line2D([], [], linestyle="", marker="|", markersize=16, markeredgewidth=2,
                   color="black", label="a report"),
        ],
    )  # fmt: skip
    return figure
