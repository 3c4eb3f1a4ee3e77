"""What a machine refuses, in a sentence: files, processes, memory, room on a disk."""

from __future__ import annotations

import errno
import resource
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from cpuwatch.errors import CpuwatchError

#: So many files a service has to be able to open; supervisor insists on it.
_FILES = 1024

#: So many bytes of memory the services and a notebook need; they do with 1.5 GB, just so.
MEMORY = 2 * 1024**3

#: Where Linux keeps the limits of groups of processes, and where it says which are ours.
_CGROUPS, _OWN_CGROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")

_MEMORY = (
    "There is not enough memory: close some programs and try again; the services need about 2 GB."
)


def make_room_for_files() -> None:
    """See to it that what is started from here may open as many files as a service needs.

    Raises
    ------
    CpuwatchError
        If this shell allows fewer, and no more can be had.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= hard < _FILES:
        raise CpuwatchError(
            f"The services have to open up to {_FILES} files each, and {hard} are allowed here:"
            " begin in a new shell, or let whoever runs this machine allow more (ulimit -n)."
        )
    if 0 <= soft < _FILES:
        resource.setrlimit(resource.RLIMIT_NOFILE, (_FILES, hard))


def memory_left() -> int:
    """How many bytes of memory can still be had: of this machine, or of this container's share."""
    import psutil  # most commands do without

    return min([int(psutil.virtual_memory().available), *_shares(_CGROUPS, _OWN_CGROUPS)])


def _shares(top: Path, own: Path) -> Iterator[int]:
    """What is left of each limit that Linux holds us to, of both versions of control groups."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return  # no Linux
    for line in lines:
        _, kinds, place = line.split(":", 2)
        if kinds and "memory" not in kinds.split(","):
            continue
        folder, limit, used, idle = (
            (
                top / "memory",
                "memory.limit_in_bytes",
                "memory.usage_in_bytes",
                "total_inactive_file",
            )
            if kinds
            else (top, "memory.max", "memory.current", "inactive_file")
        )
        ours = folder / place.lstrip("/")
        # A limit may stand on any group above; within a container ours is the top.
        for one in (ours, *ours.parents):
            with suppress(OSError, ValueError, KeyError):  # none there, or 'max'
                most, now = (int((one / name).read_text()) for name in (limit, used))
                stat = dict(part.split() for part in (one / "memory.stat").read_text().splitlines())
                yield max(0, most - now + int(stat[idle]))  # a file's pages make room
            if one == folder:
                break


def sentence(error: BaseException) -> str | None:
    """The cause and the remedy, if it is the machine that refuses; None for all other errors.

    Parameters
    ----------
    error
        What was raised, wherever that was.
    """
    if isinstance(error, MemoryError):
        return _MEMORY
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        return _processes()
    if not isinstance(error, OSError):
        return None
    if error.errno in (errno.EMFILE, errno.ENFILE):
        allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return (
            f"A program may have only {allowed} files open here: allow more with"
            " 'ulimit -n 4096' in this shell, and try again."
        )
    if error.errno in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):
        return (
            f"A folder's disk cannot do what is needed ({error.strerror}), as some network drives"
            " cannot lock a file: set CPUWATCH_STATE and CPUWATCH_CACHE to folders on a disk of"
            " this machine."
        )
    if error.errno == errno.EAGAIN:
        return _processes()
    if error.errno == errno.ENOMEM:
        return _MEMORY
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        what = f"for {error.filename} on its disk" if error.filename else _full_disk()
        return f"There is no room {what}: free some space and try again."
    if error.filename is None or error.strerror is None:
        return None
    return (
        f"{error.filename} cannot be used ({error.strerror}): see to it that it is yours to read"
        " and write, or set CPUWATCH_STATE, CPUWATCH_CACHE and TMPDIR to folders that are."
    )


def _full_disk() -> str:
    """The disk that is full, where an error does not say: of those that we write to."""
    from cpuwatch.settings import settings
    from cpuwatch.stack import failures

    ours = (settings().state, settings().cache, Path(tempfile.gettempdir()), Path.cwd())
    full = [str(folder) for folder in ours if failures.is_short(folder)]
    return f"on the disk of {full[0]}" if full else "on the disk that was written to"


def _processes() -> str:
    allowed, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    own = "" if allowed == resource.RLIM_INFINITY else f" ({allowed} are allowed in this shell)"
    return (
        f"No further process or thread can be started{own}: close some programs, or allow more with"
        " 'ulimit -u' or, in a container, with its limit of processes, and try again."
    )
