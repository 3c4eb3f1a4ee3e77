"""Calls into Java that the Stop button may interrupt.

A KeyboardInterrupt inside a call through py4j leaves its connection, and with it the
TableEnvironment, unusable. So each call runs in a thread of its own, which no interrupt
reaches, and the main thread waits for it in short steps. That holds for what this package
does, through `call`, and for plain PyFlink in a cell, through `make_patient`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from cpuwatch import signals

Result = TypeVar("Result")

#: A TableEnvironment is not made for two threads: an interrupted call ends before the next.
_ONE_AT_A_TIME = threading.RLock()

_PAUSE = 0.1


class _Call(Generic[Result]):
    def __init__(self, work: Callable[[], Result], undo: Callable[[Result], object]) -> None:
        self._work = work
        self._undo = undo
        self._state = threading.Lock()
        self._abandoned = False
        self._error: BaseException | None = None
        self._results: list[Result] = []
        self.done = threading.Event()

    def run(self) -> None:
        try:
            with _ONE_AT_A_TIME:
                if self._abandoned:
                    return
                self._finish(self._work())
        except BaseException as error:
            self._error = error
        finally:
            self.done.set()

    def _finish(self, result: Result) -> None:
        with self._state:
            self._results.append(result)
            abandoned = self._abandoned
        if abandoned:
            self._undo(result)

    def abandon(self) -> None:
        with self._state:
            self._abandoned = True
            finished = list(self._results)
        for result in finished:
            self._undo(result)

    def result(self) -> Result:
        if self._error is not None:
            raise self._error
        return self._results[0]


def call(
    work: Callable[[], Result],
    undo: Callable[[Result], object] = lambda _: None,
    watch: Callable[[], object] = lambda: None,
    stop: Callable[[], object] = lambda: None,
) -> Result:
    """Run `work`, which talks to Java, so that an interrupt does no harm.

    Parameters
    ----------
    work
        What to do. It runs to its end even if we are interrupted meanwhile.
    undo
        Called with the result of an interrupted `work` once it has ended, so that nothing is
        left behind of what nobody waits for any more.
    watch
        Called now and then while we wait; what it raises interrupts us.
    stop
        Called when we are interrupted, to make `work` end soon.

    Raises
    ------
    BaseException
        Whatever `work` or `watch` raised, or the KeyboardInterrupt.
    """
    one = _Call(work, undo)
    thread = threading.Thread(target=one.run, name="java", daemon=True)
    try:
        with signals.not_lost() as check_stop:
            thread.start()
            while not one.done.wait(_PAUSE):
                check_stop()
                watch()
    except BaseException:
        one.abandon()
        stop()
        raise
    return one.result()


def make_patient(client: Any) -> None:
    """Let the Stop button interrupt plain PyFlink, too, at any moment.

    Parameters
    ----------
    client
        Py4j's client, through which every call into Java goes.
    """
    if getattr(client, "is_patient", False):
        return
    send = client.send_command

    def patiently(*args: Any, **kwargs: Any) -> Any:
        if threading.current_thread() is not threading.main_thread():
            return send(*args, **kwargs)
        return call(lambda: send(*args, **kwargs))

    client.send_command = patiently
    client.is_patient = True
