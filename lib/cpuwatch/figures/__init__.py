"""Figures: made of tables, shown under a notebook's cell."""

from cpuwatch.figures import fonts as fonts
from cpuwatch.figures.alerts import MOST_PANELS, alerts_figure, in_order_of_panels
from cpuwatch.figures.chapters import (
    averages_figure,
    episodes_figure,
    fleet_figure,
    heat_map,
    score_figure,
    timeline_figure,
    watermark_figure,
)
from cpuwatch.figures.lateness import delays_figure, watermarks, watermarks_figure
from cpuwatch.figures.learned import reports_figure
from cpuwatch.figures.live import follow, follow_watermarks, roll
from cpuwatch.figures.show import save, show
from cpuwatch.figures.style import colour

__all__ = [
    "MOST_PANELS",
    "alerts_figure",
    "averages_figure",
    "colour",
    "delays_figure",
    "episodes_figure",
    "fleet_figure",
    "follow",
    "follow_watermarks",
    "heat_map",
    "in_order_of_panels",
    "reports_figure",
    "roll",
    "save",
    "score_figure",
    "show",
    "timeline_figure",
    "watermark_figure",
    "watermarks",
    "watermarks_figure",
]
