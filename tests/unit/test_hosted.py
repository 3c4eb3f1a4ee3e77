"""What is said and set for servers fits: Codespaces, Binder, and the page about JupyterHub."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ruamel.yaml import YAML

from cpuwatch import lab
from cpuwatch.settings import Settings
from cpuwatch.stack import flinkpage, slack

ROOT = Path(__file__).parents[2]

#: Comments of JSON with comments: on lines of their own, so that no address is taken for one.
COMMENT = re.compile(r"^\s*//.*$", re.MULTILINE)

POST_BUILD = (ROOT / "postBuild").read_text()

SHARED = (ROOT / "docs" / "shared-server.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def container() -> dict[str, Any]:
    text = (ROOT / ".devcontainer" / "devcontainer.json").read_text()
    found = json.loads(COMMENT.sub("", text))
    assert isinstance(found, dict)
    return found


def targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text()
    return {
        name for line in re.findall(r"^([\w./ -]+):(?!=)", makefile, re.M) for name in line.split()
    }


def supported(version: str) -> bool:
    major, minor = version.split(".")
    return major == "3" and 10 <= int(minor) <= 12


def test_the_dev_container_s_commands_are_targets_of_make(container: dict[str, Any]) -> None:
    commands = [value for name, value in container.items() if name.endswith("Command")]
    assert len(commands) == 2
    named = [word for one in commands for word in re.findall(r"\bmake (\S+)", one)]
    assert named == [".venv/installed", "lab"]
    assert set(named) <= targets()
    for command in commands:
        assert shlex.split(command)  # its quotes are closed


def test_the_dev_container_has_a_python_that_is_supported(container: dict[str, Any]) -> None:
    image = container["image"]
    found = re.fullmatch(r"mcr\.microsoft\.com/devcontainers/python:(3\.\d+)-[a-z]+", image)
    assert found is not None and supported(found[1])


def test_the_dev_container_labels_the_ports_that_things_listen_on(
    container: dict[str, Any],
) -> None:
    first = str(lab.FIRST_PORT)
    pages = {str(flinkpage.PORTS["flink_page"]), str(slack.PORTS["slack"])}
    assert set(container["portsAttributes"]) == {first, *pages}
    assert [str(port) for port in container["forwardPorts"]] == [first]


def test_binder_s_environment_is_the_lock_with_a_python_that_is_supported() -> None:
    environment = YAML(typ="safe").load(ROOT / "environment.yml")
    python, pip, packages = environment["dependencies"]
    assert pip == "pip" and supported(python.removeprefix("python="))
    assert packages == {"pip": ["--require-hashes", "-r requirements.lock"]}
    # repo2docker looks there first, and would read nothing of what is here.
    assert not (ROOT / "binder").exists() and not (ROOT / ".binder").exists()
    # Of two descriptions it would take but one.
    for name in ("Dockerfile", "Pipfile", "Pipfile.lock", "Project.toml", "flake.nix"):
        assert not (ROOT / name).exists()


def test_what_binder_runs_after_it_is_a_script_of_commands_that_exist() -> None:
    path = ROOT / "postBuild"
    assert path.stat().st_mode & 0o111, "repo2docker wants it executable"
    assert subprocess.run(["bash", "-n", path], check=False).returncode == 0
    modules = re.findall(r"python -m (\S+)", POST_BUILD)
    assert "pip" in modules and "cpuwatch.labinstall" in modules
    for module in modules:
        found = subprocess.run(
            [
                sys.executable,
                "-I",
                "-c",
                f"import importlib.util as u; assert u.find_spec('{module}')",
            ],
            check=False,
        )
        assert found.returncode == 0, module


# --- JupyterHub, and one stack for the room --------------------------------------------------


def spawner_environment(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the page's configuration for one stack sets in each user's server."""
    monkeypatch.setenv("POSTGRES_PASSWORD", "secret")
    section = SHARED.split("\n## One stack for the room\n")[1]
    found = re.search(r"(?s)```python\n(.*?)```", section)
    assert found is not None
    hub = SimpleNamespace(Spawner=SimpleNamespace())
    exec(found[1], {"c": hub})
    return dict(hub.Spawner.environment)


@pytest.mark.parametrize(
    "name",
    ["anna", "anna@example.org", "Anna.Smith-Jones@students.a-long-faculty.example.org", "public",
     "a--b", "-", "Ж", "ünü", "7", "x" * 30, "a" * 20 + "-b", "_jupyter_"],
)  # fmt: skip
def test_the_hubs_prefix_of_any_name_is_one_that_is_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    given = spawner_environment(monkeypatch)
    user = SimpleNamespace(user=SimpleNamespace(name=name))
    for variable, value in given.items():
        monkeypatch.setenv(variable, value(user) if callable(value) else value)
    found = Settings(_env_file=tmp_path / "none")  # type: ignore[call-arg]
    assert found.prefix == given["CPUWATCH_PREFIX"](user)
    assert all(found.outside(service) for service in ("kafka", "postgres", "flink"))


def test_names_that_differ_in_signs_alone_have_prefixes_of_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prefix = spawner_environment(monkeypatch)["CPUWATCH_PREFIX"]
    names = ["anna@example.org", "anna-example-org", "anna.example.org", "a" * 40, "a" * 41]
    found = [prefix(SimpleNamespace(user=SimpleNamespace(name=name))) for name in names]
    assert len(set(found)) == len(names)
    assert f"So `anna@example.org` becomes `{found[0]}`" in " ".join(SHARED.split())


def test_the_hub_names_the_containers_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    given = spawner_environment(monkeypatch)
    example = (ROOT / ".env.example").read_text()
    for name, value in given.items():
        if name not in ("CPUWATCH_PREFIX", "CPUWATCH_CHECKPOINTS", "POSTGRES_PASSWORD"):
            assert f"\n{name}={value}\n" in example


def test_an_attendees_memory_on_a_shared_stack_is_the_sum_of_measured_parts() -> None:
    rows = re.findall(r"^\| ([^|]+) \|[^|]+\|[^|]+\| (\d+) \|$", SHARED, re.MULTILINE)
    measured = {name: int(number) for name, number in rows}
    parts = [
        measured[name]
        for name in ("the kernel", "the kernel's Java", "JupyterLab's server",
                     "the stand-in for Slack", "supervisor")
    ]  # fmt: skip
    section = SHARED.split("\n## One stack for the room\n")[1]
    said = section.split("**An attendee's memory.**")[1].split("\n\n")[0]
    assert [int(one) for one in re.findall(r"[a-z'] (\d+)[ ,]", said)][:5] == parts
    assert f"in all **{sum(parts)}**" in said
    assert f"adds {parts[0] + parts[1]}." in said
    each = float(re.findall(r"\*\*([\d.]+) GB for each attendee", said)[0])
    assert each * 1000 > sum(parts)
    assert f"thirty take {round(30 * each)} GB" in " ".join(said.split())
