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
from story import assert_results, write_thresholds

from cpuwatch import flink, readings, slack, topics
from cpuwatch.flink import rest
from cpuwatch.settings import settings
from cpuwatch.stack.supervisor import Supervisor

#: It is also about when things come: as often as an attendee's jobs show them.
pytestmark = pytest.mark.usefixtures("usual_checkpoints")

FLEET = readings.fleet(ticks=420)

#: So much of it is sent before anything dies, and after each death. The parts end in the midst of
#: windows, and of episodes; the last so that the last window but one is closed.
PARTS = [35 * tick for tick in (130, 190, 250, 310, 365, 420)]

#: What dies, by supervisor's names; all means supervisor, too.
VICTIMS = [
    ["jobmanager"],
    ["zookeeper"],
    ["jobmanager", "zookeeper", "taskmanager"],
    ["kafka", "jobmanager"],
    ["all"],
]


@pytest.fixture(scope="module")
def jobs(stack: Path) -> Iterator[dict[str, str]]:
    """All jobs of the workshop, which have read the first part of the fleet: their ids by name."""
    write_thresholds()
    topics.empty(topics.READINGS)
    topics.delete(topics.BAD_READINGS)
    deployed = deploy_all()
    topics.produce(FLEET[: PARTS[0]])
    for one in deployed:
        flink.wait_until_settled(one, quiet=True)
    slack.start()
    yield {job.name: job.id for job in deployed}
    slack.stop()
    flink.cancel(*(job.name for job in deployed))


@pytest.fixture(scope="module")
def sent(jobs: dict[str, str]) -> list[int]:
    """How many readings are sent: a number for each time."""
    return [PARTS[0]]


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
    stack: Path, jobs: dict[str, str], sent: list[int], victims: list[str]
) -> None:
    """They die one after the other, and the jobs have to bear all of it."""
    kill(stack, victims)
    up = cpuwatch("up")
    assert up.returncode == 0, up.stderr
    assert slack.is_running()
    running = {job.name: job for job in flink.jobs(running_only=True)}
    assert {name: job.id for name, job in running.items()} == jobs
    # There is nothing new to read, so that no job has read anything since it began anew.
    in_order = [running[name] for name in jobs]  # each after those whose rows it reads
    for job in in_order:
        flink.wait_until_settled(job, quiet=True)

    part = FLEET[sent[-1] : PARTS[len(sent)]]
    topics.produce(part)
    sent.append(sent[-1] + len(part))
    for job in in_order:
        flink.wait_until_settled(job, quiet=True)
    there = FLEET[: sent[-1]]
    # The watermark is ten seconds behind the newest reading, and closes what ends before it.
    mark = pd.Timestamp(int(there["occurred_at"].max()) - 10_000, unit="ms", tz="UTC")
    wanted = twin.averages(there, 30)
    closed = wanted[wanted["window_end"] <= mark].reset_index(drop=True)
    assert len(closed) < len(wanted)
    assert_results(there, closed)


def test_a_log_that_zookeeper_found_no_room_for_costs_no_job(
    stack: Path, jobs: dict[str, str]
) -> None:
    """As a full disk leaves it: it has a name, and nothing or half a header in it."""
    kill(stack, ["zookeeper"])
    logs = stack / "flink" / "zookeeper" / "version-2"
    (logs / "log.7ffffffe").touch()
    (logs / "log.7fffffff").write_bytes(b"ZKLG\x00\x00\x00\x02\x00")
    kill(stack, ["all"])
    up = cpuwatch("up")
    assert up.returncode == 0 and "cannot be read" not in up.stderr + up.stdout, up.stderr
    assert {job.name: job.id for job in flink.jobs(running_only=True)} == jobs


def test_a_job_whose_rows_people_wait_for_makes_checkpoints_twice_as_often(
    stack: Path, jobs: dict[str, str]
) -> None:
    found = {
        name: rest.ask(f"/jobs/{one}/checkpoints/config")["interval"] for name, one in jobs.items()
    }
    usual = round(1000 * settings().checkpoints)
    assert found == {name: usual // 2 if name == "cpu_notification" else usual for name in found}


def test_an_end_that_the_jobmanager_found_no_room_to_note_costs_no_job(
    stack: Path, jobs: dict[str, str]
) -> None:
    """As a full disk leaves it: a name, and nothing in it. Flink would never start again on it."""
    kill(stack, ["jobmanager"])
    (results,) = (stack / "flink" / "jobs").glob("job-result-store/*")
    note = results / f"{'0' * 32}_DIRTY.json"
    note.touch()
    left = stack / "flink" / "tmp" / "jobmanager" / "left by one that was killed"
    left.touch()
    kill(stack, ["all"])
    up = cpuwatch("up")
    assert up.returncode == 0 and "cannot be read" not in up.stderr + up.stdout, up.stderr
    assert {job.name: job.id for job in flink.jobs(running_only=True)} == jobs
    assert not note.exists() and not left.exists()


@pytest.mark.parametrize("what", ["jobs", "zookeeper"])
def test_a_stack_whose_jobs_are_damaged_begins_without_them(
    stack: Path, jobs: dict[str, str], sent: list[int], what: str
) -> None:
    if not flink.jobs(running_only=True):  # they went with what was damaged before
        deploy_all()
    assert cpuwatch("down").returncode == 0
    kept = [path for path in (stack / "flink" / what).rglob("*") if path.is_file()]
    assert kept
    for path in kept:
        path.write_bytes(b"\x7fnonsense" * 100)
    up = cpuwatch("up")
    assert up.returncode == 0, up.stderr
    assert "What Flink has kept of its jobs cannot be read" in up.stderr + up.stdout
    assert flink.jobs(running_only=True) == []
    assert topics.count(topics.READINGS) == sent[-1]
