"""Calls into Java that the Stop button may interrupt.

A KeyboardInterrupt inside a call through py4j leaves its connection, and with it the
TableEnvironment, unusable: such calls run aside. That holds for what this package does,
through `call`, and for plain PyFlink in a cell, through `make_patient`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from cpuwatch import aside

Result = TypeVar("Result")

#: A TableEnvironment is not made for two threads: an interrupted call ends before the next.
_ONE_AT_A_TIME = threading.RLock()


def call(
    work: Callable[[], Result],
    undo: Callable[[Result], object] = lambda _: None,
    watch: Callable[[], object] = lambda: None,
    stop: Callable[[], object] = lambda: None,
) -> Result:
    """Run `work`, which talks to Java, so that an interrupt does no harm: see `aside.call`."""
    return aside.call(work, undo, watch, stop, turn=_ONE_AT_A_TIME)


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
