"""What a machine refuses, in a sentence: files, processes, memory, room on a disk."""

from __future__ import annotations

import errno
import resource

from cpuwatch.errors import CpuwatchError

#: So many files a service has to be able to open; supervisor insists on it.
_FILES = 1024

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
    if error.filename is None or error.strerror is None:
        return None
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"There is no room for {error.filename} on its disk: free some space and try again."
    return (
        f"{error.filename} cannot be used ({error.strerror}): see to it that it is yours to read"
        " and write, or set CPUWATCH_STATE, CPUWATCH_CACHE and TMPDIR to folders that are."
    )


def _processes() -> str:
    allowed, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    own = "" if allowed == resource.RLIM_INFINITY else f" ({allowed} are allowed in this shell)"
    return (
        f"No further process or thread can be started{own}: close some programs, or allow more with"
        " 'ulimit -u' or, in a container, with its limit of processes, and try again."
    )
