"""Whatever is killed, the jobs go on where they were: under their ids, from their checkpoints."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import psutil
import pytest
import twin
from chaos import deploy_all
from conftest import cpuwatch, processes_of

from cpuwatch import flink, readings, results, slack, thresholds, topics
from cpuwatch.stack.supervisor import Supervisor

FLEET = readings.fleet(ticks=420)  # so that the last window but one is closed
MIDDLE = 35 * 210  # in the midst of a window, and of episodes

#: What dies, by supervisor's names; all means supervisor, too.
VICTIMS = [
    ["jobmanager"],
    ["zookeeper"],
    ["jobmanager", "zookeeper", "taskmanager"],
    ["kafka", "jobmanager"],
    ["all"],
]


@pytest.fixture
def jobs(stack: Path) -> Iterator[dict[str, str]]:
    """All jobs of the workshop, which have read half of the fleet: their ids by name."""
    database = thresholds.engine()
    thresholds.create(database)
    thresholds.write(database, readings.THRESHOLDS)
    topics.empty(topics.READINGS)
    topics.delete(topics.BAD_READINGS)
    deployed = deploy_all()
    topics.produce(FLEET[:MIDDLE])
    for one in deployed:
        flink.wait_until_settled(one, quiet=True)
    slack.start()
    yield {job.name: job.id for job in deployed}
    slack.stop()
    flink.cancel(*(job.name for job in deployed))


def kill(stack: Path, victims: list[str]) -> None:
    if victims == ["all"]:
        killed = processes_of(stack)
        # Supervisor first: it would bring the others back.
        killed.sort(key=lambda one: "cpuwatch.stack.supervised" not in one.cmdline())
    else:
        programs = Supervisor(stack).programs()
        killed = [psutil.Process(int(programs[name]["pid"])) for name in victims]
    for process in killed:
        process.send_signal(signal.SIGKILL)
    psutil.wait_procs(killed, 20)


@pytest.mark.parametrize("victims", VICTIMS, ids=" and ".join)
def test_nothing_is_lost_and_nothing_comes_twice(
    stack: Path, jobs: dict[str, str], victims: list[str]
) -> None:
    kill(stack, victims)
    up = cpuwatch("up")
    assert up.returncode == 0, up.stderr
    assert slack.is_running()
    running = {job.name: job for job in flink.jobs(running_only=True)}
    assert {name: job.id for name, job in running.items()} == jobs
    # There is nothing new to read, so that no job has read anything since it began anew.
    for job in running.values():
        flink.wait_until_settled(job, quiet=True)

    topics.produce(FLEET[MIDDLE:])
    for job in running.values():
        flink.wait_until_settled(job, quiet=True)
    wanted = twin.averages(FLEET, 30)
    closed = wanted[wanted["window_end"] < wanted["window_end"].max()].reset_index(drop=True)
    order = ["window_start", "hostname", "cpu"]
    found = results.read("cpu_out_agg").sort_values(order, ignore_index=True)
    twin.assert_equal(found, closed)
    over = results.read("cpu_out_over").sort_values(order, ignore_index=True)
    twin.assert_equal(over, twin.alerts(closed, readings.THRESHOLDS))
    filtered = results.read("cpu_out_filter").sort_values(["time_ltz", "hostname", "cpu"])
    pd.testing.assert_frame_equal(
        filtered.rename(columns={"time_ltz": "time"}).reset_index(drop=True),
        twin.filtered(FLEET),
        check_dtype=False,
    )


@pytest.mark.parametrize("what", ["jobs", "zookeeper"])
def test_a_stack_whose_jobs_are_damaged_begins_without_them(
    stack: Path, jobs: dict[str, str], what: str
) -> None:
    assert cpuwatch("down").returncode == 0
    kept = [path for path in (stack / "flink" / what).rglob("*") if path.is_file()]
    assert kept
    for path in kept:
        path.write_bytes(b"\x7fnonsense" * 100)
    up = cpuwatch("up")
    assert up.returncode == 0, up.stderr
    assert "What Flink has kept of its jobs cannot be read" in up.stderr + up.stdout
    assert flink.jobs(running_only=True) == []
    assert topics.count(topics.READINGS) == MIDDLE
