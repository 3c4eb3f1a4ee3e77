"""Services that somebody else runs: the demo, `up`, `status` and `down` with them.

They are those of `outside.py`.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest
import twin
from conftest import files_in
from outside import SECRET, Outside, TakenPortError, free_ports

from cpuwatch import pipeline, readings, web
from cpuwatch.stack.supervisor import Supervisor

VARIABLES = ("KAFKA", "POSTGRES", "FLINK", "KAFKA_FROM_FLINK", "POSTGRES_FROM_FLINK", "STATE")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    # As root PostgreSQL runs as another user, who has to reach its folder.
    made = Path(tempfile.mkdtemp(prefix="cpuwatch-outside-", dir="/var/tmp"))
    made.chmod(0o755)
    yield made
    # Whatever a failed test left running is stopped all the same.
    for state in made.iterdir():
        Supervisor(state).stop()
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def outside(folder: Path) -> Iterator[Outside]:
    services = started(folder)
    try:
        yield services
    finally:
        services.stop()


def started(folder: Path) -> Outside:
    for attempt in range(5):
        services = Outside(folder / f"services-{attempt}")
        try:
            services.start()
        except BaseException as error:
            services.stop()
            if not isinstance(error, TakenPortError):
                raise
        else:
            return services
    raise AssertionError("five times somebody else took a port")


def environment(state: Path, given: Mapping[str, str]) -> dict[str, str]:
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("CPUWATCH_", "POSTGRES_"))}
    if "CPUWATCH_CACHE" in os.environ:
        kept["CPUWATCH_CACHE"] = os.environ["CPUWATCH_CACHE"]
    # Empty, not absent: then a .env in this checkout counts for nothing.
    empty = {f"CPUWATCH_{name}": "" for name in VARIABLES}
    return {**kept, **empty, "CPUWATCH_STATE": str(state), **given}


def cpuwatch(state: Path, given: Mapping[str, str], *arguments: str) -> tuple[int, str, str]:
    """Run the command; returns its exit code, stdout and stderr.

    While it runs, every process's arguments are looked at: none may hold the password.
    """
    process = subprocess.Popen(
        [str(Path(sys.executable).with_name("cpuwatch")), *arguments],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment(state, given),
    )  # fmt: skip
    while True:
        assert_not_in_process_list(SECRET)
        try:
            out, err = process.communicate(timeout=0.5)
        except subprocess.TimeoutExpired:
            continue
        assert SECRET not in out + err
        return process.returncode, out, err


def assert_not_in_process_list(secret: str) -> None:
    for process in psutil.process_iter():
        try:
            assert secret not in " ".join(process.cmdline()), process.name()
        except psutil.Error:
            continue


def files_with(secret: str, folder: Path) -> dict[str, int]:
    """Every file that holds the secret, with its permissions."""
    found = {}
    for path, content in files_in(folder):
        if path.suffix != ".jar" and secret.encode() in content:
            found[str(path.relative_to(folder))] = stat.S_IMODE(path.stat().st_mode)
    return found


def demo(state: Path, given: Mapping[str, str]) -> None:
    """Run the demo, and hold its results against pandas."""
    out = state.with_name(f"{state.name}-out")
    code, stdout, stderr = cpuwatch(state, given, "demo", "--json", "--out", str(out))
    assert code == 0, stderr
    summary = json.loads(stdout)
    fleet = readings.fleet()
    averages = twin.averages(fleet, 30)
    alerts = twin.alerts(averages, readings.THRESHOLDS)
    twin.assert_equal(twin.read_csv(out / "filtered.csv"), twin.filtered(fleet))
    twin.assert_equal(twin.read_csv(out / "windows.csv"), averages)
    twin.assert_equal(twin.read_csv(out / "alerts.csv"), alerts)
    assert (summary["readings"], summary["rejected"], summary["late"]) == (len(fleet), 0, 0)
    assert summary["alerted_hosts"] == sorted(alerts["hostname"].unique())
    assert not files_with(SECRET, out)
    print(summary["seconds"])


def state_of(state: Path, given: Mapping[str, str]) -> dict[str, tuple[str, bool, int]]:
    code, stdout, stderr = cpuwatch(state, given, "status", "--json")
    assert code == 0, stderr
    return {
        name: (service["where"], service["answers"], len(service["pids"]))
        for name, service in json.loads(stdout)["services"].items()
    }


def test_the_demo_runs_on_services_of_the_compose_file(folder: Path, outside: Outside) -> None:
    state = folder / "all"
    given = outside.variables()
    demo(state, given)
    answers = ("outside", True, 0)
    outside_all = {"kafka": answers, "postgres": answers, "flink": answers}
    stopped = ("embedded", False, 0)
    assert state_of(state, given) == outside_all | {"slack": stopped}
    # Of ours the stand-in for Slack was started, and nothing else.
    assert list(json.loads((state / "services.json").read_text())["ports"]) == ["slack"]
    assert not {"kafka", "postgres", "flink"} & {path.name for path in state.iterdir()}
    code, stdout, stderr = cpuwatch(state, given, "up")
    assert code == 0, stderr
    assert (stdout.count("outside"), stdout.count("answers")) == (3, 4)
    code, stdout, stderr = cpuwatch(state, given, "down", "--wipe")
    assert (code, stderr) == (0, "")
    assert stdout.startswith("The services are stopped")
    assert not state.exists()
    assert all(outside.answering().values())


def test_the_password_is_in_closed_files_alone(folder: Path, outside: Outside) -> None:
    state = folder / "passwords"
    given = outside.variables()
    code, _, stderr = cpuwatch(state, given, "up")
    assert code == 0, stderr
    assert files_with(SECRET, state) == {"pgpass": 0o600}
    assert files_with(SECRET, outside.folder) == {"pgpass": 0o600, "taskmanager/tmp/pgpass": 0o600}
    # What the cluster tells of its jobs, their plans and its own configuration.
    jobs = web.ask(given["CPUWATCH_FLINK"], "/jobs/overview")["jobs"]
    # A file's bad rows are found when it is read, and not by a job.
    assert {job["name"].partition("-demo-")[0] for job in jobs} == {
        job.name for job in pipeline.JOBS if job.name != "cpu_bad"
    }
    paths = [f"/jobs/{job['jid']}{more}" for job in jobs for more in ("", "/config", "/plan")]
    for path in ["/jobmanager/config", "/jobmanager/environment", *paths]:
        assert SECRET not in json.dumps(web.ask(given["CPUWATCH_FLINK"], path))
    # Flink came to the broker by its own way in, and the demo by the other.
    log = outside.log("taskmanager")
    assert f"bootstrap.servers = [127.0.0.1:{outside.inside}]" in log
    assert f"127.0.0.1:{outside.kafka}" not in log
    code, _, stderr = cpuwatch(state, given, "down")
    assert code == 0, stderr


def test_one_outside_and_the_rest_embedded(folder: Path, outside: Outside) -> None:
    state = folder / "mixed"
    given = {"CPUWATCH_KAFKA": outside.variables()["CPUWATCH_KAFKA"]}
    try:
        code, _, stderr = cpuwatch(state, given, "up")
        assert code == 0, stderr
        expected = {
            "kafka": ("outside", True, 0),
            "postgres": ("embedded", True, 1),
            "flink": ("embedded", True, 3),
            "flink_page": ("embedded", True, 1),
            "slack": ("embedded", True, 1),
        }
        assert state_of(state, given) == expected
        assert not (state / "kafka").exists()
        demo(state, given)
        assert state_of(state, given) == expected  # found running, left running
    finally:
        code, stdout, stderr = cpuwatch(state, given, "down")
    assert (code, stdout, stderr) == (0, "The services are stopped.\n", "")
    mine = [p for p in psutil.process_iter(["cmdline"]) if str(state) in str(p.info["cmdline"])]
    assert not mine
    assert all(outside.answering().values())


def dead(variable: str, value: str) -> dict[str, str]:
    (port,) = free_ports(1)
    return {variable: value.replace("PORT", str(port)), "POSTGRES_PASSWORD": SECRET}


@pytest.mark.parametrize(
    ("command", "title", "variable", "value"),
    [
        ("up", "Kafka", "CPUWATCH_KAFKA", "127.0.0.1:PORT"),
        ("up", "PostgreSQL", "CPUWATCH_POSTGRES", "postgresql://cpuwatch@127.0.0.1:PORT/cpuwatch"),
        ("demo", "Flink", "CPUWATCH_FLINK", "http://127.0.0.1:PORT"),
    ],
)
def test_an_outside_service_that_does_not_answer(
    folder: Path, command: str, title: str, variable: str, value: str
) -> None:
    state = folder / "dead"
    code, stdout, stderr = cpuwatch(state, dead(variable, value), command)
    assert (code, stdout) == (1, "")
    assert stderr.count("\n") == 1
    assert stderr.startswith(f"Error: {title} at ")
    assert variable in stderr
    # Nobody waited for services that would be of no use.
    assert not (state / "supervisor").exists()


def test_a_wrong_password_is_an_outside_service_that_does_not_answer(
    folder: Path, outside: Outside
) -> None:
    given = {**outside.variables(), "POSTGRES_PASSWORD": "wrong9password8"}
    code, stdout, stderr = cpuwatch(folder / "wrong", given, "up")
    assert (code, stdout) == (1, "")
    assert stderr.startswith("Error: PostgreSQL at postgresql://cpuwatch@127.0.0.1:")
    assert 'password authentication failed for user "cpuwatch"' in stderr
    assert "wrong9password8" not in stderr
