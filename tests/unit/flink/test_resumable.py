"""From which savepoint a job may go on by its name alone, and from which not any more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cpuwatch import flink, topics
from cpuwatch.cli import jobs
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink import cluster, deployment, noted, resumable, savepoints, tables
from cpuwatch.settings import settings

TEXTS = {"my_job": "INSERT INTO b SELECT * FROM a", "a": "CREATE TABLE a", "b": "CREATE TABLE b"}


@pytest.fixture
def ids(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The topics there are, with their ids; no job runs."""
    monkeypatch.setenv("CPUWATCH_STATE", str(tmp_path))
    settings.cache_clear()
    there = {"a": "1", "b": "2"}

    def states(*names: str) -> dict[str, topics.State]:
        return {one: topics.State(there[one], {}) for one in names if one in there}

    monkeypatch.setattr(topics, "states", states)
    monkeypatch.setattr(cluster, "jobs", lambda **_: [])
    yield there
    settings.cache_clear()


def stopped(number: str = "1", name: str = "my_job", known: bool = True) -> None:
    """A job was deployed, and stopped with a savepoint; one made in Python has no statement."""
    job = cluster.Job(number, name, "RUNNING")
    noted.note_job(job, TEXTS if known else {**TEXTS, name: None}, ["a"], ["b"])
    resumable.note(job, f"/savepoints/{number}", 10)


def resumed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """From where `resume` would let it go on."""
    seen: list[Any] = []
    monkeypatch.setattr(savepoints, "connect", lambda **_: None)
    monkeypatch.setattr(tables, "create", lambda *_: None)
    monkeypatch.setattr(
        deployment, "deploy", lambda *_, from_savepoint: seen.append(from_savepoint)
    )
    savepoints.resume("my_job")
    return seen


def deployed(monkeypatch: pytest.MonkeyPatch, fails: bool = False) -> None:
    """Deploy the job from its savepoint."""

    def runs(job: cluster.Job, **_: object) -> cluster.Job:
        if fails:
            raise CpuwatchError("What the savepoint holds has another form now.")
        return job

    job = cluster.Job("2", "my_job", "RUNNING")
    monkeypatch.setattr(deployment, "replace", lambda *_, **__: (job, []))
    monkeypatch.setattr(deployment, "wait_until_running", runs)
    deployment.deploy(None, "my_job", "", from_savepoint="/savepoints/1")


def test_a_job_that_was_stopped_goes_on(
    ids: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped()
    assert savepoints.stopped([]) == ["my_job"]
    assert resumed(monkeypatch) == [savepoints.Savepoint("my_job", "/savepoints/1")]


@pytest.mark.parametrize("how", ["gone on", "begun afresh", "submitted", "ended without one"])
def test_one_that_has_done_more_since_does_not(
    ids: dict[str, str], monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    class GoneOnError(Exception):
        pass

    def leave(*_: object) -> None:
        raise GoneOnError

    stopped()
    if how == "gone on":
        deployed(monkeypatch)
    elif how == "ended without one":
        job = cluster.Job("2", "my_job", "RUNNING")
        monkeypatch.setattr(cluster, "running", lambda _: job)
        monkeypatch.setattr(cluster, "cancel_all", lambda _: None)
        savepoints.stop("my_job", savepoint=False)
    else:
        monkeypatch.setattr(deployment, "cancel", leave)
        monkeypatch.setattr(deployment, "check", lambda *_: deployment.Plan([], []))
        monkeypatch.setattr(deployment, "workers_for", lambda *_: 1)
        monkeypatch.setattr(deployment, "is_full", lambda _: False)
        begin = deployment.replace if how == "begun afresh" else deployment.submit
        with pytest.raises(GoneOnError):
            begin(None, "my_job", "")
    assert savepoints.stopped([]) == []
    with pytest.raises(
        CpuwatchError,
        match=r"it has gone on or begun afresh since.*'my_job', …, from_savepoint='/savepoints/1'",
    ):
        resumed(monkeypatch)
    stopped("3")
    assert resumed(monkeypatch) == [savepoints.Savepoint("my_job", "/savepoints/3")]


def test_one_that_could_not_go_on_by_another_statement_goes_on_by_its_own(
    ids: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped()
    with pytest.raises(CpuwatchError, match="another form now"):
        deployed(monkeypatch, fails=True)
    noted.note_job(cluster.Job("2", "my_job", "FAILED"), {}, [], [], begun_from="/savepoints/1")
    assert savepoints.stopped([]) == ["my_job"]


@pytest.mark.parametrize("topic", ["a", "b"])
def test_one_whose_topic_was_made_anew_does_not(
    ids: dict[str, str], monkeypatch: pytest.MonkeyPatch, topic: str
) -> None:
    stopped()
    ids[topic] = "3"
    assert savepoints.stopped([]) == []
    with pytest.raises(CpuwatchError, match=f"the topic {topic} is not the one any more"):
        resumed(monkeypatch)
    del ids[topic]
    assert savepoints.stopped([]) == []


def test_what_a_former_version_noted_is_understood(ids: dict[str, str], tmp_path: Path) -> None:
    old = {"place": "/savepoints/1", "texts": TEXTS}
    note = {"id": "1", "texts": TEXTS, "reads": ["a"], "writes": ["b"], "begun from": None}
    notes = {"savepoints": {"my_job": [old]}, "my_job": note}
    (tmp_path / "deployed.json").write_text(json.dumps(notes))
    assert resumable.why_not("my_job") is None
    assert resumable.reads("/savepoints/1") is None
    (tmp_path / "deployed.json").write_text(
        json.dumps(notes | {"my_job": note | {"begun from": "/savepoints/1"}})
    )
    assert "it has gone on" in (resumable.why_not("my_job") or "")
    stopped("3")
    assert [one["place"] for one in resumable.savepoints()["my_job"]] == [
        "/savepoints/1",
        "/savepoints/3",
    ]
    assert resumable.why_not("my_job") is None


def test_one_made_in_python_goes_on_in_its_notebook_alone(
    ids: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped(known=False)
    assert savepoints.stopped([]) == []
    assert savepoints.stopped([], by_name=False) == ["my_job"]
    with pytest.raises(CpuwatchError, match=r"no text.*from_savepoint='/savepoints/1'"):
        resumed(monkeypatch)


def test_a_terminal_offers_to_resume_what_it_can_resume(
    ids: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        flink, "stop", lambda name, savepoint: stopped(name, name, known=name == "my_job")
    )
    told = CliRunner().invoke(jobs.app, ["stop", "my_job", "learned"]).output
    assert "They go on with: cpuwatch jobs resume my_job\n" in told
    assert "learned goes on in the notebook that made it: flink.deploy(env, 'learned'" in told
    monkeypatch.setattr(flink, "jobs", lambda **_: [])
    states = CliRunner().invoke(jobs.app, ["list"]).output
    assert [line.count("goes on in its notebook") for line in states.splitlines()].count(1) == 1
    assert json.loads(CliRunner().invoke(jobs.app, ["list", "--json"]).output) == {
        "running": [],
        "stopped": ["my_job"],
    }


def test_those_that_are_too_old_are_not_kept(ids: dict[str, str]) -> None:
    job = cluster.Job("1", "my_job", "RUNNING")
    assert [resumable.note(job, place, 2) for place in "abc"] == [[], [], ["a"]]
    assert [one["place"] for one in resumable.savepoints()["my_job"]] == ["b", "c"]
