"""Calls into Java that the Stop button may interrupt.

A KeyboardInterrupt inside a call through py4j leaves its connection, and with it the
TableEnvironment, unusable: such calls run aside. That holds for what this package does,
through `call`, and for plain PyFlink in a cell, through `make_patient`.
"""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from py4j.protocol import (
    METHOD_TYPE,
    REFL_GET_MEMBER_SUB_COMMAND_NAME,
    REFL_GET_UNKNOWN_SUB_COMMAND_NAME,
    REFLECTION_COMMAND_NAME,
    SUCCESS,
    SUCCESS_CLASS,
    SUCCESS_PACKAGE,
)
from pyflink.java_gateway import get_gateway
from pyflink.table import TableEnvironment

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
    """Let the Stop button interrupt plain PyFlink, too, at any moment; ask nothing twice in vain.

    Parameters
    ----------
    client
        Py4j's client, through which every call into Java goes.
    """
    if getattr(client, "is_patient", False):
        return
    send = client.send_command
    known: dict[str, str] = {}

    def ask(command: str, *args: Any, **kwargs: Any) -> Any:
        answer = send(command, *args, **kwargs)
        if _stays_true(command, answer):
            known[command] = answer
        return answer

    def patiently(command: str, *args: Any, **kwargs: Any) -> Any:
        if (answer := known.get(command)) is not None:
            return answer
        if threading.current_thread() is not threading.main_thread():
            return ask(command, *args, **kwargs)
        return call(lambda: ask(command, *args, **kwargs))

    client.send_command = patiently
    client.is_patient = True


#: How py4j asks what a name is that stands in Python code, and a name of a class.
_WHAT_IS = REFLECTION_COMMAND_NAME + REFL_GET_UNKNOWN_SUB_COMMAND_NAME
_WHAT_HAS = REFLECTION_COMMAND_NAME + REFL_GET_MEMBER_SUB_COMMAND_NAME


def _stays_true(command: str, answer: Any) -> bool:
    """Whether Java will always answer so: what is a class, or a package, and what a class has.

    Py4j asks that for each name on the way to a class, each time that it is used: half of all
    that a preview asks Java is of that kind.
    """
    if command.startswith(_WHAT_HAS):
        return bool(answer == SUCCESS + METHOD_TYPE)
    if not command.startswith(_WHAT_IS):
        return False
    name = command.split("\n")[2]
    # A name that is not known yet may become a class, once there is another jar.
    ours = name in ("java", "org", "org.apache") or name.startswith(("java.", "org.apache.flink"))
    return answer.startswith(SUCCESS_CLASS) or (ours and answer == SUCCESS_PACKAGE)


def options_of(environment: TableEnvironment) -> Any:
    """An environment's own options, as Java has them: PyFlink asks Java fifteen times for each."""
    return environment._j_tenv.getConfig().getConfiguration()


def plain(value: Any) -> Any:
    """A list or map of Java's with texts and numbers in it, brought over as one."""
    shaded = get_gateway().jvm.org.apache.flink.api.python.shaded
    return pickle.loads(shaded.net.razorvine.pickle.Pickler(False).dumps(value))
