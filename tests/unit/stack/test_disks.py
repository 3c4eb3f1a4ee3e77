"""Disks that cannot do what the services need are named, with what to set, before anything else."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import TextIO

import psutil
import pytest

from cpuwatch import files
from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import settings
from cpuwatch.stack import disks, statefolder
from cpuwatch.stack.place import TRIAL

STATE = "CPUWATCH_STATE"


def refuses(number: int) -> object:
    def refused(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return refused


def test_a_disk_of_this_machine_can_do_all_and_nothing_is_left_there(tmp_path: Path) -> None:
    disks.check((STATE, tmp_path), ("CPUWATCH_CACHE", tmp_path / "is not there"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("owner", "name", "number", "what"),
    [
        (os, "symlink", errno.EPERM, "hold symbolic links"),  # a stick
        (os, "readlink", errno.EPERM, "hold symbolic links"),  # sshfs, of what lies outside it
        (os, "chmod", errno.EPERM, "keep a file from other users"),
        (fcntl, "flock", errno.ENOLCK, "lock a file"),  # NFS without its daemon
        (fcntl, "lockf", errno.EOPNOTSUPP, "lock a file"),
    ],
)
def test_what_a_disk_cannot_do_is_said_with_what_to_set(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    owner: object,
    name: str,
    number: int,
    what: str,
) -> None:
    monkeypatch.setattr(owner, name, refuses(number))
    with pytest.raises(CpuwatchError) as caught:
        disks.check((STATE, tmp_path))
    said = str(caught.value)
    assert f"The disk that holds {tmp_path}" in said and f"cannot {what}, as many network" in said
    assert f"set {STATE}={disks.suggested(STATE)}." in said
    assert list(tmp_path.iterdir()) == []


def test_one_that_holds_no_socket_is_refused_unless_sockets_lie_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Refused(socket.socket):
        def bind(self, address: object) -> None:
            raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(socket, "socket", Refused)
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        with pytest.raises(CpuwatchError, match="cannot hold a socket"):
            disks.check((STATE, Path(short)))
        disks.check(("CPUWATCH_CACHE", Path(short)))
        disks.check((STATE, files.folder(Path(short) / ("long" * 25))))


def test_one_that_has_no_rights_at_all_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a Windows drive in WSL: it says yes, and does nothing."""
    monkeypatch.setattr(os, "chmod", lambda *_, **__: None)
    monkeypatch.setattr(Path, "touch", lambda self: os.close(os.open(self, os.O_CREAT, 0o777)))
    before = os.umask(0)
    try:
        with pytest.raises(CpuwatchError, match="keep a file from other users"):
            disks.check((STATE, tmp_path))
    finally:
        os.umask(before)


def test_the_two_kinds_of_locks_are_not_tried_on_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a Mac, and on NFS, the one shuts the other out."""
    held: set[str] = set()

    def flock(file: TextIO, _how: int) -> None:
        if file.name in held:
            raise OSError(errno.ENOLCK, "held")
        held.add(file.name)

    def lockf(file: TextIO, how: int) -> None:
        flock(file, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    monkeypatch.setattr(fcntl, "lockf", lockf)
    disks.check((STATE, tmp_path))
    assert len(held) == 2


def test_of_a_folder_that_is_not_there_the_one_above_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "symlink", refuses(errno.EPERM))
    later = tmp_path / "not" / "yet"
    with pytest.raises(CpuwatchError, match=f"holds {later}.* cannot hold symbolic links"):
        disks.check((STATE, later))
    assert list(tmp_path.iterdir()) == []


def test_one_that_holds_no_second_names_holds_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """Supervisor would try for ever."""
    monkeypatch.setattr(os, "link", refuses(errno.EPERM))
    found = pytest.raises(CpuwatchError, match="cannot hold a socket")
    with tempfile.TemporaryDirectory(dir="/tmp") as short, found:
        disks.check((STATE, Path(short)))


def test_what_a_trial_has_left_that_was_killed_goes_with_a_later_one(tmp_path: Path) -> None:
    killed, begun = tmp_path / f"{TRIAL}killed", tmp_path / f"{TRIAL}begun"
    for one in (killed, begun):
        one.mkdir()
    os.utime(killed, (0, 0))
    disks.check((STATE, tmp_path))
    assert list(tmp_path.iterdir()) == [begun]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EMFILE, errno.EIO])
def test_another_trouble_is_left_to_who_knows_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(os, "symlink", refuses(number))
    disks.check((STATE, tmp_path))


def test_state_and_cache_on_one_drive_are_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(STATE, str(tmp_path / "state"))
    monkeypatch.setenv("CPUWATCH_CACHE", str(tmp_path / "cache"))
    settings.cache_clear()
    both = r"CPUWATCH_STATE=\S+ and CPUWATCH_CACHE=\S+\."
    try:
        for made in (False, True):
            if made:
                statefolder.make_state(settings())
            with monkeypatch.context() as patch:
                patch.setattr(os, "symlink", refuses(errno.EPERM))
                with pytest.raises(CpuwatchError, match=both):
                    statefolder.make_state(settings())
            assert (tmp_path / "state").exists() == made
    finally:
        monkeypatch.undo()
        settings.cache_clear()


@pytest.mark.parametrize(
    ("kind", "is_one"),
    [
        ("nfs4", True), ("cifs", True), ("fuse.sshfs", True), ("9p", True), ("macfuse", True),
        ("ext4", False), ("btrfs", False), ("apfs", False), ("fuseblk", False), ("overlay", False),
    ],
)  # fmt: skip
def test_a_network_drive_is_known_by_the_name_that_the_system_has_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, is_one: bool
) -> None:
    there = [("/", "ext4"), (str(tmp_path), kind), (str(tmp_path / "other"), "ext4")]
    mounted = [SimpleNamespace(mountpoint=place, fstype=its) for place, its in there]
    monkeypatch.setattr(psutil, "disk_partitions", lambda **_: mounted)
    inner = files.folder(tmp_path / "a" / "state")
    assert disks.network(inner) == (kind if is_one else None)
    said = disks.remark(inner)
    assert said is None if not is_one else f"({kind})" in str(said)
