"""Files that are written whole or not at all, and files by which one process locks out others."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
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
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | (0 if otherwise is None else fcntl.LOCK_NB))
            except BlockingIOError:
                raise CpuwatchError(otherwise) from None
            # Somebody may have wiped the folder while we waited: then this is a lock on nothing.
            if path.exists() and os.fstat(file.fileno()).st_ino == path.stat().st_ino:
                yield
                return
