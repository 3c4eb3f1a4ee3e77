"""What is refused before a job takes its place on the cluster; nothing has changed then."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cpuwatch import topics
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink import catalog, cluster, deployment, guards, made, noted, rest, resumable, slots
from cpuwatch.flink.savepoints import Savepoint
from cpuwatch.settings import settings

OTHER = cluster.Job("1", "cpu_filter", "RUNNING")


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[cluster.Job]]:
    """The jobs that run."""
    monkeypatch.setenv("CPUWATCH_STATE", str(tmp_path))
    settings.cache_clear()
    monkeypatch.setattr(topics, "states", lambda *names: {})
    running = [OTHER]
    for room in (cluster, deployment):
        monkeypatch.setattr(room, "jobs", lambda **_: running)
    yield running
    settings.cache_clear()


# --- A savepoint ----------------------------------------------------------------------------


def test_a_savepoint_of_another_job_is_refused(there: list[cluster.Job]) -> None:
    with pytest.raises(CpuwatchError, match=r"a savepoint of a, and this job is b: .*='/s'\."):
        guards.refuse_foreign(Savepoint("a", "/s"), "b", [])
    guards.refuse_foreign(Savepoint("a", "/s"), "a", ["x"])
    guards.refuse_foreign("/s", "b", ["x"])  # on purpose


@pytest.mark.parametrize(
    ("reads", "refused"),
    [(["x", "y"], False), (["y;x"], False), (["x", "y", "z"], False), (["x"], True), ([], True)],
)
def test_so_is_one_of_a_job_that_read_other_topics(
    there: list[cluster.Job], reads: list[str], refused: bool
) -> None:
    noted.note_job(OTHER, {}, ["x;y"], [])
    resumable.note(OTHER, "/s", 10)
    if not refused:
        return guards.refuse_foreign(Savepoint("cpu_filter", "/s"), "cpu_filter", reads)
    with pytest.raises(CpuwatchError, match=r"cpu_filter read (x and )?y when it was stopped"):
        guards.refuse_foreign(Savepoint("cpu_filter", "/s"), "cpu_filter", reads)
    guards.refuse_foreign("/s", "cpu_filter", reads)
    return None


# --- Sinks ----------------------------------------------------------------------------------

EXACTLY = {
    "connector": "kafka",
    "topic": "own",
    "sink.delivery-guarantee": "exactly-once",
    "sink.transactional-id-prefix": "cpu_filter",
}


@pytest.fixture
def noted_one(there: list[cluster.Job]) -> list[cluster.Job]:
    noted.note_job(OTHER, {}, [], ["filtered"], prefixes=["cpu_filter"])
    return there


def test_two_jobs_do_not_write_one_topic(noted_one: list[cluster.Job]) -> None:
    sinks = {"jdbc": {"connector": "jdbc"}, "my_out": {"topic": "filtered"}}
    with pytest.raises(
        CpuwatchError, match=r"cpu_filter runs, and writes to the topic filtered, .* my_out another"
    ):
        guards.refuse_shared("my_filter", sinks)
    guards.refuse_shared("cpu_filter", sinks)  # it takes its own place
    noted_one.clear()
    guards.refuse_shared("my_filter", sinks)


def test_nor_by_the_same_transactions(noted_one: list[cluster.Job]) -> None:
    with pytest.raises(
        CpuwatchError, match=r"begin with 'cpu_filter', too.* of its own, such as 'my_filter'"
    ):
        guards.refuse_shared("my_filter", {"my_out": EXACTLY})
    for change in (
        {"sink.transactional-id-prefix": "my_filter"},
        {"sink.delivery-guarantee": "at-least-once"},
    ):
        guards.refuse_shared("my_filter", {"my_out": EXACTLY | change})
    guards.refuse_shared("cpu_filter", {"cpu_out_filter": EXACTLY})


def test_a_note_of_another_job_of_that_name_counts_not(noted_one: list[cluster.Job]) -> None:
    noted_one[:] = [cluster.Job("2", "cpu_filter", "RUNNING")]
    guards.refuse_shared("my_filter", {"my_out": EXACTLY | {"topic": "filtered"}})


# --- Statements -----------------------------------------------------------------------------


class Here:
    """An environment, of which only the place is asked."""

    def get_current_catalog(self) -> str:
        return "default_catalog"

    def get_current_database(self) -> str:
        return "default_database"


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("out", "out"),
        ("`out`", "out"),
        ("`my out`", "my out"),
        ("`odd``.name`", "odd`.name"),
        ("default_database.out", "out"),
        ("default_catalog.default_database.out", "out"),
        ("`default_catalog` . `default_database`.`out-1`", "out-1"),
    ],
)
def test_the_table_that_is_written_is_known_however_it_is_named(name: str, table: str) -> None:
    environment: Any = Here()
    insert = f"INSERT INTO {name} SELECT a.b FROM a"
    (parts,) = deployment.written_tables(insert)
    assert deployment.own_table(environment, parts) == table
    both = f"EXECUTE STATEMENT SET BEGIN {insert}; {insert}; END"
    assert deployment.written_tables(both) == [parts, parts]


@pytest.mark.parametrize("name", ["other.out", "c.default_database.out"])
def test_one_of_another_database_is_refused(name: str) -> None:
    environment: Any = Here()
    (parts,) = deployment.written_tables(f"INSERT INTO {name} SELECT 1")
    with pytest.raises(CpuwatchError, match="is in another database than the notebook's"):
        deployment.own_table(environment, parts)


# --- Nothing has changed --------------------------------------------------------------------


@pytest.fixture
def done(there: list[cluster.Job], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was done to the cluster and to topics, by a job that writes `out`."""
    seen: list[str] = []
    monkeypatch.setattr(deployment, "check", lambda *_: deployment.Plan([], ["out"]))
    monkeypatch.setattr(catalog, "options", lambda *_: {"topic": "out"})
    monkeypatch.setattr(deployment, "workers_for", lambda *_: 2)
    monkeypatch.setattr(deployment, "readers", lambda _: [])
    monkeypatch.setattr(slots, "MOMENT", 0.2)
    monkeypatch.setattr(slots, "is_shared", lambda: False)
    for name in ("cancel", "renew"):
        monkeypatch.setattr(deployment, name, lambda *_, name=name: seen.append(name) or [])
    monkeypatch.setattr(deployment, "submit", lambda *_: seen.append("submit") or OTHER)
    monkeypatch.setattr(catalog, "may_chain", lambda _: False)
    monkeypatch.setattr(made, "views_in", lambda *_: [])

    def answer(path: str) -> Any:
        if path == "/overview":
            return {"slots-total": 3, "slots-available": 1}
        return {"vertices": [{"parallelism": 1}, {"parallelism": 2}]}

    monkeypatch.setattr(rest, "ask", answer)
    return seen


class Environment:
    def get_config(self) -> dict[str, str]:
        return {}


def deployed(name: str) -> None:
    environment: Any = Environment()
    deployment.replace(environment, name, "INSERT INTO out SELECT 1")


def test_a_name_that_is_somebody_elses_costs_nothing(done: list[str]) -> None:
    with pytest.raises(CpuwatchError, match="would be somebody else's"):
        deployed("my--job")
    assert done == []


def test_nor_does_a_cluster_without_room(done: list[str]) -> None:
    with pytest.raises(CpuwatchError, match=r"There is no room for one more job: its 2 workers"):
        deployed("my_job")
    assert done == []


@pytest.mark.parametrize("name", ["cpu_filter", "my_job"])
def test_the_slots_of_what_it_replaces_are_room(
    done: list[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Of the one that has its name, or of one that reads what it writes."""
    monkeypatch.setattr(deployment, "readers", lambda _: [OTHER] if name == "my_job" else [])
    deployed(name)
    assert done == ["cancel", "renew", "submit"]


def test_nor_does_a_topic_that_another_job_writes(done: list[str]) -> None:
    noted.note_job(OTHER, {}, [], ["out"])
    with pytest.raises(CpuwatchError, match="cpu_filter runs, and writes to the topic out"):
        deployed("my_job")
    assert done == []
