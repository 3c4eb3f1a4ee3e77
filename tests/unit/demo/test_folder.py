"""Where the demo writes its results is looked at before anything is begun."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pandas as pd
import pytest
from conftest import cpuwatch_here

from cpuwatch import demo
from cpuwatch.demo.writing import write_csv
from cpuwatch.errors import CpuwatchError


def _a_file(place: Path) -> None:
    place.write_text("")


def _below_a_file(place: Path) -> None:
    place.parent.rmdir()
    place.parent.write_text("")


def _a_link_to_nowhere(place: Path) -> None:
    place.symlink_to("/nowhere/results")


def _a_table_is_a_folder(place: Path) -> None:
    (place / "windows.csv").mkdir(parents=True)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_a_file, "File exists"),
        (_below_a_file, "Not a directory"),
        (_a_link_to_nowhere, "File exists"),
        (_a_table_is_a_folder, "windows.csv: Is a directory"),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_one_that_cannot_be_written_to_is_refused_before_the_run(
    tmp_path: Path, make, reason: str
) -> None:
    place, state = tmp_path / "above" / "results", tmp_path / "state"
    place.parent.mkdir()
    make(place)
    for more in ([], ["--json"]):
        done = cpuwatch_here("demo", "--out", place, *more, CPUWATCH_STATE=str(state))
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(f"Error: The results cannot be written into {place} (")
        assert reason in done.stderr and "--out" in done.stderr
    assert not state.exists()  # nothing was started


def test_a_full_disk_is_noticed_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CpuwatchError, match=r"\(No space left on device\): name another folder"):
        demo.make_folder(tmp_path / "results")


def test_one_of_an_earlier_run_is_taken_and_the_trial_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "windows.csv").write_text("kept until there is something better\n")
    demo.make_folder(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["windows.csv"]
    assert (tmp_path / "windows.csv").read_text().startswith("kept")


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(1)", "'@SUM(1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("\uff1d1", "'\uff1d1"),
        ("a\r=1", "a\r=1"),
        ("'=1", "''=1"),
        ("'tis", "'tis"),
        ("a=1", "a=1"),
        ("", ""),
    ],
)
def test_a_text_that_a_spreadsheet_would_run_has_a_quote_before_it(
    tmp_path: Path, text: str, cell: str
) -> None:
    table = pd.DataFrame({"hostname": [text, "doc"], "usage_avg": [-1.5, 2.0]})
    write_csv(tmp_path / "t.csv", [table, table[1:]])
    with (tmp_path / "t.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [["hostname", "usage_avg"], [cell, "-1.5"], ["doc", "2.0"], ["doc", "2.0"]]
