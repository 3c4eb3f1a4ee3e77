"""What a machine refuses, in a sentence: files, processes, memory, room on a disk."""

from __future__ import annotations

import errno
import os
import resource
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cpuwatch.errors import CpuwatchError


@dataclass(frozen=True)
class _Limit:
    """A limit of this shell's: the least that the services do with, and what to say of less."""

    name: str
    least: int
    sentence: str
    option: str
    unit: int = 1  # in which the shell tells it

    def _told(self, *numbers: int) -> list[str]:
        return [f"{number // self.unit:,}" for number in numbers]

    def refusal(self, allowed: int) -> CpuwatchError:
        return CpuwatchError(
            f"{self.sentence.format(*self._told(self.least, allowed))}: begin in a new shell, or"
            f" let whoever runs this machine allow more (ulimit {self.option})."
        )


#: So many processes and threads the services and a notebook have at once; 420 were counted.
THREADS = 600

#: A limit from here on is none.
_MANY = 5000

LIMITS = (
    _Limit(
        "RLIMIT_NOFILE", 1024,  # supervisor insists on it
        "The services have to open up to {0} files each, and {1} are allowed here", "-n",
    ),
    _Limit(
        "RLIMIT_FSIZE", 512 * 1024**2,  # Kafka's segments and PostgreSQL's tables
        "The services write files of up to {0} KB, and {1} KB are allowed here", "-f", 1024,
    ),
    _Limit(
        "RLIMIT_AS", 4 * 1024**3,  # which Java reserves, and hardly uses: 2.7 GB were seen
        "Java reserves up to {0} KB of addresses, and {1} KB are allowed here", "-v", 1024,
    ),
    _Limit(
        "RLIMIT_DATA", 2 * 1024**3,
        "A service may need up to {0} KB of data, and {1} KB are allowed here", "-d", 1024,
    ),
    _Limit(
        "RLIMIT_CPU", 24 * 3600,
        "The services run on and on, and here each is ended after {1} seconds of work", "-t",
    ),
)  # fmt: skip

#: So many bytes of memory the services and a notebook need; they do with 1.5 GB, just so.
MEMORY = 2 * 1024**3

#: With so few left whatever runs comes to a standstill, or is killed.
SCARCE = 300 * 1024**2

#: Where Linux keeps the limits of groups of processes, and where it says which are ours.
CGROUPS, OWN_CGROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")

NO_MEMORY = (
    "There is not enough memory: close some programs and try again; the services need about 2 GB."
)


def make_room() -> None:
    """See to it that what is started from here may do what the services have to do.

    Raises
    ------
    CpuwatchError
        If this shell allows less, and no more can be had.
    """
    for limit in LIMITS:
        _allow(limit)
    if os.geteuid() != 0:  # Linux does not count root's
        _make_room_for_threads()


def _allow(limit: _Limit) -> None:
    kind = getattr(resource, limit.name, None)
    if kind is None:
        return  # macOS has not all of them
    soft, hard = resource.getrlimit(kind)
    if 0 <= hard < limit.least:
        raise limit.refusal(hard)
    if 0 <= soft < limit.least:
        resource.setrlimit(kind, (limit.least, hard))


def _make_room_for_threads() -> None:
    soft, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    if not 0 <= soft < _MANY:
        return
    counted = _of_this_user()
    least = counted + (THREADS if sys.platform == "linux" else THREADS // 10)
    _allow(
        _Limit(
            "RLIMIT_NPROC", least,
            f"The services have some {least - counted} processes and threads, this account has"
            f" {counted} already, and {{1}} are allowed here", "-u",
        )
    )  # fmt: skip


def _of_this_user() -> int:
    """How many threads the system counts as this user's; on a Mac, processes."""
    import psutil

    count = 0
    for one in psutil.process_iter():
        with suppress(psutil.Error):
            if one.uids().real == os.getuid():
                count += one.num_threads() if sys.platform == "linux" else 1
    return count


def memory_left() -> int:
    """How many bytes of memory can still be had: of this machine, or of this container's share."""
    import psutil  # most commands do without

    return min([int(psutil.virtual_memory().available), *_shares(CGROUPS, OWN_CGROUPS)])


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
        return NO_MEMORY
    if isinstance(error, RuntimeError) and "start new thread" in str(error):
        return no_thread()
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
        return no_thread()
    if error.errno == errno.ENOMEM:
        return NO_MEMORY
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


def no_thread() -> str:
    """What to do where no further process or thread can be started."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    own = "" if allowed == resource.RLIM_INFINITY else f" ({allowed} are allowed in this shell)"
    return (
        f"No further process or thread can be started{own}: close some programs, or allow more with"
        " 'ulimit -u' or, in a container, with its limit of processes, and try again."
    )
