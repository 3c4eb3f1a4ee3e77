"""Calls that run in a thread of their own, so that the Stop button may interrupt whoever waits.

A KeyboardInterrupt is raised in the main thread, whatever runs there. Within a call through
py4j it leaves the connection unusable, and within Kafka's clients, which are written in C, it
gets lost or comes out as something else. So such calls run aside, where no interrupt reaches
them, and the main thread waits for them in short steps.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Generic, TypeVar

from cpuwatch import signals

Result = TypeVar("Result")

_PAUSE = 0.1

#: The name of the threads in which calls run.
THREAD = "aside"


class _Call(Generic[Result]):
    def __init__(
        self,
        work: Callable[[], Result],
        undo: Callable[[Result], object],
        turn: AbstractContextManager[Any],
    ) -> None:
        self._work = work
        self._undo = undo
        self._turn = turn
        self._state = threading.Lock()
        self._abandoned = False
        self._error: BaseException | None = None
        self._results: list[Result] = []
        # A bare lock: an Event is made of several, and who waits for it may be interrupted
        # between two of them, which comes out as a RuntimeError.
        self.working = threading.Lock()
        self.working.acquire()

    def run(self) -> None:
        try:
            with self._turn:
                if self._abandoned:
                    return
                self._finish(self._work())
        except BaseException as error:
            self._error = error
            _let_go(error)
        finally:
            self.working.release()

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


def _let_go(error: BaseException | None) -> None:
    """Let what the work held end here, and not wherever the error is forgotten."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


def call(
    work: Callable[[], Result],
    undo: Callable[[Result], object] = lambda _: None,
    watch: Callable[[], object] = lambda: None,
    stop: Callable[[], object] = lambda: None,
    turn: AbstractContextManager[Any] | None = None,
) -> Result:
    """Run `work` in a thread of its own, so that an interrupt does no harm.

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
    turn
        What the thread holds while it works, such as a lock. A call that is interrupted before
        it had its turn does nothing.

    Returns
    -------
    object
        What `work` returned.

    Raises
    ------
    BaseException
        Whatever `work` or `watch` raised, or the KeyboardInterrupt.
    """
    one = _Call(work, undo, turn or nullcontext())
    thread = threading.Thread(target=one.run, name=THREAD, daemon=True)
    try:
        with signals.not_lost() as check_stop:
            with signals.held():  # a start waits for an Event, too
                thread.start()
            while not one.working.acquire(timeout=_PAUSE):
                check_stop()
                watch()
    except BaseException:
        one.abandon()
        stop()
        raise
    return one.result()


def unattended(work: Callable[[], object]) -> None:
    """Let `work` run in a thread of its own that nobody waits for; the process may end before it.

    Parameters
    ----------
    work
        Such as the end of a client of Kafka's, which takes a whole second now and then
        (https://github.com/confluentinc/librdkafka/issues/1690).
    """
    with signals.held():
        threading.Thread(target=work, name="unattended", daemon=True).start()
