"""What a chapter's figure says comes from the tables that it is given."""

from __future__ import annotations

import pandas as pd
import pytest
import twin
from matplotlib.figure import Figure

from cpuwatch import figures, readings


def words(figure: Figure) -> str:
    texts = [text for legend in figure.legends for text in legend.get_texts()]
    texts += [axes.title for axes in figure.axes]
    return " ".join(text.get_text() for text in texts)


@pytest.mark.parametrize(("window", "said"), [(30, "30 s"), (300, "5 min")])
def test_the_length_of_a_window_and_the_limit_are_those_of_the_data(window: int, said: str) -> None:
    fleet = readings.fleet(ticks=300)
    averages = twin.averages(fleet, window)
    figure = figures.averages_figure(fleet, averages, "dopey", "cpu1", limit=72.5)
    assert f"average of {said}" in words(figure) and "72.5%" in words(figure)
    lines = [
        line.get_ydata()[0] for line in figure.axes[0].get_lines() if len(line.get_xdata()) == 2
    ]
    assert 72.5 in lines
    titles = [axes.get_title(loc="left") for axes in figures.heat_map(averages, averages[:0]).axes]
    assert f"average of {said} of its cpus" in " ".join(titles)


def test_without_windows_a_figure_is_drawn_all_the_same() -> None:
    fleet = readings.fleet(ticks=30)
    figure = figures.averages_figure(fleet, twin.averages(fleet, 30)[:0], "dopey", "cpu1", limit=80)
    assert "average of a window" in words(figure)


def test_what_is_late_is_marked_only_where_it_may_be_told() -> None:
    events = pd.DataFrame({"arrived": [5, 45, 50], "happened": [4, 44, 10]})

    def marks(figure: Figure) -> list[list[float]]:
        return [
            list(line.get_ydata())
            for line in figure.axes[0].get_lines()
            if line.get_marker() == "X"
        ]

    told, asked = (figures.watermark_figure(events, tell_late=tell) for tell in (True, False))
    assert marks(told) == [[10]] and "too late" in words(told)
    assert marks(asked) == [[]] and "too late" not in words(asked)
