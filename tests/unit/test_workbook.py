"""An attendee's copy of the notebooks: made once, never overwritten, newer ones beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cpuwatch import pipeline, workbook
from cpuwatch.errors import CpuwatchError


@pytest.fixture
def originals(tmp_path: Path) -> Path:
    folder = tmp_path / "notebooks"
    folder.mkdir()
    for name in ("00-welcome", "01-fake-cpu-data"):
        write(folder / f"{name}.ipynb", f"print('{name}')")
    return folder


def write(path: Path, source: str) -> None:
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": [source],
            "execution_count": 3, "outputs": [{"output_type": "stream"}]}  # fmt: skip
    path.write_text(json.dumps({"cells": [cell], "nbformat": 4}))


def cell(path: Path) -> dict[str, object]:
    found = json.loads(path.read_text())["cells"][0]
    assert isinstance(found, dict)
    return found


def test_copies_have_no_outputs_unless_they_are_wanted(originals: Path, tmp_path: Path) -> None:
    folder, said = workbook.prepare(originals, tmp_path / "mine")
    assert said == []
    names = ["00-welcome.ipynb", "01-fake-cpu-data.ipynb"]
    assert sorted(path.name for path in folder.glob("*.ipynb")) == names
    mine = cell(folder / names[0])
    assert (mine["outputs"], mine["execution_count"]) == ([], None)
    assert mine["source"] == ["print('00-welcome')"]
    shown, _ = workbook.prepare(originals, tmp_path / "shown", with_outputs=True)
    assert (shown / names[0]).read_bytes() == (originals / names[0]).read_bytes()


def test_a_copy_is_never_overwritten_and_a_newer_original_is_beside_it(
    originals: Path, tmp_path: Path
) -> None:
    folder, _ = workbook.prepare(originals, tmp_path / "mine")
    mine = folder / "00-welcome.ipynb"
    write(mine, "my own work")
    worked_on = mine.read_bytes()
    assert workbook.prepare(originals, folder) == (folder, [])
    assert mine.read_bytes() == worked_on

    write(originals / mine.name, "the instructor's fix")
    _, (said,) = workbook.prepare(originals, folder)
    assert said.startswith("There is a newer 00-welcome.ipynb. Yours stays as it is;")
    assert mine.read_bytes() == worked_on
    newer = folder / "00-welcome-newer.ipynb"
    assert cell(newer)["source"] == ["the instructor's fix"]
    # It is offered once, and what was offered is the attendee's as well.
    assert workbook.prepare(originals, folder) == (folder, [])
    write(newer, "my own work, too")
    write(originals / mine.name, "another fix")
    workbook.prepare(originals, folder)
    assert cell(newer)["source"] == ["my own work, too"]
    assert cell(folder / "00-welcome-newer-2.ipynb")["source"] == ["another fix"]


def test_a_copy_that_was_deleted_is_made_again(originals: Path, tmp_path: Path) -> None:
    folder, _ = workbook.prepare(originals, tmp_path / "mine")
    (folder / "00-welcome.ipynb").unlink()
    assert workbook.prepare(originals, folder) == (folder, [])
    assert cell(folder / "00-welcome.ipynb")["source"] == ["print('00-welcome')"]


def test_a_folder_that_cannot_be_written_is_named(originals: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("a file where the folder should be")
    with pytest.raises(CpuwatchError, match=r"cannot be copied to .*mine \("):
        workbook.prepare(originals, tmp_path / "mine")


def test_git_does_not_see_the_copies() -> None:
    for folder in (workbook.FOLDER, workbook.WITH_OUTPUTS):
        path = folder / "00-welcome.ipynb"
        ignored = subprocess.run(
            ["git", "check-ignore", "--quiet", str(path)], cwd=folder.parent, check=False
        )
        assert ignored.returncode == 0, path


@pytest.mark.parametrize(
    ("there", "writable", "at_home"),
    [(False, True, False), (True, True, False), (False, False, True), (True, False, True)],
)
def test_where_the_checkout_is_somebody_else_s_the_copy_is_in_the_home(
    originals: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    there: bool,
    writable: bool,
    at_home: bool,
) -> None:
    checkout, home = tmp_path / "checkout", tmp_path / "home"
    mine = checkout / "my-notebooks"
    (mine if there else checkout).mkdir(parents=True)
    home.mkdir()
    monkeypatch.setattr(workbook, "FOLDER", mine)
    monkeypatch.setenv("HOME", str(home))
    # Root may write everywhere, and tests may run as root.
    monkeypatch.setattr(
        os, "access", lambda path, _mode: writable or checkout not in _and_above(path)
    )
    folder, _ = workbook.prepare(originals)
    assert folder == (home / "cpuwatch-my-notebooks" if at_home else mine)
    assert (folder / "00-welcome.ipynb").exists()


def _and_above(path: Path) -> list[Path]:
    return [path, *path.parents]


def test_who_starts_a_server_for_others_names_the_folder(tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-m", "cpuwatch.workbook"]
    for _ in range(2):
        done = subprocess.run(
            [*command, tmp_path / "w"], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len(list((tmp_path / "w").glob("*.ipynb"))) == len(pipeline.numbers())
    done = subprocess.run([*command, "/dev/null/w"], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "cannot be copied to /dev/null/w" in done.stderr
