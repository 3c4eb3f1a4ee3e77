"""However many workers and partitions there are, the results are the same to the last float."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import twin
from confluent_kafka.admin import NewPartitions
from conftest import cpuwatch, new_state

from cpuwatch import demo, flink, readings, results, sql, topics, waiting, workshop
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink import cluster, metrics, rest
from cpuwatch.flink.tables import create
from cpuwatch.settings import settings

#: What the stack is started for.
MOST = 8


@pytest.fixture(scope="module")
def wide() -> Iterator[Path]:
    """A stack with slots for so many workers, which settings point to: its state folder."""
    folder, before = new_state(), os.environ.get("CPUWATCH_STATE")
    os.environ["CPUWATCH_STATE"] = str(folder)
    settings.cache_clear()
    try:
        started = cpuwatch("up", CPUWATCH_PARALLELISM=str(MOST))
        assert started.returncode == 0, started.stderr
        yield folder
    finally:
        stopped = cpuwatch("down", "--wipe")
        os.environ.pop("CPUWATCH_STATE")
        if before is not None:
            os.environ["CPUWATCH_STATE"] = before
        settings.cache_clear()
        shutil.rmtree(folder, ignore_errors=True)
    assert stopped.returncode == 0, stopped.stderr


@pytest.fixture
def workers(wide: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Sets how many workers a job has, and partitions a topic."""

    def choose(count: int, partitions: int | None = None) -> None:
        monkeypatch.setenv("CPUWATCH_PARALLELISM", str(count))
        monkeypatch.setenv("CPUWATCH_PARTITIONS", "" if partitions is None else str(partitions))
        settings.cache_clear()

    yield choose
    settings.cache_clear()


def tables(found: demo.Result) -> dict[str, pd.DataFrame]:
    order = ["as_of", "hostname", "cpu", "event"]
    return {
        "filtered": found.filtered.table(),
        "windows": found.windows.table(),
        "alerts": found.alerts,
        "transitions": found.transitions.sort_values(order, ignore_index=True),
        "episodes": found.episodes,
        "messages": pd.DataFrame({"count": [found.slack_messages]}),
    }


@pytest.fixture(scope="module")
def alone(wide: Path) -> dict[str, pd.DataFrame]:
    """What one worker makes of two partitions."""
    return tables(demo.run(demo.read_input()))


@pytest.mark.parametrize(
    ("count", "partitions"), [(2, None), (4, 3), (8, None), (8, 8), (8, 2), (1, 8)]
)
def test_the_story_is_the_same(
    workers: Callable[..., None],
    alone: dict[str, pd.DataFrame],
    count: int,
    partitions: int | None,
) -> None:
    workers(count, partitions)
    found = tables(demo.run(demo.read_input()))
    twin.assert_equal(found["windows"], twin.averages(readings.fleet(), 30))
    for name, one in found.items():
        pd.testing.assert_frame_equal(one, alone[name], check_exact=True, obj=name)


def test_what_was_learnt_is_the_same(workers: Callable[..., None]) -> None:
    # The bundles in which Python gives scores out are of many series, and of one worker each.
    found = {}
    for count in (1, 2, 4):
        workers(count)
        result = demo.run(demo.read_input(rule="learned"), rule="learned")
        assert result.scores is not None
        found[count] = {**tables(result), "scores": result.scores.table()}
        alone = found[1]
        assert len(found[count]["scores"]) == 21_000 and len(found[count]["alerts"])
        for name, one in found[count].items():
            pd.testing.assert_frame_equal(one, alone[name], check_exact=True, obj=name)


def test_what_was_learnt_of_hosts_of_different_days(
    workers: Callable[..., None], tmp_path: Path
) -> None:
    # The partition that ends first holds the other's scores back, and then they come all at once.
    fleet = readings.fleet()
    later = fleet["hostname"].isin(["doc", "happy", "sneezy"])
    moved = fleet.assign(occurred_at=fleet["occurred_at"] + later * 7_200_000)
    times = pd.to_datetime(moved["occurred_at"], unit="ms", utc=True)
    file = tmp_path / "moved.csv"
    moved.assign(time=times).drop(columns="occurred_at").to_csv(file, index=False)
    for count in (1, 4):
        workers(count)
        result = demo.run(demo.read_input(file, rule="learned"), rule="learned")
        assert result.scores is not None
        scores = result.scores.table()
        assert scores["anomaly_score"].notna().all()
        scores = scores[scores["anomaly_score"] >= 0.5]
        windows = scores.assign(window_start=scores["time"].dt.floor("30s"))
        order = ["window_start", "hostname", "cpu"]
        wanted = windows[order].drop_duplicates().sort_values(order, ignore_index=True)
        pd.testing.assert_frame_equal(result.alerts[order], wanted, check_dtype=False)


def deployed(savepoint: flink.Savepoint | None = None) -> flink.Job:
    """The job that averages, by the settings of now."""
    environment = flink.connect(fresh=True)
    for table in ("cpu_in", "cpu_out_agg"):
        create(environment, table)
    return flink.deploy(environment, "cpu_agg", sql.taught("cpu_agg"), savepoint)


def widths(job: flink.Job) -> set[int]:
    """How many workers the steps of a job have."""
    return {one["parallelism"] for one in rest.ask(f"/jobs/{job.id}")["vertices"]}


def averages() -> pd.DataFrame:
    order = ["window_start", "hostname", "cpu"]
    return results.read("cpu_out_agg").sort_values(order, ignore_index=True)


def test_a_worker_without_a_partition_would_hold_the_watermark_back(
    workers: Callable[..., None],
) -> None:
    workers(8, 2)
    topics.empty(topics.READINGS)
    topics.produce(readings.fleet())
    job = deployed()
    flink.wait_until_settled(job)
    twin.assert_equal(averages(), twin.averages(readings.fleet(), 30)[: 19 * 35])
    assert widths(job) == {2}
    flink.cancel("cpu_agg")


@pytest.mark.parametrize("count", [2, 4, 8])
def test_live_windows_close_with_any_number_of_workers(
    workers: Callable[..., None], count: int
) -> None:
    workers(count)
    topics.empty(topics.READINGS)
    topics.produce(readings.fleet())
    job = deployed()
    flink.wait_until_settled(job)
    twin.assert_equal(averages(), twin.averages(readings.fleet(), 30)[: 19 * 35])
    assert widths(job) == {min(count, 4)}
    flink.cancel("cpu_agg")


def test_other_numbers_of_workers_go_on_from_a_savepoint(workers: Callable[..., None]) -> None:
    workers(4)
    topics.empty(topics.READINGS)
    fleet = readings.fleet(ticks=1200)
    third = len(fleet) // 3
    job, savepoint = None, None
    for number, count in enumerate((1, 4, 2)):
        workers(count)
        job = deployed(savepoint)
        assert widths(job) == {count}
        topics.produce(fleet[number * third : (number + 1) * third])
        if number < 2:
            savepoint = flink.stop(job)
    assert job is not None
    flink.wait_until_settled(job)
    twin.assert_equal(averages(), twin.averages(fleet, 30)[: 39 * 35])
    flink.cancel("cpu_agg")


def more_partitions(topic: str, count: int) -> None:
    """As `kafka-topics.sh --alter` does; keys land elsewhere from now on."""
    more = [NewPartitions(topic, count)]
    topics.ask(lambda client: [one.result() for one in client.create_partitions(more).values()])
    waiting.until(
        lambda: len(topics.partitions_of(topic)) == count, 30,
        lambda: f"{topic} has {topics.partitions_of(topic)}",
    )  # fmt: skip


def test_more_partitions_while_a_job_is_stopped(workers: Callable[..., None]) -> None:
    workers(1, 2)
    fleet = readings.fleet(ticks=1200)
    # Not at a window's end: what is open goes on with readings from other partitions.
    before = len(fleet) // 2 + 35 * 7
    topics.empty(topics.READINGS)
    topics.produce(fleet[:before])
    job = deployed()
    flink.wait_until_settled(job)
    savepoint = flink.stop(job)
    more_partitions(topics.READINGS, 4)
    topics.produce(fleet[before:])
    workers(2)
    job = deployed(savepoint)
    assert widths(job) == {2}
    flink.wait_until_settled(job)
    assert topics.read(topics.READINGS)["partition"].nunique() == 4
    twin.assert_equal(averages(), twin.averages(fleet, 30)[: 39 * 35])
    flink.cancel("cpu_agg")


def test_more_partitions_while_a_job_runs(workers: Callable[..., None]) -> None:
    workers(1, 2)
    fleet = readings.fleet(ticks=1200)
    before = len(fleet) // 2 + 35 * 7
    topics.empty(topics.READINGS)
    topics.produce(fleet[:before])
    environment = flink.connect(fresh=True)
    for table in ("cpu_in", "cpu_out_agg"):
        create(environment, table)
    flink.create_table(environment, LOOKS_FOR_MORE)
    statement = sql.taught("cpu_agg").replace("cpu_in", "cpu_growing")
    job = flink.deploy(environment, "cpu_agg", statement)
    flink.wait_until_settled(job)
    more_partitions(topics.READINGS, 4)
    # Until it has found them what comes to them waits, and others close their windows.
    waiting.until(
        lambda: len(metrics.offsets(job)) == 4, 60, lambda: f"it reads {metrics.offsets(job)}"
    )
    topics.produce(fleet[before:])
    flink.wait_until_settled(job)
    assert workshop.late(job) == 0
    twin.assert_equal(averages(), twin.averages(fleet, 30)[: 39 * 35])
    flink.cancel("cpu_agg")


LOOKS_FOR_MORE = """
CREATE TABLE cpu_growing WITH (
    'scan.topic-partition-discovery.interval' = '1 s'
) LIKE cpu_in
"""


def test_a_fleet_of_one_busy_host(workers: Callable[..., None], tmp_path: Path) -> None:
    # One host sends nine of ten readings: all of them lie in one partition.
    fleet = readings.fleet()
    busy = np.random.RandomState(1).rand(len(fleet)) < 0.9
    skewed = fleet.assign(hostname=fleet["hostname"].where(~busy, "doc"))
    # A cpu of a host reports once a moment: what is left are its own.
    skewed["cpu"] = fleet["hostname"].where(busy, "") + fleet["cpu"]
    file = tmp_path / "skewed.csv"
    times = pd.to_datetime(skewed["occurred_at"], unit="ms", utc=True)
    skewed.assign(time=times).drop(columns="occurred_at").to_csv(file, index=False)
    for count in (1, 4):
        workers(count)
        found = demo.run(demo.read_input(file))
        twin.assert_equal(found.windows.table(), twin.averages(skewed, 30))


def test_who_reads_what(workers: Callable[..., None]) -> None:
    workers(4)
    topics.empty(topics.READINGS)
    fleet = readings.fleet()
    topics.produce(fleet)
    job = flink.wait_until_settled(deployed())
    found = workshop.workers(job)
    wanted = topics.read(topics.READINGS)["partition"].value_counts().sort_index()
    assert found["partitions"].tolist() == [str(number) for number in wanted.index]
    assert found["readings"].tolist() == wanted.tolist() and found["readings"].sum() == len(fleet)
    flink.cancel("cpu_agg")


def test_more_workers_than_slots(workers: Callable[..., None]) -> None:
    workers(8, 64)
    topics.empty(topics.READINGS)
    environment = flink.connect(fresh=True)
    for table in ("cpu_in", "cpu_out_filter"):
        create(environment, table)
    there = {job.id for job in cluster.jobs(running_only=True)}
    environment.get_config().set("parallelism.default", "64")
    with pytest.raises(CpuwatchError, match="no room for 64 workers") as refused:
        flink.deploy(environment, "cpu_filter", sql.taught("cpu_filter"))
    assert "'cpuwatch down', then 'cpuwatch up'" in str(refused.value)
    assert {job.id for job in cluster.jobs(running_only=True)} == there
