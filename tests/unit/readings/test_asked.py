"""What Python code says of a file's columns and rows: texts, numbers, or a refusal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cpuwatch.readings import ReadingsError, read_csv

CONTENT = "time,host,cpu,0,usage\n1767603600,web01,0,1.5,20\n1767603600,web01,1,2.5,97\n"


@pytest.mark.parametrize(
    "where", [{"cpu": "0"}, {"cpu": 0}, {"cpu": [0]}, {"cpu": (0, 7)}, {0: 1.5}, {0: {"1.5"}}]
)
def test_the_text_of_a_number_is_meant(tmp_path: Path, where: Any) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(CONTENT)
    assert read_csv(path, True, where=where).readings.table()["usage"].tolist() == [20]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"where": {"cpu": None}}, "say a text"),
        ({"where": {"cpu": []}}, "say a text"),
        ({"where": {"cpu": [None]}}, "say a text"),
        ({"where": {"cpu": b"0"}}, "say a text"),
        ({"where": {None: "0"}}, "say a text"),
        ({"where": {7: "x"}}, "no column '7'"),
        ({"where": ["cpu=0"]}, "parse_where makes one"),
        ({"columns": {"ignore": 3}}, "no column '3'"),
        ({"columns": {"ignore": None}}, "say a text"),
        ({"columns": {"host": None}}, "say a text"),
        ({"columns": {"host": ["host"]}}, "several columns for host: say one"),
        ({"columns": {0: "host"}}, "it can say time, usage"),
        ({"columns": ["time=time"]}, "parse_columns makes one"),
        ({"columns": "time=time"}, "parse_columns makes one"),
    ],
)
def test_anything_else_is_refused_in_a_sentence(tmp_path: Path, said: Any, words: str) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(CONTENT)
    with pytest.raises(ReadingsError, match=words):
        read_csv(path, True, **said)
