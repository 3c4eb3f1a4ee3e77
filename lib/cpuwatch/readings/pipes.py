"""Pipes: opened without waiting for ever for whoever writes to them, and kept to be read again."""

from __future__ import annotations

import io
import os
import select
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from cpuwatch.errors import CpuwatchError

#: So many seconds a named pipe waits for a program that writes to it.
PATIENCE = 30.0

#: So many bytes of a pipe are in memory at once.
_PART = 1024**2
_AT_ONCE = os.O_RDONLY | os.O_NONBLOCK


def opened(path: Path) -> IO[bytes] | None:
    """A file, open; None if it is a pipe for which no program comes that writes to it."""
    if not path.is_fifo():
        return path.open("rb")
    file = open(path, "rb", buffering=0, opener=lambda name, _: os.open(name, _AT_ONCE))  # noqa: SIM115
    ready, _, _ = select.select([file], [], [], PATIENCE)
    first: bytes | None = b""
    if not ready:
        first = file.read(1)  # None if a program has it open, and has not written yet
        if first == b"":
            file.close()
            return None
    os.set_blocking(file.fileno(), True)
    return cast("IO[bytes]", _After(first or b"", file))


def kept(pipe: IO[bytes], path: Path) -> IO[bytes]:
    """All of a pipe, on the disk.

    Parameters
    ----------
    pipe, path
        Open, and for messages.

    Raises
    ------
    CpuwatchError
        If the disk does not take it: that is not the pipe's fault.
    """
    with _explained(path):
        copy = tempfile.TemporaryFile()  # noqa: SIM115 - whoever wants it closes it
    while part := pipe.read(_PART):
        with _explained(path):
            copy.write(part)
            copy.flush()
    return copy


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Say which folder does not take a pipe, and what to do about it."""
    try:
        yield
    except OSError as error:
        folder = tempfile.tempdir or os.environ.get("TMPDIR") or "for temporary files"
        why = error.strerror or str(error)
        raise CpuwatchError(
            f"{path} is read from a copy, which the folder {folder} does not take ({why}). Make"
            " room there, or set the variable TMPDIR to a folder that has more and may be written"
            " to."
        ) from None


class _After(io.RawIOBase):
    """A pipe of which the first bytes were read already."""

    def __init__(self, first: bytes, pipe: io.FileIO) -> None:
        self._first, self._pipe = first, pipe

    def fileno(self) -> int:
        return self._pipe.fileno()

    def read(self, size: int = -1) -> bytes | None:
        first, self._first = self._first, b""
        return first or self._pipe.read(size)

    def close(self) -> None:
        super().close()
        self._pipe.close()
