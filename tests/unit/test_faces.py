"""The faces that notebooks and commands rely on: lists of names that explain themselves."""

from __future__ import annotations

import inspect
from types import ModuleType

import pytest

from cpuwatch import figures, flink, readings, slack, topics, workshop

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
        "in_order_of_panels",
        "save",
        "score_figure",
        "show",
        "timeline_figure",
        "watermark_figure",
    ],
    flink: [
        "Job",
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
        "status",
        "submit",
        "wait_until_finished",
        "wait_until_running",
        "wait_until_settled",
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
        "Source",
        "Use",
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
        "PARTITIONS",
        "READINGS",
        "UNDELIVERED",
        "Follower",
        "PatientConsumer",
        "Sender",
        "State",
        "Stream",
        "ask",
        "clear",
        "client_settings",
        "count",
        "create",
        "decode",
        "delete",
        "empty",
        "follow",
        "keep",
        "keep_rejected",
        "keep_whole",
        "messages",
        "names",
        "partitions_of",
        "produce",
        "read",
        "read_parts",
        "rejected_rows",
        "send",
        "states",
        "unreachable",
        "values",
    ],
    workshop: [
        "Stream",
        "bad",
        "begin",
        "catch_up",
        "database",
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
        "link",
        "reset",
        "result",
        "score",
        "score_episodes",
        "services",
        "solution",
        "stop_jobs",
        "trace",
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
