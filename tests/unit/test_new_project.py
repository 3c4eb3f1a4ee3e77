"""What `cpuwatch new` makes, without a service: its Makefile, its compose file, its README."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import zlib
from pathlib import Path

import compose_file
import pytest
from ruamel.yaml import YAML

from cpuwatch import newproject
from cpuwatch.stack import flinkpage, kafka

TEMPLATE = Path(newproject.__file__).with_name("template")
README = (TEMPLATE / "README.md").read_text(encoding="utf-8")
COMPOSE = YAML(typ="safe").load((TEMPLATE / "docker-compose.yml").read_text(encoding="utf-8"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "my first job"
    newproject.make(folder)
    return folder


def make(folder: Path, *arguments: str, **environment: str) -> str:
    """What `make` would run for these targets, or runs of a Makefile's own lines."""
    beside = {n: v for n, v in os.environ.items() if not n.startswith(("KAFKA", "FLINK", "MAKE"))}
    done = subprocess.run(
        ["make", *arguments], cwd=folder, capture_output=True, text=True, check=False,
        env=beside | environment,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize(
    ("target", "runs"),
    [
        ("test", ".venv/bin/python -m pytest -q"),
        ("up", "docker compose up --detach --wait"),
        ("send", ".venv/bin/python send.py"),
        ("run", ".venv/bin/python pipeline.py"),
        ("watch", ".venv/bin/python watch.py"),
        ("down", "docker compose down"),
    ],
)
def test_each_target_runs_what_the_readme_says(project: Path, target: str, runs: str) -> None:
    said = make(project, "-n", target)
    assert said.splitlines()[-1] == runs
    assert f"make {target} " in README
    assert ("docker" in said) == (target in ("up", "down"))


def test_what_has_to_be_built_gets_the_setuptools_that_it_needs(project: Path) -> None:
    assert "PIP_CONSTRAINT=requirements.txt .venv/bin/python -m pip install" in make(
        project, "-n", ".venv/installed"
    )
    constraint = re.findall(
        r"^setuptools.*", (compose_file.ROOT / "build-constraints.txt").read_text(), re.MULTILINE
    )
    assert constraint == re.findall(
        r"^setuptools.*", (project / "requirements.txt").read_text(), re.MULTILINE
    )


@pytest.mark.parametrize(
    ("given", "kafka_is", "flink_is"),
    [
        ({}, "127.0.0.1:9092", "127.0.0.1:8081"),
        ({"KAFKA_PORT": "19092", "FLINK_PORT": "18081"}, "127.0.0.1:19092", "127.0.0.1:18081"),
        ({"KAFKA": "k:1", "FLINK": "f:2"}, "k:1", "f:2"),
    ],
)
def test_programs_are_told_where_the_services_are(
    project: Path, given: dict[str, str], kafka_is: str, flink_is: str
) -> None:
    with (project / "Makefile").open("a") as makefile:
        makefile.write("\nsay:\n\t@echo $$KAFKA $$FLINK\n")
    assert make(project, "say", **given) == f"{kafka_is} {flink_is}\n"
    assert make(project, "say", *(f"{n}={v}" for n, v in given.items())) == (
        f"{kafka_is} {flink_is}\n"
    )


def test_its_programs_take_their_addresses_from_the_environment(project: Path) -> None:
    told = set(re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE))
    asked = set()
    for path in project.glob("*.py"):
        text = path.read_text()
        compile(text, str(path), "exec")
        known = re.findall(r'os\.environ\.get\("(\w+)"(?:, "([^"]*)")?\)', text)
        asked |= {name for name, _ in known}
        addresses = set(re.findall(r'"([\w.]+:\d+)"', text))
        assert addresses <= {default for _, default in known}, path.name
        for name, default in known:
            assert f"| `{name}` |" in README and (not default or f"`{default}`" in README)
    assert asked == told


def test_its_hosts_lie_in_both_partitions(project: Path) -> None:
    """Where the client puts a key by default: by its CRC-32."""
    (hosts,) = re.findall(r"^HOSTS = (\{.*\})$", (project / "send.py").read_text(), re.MULTILINE)
    assert {zlib.crc32(host.encode()) % 2 for host in ast.literal_eval(hosts)} == {0, 1}


def test_its_containers_are_those_of_the_workshop() -> None:
    ours = compose_file.load()["services"]
    assert set(COMPOSE["services"]) == {"kafka", "jobmanager", "taskmanager"}
    for name, service in COMPOSE["services"].items():
        assert service["image"] == ours[name]["image"]
    theirs = COMPOSE["services"]["kafka"]["environment"]
    for name in ("KAFKA_LISTENERS", "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP", "KAFKA_PROCESS_ROLES"):
        assert theirs[name] == ours["kafka"]["environment"][name]


def test_its_ports_are_the_workshop_s_own_unless_others_are_asked_for() -> None:
    services = COMPOSE["services"]
    kafka_port, flink_port = kafka.PORTS["kafka"], flinkpage.PORTS["flink_page"]
    assert services["kafka"]["ports"] == [f"127.0.0.1:${{KAFKA_PORT:-{kafka_port}}}:9092"]
    assert services["jobmanager"]["ports"] == [f"127.0.0.1:${{FLINK_PORT:-{flink_port}}}:8081"]
    advertised = services["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert f"HOST://127.0.0.1:${{KAFKA_PORT:-{kafka_port}}}," in advertised
    assert f"the ports {kafka_port} and {flink_port}, which the workshop's own" in README
