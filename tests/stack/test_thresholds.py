"""The thresholds' table: a real key, a real check."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from book import BOOKS
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import IntegrityError

from cpuwatch import readings, thresholds, workshop
from cpuwatch.errors import CpuwatchError

SCHEMA = "tests_of_thresholds"


@pytest.fixture
def database(stack: Path) -> Iterator[Engine]:
    thresholds.create_schema(SCHEMA)
    engine = thresholds.engine(SCHEMA)
    thresholds.create(engine)
    yield engine
    engine.dispose()
    thresholds.drop_schema(SCHEMA)


def test_the_workshops_thresholds_are_those_of_the_story(database: Engine) -> None:
    assert thresholds.load() == readings.THRESHOLDS
    thresholds.write(database, thresholds.load())
    found = thresholds.read(database)
    assert dict(found.itertuples(index=False)) == readings.THRESHOLDS
    assert found["hostname"].is_monotonic_increasing


def test_a_host_that_is_there_gets_the_new_threshold(database: Engine) -> None:
    thresholds.write(database, {"doc": 20, "grumpy": 30})
    thresholds.write(database, {"doc": 25})
    assert thresholds.read(database).values.tolist() == [["doc", 25], ["grumpy", 30]]


def test_a_threshold_over_100_is_refused_and_none_is_written(database: Engine) -> None:
    with pytest.raises(CpuwatchError, match=r"allowed_top_is_a_percentage.*between 0 and 100"):
        thresholds.write(database, {"doc": 20, "grumpy": 140})
    assert thresholds.read(database).empty


def test_the_key_is_enforced_by_the_database_itself(database: Engine) -> None:
    insert = text("INSERT INTO cpu_thresholds VALUES ('doc', 20)")
    with pytest.raises(IntegrityError, match="cpu_thresholds_pkey"), database.begin() as connection:
        connection.execute(insert)
        connection.execute(insert)


def test_creating_it_twice_is_fine(database: Engine) -> None:
    thresholds.write(database, {"doc": 20})
    thresholds.create(database)
    assert len(thresholds.read(database)) == 1


def test_chapter_4_makes_and_fills_the_table_as_the_library_does(
    database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def as_it_is() -> list[object]:
        found = inspect(database)
        name = thresholds.TABLE.name
        columns = [(c["name"], str(c["type"]), c["nullable"]) for c in found.get_columns(name)]
        checks = [(one["name"], one["sqltext"]) for one in found.get_check_constraints(name)]
        rows = thresholds.read(database).values.tolist()
        return [columns, found.get_pk_constraint(name), checks, rows]

    thresholds.write(database, thresholds.load())
    wanted = as_it_is()
    with database.begin() as connection:
        thresholds.TABLE.drop(connection)
    monkeypatch.setattr(workshop, "database", lambda: database)
    cells = [cell.source for cell in nbformat.read(BOOKS[4], 4).cells]
    made = [one for one in cells if "CREATE TABLE IF NOT EXISTS" in one or "INSERT INTO" in one]
    assert len(made) == 2
    exec("\n".join(made), {"workshop": workshop})
    assert as_it_is() == wanted


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "does not exist"),
        ("host,top\ndoc,1\n", "no column of thresholds in its first line, which is 'host'"),
        ("hostname,allowed_top\ndoc,high\n", "line 2: the threshold 'high' is not between"),
        ("hostname,allowed_top\ndoc,20\ngrumpy,101\n", "line 3: the threshold '101'"),
        ("hostname,allowed_top\ndoc,20\ndoc,30\n", "line 3, names 'doc' a second time"),
        ("hostname,allowed_top\n,30\n", "line 2, names no host"),
        ("hostname,allowed_top\ndoc\n", "line 2: two fields expected, one found"),
    ],
)
def test_a_file_of_thresholds_that_cannot_be_used(
    tmp_path: Path, content: str | None, sentence: str
) -> None:
    path = tmp_path / "thresholds.csv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(CpuwatchError, match=sentence):
        thresholds.load(path)
