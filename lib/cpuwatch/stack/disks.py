"""Whether a disk can do what the services need: network drives and sticks often cannot."""

from __future__ import annotations

import errno
import fcntl
import getpass
import os
import shutil
import socket
import stat
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from cpuwatch.errors import CpuwatchError
from cpuwatch.stack.place import TRIAL
from cpuwatch.stack.supervisor import Supervisor

#: How systems call what lies on another machine, or what another system shows to this one.
_NETWORK = {
    "9p", "afpfs", "afs", "beegfs", "ceph", "cifs", "davfs", "drvfs", "gpfs", "lustre", "ncpfs",
    "nfs", "nfs3", "nfs4", "prl_fs", "smb3", "smbfs", "vboxsf", "virtiofs", "vmhgfs", "webdav",
}  # fmt: skip

#: Programs show folders as disks, too: `fuse.sshfs`, `macfuse`. These do it with what lies here.
_FUSE, _HERE = "fuse", {"fuseblk", "fuse.fuse-overlayfs", "fuse.lxcfs", "fusectl"}

#: No trial takes so many seconds.
_LONG = 300

#: What an error says when a disk cannot do something; whatever else it says others look at.
_CANNOT = {errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOLCK, errno.EINVAL}


def check(*folders: tuple[str, Path]) -> None:
    """Try in folders what the services do there.

    Raises
    ------
    CpuwatchError
        If a disk cannot do it: what, and what to set.

    See Also
    --------
    trouble : what is wrong, without raising.
    """
    if found := trouble(*folders):
        raise CpuwatchError(" ".join(found))


def trouble(*folders: tuple[str, Path]) -> tuple[str, str] | None:
    """What the disks of these folders cannot do, and what to do about it, a sentence each.

    Parameters
    ----------
    *folders
        For each the variable that names another one, and where it is, or will be. Those that may
        not be written to are left to others.
    """
    found = [(name, folder, what) for name, folder in folders if (what := _cannot(name, folder))]
    if not found:
        return None
    _, folder, what = found[0]
    instead = " and ".join(f"{name}={suggested(name)}" for name, _, _ in found)
    return (
        f"The disk that holds {folder}{_called(folder)} cannot {what}, as many network drives and"
        " sticks cannot, and the services need it.",
        f"Use folders on a disk of this machine: set {instead}.",
    )


def _cannot(variable: str, folder: Path) -> str | None:
    """What the disk of a folder cannot do; None if it can do all, or nobody knows."""
    try:
        place = Path(tempfile.mkdtemp(prefix=TRIAL, dir=_there(folder)))
    except OSError:
        return None
    _sweep(place.parent)
    try:
        for what, trial in _TRIALS.items():
            if trial is _sockets and not Supervisor(folder).socket.is_relative_to(folder):
                continue  # of a folder with too long a name it lies elsewhere
            if variable == "CPUWATCH_CACHE" and trial not in _OF_A_CACHE:
                continue
            try:
                able = trial(place)
            except OSError as error:
                if error.errno not in _CANNOT:
                    return None
                able = False
            if not able and place.exists():  # unless somebody wipes the folder meanwhile
                return what
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return None


def _there(folder: Path) -> Path:
    """The folder, or the one above it that is there: they will be on the same disk."""
    return next(one for one in (folder, *folder.parents) if os.path.isdir(one))


def _sweep(folder: Path) -> None:
    """Delete what a trial has left that was killed; another one takes a moment."""
    for one in folder.glob(f"{TRIAL}*"):
        with suppress(OSError):
            if time.time() - one.stat().st_mtime > _LONG:
                shutil.rmtree(one, ignore_errors=True)


def _links(place: Path) -> bool:
    """A link to what lies elsewhere, as the jars do."""
    link = place / "link"
    os.symlink(sys.executable, link)
    return os.readlink(link) == sys.executable and link.exists()


def _keeps_closed(place: Path) -> bool:
    """A file that nobody else may read, as PostgreSQL wants its passwords to be."""
    file = place / "closed"
    file.touch()
    os.chmod(file, 0o600)
    return stat.S_IMODE(file.stat().st_mode) == 0o600


def _locks(place: Path) -> bool:
    # A file for each: on a Mac, and on NFS, the two kinds of locks shut each other out.
    for lock in (fcntl.flock, fcntl.lockf):
        with (place / lock.__name__).open("w") as file:
            lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return True


def _sockets(place: Path) -> bool:
    """A socket under a second name, by which supervisor sees whether its place is taken."""
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(os.fsencode(place / "socket"))
        os.link(place / "socket", place / "again")
    return True


_TRIALS: dict[str, Callable[[Path], bool]] = {
    "hold symbolic links": _links,
    "keep a file from other users": _keeps_closed,
    "lock a file": _locks,
    "hold a socket": _sockets,
}

#: A cache holds jars, and nothing that is secret or alive.
_OF_A_CACHE = (_links, _locks)


def network(folder: Path) -> str | None:
    """How the system calls the network drive that a folder is on; None if it is on none."""
    kind = _kind(folder)
    if kind in _NETWORK or (_FUSE in kind and kind not in _HERE):
        return kind
    return None


def remark(folder: Path) -> str | None:
    """What to know about a folder on a network drive that can do all; None if it is on none."""
    kind = network(folder)
    if kind is None:
        return None
    return (
        f"{folder} is on a network drive or shared by another system ({kind}), and the services"
        " write there all the time: if they are slow, or fail, set CPUWATCH_STATE to a folder on a"
        f" disk of this machine, such as {suggested()}"
    )


def suggested(variable: str = "CPUWATCH_STATE") -> str:
    """A folder that is on a disk of this machine, as a rule."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a bare number, as some containers give one
        name = str(os.getuid())
    return f"/var/tmp/cpuwatch-{name}/{variable.rpartition('_')[2].lower()}"


def _called(folder: Path) -> str:
    kind = _kind(folder)
    return f" ({kind})" if kind else ""


def _kind(folder: Path) -> str:
    """How the system calls the kind of disk that holds a folder; nothing if it does not say."""
    there = folder.resolve()
    found = ""
    with suppress(psutil.Error, OSError):
        disks = {Path(one.mountpoint): one.fstype for one in psutil.disk_partitions(all=True)}
        found = next((disks[one] for one in (there, *there.parents) if one in disks), "")
    return found
