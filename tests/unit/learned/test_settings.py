"""The program that tries settings of the rule that learns, for docs/learned-limits.md."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import ModuleType

import pytest
from slides_parts import tool

from cpuwatch.learned import THRESHOLD, Learned
from cpuwatch.settings import ROOT

NAB = ROOT / "data" / "nab" / "rds_cpu_utilization_cc0c53.csv"
WINDOWS = [
    ["2014-02-24 22:50:00.000000", "2014-02-25 15:35:00.000000"],
    ["2014-02-26 16:30:00.000000", "2014-02-27 09:10:00.000000"],
]


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """It, with two settings to try: another one, and the rule's own."""
    found = tool("learned_settings")
    monkeypatch.setattr(found, "GAPS", (Learned.GAP,))
    monkeypatch.setattr(found, "REACHES", (4,))
    monkeypatch.setattr(found, "SILENCES", (200, Learned.SILENT))
    return found


def series(program: ModuleType, folder: Path) -> list[object]:
    shutil.copy(NAB, folder)
    (folder / "windows.json").write_text(json.dumps({f"real/{NAB.name}": WINDOWS, "gone.csv": []}))
    return program.read(folder)


def test_with_its_own_settings_it_reports_what_the_detector_reports(
    program: ModuleType, tmp_path: Path
) -> None:
    (one,) = series(program, tmp_path)
    detector = Learned()
    reports = [
        row for row, reading in enumerate(one.readings) if detector.update(*reading) >= THRESHOLD
    ]
    found = program.of_all_settings(one)
    assert found[Learned.GAP, 4, Learned.SILENT] == program.judged(one, reports)
    assert found[Learned.GAP, 4, 200] != found[Learned.GAP, 4, Learned.SILENT]


def test_scores_are_the_benchmarks(program: ModuleType, tmp_path: Path) -> None:
    (one,) = series(program, tmp_path)
    assert program.judged(one, []).score == 0
    assert program.judged(one, [first for first, _ in one.windows]).score == pytest.approx(100)
    # Reports in the beginning do not count, and one outside of all windows costs a little.
    assert program.judged(one, [0, 599]).wrong == 0
    assert program.judged(one, [700]).worth == pytest.approx(-2 - program.FALSE)
