"""The figure that people look at, of the medians of a run: each panel is what was done by turns."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from matplotlib import pyplot as plt

#: What each of ours is compared with, by the name of its row.
COMPARED = {
    "send": ("send, product", "send, loop", "send, Kafka's own tool"),
    "filter, whole job": (
        "cpu_filter, product, whole job",
        "cpu_filter, loop",
        "cpu_filter, product",
        "cpu_filter, SQL client, exactly once",
        "cpu_filter, Bytewax",
        "cpu_filter, Quix Streams",
    ),
    "windows, whole job": (
        "cpu_agg, product, whole job",
        "cpu_agg, loop",
        "cpu_agg, product",
        "cpu_agg, SQL client, exactly once",
    ),
}

_LABELS = {
    "product": "the workshop",
    "loop": "a plain loop",
    "SQL client": "Flink's SQL client",
}

_OURS, _THEIRS = "#1f77b4", "#b0b0b0"


def draw(result: dict[str, Any], path: Path) -> None:
    """Draw it.

    Parameters
    ----------
    result
        Of a run: what `out/bench.json` holds.
    path
        Where to.
    """
    tables = {key: table for key, table in result.items() if "per_second_" in key}
    panels = {key: bars for key, table in tables.items() if (bars := _bars(table))}
    if not panels:
        return
    heights = [len(bars) for bars in panels.values()]
    figure, axes = plt.subplots(
        len(panels), sharex=True, squeeze=False, layout="constrained",
        figsize=(8, 0.32 * sum(heights) + 0.6 * len(panels) + 0.4), height_ratios=heights,
    )  # fmt: skip
    for one, (key, bars) in zip(axes.flat, panels.items(), strict=True):
        colours = [_OURS if "the workshop" in label else _THEIRS for label, _ in bars]
        drawn = one.barh([label for label, _ in bars], [rate for _, rate in bars], color=colours)
        one.bar_label(drawn, [f"{rate:,.0f}" for _, rate in bars], padding=3, fontsize=9)
        one.invert_yaxis()
        one.margins(x=0.14)
        one.set_title(f"{int(key.rpartition('_')[2]):,} readings", loc="left", fontsize=10)
        one.spines[["top", "right"]].set_visible(False)
    axes.flat[-1].xaxis.set_major_formatter("{x:,.0f}")
    axes.flat[-1].set_xlabel("readings a second, median")
    figure.savefig(path, dpi=100, metadata={"Software": None})
    plt.close(figure)


def _bars(table: dict[str, list[float]]) -> list[tuple[str, float]]:
    return [
        (f"{row} · {_label(name)}", statistics.median(table[name]))
        for row, names in COMPARED.items()
        for name in names
        if name in table
    ]


def _label(name: str) -> str:
    who = name.split(", ")[1]
    return _LABELS.get(who, who)
