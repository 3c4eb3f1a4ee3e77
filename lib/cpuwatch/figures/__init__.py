"""Figures: made of tables, shown under a notebook's cell."""

from cpuwatch.figures.alerts import MOST_PANELS, alerts_figure, colour, save
from cpuwatch.figures.chapters import (
    averages_figure,
    episodes_figure,
    fleet_figure,
    follow,
    heat_map,
    score_figure,
    show,
    timeline_figure,
    watermark_figure,
)

__all__ = [
    "MOST_PANELS",
    "alerts_figure",
    "averages_figure",
    "colour",
    "episodes_figure",
    "fleet_figure",
    "follow",
    "heat_map",
    "save",
    "score_figure",
    "show",
    "timeline_figure",
    "watermark_figure",
]
