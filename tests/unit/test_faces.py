"""The faces that notebooks and commands rely on: lists of names that explain themselves."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import cpuwatch
from cpuwatch import figures, flink, learned, readings, slack, topics, workshop

FACES = {
    figures: [
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
    ],
    flink: [
        "Job",
        "Savepoint",
        "cancel",
        "connect",
        "create_table",
        "create_view",
        "deploy",
        "execute",
        "import_tables",
        "jobs",
        "page",
        "preview",
        "resume",
        "status",
        "stop",
        "streams",
        "submit",
        "wait_for_watermark",
        "wait_until_finished",
        "wait_until_running",
        "wait_until_settled",
        "watermark",
    ],
    learned: [
        "IN_ORDER",
        "JOB",
        "JUDGED",
        "SCORES",
        "TABLES",
        "THRESHOLD",
        "Learned",
        "in_order_of_arrival",
        "real_series",
        "score",
        "seconds_out_of_order",
    ],
    readings: [
        "ARRIVED",
        "COLUMNS",
        "CPUS",
        "CYCLE_TICKS",
        "END_OF_TIME",
        "FIRST_TIME",
        "FLEET_START",
        "HOSTS",
        "MACHINE",
        "THRESHOLDS",
        "CsvReadings",
        "Reading",
        "ReadingsError",
        "Source",
        "Use",
        "delayed",
        "fleet",
        "incidents",
        "live",
        "live_fleet",
        "machine",
        "no_rejected",
        "of_readings",
        "open_source",
        "parse_columns",
        "parse_where",
        "read_csv",
        "usage_now",
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
    topics: [
        "ALERTS",
        "AVERAGES",
        "BAD_READINGS",
        "FILTERED",
        "LIVE",
        "OVER",
        "READINGS",
        "UNDELIVERED",
        "Follower",
        "PatientConsumer",
        "Sender",
        "State",
        "Stream",
        "ask",
        "await_committed",
        "clear",
        "client_settings",
        "count",
        "create",
        "decode",
        "delete",
        "discard",
        "empty",
        "follow",
        "held",
        "keep",
        "keep_rejected",
        "keep_whole",
        "last_offsets",
        "messages",
        "names",
        "partitions_of",
        "place",
        "possible",
        "produce",
        "read",
        "read_parts",
        "rejected_rows",
        "send",
        "states",
        "unreachable",
        "usual_partitions",
        "values",
    ],
    workshop: [
        "Learned",
        "Stream",
        "Stress",
        "bad",
        "begin",
        "catch_up",
        "check",
        "checkpoint",
        "database",
        "delayed",
        "doctor",
        "episodes",
        "fill",
        "first_record",
        "fleet",
        "fresh_topic",
        "hint",
        "incidents",
        "job",
        "jobs",
        "kill",
        "late",
        "link",
        "predict",
        "quiz",
        "real_series",
        "reset",
        "result",
        "score",
        "score_episodes",
        "services",
        "solution",
        "stop_jobs",
        "trace",
        "workers",
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


@pytest.mark.parametrize(
    "function",
    [
        one
        for face in FACES
        for one in (getattr(face, name) for name in face.__all__)
        if inspect.isfunction(one) and inspect.signature(one).parameters
    ],
    ids=lambda one: f"{one.__module__}.{one.__name__}",
)
def test_a_function_of_a_face_says_what_each_parameter_is(function: Callable[..., object]) -> None:
    _, _, told = (inspect.getdoc(function) or "").partition("Parameters\n----------\n")
    named = re.findall(r"^[*\w]+(?:, [*\w]+)*(?= :|$)", told, re.MULTILINE)
    names = {one.strip("* ") for line in named for one in line.split(",")}
    assert set(inspect.signature(function).parameters) - names == set()


def test_the_folders_of_these_tests_are_those_of_the_package() -> None:
    package = Path(cpuwatch.__file__).parent
    folders = [path.parent for path in Path(__file__).parent.glob("*/test_*.py")]
    assert folders and all((package / one.name).is_dir() for one in folders)
    flat = {path.name for path in Path(__file__).parent.glob("test_*.py")}
    inner = {f"test_{path.name}.py" for path in package.iterdir() if path.is_dir()}
    assert flat & inner == set()
