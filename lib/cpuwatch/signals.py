"""What a process does when it is asked to end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def stop_event() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set: what is under way is finished first."""
    event = threading.Event()
    with _answered(event.set, signal.SIGINT, signal.SIGTERM):
        yield event


@contextmanager
def as_interrupt(*numbers: signal.Signals) -> Iterator[None]:
    """Let these signals end us as Ctrl-C does, by KeyboardInterrupt."""

    def interrupt() -> None:
        raise KeyboardInterrupt

    with _answered(interrupt, *numbers):
        yield


@contextmanager
def _answered(answer: Callable[[], None], *numbers: signal.Signals) -> Iterator[None]:
    """Call `answer` at these signals; afterwards they do what they did before."""
    before = {number: signal.signal(number, lambda *_: answer()) for number in set(numbers)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
