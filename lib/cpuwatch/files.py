"""Files that are written whole or not at all, that lock out others, or are their owner's alone."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cpuwatch.errors import CpuwatchError

#: After so many seconds nobody is writing on what is not whole.
_ABANDONED = 3600.0


def write(
    path: Path, content: str | bytes, private: bool = False, owner: int | None = None
) -> None:
    """Write a file whole or not at all: whoever reads it finds the old content or the new.

    Several may write at the same time: the last one's content stays.

    Parameters
    ----------
    path
        The file; its folder has to be there.
    content
        Text is written as UTF-8.
    private
        Whether nobody else may read it; it never stands there open, not even for a moment. What is
        private cannot be had again elsewhere: a power loss leaves the old content or the new, too.
    owner
        The number of the user who gets it; only root can give a file away.
    """
    data = content.encode() if isinstance(content, str) else content
    _tidy(path)
    new = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    mode = 0o600 if private else 0o666  # less the umask
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(data)
            if owner is not None:
                # Of the open file: in a folder of that user's the name may lead elsewhere by now.
                os.fchown(file.fileno(), owner, -1)
            if private:
                file.flush()
                os.fsync(file.fileno())
        os.replace(new, path)
    except BaseException as error:
        new.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)  # one that is open already has no name
        raise


def may_write(folder: Path) -> bool:
    """Whether a folder can be written to, or made where there is none yet."""
    there = next(one for one in (folder, *folder.parents) if os.path.exists(one))
    return os.access(there, os.W_OK)


def _tidy(path: Path) -> None:
    """Remove what writers of a file have left that were killed."""
    left = re.compile(rf"{re.escape(path.name)}\.([0-9a-f]{{8}}\.)?new")
    for name in os.listdir(path.parent):
        if left.fullmatch(name):
            with suppress(OSError):
                found = path.with_name(name)
                if found.stat().st_mtime < time.time() - _ABANDONED:
                    found.unlink()


def secret(path: Path, make: Callable[[], str], is_whole: Callable[[str], object] = bool) -> str:
    """What a private file holds, which is made once, by one: also where it was damaged.

    Parameters
    ----------
    path
        The file; made with its folder if it is not there.
    make
        Makes the content.
    is_whole
        Whether content is of use, or what a power loss has left.
    """
    found = _read(path)
    if not is_whole(found):
        with only_one(path.with_name(f"{path.name}.lock")):
            found = _read(path)
            if not is_whole(found):
                found = make()
                write(path, found, private=True)
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return ""


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
    """Take what is this user's in a folder, and the folder itself, away from everybody else.

    What lies in another user's folder is left alone: that one could put a link in its place.
    """
    if not _close(top):
        return
    for place, folders, names in os.walk(top):
        for name in names:
            _close(Path(place, name))
        folders[:] = [name for name in folders if _close(Path(place, name))]


def _close(path: Path) -> bool:
    """Close one to everybody else; whether it is this user's, and no link."""
    with suppress(FileNotFoundError):  # whoever runs may tidy up meanwhile
        found = path.lstat()
        if found.st_uid == os.geteuid() and not stat.S_ISLNK(found.st_mode):
            path.chmod(stat.S_IMODE(found.st_mode) & 0o700)
            return True
    return False


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
def only_one(
    path: Path, otherwise: str | None = None, waits: Callable[[], object] = lambda: None
) -> Iterator[None]:
    """Hold an exclusive lock, of which the kernel lets go however the process ends.

    Parameters
    ----------
    path
        The file that is locked; made with its folder if it is not there.
    otherwise
        The sentence for one who comes second. Without it that one waits as long as it takes.
    waits
        Called before one waits.

    Raises
    ------
    CpuwatchError
        If another holds the lock: `otherwise`.
    """
    while True:
        folder(path.parent)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if otherwise is not None:
                    raise CpuwatchError(otherwise) from None
                waits()
                fcntl.flock(file, fcntl.LOCK_EX)
            # Somebody may have wiped the folder while we waited: then this is a lock on nothing.
            if path.exists() and os.fstat(file.fileno()).st_ino == path.stat().st_ino:
                yield
                return
