"""A real network drive: what it cannot do is named, with what to set, before anything is made."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import cpuwatch, new_state

from cpuwatch.settings import ROOT
from cpuwatch.stack import disks

#: The far end of SFTP, as Debian, Fedora and macOS have it.
SERVERS = ("/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server")

Mount = Callable[..., Path]


@pytest.fixture
def mount() -> Iterator[Mount]:
    """Mounts a folder of this machine by sshfs, over a pipe in place of a network."""
    server = next((one for one in SERVERS if Path(one).exists()), None)
    if not (shutil.which("sshfs") and server and os.access("/dev/fuse", os.R_OK | os.W_OK)):
        pytest.skip("There is no sshfs with its SFTP server, or no /dev/fuse that we may use.")
    # Who is not root may not call umount. With -z also what a process has open still.
    unmount = next([one, "-u", "-z"] for one in ("fusermount3", "fusermount") if shutil.which(one))
    top = new_state()
    mounted: list[Path] = []

    def mount(*options: str) -> Path:
        far, near = top / f"far{len(mounted)}", top / f"near{len(mounted)}"
        far.mkdir()
        near.mkdir()
        ssh = top / "ssh"
        ssh.write_text(f"#!/bin/sh\nexec {server}\n")
        ssh.chmod(0o755)
        given = ",".join([f"ssh_command={ssh}", *options])
        done = subprocess.run(
            ["sshfs", "-o", given, f"here:{far}", str(near)],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        if "not permitted" in done.stderr:
            pytest.skip("Nobody may mount anything here, as in most containers.")
        assert done.returncode == 0, done.stderr
        mounted.append(near)
        return near

    yield mount
    for near in mounted:
        subprocess.run([*unmount, str(near)], check=True, timeout=60)
    shutil.rmtree(top)


def test_neither_state_nor_cache_nor_checkout_work_on_one_without_links(
    mount: Mount, state: Path
) -> None:
    """As sshfs comes, and a stick."""
    drive = mount()
    assert disks.network(drive) == "fuse.sshfs"

    both = {"CPUWATCH_STATE": str(drive / "state"), "CPUWATCH_CACHE": str(drive / "cache")}
    refused = cpuwatch("up", **both)
    assert (refused.returncode, refused.stdout) == (1, "")
    said = " ".join(refused.stderr.split())
    assert f"The disk that holds {drive}/state (fuse.sshfs) cannot hold symbolic links" in said
    assert "set CPUWATCH_STATE=/var/tmp/cpuwatch-" in said and "and CPUWATCH_CACHE=" in said
    assert list(drive.iterdir()) == []
    assert "cannot hold symbolic links" in cpuwatch("doctor", **both).stdout
    assert cpuwatch("down", "--wipe", **both).returncode == 0
    # What is open when it is deleted lies there for a moment more, under another name.
    assert not (drive / "state").exists() or list((drive / "state").iterdir()) == []

    half = both | {"CPUWATCH_STATE": str(state)}
    said = " ".join(cpuwatch("up", **half).stderr.split())
    assert f"{drive}/cache" in said and "CPUWATCH_STATE=" not in said

    checkout = drive / "workshop"
    for name in ("Makefile", "lib/cpuwatch/preflight.py"):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, checkout / name)
    made = subprocess.run(
        ["make", ".venv/bin/python"], cwd=checkout,
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert made.returncode == 2
    assert "Put the workshop on a disk of this machine" in made.stderr
    asked = subprocess.run(
        [sys.executable, "-I", str(checkout / "lib/cpuwatch/preflight.py")],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert "cannot lock files, close them to others" in asked.stdout


def test_one_with_links_may_hold_the_cache_and_holds_no_sockets(mount: Mount) -> None:
    drive = mount("no_contain_symlinks")
    # With short names: of a longer one supervisor's socket lies elsewhere.
    folders = {"CPUWATCH_STATE": drive / "s", "CPUWATCH_CACHE": drive / "c"}
    for folder in folders.values():
        folder.mkdir()
    assert disks.trouble(("CPUWATCH_CACHE", folders["CPUWATCH_CACHE"])) is None
    found = disks.trouble(*folders.items())
    assert found is not None
    assert "cannot hold a socket" in found[0] and "CPUWATCH_CACHE" not in found[1]
    assert "is on a network drive" in str(disks.remark(folders["CPUWATCH_STATE"]))
