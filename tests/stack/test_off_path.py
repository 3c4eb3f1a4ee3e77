"""What an attendee made is not thrown away: own statements, own jobs, own readings and limits."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cpuwatch import flink, readings, sql, thresholds, topics, workshop

TEN_SECONDS = sql.taught("cpu_agg").replace("'30'", "'10'")
FLEET = readings.fleet()


@pytest.fixture(scope="module")
def env(stack: Path) -> Any:
    workshop.reset()
    return flink.connect(fresh=True)


@pytest.fixture(autouse=True)
def chapter_4(env: Any) -> Iterator[None]:
    """Chapters 1 to 3 are over, and whatever a test makes is gone afterwards."""
    workshop.catch_up("04")
    flink.import_tables(env, "cpu_in", "cpu_out_agg")
    yield
    workshop.reset()


def window_lengths() -> set[int]:
    averages = workshop.result(topics.AVERAGES)
    lengths = averages["window_end"] - averages["window_start"]
    return {int(one.total_seconds()) for one in lengths}


def ids() -> dict[str, str]:
    return {job.name: job.id for job in flink.jobs(running_only=True)}


def start_own(env: Any, name: str, source: str = "cpu_in") -> flink.Job:
    """A job under an attendee's own name, on a topic of its own."""
    statement = sql.taught("cpu_out_filter").replace("cpu_out_filter", f"out_{name}")
    statement = statement.replace("cpu_load_stats_real_filter", f"topic_{name}")
    flink.create_table(env, statement.replace("'cpu_filter'", f"'{name}'"))
    query = {
        "cpu_in": "SELECT time_ltz, hostname, cpu, usage FROM cpu_in",
        "cpu_out_agg": "SELECT window_start, hostname, cpu, usage_avg FROM cpu_out_agg",
    }[source]
    return flink.deploy(env, name, f"INSERT INTO out_{name} {query}")


def test_a_statement_of_ones_own_is_kept_aside_and_offered(env: Any) -> None:
    flink.wait_until_settled(flink.deploy(env, "cpu_agg", TEN_SECONDS))
    assert window_lengths() == {10}
    own = ids()["cpu_agg"]
    # To go on with it, nothing is to be done.
    assert workshop.catch_up("04", keep=True) == []
    assert ids()["cpu_agg"] == own

    did, said = workshop.catch_up("04")
    assert did == "cpu_agg was deployed anew, since its statement has changed"
    assert said.startswith(
        "cpu_agg was your own: INTERVAL '10' SECOND instead of INTERVAL '30' SECOND. It is kept"
    )
    assert said.endswith('workshop.begin("04", keep=True) goes on with yours.')
    assert window_lengths() == {30}
    workshops = ids()["cpu_agg"]
    assert workshop.catch_up("04") == []
    assert ids()["cpu_agg"] == workshops

    (did,) = workshop.catch_up("04", keep=True)
    assert did.startswith("your own cpu_agg was deployed (INTERVAL '10' SECOND instead of")
    assert window_lengths() == {10}
    assert workshop.catch_up("04", keep=True) == []
    # And once more, whoever changes their mind.
    assert "cpu_agg was your own" in workshop.catch_up("04")[1]
    assert window_lengths() == {30}


def test_an_own_statement_that_was_stopped_is_kept_as_well(env: Any) -> None:
    flink.deploy(env, "cpu_agg", TEN_SECONDS)
    workshop.stop_jobs("cpu_agg")
    assert "cpu_agg was your own" in workshop.catch_up("04")[1]
    assert workshop.catch_up("04", keep=True)[0].startswith("your own cpu_agg was deployed")


def test_an_own_table_or_view_makes_a_job_one_s_own_too(env: Any) -> None:
    slower = sql.taught("cpu_in").replace("INTERVAL '10' SECOND", "INTERVAL '20' SECOND")
    flink.create_table(env, slower)
    flink.deploy(env, "cpu_agg", sql.taught("cpu_agg"))
    _, said = workshop.catch_up("04")
    assert "cpu_agg was your own: in cpu_in, INTERVAL '20' SECOND instead of INTERVAL '10'" in said


def test_what_plain_pyflink_started_is_told_and_may_stay(env: Any) -> None:
    workshop.stop_jobs("cpu_filter")
    env.get_config().set("pipeline.name", "cpu_filter")
    flink.import_tables(env, "cpu_out_filter")
    env.execute_sql("INSERT INTO cpu_out_filter SELECT time_ltz, hostname, cpu, 1.0 FROM cpu_in")
    workshop.job("cpu_filter")
    flink.wait_until_running(workshop.job("cpu_filter"))
    plain = ids()["cpu_filter"]
    assert workshop.catch_up("04", keep=True) == []
    assert ids()["cpu_filter"] == plain
    _, said = workshop.catch_up("04")
    assert said.startswith("cpu_filter was not deployed by flink.deploy, so nobody knows its")
    assert ids()["cpu_filter"] != plain


def test_a_job_of_one_s_own_name_is_never_cancelled_and_is_told_first(env: Any) -> None:
    first = start_own(env, "my_readings")
    second = start_own(env, "my_averages", "cpu_out_agg")
    for job in (first, second):
        flink.wait_until_settled(job)
    assert len(workshop.result("topic_my_readings")) == len(FLEET)
    topics.produce(FLEET[:7])  # now the chapter's readings have to be sent anew
    told: list[str] = []
    workshop.catch_up("04", told.append)
    assert {job.name: job.id for job in (first, second)}.items() <= ids().items()
    says = [text for text in told if text.startswith("Your job ")]
    assert [text.split(",")[0] for text in says] == [
        "Your job my_readings reads cpu_load_stats_real",
        "Your job my_averages reads cpu_agg_stats",
    ]
    assert told.index(says[0]) < told.index("Sending the fleet's readings to cpu_load_stats_real")
    # It went on: the same records came again, and nothing else.
    flink.wait_until_settled(workshop.job("my_readings"))
    assert len(workshop.result("topic_my_readings")) == 2 * len(FLEET) + 7
    assert len(workshop.result(topics.AVERAGES)) == 19 * 35


def test_what_chapter_7_sends_stays_for_chapter_8_and_goes_for_the_others(env: Any) -> None:
    workshop.catch_up("08")
    before = ids()
    later = readings.fleet(ticks=720)[len(FLEET) :]
    topics.produce(later)
    assert workshop.catch_up("08") == []
    assert ids() == before
    assert len(topics.read(topics.READINGS)) == len(FLEET) + len(later)
    assert workshop.catch_up("04", keep=True) == []
    did = workshop.catch_up("04")
    assert did[0] == "the readings were sent"
    assert any("held more than the fleet's readings, which this chapter" in one for one in did)
    assert len(topics.read(topics.READINGS)) == len(FLEET)


def test_what_chapter_9_sends_live_goes_for_the_others(env: Any) -> None:
    workshop.catch_up("09")
    now = int(time.time() * 1000)
    with topics.Sender(topics.READINGS) as sender:
        for host in ("doc", "dopey"):
            reading = {"hostname": host, "cpu": "cpu1", "usage": 50, "occurred_at": now}
            sender.send(reading, {"hostname": host})
        sender.flush()
    assert workshop.catch_up("09") == []
    assert workshop.catch_up("08", keep=True) == []
    said = " ".join(workshop.catch_up("08"))
    assert "held more than the fleet's readings" in said
    assert len(topics.read(topics.READINGS)) == len(FLEET)


def test_one_s_own_readings_and_limits_may_stay(env: Any) -> None:
    del env
    workshop.catch_up("05")
    topics.empty(topics.READINGS)
    topics.produce(FLEET[:350])
    database = workshop.database()
    thresholds.write(database, {"doc": 5.0})
    assert not any("readings" in one for one in workshop.catch_up("05", keep=True))
    assert thresholds.read(database).set_index("hostname").loc["doc", "allowed_top"] == 5
    assert len(topics.read(topics.READINGS)) == 350
    did = workshop.catch_up("05")
    assert "the thresholds were written" in did
    assert 'Your thresholds were doc 5%; workshop.begin("05", keep=True) keeps such changes.' in did
    database.dispose()


def test_stop_jobs_and_reset_cover_everything_and_name_it(env: Any) -> None:
    start_own(env, "my_readings")
    assert workshop.stop_jobs().empty
    assert flink.jobs(running_only=True) == []
    start_own(env, "my_readings")
    gone = workshop.reset()
    assert gone["jobs"] == ["my_readings"]
    assert {"topic_my_readings", topics.READINGS, topics.AVERAGES} <= set(gone["topics"])
    assert [name for name in topics.names() if not name.startswith("__")] == []


def test_the_cell_that_connects_may_run_again(stack: Path) -> None:
    del stack
    environment = flink.connect()
    flink.import_tables(environment, "cpu_in")
    again = flink.connect()
    assert "cpu_in" in again.list_tables()
    assert "cpu_in" not in flink.connect(fresh=True).list_tables()
