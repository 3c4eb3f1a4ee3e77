"""What services say in their logs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path


class Watch:
    """Sees whether something comes to be said in logs.

    Parameters
    ----------
    logs
        The logs, as they are before: what stands there by now does not count.
    pattern
        What would be said.
    """

    def __init__(self, logs: Iterable[Path], pattern: re.Pattern[bytes]) -> None:
        self._pattern = pattern
        self._read = {log: log.stat().st_size if log.exists() else 0 for log in logs}

    def saw(self) -> bool:
        """Whether a log has come to speak of it since."""
        return any(self._pattern.search(self._new(log)) for log in self._read)

    def _new(self, log: Path) -> bytes:
        if not log.exists():
            return b""
        content = log.read_bytes()
        # A log that is shorter than before was begun anew.
        return content[self._read[log] if len(content) >= self._read[log] else 0 :]
