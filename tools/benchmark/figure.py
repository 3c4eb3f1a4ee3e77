"""The figure that people look at: `docs/bench.png`, of the medians in out/bench.json."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from matplotlib import pyplot as plt

#: For each row of the figure its title, and what it shows: a label and a name in the table.
ROWS = {
    "send": {
        "the workshop": "send, product",
        "plain loop": "send, loop",
        "Kafka's own tool": "send, Kafka's own tool",
    },
    "filter, whole job": {
        "the workshop": "cpu_filter, product, whole job",
        "plain loop": "cpu_filter, loop",
        "Flink's SQL client": "cpu_filter, SQL client, exactly once",
        "Bytewax": "cpu_filter, Bytewax",
        "Quix Streams": "cpu_filter, Quix Streams",
    },
    "windows, whole job": {
        "the workshop": "cpu_agg, product, whole job",
        "plain loop": "cpu_agg, loop",
        "Flink's SQL client": "cpu_agg, SQL client, exactly once",
    },
}

_OURS, _THEIRS = "#1f77b4", "#b0b0b0"


def draw(found: dict[str, Any], path: Path) -> None:
    """Draw it.

    Parameters
    ----------
    found
        Readings a second by name, a figure a round.
    path
        Where to.
    """
    rows = [
        (title, label, statistics.median(found[name]))
        for title, bars in ROWS.items()
        for label, name in bars.items()
        if name in found
    ]
    figure, axes = plt.subplots(figsize=(8, 0.34 * len(rows) + 0.8), layout="constrained")
    labels = [f"{title} · {label}" for title, label, _ in rows]
    colours = [_OURS if label == "the workshop" else _THEIRS for _, label, _ in rows]
    bars = axes.barh(labels, [figure for *_, figure in rows], color=colours)
    axes.bar_label(bars, [f"{figure:,.0f}" for *_, figure in rows], padding=3, fontsize=9)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_xlabel("readings a second")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=100, metadata={"Software": None})
    plt.close(figure)
