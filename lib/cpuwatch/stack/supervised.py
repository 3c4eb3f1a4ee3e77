"""Supervisor itself, on whom the services depend: `python -m cpuwatch.stack.supervised …`.

When it cannot write what it has to say, as on a full disk, it would end, and all services with
it. Here its words are lost instead.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any

from supervisor import supervisord


class _Patient:
    """A stream on which writing never fails."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


if __name__ == "__main__":
    sys.stdout, sys.stderr = _Patient(sys.stdout), _Patient(sys.stderr)
    supervisord.main()
