"""A file is written whole or not at all, and a lock lets one in."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cpuwatch import files
from cpuwatch.errors import CpuwatchError


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "memory.json"
    files.write(path, "ö")
    assert path.read_bytes() == "ö".encode()
    (tmp_path / "memory.json.new").write_text("half of it, by one that was killed")
    files.write(path, b"new")
    assert path.read_bytes() == b"new" and list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_leaves_the_old(tmp_path: Path) -> None:
    path = tmp_path / "memory.json"
    files.write(path, "old")
    with pytest.raises(UnicodeEncodeError):
        files.write(path, "\ud800")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_private_file_is_nobody_elses(tmp_path: Path) -> None:
    files.write(tmp_path / "secret", "s", private=True)
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_who_comes_second_is_told_and_may_come_in_later(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "lock"
    with files.only_one(path, "One is enough."):  # noqa: SIM117
        with (
            pytest.raises(CpuwatchError, match=r"^One is enough\.$"),
            files.only_one(path, "One is enough."),
        ):
            pass
    with files.only_one(path, "One is enough."):
        pass


def test_who_waits_comes_in_when_the_other_is_gone_however_it_went(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    hold = "import sys, time, pathlib; from cpuwatch import files\n"
    hold += (
        "with files.only_one(pathlib.Path(sys.argv[1])): print('in', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", hold, str(path)], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdout.readline() == b"in\n"
        with pytest.raises(CpuwatchError), files.only_one(path, "Somebody is in."):
            pass
        other.kill()
        with files.only_one(path):
            pass
