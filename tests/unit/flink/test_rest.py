"""What is asked of the cluster's REST interface while a JobManager takes over, or is dead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cpuwatch import doctor, web
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink import cluster, rest, slots
from cpuwatch.settings import settings
from cpuwatch.stack import known
from cpuwatch.stack.supervisor import Supervisor


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., list[Any]]]:
    """Let the cluster answer by these, one after the other; the last again and again."""

    def give(*given: Any) -> list[Any]:
        left = list(given)

        def ask(*_: Any, **__: Any) -> Any:
            one = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(one, Exception):
                raise one
            return one

        monkeypatch.setattr(web, "ask", ask)
        return left

    monkeypatch.setenv("CPUWATCH_FLINK", "http://127.0.0.1:9")
    settings.cache_clear()
    yield give
    settings.cache_clear()


NOT_YET = web.HTTPError(503, "Service Unavailable")


def test_who_asks_while_a_jobmanager_takes_over_waits_for_it(
    answers: Callable[..., list[Any]],
) -> None:
    left = answers(NOT_YET, NOT_YET, {"status": "RUNNING"})
    job = cluster.Job("0", "cpu_filter", "INITIALIZING")
    assert cluster.status(job).state == "RUNNING"
    assert len(left) == 1


def test_but_not_for_ever(answers: Callable[..., list[Any]]) -> None:
    answers(NOT_YET)
    with pytest.raises(CpuwatchError, match=r"does not answer \(503 Service Unavailable\)"):
        rest.ask("/overview", patience=0.3)


def test_the_doctor_tells_of_it_and_does_not_wait(
    answers: Callable[..., list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    left = answers(NOT_YET, {"jobs": []})
    monkeypatch.setattr(known, "status", list)  # all answer
    *_, finding = doctor.examine()
    assert not finding.well and "503 Service Unavailable" in finding.says
    assert len(left) == 1


def test_a_job_that_is_not_known_is_told_at_once(answers: Callable[..., list[Any]]) -> None:
    left = answers(web.HTTPError(404, "Not Found"), {"status": "RUNNING"})
    with pytest.raises(CpuwatchError, match=r"does not know the job cpu_filter any more"):
        cluster.status(cluster.Job("0", "cpu_filter", "RUNNING"))
    assert len(left) == 1


@pytest.mark.parametrize("known", [True, False], ids=["takes it up", "knows it no more"])
def test_a_job_is_cancelled_though_the_jobmanager_dies_meanwhile(
    answers: Callable[..., list[Any]], known: bool
) -> None:
    """One that had not heard of it cancels the job when asked again; else it had ended."""

    def overview(*states: str) -> dict[str, Any]:
        return {"jobs": [{"jid": "0", "name": "a", "state": s, "start-time": 1} for s in states]}

    again = [overview("INITIALIZING"), {}, overview("CANCELLING"), overview("CANCELED")]
    left = answers(
        overview("RUNNING"),
        {},
        overview("CANCELLING"),
        NOT_YET,
        *(again if known else []),
        overview(),
    )
    cluster.cancel_all([cluster.Job("0", "a", "RUNNING")])
    assert len(left) == 1


@pytest.mark.parametrize("outside", [True, False], ids=["outside", "embedded"])
def test_a_cluster_that_nobody_starts_again_is_not_waited_for(
    answers: Callable[..., list[Any]], monkeypatch: pytest.MonkeyPatch, outside: bool
) -> None:
    left = answers(ConnectionRefusedError("Connection refused"), {"slots-available": 1})
    if not outside:
        monkeypatch.setattr(type(settings()), "outside", lambda *_: False)
    monkeypatch.setattr(Supervisor, "is_running", lambda _: outside)
    monkeypatch.setattr("cpuwatch.stack.keys.context", lambda _: None)
    with pytest.raises(CpuwatchError, match=r"does not answer \(Connection refused\)"):
        slots.free_slots()
    assert len(left) == 1


def test_one_that_supervisor_starts_again_is(
    answers: Callable[..., list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(ConnectionResetError("reset"), ConnectionRefusedError("no"), {"slots-available": 7})
    monkeypatch.setattr(type(settings()), "outside", lambda *_: False)
    monkeypatch.setattr(Supervisor, "is_running", lambda _: True)
    monkeypatch.setattr("cpuwatch.stack.keys.context", lambda _: None)
    assert slots.free_slots() == 7


@pytest.mark.parametrize(("total", "left", "full"), [(10, 0, True), (10, 1, False), (0, 0, False)])
def test_a_cluster_whose_taskmanager_is_away_is_not_full(
    answers: Callable[..., list[Any]], total: int, left: int, full: bool
) -> None:
    answers({"slots-total": total, "slots-available": left})
    assert slots.is_full() is full
