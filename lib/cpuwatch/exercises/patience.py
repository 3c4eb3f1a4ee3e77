"""How long what an attendee wrote may take within a check: a loop or a query may never end."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from cpuwatch import web
from cpuwatch.errors import CpuwatchError
from cpuwatch.exercises.exercise import NotYetError
from cpuwatch.flink import metrics, rest
from cpuwatch.flink.cluster import Job

#: In seconds: for Python as it is, for a query since it last came further.
PATIENCE = 5.0

#: A query that comes further may take so long, since it began to run: the machine is slow.
MOST = 15.0

#: What goes on nevertheless is interrupted again after so many seconds: within a finalizer an
#: exception is lost.
_AGAIN = 0.5

#: Between two questions to the cluster, in seconds.
PAUSE = 0.5


class _OverTimeError(BaseException):
    """No Exception, so that an attendee's own `except Exception` does not keep it."""


@contextmanager
def briefly(says: Callable[[], str]) -> Iterator[Callable[[], None]]:
    """End what runs in the `with` if it takes too long.

    Within Python's main thread an alarm does, wherever it is. In any other one only the check
    does that is given, between two calls.

    Parameters
    ----------
    says
        What to say then.

    Raises
    ------
    NotYetError
        If it takes longer.
    """
    end = time.monotonic() + PATIENCE

    def check() -> None:
        if time.monotonic() > end:
            raise _OverTimeError

    try:
        if threading.current_thread() is threading.main_thread():
            with _alarm():
                yield check
        else:
            yield check
    except _OverTimeError:
        raise NotYetError(says()) from None


@contextmanager
def _alarm() -> Iterator[None]:
    is_on = True

    def interrupt(*_: Any) -> None:
        if is_on:
            raise _OverTimeError

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, PATIENCE, _AGAIN)
        yield
    finally:
        is_on = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Headway:
    """Ends a query that comes no further, and one that takes far too long though it does.

    Neither planning nor the wait for a place counts. As long as it reads on, a step of it begins or
    ends, or rows arrive, a slow machine may be all that is wrong.
    """

    def __init__(self) -> None:
        self._asked = 0.0
        self._began: float | None = None
        self._since = 0.0
        self._seen: object = None

    def __call__(self, job: Job, brought: int) -> None:
        """Look at its job and at what it has brought; raises NotYetError if it is to end."""
        now = time.monotonic()
        if now - self._asked < PAUSE:
            return
        self._asked = now
        progress = _progress(job)
        if progress is None:
            return
        seen = progress, brought
        if seen != self._seen:
            self._seen, self._since = seen, now
        self._began = now if self._began is None else self._began
        if now - self._since > PATIENCE or now - self._began > MOST:
            raise NotYetError(
                f"The query took longer than {now - self._began:.0f} s, and was ended: does it join"
                " tables without ON? If the machine is just slow, give the check the query's rows:"
                " flink.preview(env, query, rows=30000) has more time."
            )


def _progress(job: Job) -> object:
    """What it has read and which steps run; None if it does not run yet, or nobody knows."""
    try:
        steps = [one["status"] for one in rest.ask(f"/jobs/{job.id}")["vertices"]]
        if not {"RUNNING", "FINISHED"} & set(steps):
            return None
        return steps, metrics.records_read(job)
    except (CpuwatchError, web.HTTPError):
        return None
