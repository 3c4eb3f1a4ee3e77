"""The project's own files: one list of versions, no addresses, commands that are there."""

from __future__ import annotations

import re
import shlex
import subprocess
from importlib.metadata import metadata
from typing import Any

import pytest
from packaging.specifiers import SpecifierSet
from ruamel.yaml import YAML

from cpuwatch.settings import ROOT

LOCKS = ("requirements.lock", "requirements-dev.lock")
WORKFLOW = ".github/workflows/ci.yml"


def load(name: str) -> Any:
    return YAML(typ="safe").load((ROOT / name).read_text())


def runs(job: dict) -> str:
    return "\n".join(step.get("run", "") for step in job["steps"])


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
    found = load("environment.yml")["dependencies"]
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


# --- What stands around the code ------------------------------------------------------------


def test_the_license_is_there_and_the_package_names_it() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text[:200] and "END OF TERMS AND CONDITIONS" in text
    assert 'license = "Apache-2.0"' in (ROOT / "pyproject.toml").read_text()
    assert metadata("cpuwatch")["License-Expression"] == "Apache-2.0"
    assert metadata("cpuwatch").get_all("License-File") == ["LICENSE"]


def test_the_changelog_tells_of_this_version() -> None:
    version = metadata("cpuwatch")["Version"]
    assert f"\n## [{version}] - 20" in (ROOT / "CHANGELOG.md").read_text()


def test_the_workflow_runs_lint_and_tests_on_every_python_that_is_supported() -> None:
    test = load(WORKFLOW)["jobs"]["test"]
    supported = SpecifierSet(metadata("cpuwatch")["Requires-Python"])
    every = [f"3.{minor}" for minor in range(30) if f"3.{minor}" in supported]
    assert test["strategy"]["matrix"]["python"] == every
    assert {"lint", "test"} <= set(make_targets(runs(test)))


def test_the_workflow_runs_the_demo_on_containers() -> None:
    assert make_targets(runs(load(WORKFLOW)["jobs"]["containers"])) == ["containers", "demo"]


def test_the_workflow_may_only_read_and_ends() -> None:
    workflow = load(WORKFLOW)
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]["cancel-in-progress"] is True
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 120 and "permissions" not in job
        for step in job["steps"]:
            assert re.fullmatch(
                r"(actions|google/osv-scanner-action)/[a-z/-]+@v\d+",
                step.get("uses", "actions/none@v0"),
            )


def test_the_workflows_caches_are_keyed_on_the_locks() -> None:
    keys = [
        step["with"]["key"]
        for job in load(WORKFLOW)["jobs"].values()
        for step in job["steps"]
        if step.get("uses", "").startswith("actions/cache")
    ]
    assert len(keys) == 2
    for key in keys:
        assert all(f"'{lock}'" in key for lock in (*LOCKS, "data/jars.lock"))


def test_ci_runs_lint_and_tests_too() -> None:
    commands = re.sub(r"^#.*$", "", (ROOT / ".ci" / "run").read_text(), flags=re.MULTILINE)
    assert make_targets(commands) == ["lint", "test"]


def test_pre_commit_takes_its_tools_from_the_development_lock_alone() -> None:
    locked = (ROOT / "requirements-dev.lock").read_text()
    repositories = load(".pre-commit-config.yaml")["repos"]
    assert [one["repo"] for one in repositories] == ["local"]
    for hook in repositories[0]["hooks"]:
        folder, _, tool = shlex.split(hook["entry"])[0].rpartition("/")
        assert (folder, hook["language"]) == (".venv/bin", "system")
        assert re.search(rf"^{tool}==", locked, re.MULTILINE), tool


@pytest.mark.parametrize(
    "name",
    ["README.md", "CONTRIBUTING.md", "docs/instructors.md", "docs/outside-services.md",
     "docs/shared-server.md", "docs/platforms.md", ".github/PULL_REQUEST_TEMPLATE.md", WORKFLOW,
     ".ci/run"],
)  # fmt: skip
def test_a_make_target_that_a_page_names_is_in_the_makefile(name: str) -> None:
    made = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = make_targets((ROOT / name).read_text())
    assert named and set(named) <= set(made)


def make_targets(text: str) -> list[str]:
    """The targets that a page or a script names: `make lint`, or a line that begins with it."""
    found = re.findall(r"(?:`|^(?:[ -]*run:)? *)make ((?:[a-z-]+ ?)+)", text, re.MULTILINE)
    return [target for targets in found for target in targets.split()]


@pytest.mark.parametrize(
    "page", ["README.md", ".github/ISSUE_TEMPLATE/bug.yml", ".github/ISSUE_TEMPLATE/workshop.yml"]
)
def test_a_page_with_the_chapters_names_each(page: str) -> None:
    text = (ROOT / page).read_text()
    books = [path.stem for path in (ROOT / "notebooks").glob("[0-9][0-9]-*.ipynb")]
    assert books and [name for name in books if name not in text] == []


def test_the_readme_names_every_room_of_the_library() -> None:
    (row,) = re.findall(r"^\| `lib/cpuwatch/` \|.*", (ROOT / "README.md").read_text(), re.MULTILINE)
    rooms = {
        path.stem if path.is_file() else f"{path.name}/"
        for path in (ROOT / "lib" / "cpuwatch").iterdir()
        if not path.name.startswith("__") and path.name not in ("py.typed", "pipeline.py")
    }
    assert rooms - set(re.findall(r"`([\w/]+)`", row)) == set()
