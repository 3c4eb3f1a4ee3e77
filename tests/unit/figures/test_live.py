"""The picture that rolls: how far each host is over its limit."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from cpuwatch.figures.live import OF_JOB, behind, over_limits
from cpuwatch.figures.show import small_png
from cpuwatch.readings import THRESHOLDS

START = pd.Timestamp("2026-01-05 09:00:30", tz="UTC")


def averages(**usage: list[float]) -> pd.DataFrame:
    """Windows of two CPUs of each host, of which the second is less busy."""
    rows = [
        (START + pd.Timedelta(seconds=30 * at), host, cpu, value - less)
        for host, values in usage.items()
        for at, value in enumerate(values)
        for cpu, less in (("cpu1", 0.0), ("cpu2", 5.0))
    ]
    return pd.DataFrame(rows, columns=["window_end", "hostname", "cpu", "usage_avg"])


def test_each_host_has_a_line_of_its_highest_average_over_its_own_limit() -> None:
    (axes,) = over_limits(averages(dopey=[70, 95], doc=[10, 30]), THRESHOLDS).axes
    lines = {line.get_label(): list(line.get_ydata()) for line in axes.lines}
    assert lines["doc"] == [-10, 10] and lines["dopey"] == [-20, 5]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["doc", "dopey"]


def test_a_host_without_a_limit_has_that_of_the_pipeline() -> None:
    (axes,) = over_limits(averages(mine=[90]), {}).axes
    assert next(list(one.get_ydata()) for one in axes.lines if one.get_label() == "mine") == [10]


@pytest.mark.parametrize("limits", [{}, THRESHOLDS])
def test_before_the_first_window_closes_it_says_so(limits: dict[str, float]) -> None:
    (axes,) = over_limits(averages(), limits).axes
    assert [text.get_text() for text in axes.texts] == ["no window has closed yet"]


def test_each_watermark_has_a_line_of_how_far_it_was_behind() -> None:
    whose = ["partition 10", "partition 2", OF_JOB]
    rows = [
        (START + pd.Timedelta(seconds=at), name, at + place)
        for at in range(3)
        for place, name in enumerate(whose)
    ]
    (axes,) = behind(pd.DataFrame(rows, columns=["time", "whose", "behind"])).axes
    lines = {line.get_label(): list(line.get_ydata()) for line in axes.lines}
    assert lines == {"partition 2": [1, 2, 3], "partition 10": [0, 1, 2], OF_JOB: [2, 3, 4]}
    assert list(lines)[-1] == OF_JOB, "over the others"


def test_without_a_watermark_it_says_so() -> None:
    figure = behind(pd.DataFrame([], columns=["time", "whose", "behind"]))
    (axes,) = figure.axes
    assert axes.texts[0].get_text().startswith("no watermark yet")
    small_png(figure)


@pytest.mark.parametrize("apart", [pd.Timedelta(0), pd.Timedelta("300D")], ids=["one", "far"])
def test_one_window_and_windows_of_different_months_are_drawn_at_once(apart: pd.Timedelta) -> None:
    """Matplotlib would draw a tick for each minute of four years."""
    table = averages(doc=[10])
    figure = over_limits(pd.concat([table, table.assign(window_end=START + apart)]), THRESHOLDS)
    begun = time.process_time()
    small_png(figure)
    assert time.process_time() - begun < 20
    (axes,) = figure.axes
    assert 1 <= len(axes.get_xticks()) <= 25


def test_the_first_look_at_the_fonts_says_nothing_however_long_it_takes(tmp_path: Path) -> None:
    code = (
        "import threading\n"
        "class AtOnce(threading.Timer):\n"
        "    def __init__(self, seconds, work): super().__init__(0, work)\n"
        "    def cancel(self): self.join()\n"
        "threading.Timer = AtOnce\n"
        "import {}\n"
        "import matplotlib.font_manager"
    )

    def said(module: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code.format(module)], capture_output=True, text=True, check=True,
            env=os.environ | {"MPLCONFIGDIR": str(tmp_path / module)},
        )  # fmt: skip
        return done.stderr

    assert "building the font cache" in said("matplotlib")
    assert said("cpuwatch.figures") == ""
