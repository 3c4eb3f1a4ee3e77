"""A job is stopped with a savepoint: what is noted, whatever happens while it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cpuwatch import topics
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink import awaiting, cluster, noted, rest, resumable, savepoints
from cpuwatch.settings import settings

JOB = cluster.Job("1", "my_job", "RUNNING")


@pytest.fixture
def cluster_of_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """A cluster with one job, that answers by these, and what is asked of it."""
    monkeypatch.setenv("CPUWATCH_STATE", str(tmp_path))
    settings.cache_clear()
    answers: dict[str, Any] = {
        "/jobs/overview": {
            "jobs": [{"jid": "1", "name": "my_job", "state": "RUNNING", "start-time": 1}]
        },
        "/jobs/1": {"vertices": [{"status": "RUNNING"}]},
        "/jobs/1/status": {"status": "RUNNING"},
        "/jobs/1/stop": {"request-id": "7"},
        "/jobs/1/savepoints/7": {
            "status": {"id": "COMPLETED"},
            "operation": {"location": "file:/savepoints/a"},
        },
        "asked": [],
    }

    def answer(path: str, method: str = "GET", body: Any = None, patience: float = 0) -> Any:
        answers["asked"].append((method, path))
        found = answers[path]
        if path == "/jobs/1/savepoints/7":
            answers["/jobs/1/status"] = {"status": "FINISHED"}
        return found() if callable(found) else found

    monkeypatch.setattr(rest, "ask", answer)
    monkeypatch.setattr(topics, "await_committed", lambda *_: None)
    monkeypatch.setattr(topics, "states", lambda *_: {})
    noted.note_job(JOB, {"my_job": "INSERT INTO a SELECT 1"}, [], [])
    yield answers
    settings.cache_clear()


def places() -> list[str]:
    return [one["place"] for one in resumable.savepoints().get("my_job", [])]


def fails(error: BaseException) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> Any:
        raise error

    return fail


def test_a_savepoint_is_noted_once_it_is_written(cluster_of_one: dict[str, Any]) -> None:
    assert savepoints.stop("my_job") == savepoints.Savepoint("my_job", "file:/savepoints/a")
    assert places() == ["file:/savepoints/a"]
    assert resumable.savepoints()["my_job"][0]["texts"] == {"my_job": "INSERT INTO a SELECT 1"}


@pytest.mark.parametrize("error", [CpuwatchError("a transaction is open"), KeyboardInterrupt()])
@pytest.mark.parametrize("where", ["end", "commits"])
def test_a_savepoint_is_not_lost_while_the_job_ends(
    cluster_of_one: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    where: str,
) -> None:
    if where == "commits":
        monkeypatch.setattr(topics, "await_committed", fails(error))
    else:
        monkeypatch.setattr(awaiting, "wait", fails(error))
        monkeypatch.setattr(awaiting, "wait_until_running", lambda job, **_: job)
    with pytest.raises(type(error)):
        savepoints.stop("my_job")
    assert places() == ["file:/savepoints/a"]


def test_nor_where_somebody_stops_the_cell_while_it_is_written(
    cluster_of_one: dict[str, Any],
) -> None:
    left = [KeyboardInterrupt()]

    def answer() -> dict[str, Any]:
        if left:
            raise left.pop()
        return {"status": {"id": "COMPLETED"}, "operation": {"location": "file:/savepoints/b"}}

    cluster_of_one["/jobs/1/savepoints/7"] = answer
    with pytest.raises(KeyboardInterrupt):
        savepoints.stop("my_job")
    assert places() == ["file:/savepoints/b"]


def test_a_job_that_cannot_run_is_not_cancelled_by_who_wants_its_savepoint(
    cluster_of_one: dict[str, Any],
) -> None:
    cluster_of_one["/jobs/1/status"] = {"status": "RESTARTING"}
    trace = 'java.lang.NumberFormatException: For input string: "doc"'
    cluster_of_one["/jobs/1/exceptions?maxExceptions=1"] = {"root-exception": trace}
    with pytest.raises(CpuwatchError, match=r"cannot run: CAST fails on 'doc'.* It goes on trying"):
        savepoints.stop("my_job")
    assert {method for method, _ in cluster_of_one["asked"]} == {"GET"}
