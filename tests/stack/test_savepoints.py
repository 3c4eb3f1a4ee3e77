"""A job is stopped with a savepoint, changed, and goes on: nothing is lost, nothing comes twice."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import twin
from conftest import cpuwatch_here

from cpuwatch import flink, readings, results, sql, topics, workshop
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink import noted, resumable, savepoints
from cpuwatch.flink.tables import create

FLEET = readings.fleet()
SECOND = 35  # readings

FILTER = sql.taught("cpu_filter")
WINDOWS = sql.taught("cpu_agg")

#: The same windows by another condition, which changes no step: each may follow each.
SAME = [
    WINDOWS.replace("WHERE time_ltz IS NOT NULL", f"WHERE time_ltz IS NOT NULL AND {more}")
    for more in ("usage >= 0", "hostname <> ''", "usage <= 100", "cpu <> ''")
]


@pytest.fixture
def env(stack: Path) -> Iterator[Any]:
    topics.empty(topics.READINGS)
    environment = flink.connect(fresh=True)
    for table in ("cpu_in", "cpu_out_filter", "cpu_out_agg"):
        create(environment, table)
    yield environment
    flink.cancel("cpu_filter", "cpu_agg")


def windows() -> pd.DataFrame:
    order = ["window_start", "hostname", "cpu"]
    return results.read("cpu_out_agg").sort_values(order, ignore_index=True)


def test_five_rounds_of_stop_change_and_resume_under_a_live_stream(env: Any) -> None:
    ended = threading.Event()

    def send() -> None:
        for start in range(0, len(FLEET), 10 * SECOND):
            topics.produce(FLEET[start : start + 10 * SECOND])
            ended.wait(0.3)

    job = flink.deploy(env, "cpu_agg", WINDOWS)
    sender = threading.Thread(target=send)
    sender.start()
    try:
        for changed in (*SAME, WINDOWS):
            savepoint = flink.stop(job)
            job = flink.deploy(env, "cpu_agg", changed, from_savepoint=savepoint)
    finally:
        sender.join()
    flink.wait_until_settled(job)
    twin.assert_equal(windows(), twin.averages(FLEET, 30)[: 19 * 35])


def test_a_changed_filter_holds_from_the_savepoint_on(env: Any) -> None:
    half = 300 * SECOND
    topics.produce(FLEET[:half])
    job = flink.deploy(env, "cpu_filter", FILTER)
    flink.wait_until_settled(job)
    first = flink.stop(job)
    # What reads the output is not stopped, and what was written stays.
    above = FILTER.replace("> 80", "> 90")
    job = flink.deploy(env, "cpu_filter", above, from_savepoint=first)
    topics.produce(FLEET[half:])
    flink.wait_until_settled(job)

    def found() -> pd.DataFrame:
        kept = results.read("cpu_out_filter").rename(columns={"time_ltz": "time"})
        return kept.sort_values(["time", "hostname", "cpu", "usage"], ignore_index=True)

    def wanted(limit: float) -> pd.DataFrame:
        parts = twin.filtered(FLEET[:half]), twin.filtered(FLEET[half:], limit)
        return pd.concat(parts, ignore_index=True)

    twin.assert_equal(found(), wanted(90))
    # Rolled back: from the same savepoint by the statement of before, it reads the second half
    # again. What was written after the savepoint was committed, and stays.
    flink.stop(job, savepoint=False)
    job = flink.deploy(env, "cpu_filter", FILTER, from_savepoint=first)
    flink.wait_until_settled(job)
    both = pd.concat([wanted(80), twin.filtered(FLEET[half:], 90)])
    twin.assert_equal(found(), both.sort_values(list(both.columns), ignore_index=True))


def test_what_the_same_notebook_runs_next_begins_afresh(env: Any) -> None:
    topics.produce(FLEET)
    job = flink.deploy(env, "cpu_filter", FILTER)
    flink.wait_until_settled(job)
    flink.deploy(env, "cpu_filter", FILTER, from_savepoint=flink.stop(job))
    assert len(flink.preview(env, "SELECT * FROM cpu_in WHERE usage > 80", rows=1000)) == 538
    job = flink.deploy(env, "cpu_filter", FILTER)
    flink.wait_until_settled(job)
    assert len(results.read("cpu_out_filter")) == 538
    assert noted.begun_from(job) is None


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (WINDOWS.replace("MAX(usage)", "MAX(usage) - MIN(usage)"), "another form"),
        (f"{WINDOWS}, usage", "another form"),
        (f"{WINDOWS}\nUNION ALL\n{WINDOWS.partition(chr(10))[2]}", "other steps"),
    ],
    ids=["one more aggregate", "another key", "other steps"],
)
def test_a_change_that_does_not_fit_is_refused(env: Any, changed: str, said: str) -> None:
    part = 100 * SECOND
    topics.produce(FLEET[:part])
    job = flink.deploy(env, "cpu_agg", WINDOWS)
    flink.wait_until_settled(job)
    before = windows()
    savepoint = flink.stop(job)
    with pytest.raises(CpuwatchError, match=said) as refused:
        flink.deploy(env, "cpu_agg", changed, from_savepoint=savepoint)
    assert "The savepoint is as it was" in str(refused.value)
    assert "\n" not in str(refused.value)
    pd.testing.assert_frame_equal(windows(), before)
    # By the statement of before it goes on.
    job = flink.deploy(env, "cpu_agg", WINDOWS, from_savepoint=savepoint)
    topics.produce(FLEET[part:])
    flink.wait_until_settled(job)
    twin.assert_equal(windows(), twin.averages(FLEET, 30)[: 19 * 35])


def after_a_change(env: Any, changed: str) -> pd.DataFrame:
    """What comes after a savepoint in the midst of the window of 09:01:30, of one CPU."""
    part = 100 * SECOND
    topics.produce(FLEET[:part])
    job = flink.deploy(env, "cpu_agg", WINDOWS)
    flink.wait_until_settled(job)
    before = windows()
    savepoint = flink.stop(job)
    topics.produce(FLEET[part:])
    job = flink.deploy(env, "cpu_agg", changed, from_savepoint=savepoint)
    flink.wait_until_settled(job)
    found = windows()
    found = found[~found["window_end"].isin(before["window_end"])]
    found = found[(found["hostname"] == "doc") & (found["cpu"] == "cpu1")]
    return found.set_index(found["window_end"].dt.strftime("%H:%M:%S"))


def test_another_meaning_is_taken_and_wrong_for_what_was_open(env: Any) -> None:
    found = after_a_change(env, WINDOWS.replace("MAX(usage)", "MIN(usage)"))
    one = FLEET[(FLEET["hostname"] == "doc") & (FLEET["cpu"] == "cpu1")]["usage"].tolist()
    # The lowest of what comes after, and of what was the highest before.
    assert found["usage_max"]["09:02:00"] == min(max(one[90:100]), *one[100:120])
    assert found["usage_max"]["09:01:30"] == max(one[60:90]) > min(one[60:90])
    assert found["usage_max"]["09:02:30"] == min(one[120:150])


def test_another_length_is_taken_and_wrong_for_what_was_open(env: Any) -> None:
    found = after_a_change(env, WINDOWS.replace("'30' SECOND", "'60' SECOND"))
    length = found["window_end"] - found["window_start"]
    assert set(length) == {pd.Timedelta("60s")}
    # A window is known by its end: half a minute is taken for a whole one.
    assert found["readings"]["09:01:30"] == 30
    assert found["readings"]["09:02:00"] == 30
    assert found["readings"]["09:03:00"] == 60


def test_a_checkpoint_says_what_each_step_remembers(env: Any) -> None:
    job = flink.deploy(env, "cpu_agg", WINDOWS)
    topics.produce(FLEET[: 100 * SECOND])
    flink.wait_until_settled(job)
    running = workshop.checkpoint(job)
    assert list(running.columns) == ["step", "workers", "bytes"]
    remembering = {
        "read cpu_in": True,
        "conditions and columns": False,
        "gather windows": True,
        "write cpu_out_agg": True,
        "commit cpu_out_agg": True,
    }
    flink.stop(job)
    for found in (running, workshop.checkpoint(job)):
        assert dict(zip(found["step"], found["bytes"] > 0, strict=True)) == remembering
        # Two windows of 35 CPUs are open: their sums are kept, and not their readings.
        assert found["bytes"].sum() < 50_000 and set(found["workers"]) == {1}
    unknown = flink.Job("0" * 32, "cpu_agg", "RUNNING")
    with pytest.raises(CpuwatchError, match="does not know a checkpoint of cpu_agg"):
        workshop.checkpoint(unknown)


def test_what_runs_is_not_doubled_and_what_is_not_there_is_named(env: Any) -> None:
    topics.produce(FLEET[:SECOND])
    job = flink.deploy(env, "cpu_filter", FILTER)
    with pytest.raises(CpuwatchError, match="cpu_filter runs, and what it has done since"):
        flink.deploy(env, "cpu_filter", FILTER, from_savepoint="/nowhere")
    savepoint = flink.stop(job)
    assert repr(savepoint) == "savepoint of cpu_filter"
    with pytest.raises(CpuwatchError, match="There is no savepoint at /nowhere"):
        flink.deploy(env, "cpu_filter", FILTER, from_savepoint="/nowhere")
    with pytest.raises(CpuwatchError, match=r"No job cpu_filter runs\. Those that do: none\."):
        flink.stop("cpu_filter")
    with pytest.raises(CpuwatchError, match="There is no savepoint of a job cpu_x"):
        flink.resume("cpu_x")


def test_a_savepoint_that_reads_other_topics_is_refused(env: Any) -> None:
    topics.empty("cpu_try")
    topics.produce(FLEET[:SECOND])
    job = flink.deploy(env, "cpu_filter", FILTER)
    flink.wait_until_settled(job)
    savepoint = flink.stop(job)
    assert savepoint is not None
    with pytest.raises(CpuwatchError, match="a savepoint of cpu_filter, and this job is my_filter"):
        flink.deploy(env, "my_filter", FILTER, from_savepoint=savepoint)
    create(env, "cpu_in", sql.taught("cpu_in").replace(f"'{topics.READINGS}'", "'cpu_try'"))
    with pytest.raises(CpuwatchError, match=f"cpu_filter read {topics.READINGS} when it was"):
        flink.deploy(env, "cpu_filter", FILTER, from_savepoint=savepoint)
    create(env, "cpu_in")
    flink.deploy(env, "cpu_filter", FILTER, from_savepoint=savepoint)


def test_in_a_terminal(env: Any) -> None:
    half = 300 * SECOND
    topics.produce(FLEET[:half])
    own = FILTER.replace("> 80", "> 90")
    flink.wait_until_settled(flink.deploy(env, "cpu_filter", own))
    flink.wait_until_settled(flink.deploy(env, "cpu_agg", WINDOWS))
    done = cpuwatch_here("jobs", "stop", "cpu_filter", "cpu_agg")
    assert done.returncode == 0, done.stderr
    assert "They go on with: cpuwatch jobs resume cpu_filter cpu_agg" in done.stdout
    listed = json.loads(cpuwatch_here("jobs", "list", "--json").stdout)
    assert listed == {"running": [], "stopped": ["cpu_agg", "cpu_filter"]}
    assert "'cpuwatch jobs resume cpu_agg' lets it go on" in cpuwatch_here("doctor").stdout
    topics.produce(FLEET[half:])
    done = cpuwatch_here("jobs", "resume", "cpu_agg", "cpu_filter")
    assert done.returncode == 0, done.stderr
    for name in ("cpu_agg", "cpu_filter"):
        flink.wait_until_settled(workshop.job(name))
    twin.assert_equal(windows(), twin.averages(FLEET, 30)[: 19 * 35])
    kept = results.read("cpu_out_filter")
    assert len(kept) == len(twin.filtered(FLEET, 90)), "it goes on by the statement that it had"
    listed = json.loads(cpuwatch_here("jobs", "list", "--json").stdout)
    assert {one["job"] for one in listed["running"]} == {"cpu_agg", "cpu_filter"}
    again = cpuwatch_here("jobs", "resume", "cpu_agg")
    assert again.returncode == 1 and "cpu_agg runs" in again.stderr
    unknown = cpuwatch_here("jobs", "stop", "cpu_x")
    assert unknown.returncode == 1 and "Those that do: cpu_agg, cpu_filter" in unknown.stderr


@pytest.mark.parametrize("how", ["gone on", "topic made anew"])
def test_a_savepoint_that_is_used_up_is_not_taken_by_itself(env: Any, how: str) -> None:
    half = 300 * SECOND
    topics.produce(FLEET[:half])
    flink.wait_until_settled(flink.deploy(env, "cpu_filter", FILTER))
    assert flink.stop("cpu_filter") is not None
    if how == "gone on":
        job = flink.resume("cpu_filter")
        topics.produce(FLEET[half:])
        flink.wait_until_settled(job)
        flink.stop("cpu_filter", savepoint=False)
    else:
        topics.empty(topics.READINGS)
    before = results.read("cpu_out_filter")
    assert savepoints.stopped([]) == []
    assert "'cpuwatch jobs resume cpu_filter'" not in cpuwatch_here("doctor").stdout
    with pytest.raises(CpuwatchError, match=r"cpu_filter does not go on .* from_savepoint='"):
        flink.resume("cpu_filter")
    pd.testing.assert_frame_equal(results.read("cpu_out_filter"), before)


def test_old_savepoints_are_deleted(env: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(savepoints, "KEPT", 2)
    job = flink.deploy(env, "cpu_filter", FILTER)
    places: list[Path] = []
    for _ in range(3):
        savepoint = flink.stop(job)
        assert savepoint is not None
        places.append(Path(savepoint.place.removeprefix("file:")))
        job = flink.deploy(env, "cpu_filter", FILTER, from_savepoint=savepoint)
    kept = [
        Path(one["place"].removeprefix("file:")) for one in resumable.savepoints()["cpu_filter"]
    ]
    assert kept == places[-2:]
    assert [place.exists() for place in places] == [False, True, True]
    workshop.reset()
    assert not any(place.exists() for place in places)
