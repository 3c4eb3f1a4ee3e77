"""The faces that notebooks and commands rely on: lists of names that explain themselves."""

from __future__ import annotations

import inspect
from types import ModuleType

import pytest

from cpuwatch import figures, readings, slack

FACES = {
    figures: [
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
    ],
    readings: [
        "COLUMNS",
        "CPUS",
        "CYCLE_TICKS",
        "END_OF_TIME",
        "FIRST_TIME",
        "FLEET_START",
        "HOSTS",
        "THRESHOLDS",
        "CsvReadings",
        "Reading",
        "ReadingsError",
        "fleet",
        "incidents",
        "live",
        "machine",
        "read_csv",
    ],
    slack: [
        "count_messages",
        "deliver",
        "follow",
        "forget",
        "is_running",
        "standin",
        "start",
        "stop",
        "waiting",
    ],
}


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.__name__)
def test_a_face_is_what_this_list_says(face: ModuleType) -> None:
    assert face.__all__ == FACES[face]


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.__name__)
def test_every_name_of_a_face_explains_itself(face: ModuleType) -> None:
    for name in face.__all__:
        found = getattr(face, name)
        if inspect.ismodule(found) or callable(found):
            assert inspect.getdoc(found), f"{face.__name__}.{name}"
