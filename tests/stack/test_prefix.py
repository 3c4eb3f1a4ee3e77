"""Two attendees, each with a prefix, on one Kafka, one Flink and one PostgreSQL."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from book import NOTEBOOKS, strict
from confluent_kafka.admin import AdminClient
from conftest import COMMAND, cpuwatch, cpuwatch_json

from cpuwatch import flink, pipeline, slack, sql, thresholds, topics, workshop
from cpuwatch.flink import cluster, rest
from cpuwatch.settings import settings
from cpuwatch.stack import postgres

#: One with a hyphen, which no name in SQL has without quotes.
ANNA, BEN, CAT = "anna", "ben-2", "cat"

WHOSE = "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = 'anna'"

Seen = Callable[[str], dict]


def _names() -> set[str]:
    """The full names of all topics, of all consumer groups, and of all jobs that run."""
    client = AdminClient(topics.client_settings())
    return {
        *(name for name in client.list_topics(timeout=20).topics if name[:2] != "__"),
        *(one.group_id for one in client.list_consumer_groups().result(20).valid),
        *(
            one["name"]
            for one in rest.ask("/jobs/overview")["jobs"]
            if one["state"] not in cluster.ENDED
        ),
    }


@pytest.fixture(scope="module")
def earlier(stack: Path) -> set[str]:
    """What others have left in this stack, such as groups that Kafka has not forgotten yet."""
    workshop.reset()
    return _names()


@pytest.fixture(scope="module")
def both(stack: Path, earlier: set[str]) -> Iterator[None]:
    """Both have the whole pipeline: begun at the same moment, and finished."""
    begun = [
        subprocess.Popen(
            [COMMAND, "catch-up", "08"], env={**os.environ, "CPUWATCH_PREFIX": prefix},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for prefix in (ANNA, BEN)
    ]  # fmt: skip
    for one in begun:
        said, _ = one.communicate(timeout=300)
        assert one.returncode == 0, said
    for prefix in (ANNA, BEN):
        told = cpuwatch("notify", "--once", CPUWATCH_PREFIX=prefix)
        assert told.returncode == 0, told.stderr
    yield
    for prefix in (ANNA, BEN, CAT):
        assert cpuwatch("reset", CPUWATCH_PREFIX=prefix).returncode == 0


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], dict]]:
    """What somebody has, as they see it: jobs, topics, windows, alerts, limits, messages."""

    def seen(prefix: str) -> dict:
        monkeypatch.setenv("CPUWATCH_PREFIX", prefix)
        settings.cache_clear()
        windows = workshop.result("cpu_agg_stats")
        database = workshop.database()
        found = {
            "jobs": workshop.jobs()["job"].tolist(),
            "topics": topics.names(),
            "windows": windows.sort_values(["window_start", "hostname", "cpu"]).to_dict("split"),
            "alerts": sorted(workshop.result("cpu_alerts")["id"]),
            "limits": thresholds.read(database).to_dict("split"),
            "messages": sorted(slack.standin.messages()["text"]),
        }
        database.dispose()
        monkeypatch.delenv("CPUWATCH_PREFIX")
        settings.cache_clear()
        return found

    yield seen
    monkeypatch.undo()
    settings.cache_clear()


@pytest.fixture
def untouched(seen: Seen) -> Callable[[str], dict]:
    """What somebody has, and its places: topics with what is in them, jobs by their ids."""

    def untouched(prefix: str) -> dict:
        found = seen(prefix)
        client = AdminClient(topics.client_settings())
        names = [one for one in client.list_topics(timeout=20).topics if one.startswith(prefix)]
        assert len(names) == len(found["topics"]) > 0
        found["ends"] = topics.states(*names)
        found["places"] = {
            one["jid"]: (one["name"], one["state"])
            for one in rest.ask("/jobs/overview")["jobs"]
            if one["name"].startswith(f"{prefix}--")
        }
        return found

    return untouched


def _ask(query: str, *values: str) -> list[tuple]:
    with closing(postgres.knock(settings())) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(query, values)
            return cursor.fetchall() if cursor.description else []


def test_each_has_all_of_it_and_sees_nothing_of_the_other(both: None, seen: Seen) -> None:
    found = {prefix: seen(prefix) for prefix in (ANNA, BEN)}
    assert found[ANNA] == found[BEN]
    assert found[ANNA]["jobs"] == sorted(job.name for job in pipeline.JOBS)
    assert len(found[ANNA]["windows"]["data"]) == 665 and len(found[ANNA]["messages"]) == 4
    # Who has no prefix sees neither.
    assert flink.jobs(running_only=True) == [] and topics.names() == []


def test_all_names_on_the_services_have_a_prefix(both: None, earlier: set[str]) -> None:
    there = {name for name in _names() - earlier if "cpu_" in name}
    assert {name.partition("--")[0] for name in there} == {ANNA, BEN}
    tables = _ask("SELECT schemaname FROM pg_tables WHERE tablename = 'cpu_thresholds'")
    assert sorted(tables) == [(ANNA,), (BEN,)]


def test_a_cluster_without_room_says_so_and_stops_nobody(both: None, seen: Seen) -> None:
    before = seen(ANNA)
    refused = cpuwatch("catch-up", "03", CPUWATCH_PREFIX=CAT)
    said = " ".join(refused.stderr.split())
    assert refused.returncode == 1 and "Traceback" not in said
    assert "all 10 are taken; none of them is yours. Ask whoever runs the cluster" in said
    assert seen(ANNA) == before


def test_one_that_somebody_else_uses_is_refused(
    both: None, untouched: Callable[[str], dict]
) -> None:
    mine = _ask(WHOSE)
    before = untouched(ANNA)
    assert before["places"]
    for command in (
        "reset", "reset --leave", "jobs stop cpu_agg --forget", "jobs stop cpu_agg", "up",
        "produce --count 7", "catch-up 04", "notify --once", "demo", "jobs resume cpu_agg",
    ):  # fmt: skip
        _ask("COMMENT ON SCHEMA anna IS 'cpuwatch: used by eve@elsewhere (0123456789abcdef)'")
        refused = cpuwatch(*command.split(), CPUWATCH_PREFIX=ANNA)
        # So that what was there can be looked at.
        _ask(f"COMMENT ON SCHEMA anna IS {sql.literal(mine[0][0])}")
        said = " ".join(refused.stderr.split())
        assert refused.returncode == 1, command
        if command != "jobs resume cpu_agg":  # it runs: that is said first
            assert "The prefix anna is used by eve@elsewhere, and you are " in said, command
            assert "cpuwatch up --take-over" in said
        assert untouched(ANNA) == before, command
    _ask("COMMENT ON SCHEMA anna IS 'cpuwatch: used by eve@elsewhere'")
    assert cpuwatch("up", "--take-over", CPUWATCH_PREFIX=ANNA).returncode == 0
    assert _ask(WHOSE) == mine != []


def test_a_schema_that_is_not_the_workshops_is_nobodys_prefix(both: None) -> None:
    _ask("CREATE SCHEMA theirs")
    refused = cpuwatch("up", CPUWATCH_PREFIX="theirs")
    assert refused.returncode == 1
    assert "a schema of that name that is not the workshop's" in " ".join(refused.stderr.split())
    _ask("DROP SCHEMA theirs")


def test_a_reset_takes_what_is_theirs_alone(both: None, seen: Seen) -> None:
    before = seen(ANNA)
    assert cpuwatch("reset", CPUWATCH_PREFIX=BEN).returncode == 0
    assert seen(ANNA) == before
    client = AdminClient(topics.client_settings())
    left = [name for name in client.list_topics(timeout=20).topics if name[:2] != "__"]
    assert {name.partition("--")[0] for name in left} & {ANNA, BEN} == {ANNA}


def test_a_prefix_is_given_back_with_all_that_is_in_it(
    both: None, untouched: Callable[[str], dict]
) -> None:
    before = untouched(ANNA)
    assert cpuwatch("produce", "--count", "7", CPUWATCH_PREFIX=CAT).returncode == 0
    _ask("CREATE TABLE IF NOT EXISTS cat.own (a INT)")
    left = cpuwatch("reset", "--leave", CPUWATCH_PREFIX=CAT)
    assert left.returncode == 0 and "The prefix cat is given back" in left.stdout, left.stderr
    assert _ask("SELECT 1 FROM pg_namespace WHERE nspname = 'cat'") == []
    assert not any(name.startswith("cat--cpu_load") for name in _names())
    assert untouched(ANNA) == before
    assert cpuwatch("up", CPUWATCH_PREFIX=CAT).returncode == 0


def test_where_there_is_room_again_plain_pyflink_and_a_demo_touch_nobody(
    both: None, seen: Seen
) -> None:
    """The chapter of plain PyFlink has the outputs that it has without a prefix."""
    before = seen(ANNA)
    earlier = {job["jid"] for job in rest.ask("/jobs/overview")["jobs"]}
    code, said, _ = strict([NOTEBOOKS / "02-filter.ipynb"], settings().state, CPUWATCH_PREFIX=BEN)
    assert code == 0, said
    now = rest.ask("/jobs/overview")["jobs"]
    names = {job["name"] for job in now if job["jid"] not in earlier}
    assert "ben-2--cpu_filter" in names and {name.partition("--")[0] for name in names} == {BEN}
    found = cpuwatch_json("demo", CPUWATCH_PREFIX=CAT)
    assert (found["readings"], found["windows"], found["late"]) == (21_000, 700, 0)
    assert seen(ANNA) == before
