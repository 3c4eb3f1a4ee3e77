"""What a process does when it is asked to end."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

#: The signals that ask a process to end, as far as it may answer them.
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


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
def not_lost() -> Iterator[Callable[[], None]]:
    """A check for long waits, which raises the KeyboardInterrupt of a Stop that got lost.

    An exception that is raised while Python runs a finalizer is forgotten, and finalizers run
    whenever an object goes (each question to a server has one): so does, now and then, the one
    that Ctrl-C or the Stop button raises. It is raised again at the next check, and at the
    latest at the end of the `with`. Where these mean something else than KeyboardInterrupt,
    the check does nothing.
    """
    ours = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or (
        ours is not signal.default_int_handler and not isinstance(ours, _Remembered)
    ):
        yield lambda: None
    elif isinstance(ours, _Remembered):
        yield ours.check  # one wait within another
    else:
        remembered = _Remembered()
        signal.signal(signal.SIGINT, remembered)
        try:
            yield remembered.check
            remembered.check()
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def held() -> Iterator[None]:
    """Hold back what asks us to end while something runs that must not be torn.

    Kafka's clients are written in C. A KeyboardInterrupt that is raised while one of them polls
    or ends comes out as a SystemError, or in the midst of what runs next. What came meanwhile is
    answered at the end of the `with`; so that should be soon.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are answered by the main thread alone
        return
    came: list[tuple[int, FrameType | None]] = []
    before = {number: found for number in _ENDING if callable(found := signal.getsignal(number))}
    try:
        for number in before:
            signal.signal(number, lambda *args: came.append(args))
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for args in came:
            before[signal.Signals(args[0])](*args)


class _Remembered:
    """Does what Python does at Ctrl-C, and knows that it did."""

    def __init__(self) -> None:
        self._pressed = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self._pressed = True
        signal.default_int_handler(number, frame)

    def check(self) -> None:
        if not self._pressed:
            return
        self._pressed = False
        # Who cleans up after it has not lost it, and must not be disturbed.
        if not _handles_interrupt():
            raise KeyboardInterrupt


def _handles_interrupt() -> bool:
    """Whether we are within an `except` or a `finally` that a KeyboardInterrupt has led to."""
    error = sys.exc_info()[1]
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None


@contextmanager
def _answered(answer: Callable[[], None], *numbers: signal.Signals) -> Iterator[None]:
    """Call `answer` at these signals; afterwards they do what they did before."""
    before = {number: signal.signal(number, lambda *_: answer()) for number in set(numbers)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
