"""How a table is tried before it takes the place of the one that is there."""

from __future__ import annotations

import pandas as pd
import pytest
from flink_parts import Planner, rows_of

from cpuwatch import topics
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink import catalog, made, remarks, tables

REST = " (hostname STRING) WITH ('connector' = 'kafka')"


@pytest.fixture
def planner(monkeypatch: pytest.MonkeyPatch) -> Planner:
    monkeypatch.setattr(
        tables, "Rows", rows_of("hostname", "VARCHAR(2147483647)", True, None, None, None)
    )
    monkeypatch.setattr(tables, "let_watermark_follow", lambda *_: None)
    return Planner(monkeypatch)


@pytest.mark.parametrize(
    ("begins", "tried", "name"),
    [
        ("CREATE TABLE mine", "CREATE TABLE mine__trial", "mine"),
        ("create table\n`my-own`", "create table\n`my-own__trial`", "my-own"),
        ("CREATE TABLE `a.b`", "CREATE TABLE `a.b__trial`", "a.b"),
        (
            "CREATE TABLE IF NOT EXISTS mine",
            "CREATE TABLE IF NOT EXISTS mine__trial",
            "mine",
        ),
        (
            "-- my own\n/* of\nmine */ CREATE TABLE mine",
            "-- my own\n/* of\nmine */ CREATE TABLE mine__trial",
            "mine",
        ),
    ],
)
def test_a_table_is_tried_under_another_name(
    planner: Planner, begins: str, tried: str, name: str
) -> None:
    shown = tables.create_table(planner, begins + REST)
    assert planner.given == [
        f"DROP TABLE IF EXISTS `{name}__trial`",
        tried + REST,
        f"SELECT * FROM `{name}__trial`",
        f"DROP TABLE `{name}__trial`",
        f"DROP TABLE IF EXISTS `{name}`",
        begins + REST,
        f"DESCRIBE `{name}`",
    ]
    assert shown.iloc[0].tolist() == ["hostname", "STRING"]
    assert made.texts(planner, [name]) == {name: begins + REST}


def test_a_name_with_its_database_stays_in_it(planner: Planner) -> None:
    tables.create_table(planner, "CREATE TABLE default_database.`mine`" + REST)
    assert planner.given[1] == "CREATE TABLE default_database.`mine__trial`" + REST
    assert planner.given[-1] == "DESCRIBE default_database.`mine`"


@pytest.mark.parametrize("text", ["SELECT 1", "-- CREATE TABLE mine (a INT)", ""])
def test_what_creates_no_table_is_refused(planner: Planner, text: str) -> None:
    with pytest.raises(CpuwatchError, match="That creates no table"):
        tables.create_table(planner, text)
    assert planner.given == []


@pytest.mark.parametrize(
    ("begins", "there", "told"),
    [
        ("CREATE TABLE mine", (1, 43), "line 1, column 36"),
        ("CREATE TABLE mine", (1, 14), "line 1, column 14"),
        ("CREATE TABLE `mine`", (1, 45), "line 1, column 38"),
        ("-- my own\nCREATE TABLE mine", (2, 43), "line 2, column 36"),
        ("CREATE TABLE mine\n", (2, 3), "line 2, column 3"),
    ],
)
def test_a_mistake_is_told_where_it_is_in_what_was_written(
    planner: Planner, begins: str, there: tuple[int, int], told: str
) -> None:
    planner.refuses("CREATE", f"From line {there[0]}, column {there[1]}: Column 'x' not found in")
    with pytest.raises(CpuwatchError, match=told):
        tables.create_table(planner, begins + REST)


def test_of_a_table_on_several_topics_the_one_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(topics, "names", lambda: ["a", "b"])
    catalog.check_topics({"both": {"topic": "a;b"}, "none": {}})
    with pytest.raises(CpuwatchError, match="There is no topic c, which the table both reads"):
        catalog.check_topics({"both": {"topic": "a;c"}})


def test_a_column_is_empty_only_if_no_topic_of_its_table_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Message:
        def __init__(self, text: str) -> None:
            self.value = text.encode

    records = {"a": [Message('{"host": "doc"}')], "b": [Message('{"cpu": "1"}')]}
    monkeypatch.setattr(topics, "messages", lambda topic: (one for one in records[topic]))
    columns = {"host": "STRING", "cpu": "STRING", "usage": "DOUBLE"}
    both = {"connector": "kafka", "format": "json", "topic": "a;b"}
    assert remarks.empty_columns(pd.DataFrame(), {"both": both}, {"both": columns}) == [
        "Note: the column usage of both stays empty, since the records of a and b have no such"
        " field. They have: cpu, host."
    ]
