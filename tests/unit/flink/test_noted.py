"""Whether a job that runs is the one that would be deployed, by what was noted of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cpuwatch import pipeline, sql, topics
from cpuwatch.flink import cluster, made, noted
from cpuwatch.settings import settings

MINE = pipeline.Job("cpu_mine", ("my_in",), "cpu_out_filter", "02")


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The statements, with a job on a table that is made LIKE another one."""
    monkeypatch.setenv("CPUWATCH_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("CPUWATCH_KAFKA", "broker.example:9092")
    settings.cache_clear()
    for path in Path(sql.__file__).parent.glob("*.sql"):
        (tmp_path / path.name).write_text(path.read_text())
    (tmp_path / "my_in.sql").write_text("CREATE TABLE my_in WITH ('topic' = 'a') LIKE cpu_in")
    (tmp_path / "cpu_mine.sql").write_text("INSERT INTO cpu_out_filter SELECT * FROM my_in")
    monkeypatch.setattr(sql, "files", lambda _: tmp_path)
    monkeypatch.setattr(topics, "states", lambda *_: {})
    yield tmp_path
    settings.cache_clear()


def test_a_job_is_another_one_once_what_its_table_is_made_like_has_changed(files: Path) -> None:
    job = cluster.Job("1", MINE.name, "RUNNING")
    names = ("cpu_mine", "my_in", "cpu_in", "cpu_out_filter")
    noted.note_job(job, {name: sql.taught(name) for name in names}, [], [])
    assert noted.standing(MINE, [job]).running == job
    text = (files / "cpu_in.sql").read_text()
    (files / "cpu_in.sql").write_text(text.replace("INTERVAL '10' SECOND", "INTERVAL '60' SECOND"))
    found = noted.standing(MINE, [job])
    assert (found.running, found.why) == (None, "its table cpu_in has changed")


def test_what_is_noted_of_a_table_is_also_what_it_is_made_like(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Environment:
        """Holds what is remembered of it."""

    environment = Environment()
    for name in ("cpu_in", "cpu_arriving", "cpu_ahead"):
        made.remember(environment, name, sql.taught(name))
    found = made.with_bases(environment, ["cpu_ahead", "cpu_thresholds"])
    assert found == ["cpu_in", "cpu_arriving", "cpu_ahead", "cpu_thresholds"]
