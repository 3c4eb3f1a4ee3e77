"""Files that are written whole or not at all, that lock out others, or are their owner's alone."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cpuwatch.errors import CpuwatchError


def write(path: Path, content: str | bytes, private: bool = False) -> None:
    """Write a file whole or not at all: whoever reads it finds the old content or the new.

    Parameters
    ----------
    path
        The file; its folder has to be there.
    content
        Text is written as UTF-8.
    private
        Whether nobody else may read it; it never stands there open, not even for a moment.
    """
    data = content.encode() if isinstance(content, str) else content
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)  # left by a process that was killed
    mode = 0o600 if private else 0o666  # less the umask
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
    os.replace(new, path)


@contextmanager
def owner_only() -> Iterator[None]:
    """Whatever is made meanwhile is for its owner alone, whatever the umask was."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def folder(path: Path) -> Path:
    """Make a folder for its owner alone, and those above it, where they are not there.

    Returns
    -------
    Path
        The same.
    """
    for one in (*reversed(path.parents), path):
        if not one.exists():
            with suppress(FileExistsError):
                one.mkdir(mode=0o700)
    return path


def close(top: Path) -> None:
    """Take what is this user's in a folder, and the folder itself, away from everybody else."""
    for path in (top, *top.rglob("*")):
        with suppress(FileNotFoundError):  # whoever runs may tidy up meanwhile
            found = path.lstat()
            if found.st_uid == os.geteuid() and not stat.S_ISLNK(found.st_mode):
                path.chmod(stat.S_IMODE(found.st_mode) & 0o700)


def is_ours(path: Path) -> bool:
    """Whether a folder is there, is no link, and is this user's, who alone may write to it."""
    try:
        found = path.lstat()
    except OSError:
        return False
    return (
        stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022
    )


@contextmanager
def only_one(path: Path, otherwise: str | None = None) -> Iterator[None]:
    """Hold an exclusive lock, of which the kernel lets go however the process ends.

    Parameters
    ----------
    path
        The file that is locked; made with its folder if it is not there.
    otherwise
        The sentence for one who comes second. Without it that one waits as long as it takes.

    Raises
    ------
    CpuwatchError
        If another holds the lock: `otherwise`.
    """
    while True:
        folder(path.parent)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | (0 if otherwise is None else fcntl.LOCK_NB))
            except BlockingIOError:
                raise CpuwatchError(otherwise) from None
            # Somebody may have wiped the folder while we waited: then this is a lock on nothing.
            if path.exists() and os.fstat(file.fileno()).st_ino == path.stat().st_ino:
                yield
                return
