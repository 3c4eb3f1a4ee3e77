"""What an endless producer waits for: a Kafka that answers, and a disk with room."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from cpuwatch.settings import settings
from cpuwatch.stack import failures, turnedaway
from cpuwatch.topics.sender import Sender

#: So long Kafka may owe an answer before somebody is told, in seconds.
_SILENCE = 2.0


def at_ease(listener: Callable[[Any], None]) -> Callable[[Any], None]:
    """The same, but what it cannot write, such as into a log on a full disk, stops nobody."""

    def told(what: object) -> None:
        with suppress(OSError):
            listener(what)

    return told


class Watch:
    """Tells when Kafka does not answer, for how long, and when it does again."""

    def __init__(self, sender: Sender, tell: Callable[[str], None]) -> None:
        self._sender = sender
        self._tell = tell
        self._told = 0.0

    def look(self) -> None:
        """Look now."""
        silence = self._sender.silence
        if silence > _SILENCE and silence > self._told + 1.0:
            self._told = silence
            self._tell(
                f"Kafka has not answered for {silence:.0f} s; {self._sender.waiting:,} readings"
                f" wait for it. {turnedaway.remedy(settings())}"
            )
        elif self._told and silence < _SILENCE:
            self._tell(f"Kafka answers again, after {self._told:.0f} s; nothing is lost.")
            self._told = 0.0


class Reserve:
    """Looks whether the disk of the stack has more than its reserve, and tells when it has not."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._state = settings().state
        self._since: float | None = None
        self._looked = 0.0

    def is_touched(self) -> bool:
        """Whether to wait now; once a second the disk is asked."""
        now = time.monotonic()
        if self._since is None and now - self._looked < 1.0:
            return False
        self._looked = now
        left = failures.free(self._state)
        if left < failures.RESERVE:
            self._since = self._since or now
            self._tell(
                f"The disk that holds {self._state} is nearly full: {left // 1024**2} MB are free,"
                f" and the last {failures.RESERVE // 1024**2} MB are no place for readings. They"
                f" have waited for {now - self._since:.0f} s; free some space, and they go on."
            )
            return True
        if self._since is not None:
            self._tell(f"There is room again, after {now - self._since:.0f} s; nothing is lost.")
            self._since = None
        return False
