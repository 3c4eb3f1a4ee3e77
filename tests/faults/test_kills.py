"""Any part may be killed at any time: `cpuwatch up`, or patience, brings a working stack back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import twin
from conftest import COMMAND, cpuwatch, cpuwatch_json, processes_of

from cpuwatch import demo, flink, readings, sql, thresholds, topics, web
from cpuwatch.flink import cluster, metrics, rest
from cpuwatch.flink.environment import CHECKPOINTS
from cpuwatch.flink.tables import create
from cpuwatch.settings import settings
from cpuwatch.stack.supervisor import Supervisor


def pid_of(program: str, state: Path) -> int:
    return int(Supervisor(state).programs()[program]["pid"])


def assert_it_works(story: Callable[..., demo.Result]) -> None:
    result = story()
    windows = twin.averages(result.given.readings.table(), 30)
    twin.assert_equal(result.windows.table(), windows)
    twin.assert_equal(result.alerts, twin.alerts(windows, readings.THRESHOLDS))


@pytest.mark.parametrize("program", ["kafka", "postgres", "taskmanager", "jobmanager", "zookeeper"])
def test_a_killed_service_is_back_after_up(
    stack: Path, story: Callable[..., demo.Result], program: str
) -> None:
    killed = pid_of(program, stack)
    psutil.Process(killed).kill()
    up = cpuwatch("up")
    assert up.returncode == 0, up.stderr
    assert pid_of(program, stack) != killed
    assert_it_works(story)


def test_a_killed_supervisor_is_replaced_and_its_services_too(
    stack: Path, story: Callable[..., demo.Result]
) -> None:
    before = {process.pid for process in processes_of(stack)}
    (supervisor,) = [p for p in processes_of(stack) if "cpuwatch.stack.supervised" in p.cmdline()]
    supervisor.kill()
    supervisor.wait(10)
    up = cpuwatch("up")
    assert up.returncode == 0, up.stderr
    after = {process.pid for process in processes_of(stack)}
    assert not before & after
    assert_it_works(story)


def test_a_taskmanager_killed_in_mid_stream_costs_no_row_and_doubles_none(
    stack: Path, story: Callable[..., demo.Result]
) -> None:
    # Enough readings that the averages take a while.
    many = readings.fleet(ticks=6000)
    spooled, none = readings.of_readings(many), readings.no_rejected()
    given = demo.Input("fleet", spooled, none, None, readings.THRESHOLDS)
    results: list[demo.Result] = []
    thread = threading.Thread(target=lambda: results.append(demo.run(given)), daemon=True)
    thread.start()
    job = _wait_for(lambda: next((j for j in _running("cpu_agg-demo-")), None))
    _wait_for(lambda: _checkpoints(job) > 0)
    psutil.Process(pid_of("taskmanager", stack)).kill()
    thread.join(240)
    (result,) = results
    windows = twin.averages(many, 30)
    twin.assert_equal(result.windows.table(), windows)
    twin.assert_equal(result.alerts, twin.alerts(windows, readings.THRESHOLDS))


@pytest.mark.parametrize("when", ["while it is waited for", "before it is waited for"])
def test_a_job_that_has_begun_anew_is_settled_when_it_has_read_all_once_more(
    stack: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """What it told of itself before it died stays there for a while, and says nothing now."""
    fleet = readings.fleet()
    topics.empty(topics.READINGS)
    topics.empty(topics.FILTERED)
    topics.produce(fleet)
    environment = flink.connect(fresh=True)
    for table in ("cpu_in", "cpu_out_filter"):
        create(environment, table)
    # None of its own: so what dies has read everything, and nothing of that is kept.
    environment.get_config().set(CHECKPOINTS, "10 min")
    job = flink.deploy(environment, "cpu_filter", sql.taught("cpu_filter"))
    victim = psutil.Process(pid_of("taskmanager", stack))
    if when == "before it is waited for":
        _wait_for(lambda: sum(metrics.offsets(job).values()) == len(fleet) - 2)
        victim.kill()
        _wait_for(lambda: cluster.status(job).state == "RESTARTING")
        assert sum(metrics.offsets(job).values()) == len(fleet) - 2, "as of before"
    else:
        asked = rest.ask

        def ask(path: str, method: str = "GET", body: object = None, **more: float) -> object:
            if method == "POST" and victim.is_running():
                victim.kill()
                victim.wait(20)
            return asked(path, method, body, **more)

        monkeypatch.setattr(rest, "ask", ask)
    flink.wait_until_settled(job, quiet=True)
    assert not victim.is_running()
    found = topics.read(topics.FILTERED)
    flink.cancel("cpu_filter")
    assert sorted(found["usage"]) == sorted(fleet.loc[fleet["usage"] > 80, "usage"])


def _running(prefix: str) -> list[flink.Job]:
    return [job for job in flink.jobs(running_only=True) if job.name.startswith(prefix)]


def _checkpoints(job: flink.Job) -> int:
    try:
        found = rest.ask(f"/jobs/{job.id}/checkpoints")
    except web.HTTPError:
        return 0  # not scheduled yet
    return int(found["counts"]["completed"])


def _wait_for(condition: Callable[[], object], patience: float = 120.0):
    deadline = time.monotonic() + patience
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.02)
    return found


#: What an `up` from nothing has done so far, in the order in which it does it.
MOMENTS = {
    "before anything": lambda state: True,
    "the ports are chosen": lambda state: (state / "services.json").exists(),
    "Kafka's storage is formatted": lambda state: (state / "kafka/data/meta.properties").exists(),
    "PostgreSQL's folder is half made": lambda state: (state / "postgres/data.new/base").exists(),
    "PostgreSQL's folder is there": lambda state: (state / "postgres/data").exists(),
    "supervisor runs": lambda state: (state / "supervisor/supervisord.pid").exists(),
}


def test_an_up_that_is_killed_at_any_moment_can_be_repeated(state: Path) -> None:
    # One after the other: each has to get over what the one before has left half done.
    environment = {"CPUWATCH_STATE": str(state)}
    for moment, has_come in MOMENTS.items():
        process = _start_up(environment)
        _wait_for(lambda: has_come(state) or process.poll() is not None)  # noqa: B023
        process.send_signal(signal.SIGKILL)
        assert process.wait(30) == -signal.SIGKILL, f"it did not come so far: {moment}"
    again = cpuwatch_json("up", **environment)
    assert again["running"]
    assert all(service["answers"] for service in again["services"].values())


def _start_up(environment: dict[str, str]) -> psutil.Popen:
    return psutil.Popen(
        [str(COMMAND), "up"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | environment,
    )


def test_a_demo_that_is_interrupted_leaves_nothing_behind(stack: Path) -> None:
    with subprocess.Popen(
        [str(COMMAND), "demo", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    ) as process:
        _wait_for(lambda: _running("cpu_"))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
    assert process.returncode == 1
    assert out == ""
    assert "Traceback" not in err
    assert err.rstrip().endswith("Stopped.")
    assert _running("cpu_") == []
    assert [name for name in topics.names() if "-demo-" in name] == []
    assert thresholds.schemas("demo_") == []


def test_a_kernel_s_java_leaves_nothing_behind_however_it_ends(stack: Path) -> None:
    place = settings().client_folder / "tmp"
    connect = "from cpuwatch import flink; flink.connect(quiet=True)"
    for end in ("", "; import os; os.kill(os.getpid(), 9)"):
        # In a folder of its own, so that others' files there are none of its.
        with subprocess.Popen([sys.executable, "-c", connect + end], env=os.environ) as process:
            process.wait(120)
        left = {path.name for path in place.glob("*")} - {str(os.getpid())}
        assert left == ({str(process.pid)} if end else set())
    with subprocess.Popen([sys.executable, "-c", connect], env=os.environ) as process:
        process.wait(120)
    assert {path.name for path in place.glob("*")} - {str(os.getpid())} == set()
