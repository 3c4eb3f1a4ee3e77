"""The project's own files: one list of versions, no addresses, no paths of a machine."""

from __future__ import annotations

import re
import subprocess

import pytest
from ruamel.yaml import YAML

from cpuwatch.settings import ROOT

LOCKS = ("requirements.lock", "requirements-dev.lock")


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_pins_everything_with_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert "://" not in text
    packages = [line for line in text.splitlines() if re.match(r"[a-z0-9]", line)]
    assert len(packages) > 100
    assert all(re.match(r"[a-z0-9._-]+==[^ ]+ (; .+ )?\\$", line) for line in packages)
    assert text.count("--hash=sha256:") >= len(packages)


def test_the_development_lock_says_the_same_as_the_other() -> None:
    def pins(lock: str) -> set[str]:
        return set(re.findall(r"^[a-z0-9._-]+==[^ ]+", (ROOT / lock).read_text(), re.MULTILINE))

    assert pins("requirements.lock") <= pins("requirements-dev.lock")


def test_every_dependency_is_in_the_lock() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    block = project.split("\ndependencies = [")[1].split("\n]")[0]
    names = re.findall(r'^\s+"([A-Za-z0-9_-]+)', block, re.MULTILINE)
    assert {"apache-flink", "confluent-kafka", "sqlalchemy", "psycopg2-binary"} <= set(names)
    locked = (ROOT / "requirements.lock").read_text()
    for name in names:
        assert re.search(rf"^{name}==", locked, re.MULTILINE), name


def test_conda_installs_that_same_lock_and_nothing_else() -> None:
    found = YAML(typ="safe").load((ROOT / "environment.yml").read_text())["dependencies"]
    assert [one.partition("=")[0] for one in found[:2]] == ["python", "pip"]
    assert found[2] == {"pip": ["--require-hashes", "-r requirements.lock"]}
    assert len(found) == 3


def test_no_file_names_a_machines_folder_or_a_package_registry() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode != 0:
        pytest.skip("this is no git checkout, so there is no list of the project's own files")
    # Put together here, so that this file does not find itself.
    words = ["/" + "root/", "/" + "work/", "py" + "pi.org", "maven" + ".org", "python" + "hosted"]
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path.suffix not in (".png",) and path.is_file():
            text = path.read_text(errors="replace")
            assert [word for word in words if word in text] == [], name
