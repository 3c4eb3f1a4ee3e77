"""A checkout that was moved, renamed or copied: make notices, and its services come along."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import cpuwatch, processes_of

from cpuwatch.settings import ROOT, default_state
from cpuwatch.stack.supervisor import Supervisor


def make(checkout: Path, target: str, home: Path) -> subprocess.CompletedProcess[str]:
    keep = {name: value for name, value in os.environ.items() if not name.startswith("CPUWATCH")}
    return subprocess.run(
        ["make", target], cwd=checkout, check=False, capture_output=True, text=True, timeout=600,
        env={**keep, "XDG_STATE_HOME": str(home)},
    )  # fmt: skip


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with the installation that it would have: a small one, which is enough here."""
    place = tmp_path / "first, place's #1 (a)"
    place.mkdir()
    shutil.copy2(ROOT / "Makefile", place)
    shutil.copytree(ROOT / "lib", place / "lib", ignore=shutil.ignore_patterns("__pycache__"))
    (place / ".venv" / "bin").mkdir(parents=True)
    # The tests' own packages; a true one takes a minute.
    python = place / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{ROOT}/.venv/bin/python" "$@"\n')
    python.chmod(0o755)
    (place / ".venv" / "made-at").write_text(f"{place}\n")
    return place


def test_make_says_nothing_where_nothing_was_moved(checkout: Path, tmp_path: Path) -> None:
    done = make(checkout, "help", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert (checkout / ".venv").exists()


def test_a_renamed_checkout_is_noticed_and_installed_anew(checkout: Path, tmp_path: Path) -> None:
    there = checkout.rename(checkout.with_name("the second"))
    done = make(there, "help", tmp_path)
    assert done.returncode == 0
    assert "This checkout was at" in done.stderr and ".venv is made anew" in done.stderr
    assert not (there / ".venv").exists()
    assert make(there, "clean", tmp_path).returncode == 0


def test_a_python_that_has_gone_is_noticed(checkout: Path, tmp_path: Path) -> None:
    (checkout / ".venv" / "bin" / "python").unlink()
    done = make(checkout, "help", tmp_path)
    assert done.returncode == 0
    assert not (checkout / ".venv").exists()


def test_its_services_stop_and_their_data_come_along(checkout: Path, tmp_path: Path) -> None:
    home = Path("/var/lib/cpuwatch") if os.geteuid() == 0 else tmp_path / "cpuwatch"
    name = default_state(checkout).name
    old = home / name
    old.mkdir(parents=True)
    (old / "services.json").write_text('{"ports": {}}')
    # Something of the old place that runs on, as its services would.
    marker = Supervisor(old).marker
    running = subprocess.Popen(["sh", "-c", "sleep 600; true", marker])
    there = checkout.rename(checkout.with_name("the second"))
    new = home / default_state(there).name
    try:
        done = make(there, "help", tmp_path)
        assert "Its services are stopped; what they kept has come along." in done.stderr
        running.wait(20)
        assert not old.exists()
        assert (new / "services.json").exists()
        assert processes_of(new) == []
    finally:
        running.kill()
        running.wait()
        for folder in (old, new):
            shutil.rmtree(folder, ignore_errors=True)


def test_of_a_copy_the_first_one_s_services_are_left_alone(checkout: Path, tmp_path: Path) -> None:
    home = Path("/var/lib/cpuwatch") if os.geteuid() == 0 else tmp_path / "cpuwatch"
    old = home / default_state(checkout).name
    old.mkdir(parents=True)
    there = checkout.with_name("a copy")
    shutil.copytree(checkout, there)
    try:
        done = make(there, "help", tmp_path)
        assert ".venv is made anew" in done.stderr and "services" not in done.stderr
        assert old.exists() and (checkout / ".venv").exists()
    finally:
        shutil.rmtree(old, ignore_errors=True)


def test_what_runs_on_under_a_deleted_state_folder_is_stopped(tmp_path: Path) -> None:
    state = tmp_path / "state"
    running = subprocess.Popen(["sh", "-c", "sleep 600; true", Supervisor(state).marker])
    try:
        done = cpuwatch("down", CPUWATCH_STATE=str(state))
        assert (done.returncode, done.stdout) == (0, "The services are stopped.\n")
        running.wait(20)
        assert not state.exists()
    finally:
        running.kill()
        running.wait()
