"""A file is written whole or not at all, and a lock lets one in."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cpuwatch import files
from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import ROOT


def test_a_file_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "memory.json"
    files.write(path, "ö")
    assert path.read_bytes() == "ö".encode()
    for name in ("memory.json.new", "memory.json.0123abcd.new"):
        (tmp_path / name).write_text("half of it, by one that was killed")
        os.utime(tmp_path / name, (0, 0))
    files.write(path, b"new")
    assert path.read_bytes() == b"new" and list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_leaves_the_old(tmp_path: Path) -> None:
    path = tmp_path / "memory.json"
    files.write(path, "old")
    with pytest.raises(UnicodeEncodeError):
        files.write(path, "\ud800")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


_WRITE = """
import sys
from pathlib import Path
from cpuwatch import files
for number in range(400):
    files.write(Path(sys.argv[1]), sys.argv[2] * 20_000)
"""


def test_several_write_at_the_same_time_and_each_reads_a_whole_one(tmp_path: Path) -> None:
    path = tmp_path / "memory.json"
    files.write(path, "0" * 20_000)
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", _WRITE, str(path), letter],
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(ROOT / "lib")},
        )
        for letter in "ab"
    ]
    torn = 0
    while any(writer.poll() is None for writer in writers):
        found = path.read_text()
        torn += found != found[:1] * 20_000
    assert torn == 0
    for writer in writers:
        assert (writer.communicate()[1], writer.returncode) == (b"", 0)
    assert list(tmp_path.iterdir()) == [path]


def test_what_somebody_else_is_writing_just_now_stays(tmp_path: Path) -> None:
    others = [tmp_path / name for name in ("a.0123abcd.new", "b.0123abcd.new", "a.new.txt")]
    for other in others:
        other.write_text("half of it")
    os.utime(others[1], (0, 0))  # another file's: its own writer removes it
    files.write(tmp_path / "a", "whole")
    assert sorted(tmp_path.iterdir()) == sorted([tmp_path / "a", *others])


def test_a_private_file_is_on_the_disk_before_it_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    replace = os.replace

    def noted(old: Path, new: Path) -> None:
        done.append("replaced")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", lambda _: done.append("on the disk"))
    monkeypatch.setattr(os, "replace", noted)
    files.write(tmp_path / "secret", "s", private=True)
    files.write(tmp_path / "figure", "f")
    assert done == ["on the disk", "replaced", "replaced"]


def test_a_full_disk_is_told_with_the_files_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        files.write(tmp_path / "secret", "s", private=True)
    assert caught.value.filename == str(tmp_path / "secret")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("left", [None, b"", b"\xff\xfe"])
def test_a_secret_is_made_once_whoever_asks_first(tmp_path: Path, left: bytes | None) -> None:
    path = tmp_path / "keys" / "token"
    if left is not None:
        files.folder(path.parent)
        path.write_bytes(left)
    made = iter(range(100))

    def make() -> str:
        number = next(made)
        time.sleep(0.05)
        return f"token {number}"

    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: files.secret(path, make), range(8)))
    assert found == {"token 0"} == {path.read_text()}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_private_file_is_nobody_elses(tmp_path: Path) -> None:
    files.write(tmp_path / "secret", "s", private=True)
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_what_is_given_away_is_the_file_that_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    precious = tmp_path / "precious"
    precious.write_text("root's")
    replace = os.replace

    def swapped(new: Path, path: Path) -> None:
        """Who owns the folder is quick."""
        replace(new, tmp_path / "elsewhere")
        path.symlink_to(precious)

    monkeypatch.setattr(os, "replace", swapped)
    files.write(tmp_path / "script", "exec server\n", private=True, owner=65534)
    assert precious.stat().st_uid == 0
    given = (tmp_path / "elsewhere").stat()
    assert (given.st_uid, given.st_gid, stat.S_IMODE(given.st_mode)) == (65534, 0, 0o600)


def test_a_folder_is_closed_and_what_is_anothers_in_it_left_alone(tmp_path: Path) -> None:
    top, elsewhere = tmp_path / "top", tmp_path / "elsewhere"
    for folder in (top / "ours", top / "theirs", elsewhere):
        folder.mkdir(parents=True)
        (folder / "file").write_text("")
        (folder / "file").chmod(0o644)
        folder.chmod(0o755)
    (top / "ours" / "link").symlink_to(elsewhere)
    if os.geteuid() == 0:
        os.chown(top / "theirs", 65534, 65534)
    files.close(top)
    modes = {
        str(path.relative_to(tmp_path)): stat.S_IMODE(path.stat().st_mode)
        for path in (top, top / "ours", top / "ours" / "file", elsewhere, elsewhere / "file")
    }
    assert modes == {
        "top": 0o700, "top/ours": 0o700, "top/ours/file": 0o600,
        "elsewhere": 0o755, "elsewhere/file": 0o644,
    }  # fmt: skip
    if os.geteuid() == 0:
        # There could be a link in its place by now.
        assert stat.S_IMODE((top / "theirs" / "file").stat().st_mode) == 0o644


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
        with files.only_one(path, waits=other.kill):
            pass
