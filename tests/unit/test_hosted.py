"""What hosts read to build the workshop's environment names what is there: Codespaces, Binder."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from cpuwatch import lab
from cpuwatch.stack import flinkpage, slack

ROOT = Path(__file__).parents[2]

#: Comments of JSON with comments: on lines of their own, so that no address is taken for one.
COMMENT = re.compile(r"^\s*//.*$", re.MULTILINE)

POST_BUILD = (ROOT / "postBuild").read_text()


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
    first = str(lab.start.__globals__["_FIRST_PORT"])
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
