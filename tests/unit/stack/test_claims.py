"""Whose a prefix is, by what PostgreSQL says: who may use it, and what becomes of the others."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from conftest import cpuwatch_here
from psycopg2 import sql

from cpuwatch import files, flink, thresholds, topics, web, workshop
from cpuwatch.doctor import services
from cpuwatch.doctor.facts import Facts
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink import cluster, rest, savepoints
from cpuwatch.settings import settings
from cpuwatch.stack import claims, control, known, person, postgres, seen

FULL = 'connection to server at "db", port 1 failed: FATAL:  sorry, too many clients already'


class Database:
    """A PostgreSQL that has one schema at most, with its comment, or refuses."""

    def __init__(self) -> None:
        self.comment: str | None = None
        self.refuses: str | None = None
        self.asked = 0

    def knock(self, _config: object) -> Database:
        self.asked += 1
        if self.refuses is not None:
            raise psycopg2.OperationalError(self.refuses)
        return self

    def cursor(self) -> Database:
        return self

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def close(self) -> None:
        pass

    def execute(self, query: Any, _values: object = None) -> None:
        parts = query.seq if isinstance(query, sql.Composed) else []
        if any(isinstance(part, sql.SQL) and "DROP SCHEMA" in part.string for part in parts):
            self.comment = None
        for part in parts:
            if isinstance(part, sql.Literal):
                self.comment = str(part.wrapped)

    def fetchone(self) -> tuple[str] | None:
        return None if self.comment is None else (self.comment,)


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Database]:
    """Somebody with the prefix anna, on services that others run."""
    made = Database()
    monkeypatch.setattr(postgres, "knock", made.knock)
    monkeypatch.setattr(claims, "CLAIMED", set())
    monkeypatch.setattr(socket, "gethostname", lambda: "debian")
    for name, value in {
        "CPUWATCH_STATE": str(tmp_path / "state"),
        "XDG_STATE_HOME": str(tmp_path / "home"),
        "LOGNAME": "student",
        "CPUWATCH_PREFIX": "anna",
        "CPUWATCH_KAFKA": "127.0.0.1:9",
        "CPUWATCH_FLINK": "http://127.0.0.1:9",
        "CPUWATCH_POSTGRES": "postgresql://me@127.0.0.1:9/room",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("os.geteuid", lambda: 1000)  # root's home is another
    settings.cache_clear()
    yield made
    settings.cache_clear()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What reaches Flink, on which one job of the prefix runs."""
    found: list[tuple[str, str]] = []
    job = {"jid": "1", "name": "anna--cpu_agg", "state": "RUNNING", "start-time": 1}

    def ask(_address: str, path: str, method: str = "GET", *_: object, **__: object) -> Any:
        found.append((method, path))
        return {"jobs": [job], "vertices": [], "status": "RUNNING"}

    monkeypatch.setattr(web, "ask", ask)
    return found


ACTS: dict[str, Callable[[], object]] = {
    "reset": lambda: workshop.reset(),
    "stop_jobs": lambda: workshop.stop_jobs(),
    "stop_jobs of a name": lambda: workshop.stop_jobs("cpu_agg"),
    "stop --forget": lambda: flink.stop("cpu_agg", savepoint=False),
    "stop with a savepoint": lambda: flink.stop("cpu_agg"),
    "cancel": lambda: cluster.cancel("cpu_agg"),
    "forget savepoints": lambda: savepoints.dispose("file:/theirs"),
    "submit": lambda: flink.deployment.submit(None, "cpu_agg", "INSERT INTO a SELECT 1"),  # type: ignore[arg-type]
    "send": lambda: topics.Sender("cpu"),
}


@pytest.mark.parametrize("act", ACTS)
def test_nothing_of_somebody_elses_is_touched(
    database: Database, asked: list[tuple[str, str]], act: str
) -> None:
    database.comment = "cpuwatch: used by eve@elsewhere (0123456789abcdef)"
    with pytest.raises(CpuwatchError, match="prefix anna is used by eve@elsewhere, and you are"):
        ACTS[act]()
    assert {method for method, _ in asked} <= {"GET"}


def test_nobody_connects_to_flink_under_it(database: Database, tmp_path: Path) -> None:
    """What is submitted through a connection need not come by us."""
    (tmp_path / "state" / "client").mkdir(parents=True)
    database.comment = "cpuwatch: used by eve@elsewhere"
    with pytest.raises(CpuwatchError, match="used by eve@elsewhere"):
        flink.connect()


def test_looking_is_free(database: Database, asked: list[tuple[str, str]]) -> None:
    database.comment = "cpuwatch: used by eve@elsewhere"
    assert workshop.jobs()["job"].tolist() == ["cpu_agg"]
    assert cluster.running("cpu_agg").state == "RUNNING"
    assert database.asked == 0


def test_whoever_has_no_prefix_asks_nobody(
    database: Database, asked: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CPUWATCH_PREFIX", "")
    settings.cache_clear()
    rest.ask("/jobs/1?mode=cancel", "PATCH")
    assert database.asked == 0 and asked == [("PATCH", "/jobs/1?mode=cancel")]


# --- As long as nobody knows ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("refuses", "says"),
    [
        (FULL, "takes no more connections (sorry, too many clients already). Try again in a"),
        ("FATAL:  the database system is in recovery mode", "just starting or ending: try again"),
        (
            "timeout expired",
            "does not answer (timeout expired). Compare the host in CPUWATCH_POSTGRES",
        ),
        ('server at "db" failed: Connection refused', "does not answer (Connection refused)"),
    ],
)
def test_whose_it_is_has_to_be_known(database: Database, refuses: str, says: str) -> None:
    database.comment = "cpuwatch: used by eve@elsewhere"
    database.refuses = refuses
    with pytest.raises(CpuwatchError) as found:
        claims.once(settings())
    assert str(found.value).startswith("Whose the prefix anna is cannot be asked: PostgreSQL ")
    assert says in str(found.value)
    database.refuses = None
    with pytest.raises(CpuwatchError, match="used by eve@elsewhere"):
        claims.once(settings())


def test_once_it_is_known_a_postgresql_that_is_away_stops_nobody(database: Database) -> None:
    claims.once(settings())
    database.refuses = FULL
    claims.once(settings())
    assert database.asked == 1


# --- A PostgreSQL that is full --------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        "sorry, too many clients already",
        "remaining connection slots are reserved for roles with the SUPERUSER attribute",
        'too many connections for role "anna"',
        'too many connections for database "room"',
        "no more connections allowed (max_client_conn)",
    ],
)
def test_a_full_one_is_no_one_to_start(
    database: Database, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.refuses = FULL.replace("sorry, too many clients already", said)
    service = postgres.SERVICE
    told = control.outside_silent(settings(), service)
    assert f"PostgreSQL at postgresql://me@127.0.0.1:9/room takes no more connections ({said})" in (
        told
    )
    assert told.endswith("; if it stays so, ask whoever runs it for more (max_connections).")
    finding = services.outside(
        Facts(),
        service,
        known.Status("postgres", "PostgreSQL", "outside", "db:9", False, []),
    )
    assert finding.says == f"takes no more connections ({said})"
    assert "max_connections" in finding.next and "tart" not in finding.next
    monkeypatch.setenv("CPUWATCH_PREFIX", "")
    settings.cache_clear()

    def full(*_: object, **__: object) -> None:
        raise psycopg2.OperationalError(database.refuses)

    monkeypatch.setattr(psycopg2, "connect", full)
    with pytest.raises(CpuwatchError, match=r"takes no more connections .*\(max_conn"):
        thresholds.read(thresholds.engine())


def test_nor_is_the_stacks_own(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CPUWATCH_POSTGRES", "")
    settings.cache_clear()
    database.refuses = FULL
    found = seen.look(settings(), postgres.SERVICE, {})
    assert found.says == "takes no more connections (sorry, too many clients already)"
    assert found.next.endswith("close notebooks and programs that use it.")


# --- Given back -----------------------------------------------------------------------------


@pytest.fixture
def reset(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is reset, on services that all answer."""
    done: list[str] = []
    monkeypatch.setattr(known, "status", list)
    monkeypatch.setattr(workshop, "reset", lambda: done.append("reset") or {"topics": ["cpu"]})
    return done


def test_a_prefix_is_given_back(
    database: Database, reset: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    claims.once(settings())
    notes = files.folder(settings().notes)
    (notes / "deployed.json").touch()
    told = cpuwatch_here("reset", "--leave")
    assert told.returncode == 0 and reset == ["reset"]
    assert "The prefix anna is given back: anybody may take it now." in told.stdout
    assert database.comment is None and not notes.exists()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another"))
    claims.once(settings())
    assert database.comment == f"cpuwatch: used by {person.ours()}"


def test_a_plain_reset_keeps_it(database: Database, reset: list[str]) -> None:
    claims.once(settings())
    assert cpuwatch_here("reset").returncode == 0
    assert database.comment is not None


def test_nobody_gives_back_what_is_somebody_elses(database: Database, reset: list[str]) -> None:
    database.comment = "cpuwatch: used by eve@elsewhere"
    told = cpuwatch_here("reset", "--leave")
    assert told.returncode == 1 and "used by eve@elsewhere" in " ".join(told.stderr.split())
    assert database.comment == "cpuwatch: used by eve@elsewhere"


def test_without_a_prefix_there_is_nothing_to_give_back(
    database: Database, reset: list[str]
) -> None:
    told = cpuwatch_here("reset", "--leave", CPUWATCH_PREFIX="")
    assert told.returncode == 1 and reset == []
    assert "There is no prefix to give back" in " ".join(told.stderr.split())


# --- Who somebody is ------------------------------------------------------------------------


def test_a_copy_of_a_machine_is_somebody_else(
    database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    claims.claim(settings())
    assert database.comment and database.comment.startswith("cpuwatch: used by student@debian (")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "the copy's"))
    with pytest.raises(CpuwatchError, match=r"used by student@debian, and that is another machine"):
        claims.claim(settings())
    claims.claim(settings(), take_over=True)
    claims.claim(settings())


def test_a_container_that_was_made_anew_is_the_same(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims.claim(settings())
    monkeypatch.setattr(socket, "gethostname", lambda: "9b1c")
    claims.claim(settings())


def test_another_checkout_and_a_wiped_stack_are_the_same_person(
    database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = person.ours()
    monkeypatch.setenv("CPUWATCH_STATE", str(tmp_path / "another"))
    settings.cache_clear()
    assert person.ours() == before and before.id
    kept = tmp_path / "home" / "cpuwatch" / "person"
    assert kept.read_text() == before.id and kept.stat().st_mode & 0o077 == 0


def test_what_an_earlier_version_wrote_is_understood(
    database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    database.comment = "cpuwatch: used by student@debian"
    claims.claim(settings())
    assert database.comment == f"cpuwatch: used by {person.ours()}"
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "the copy's"))
    with pytest.raises(CpuwatchError, match="another machine of that name"):
        claims.claim(settings())


def test_a_home_that_cannot_be_written_to_costs_the_id_alone(
    database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    claims.claim(settings())
    assert database.comment == "cpuwatch: used by student@debian"
    claims.claim(settings())
