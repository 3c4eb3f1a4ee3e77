"""Named pipes: opened, and read, without waiting for ever for whoever writes to them."""

from __future__ import annotations

import io
import os
import select
from pathlib import Path
from typing import IO, cast

#: So many seconds a named pipe waits for a program that writes to it.
PATIENCE = 30.0
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
