"""Wait for something to come about, for so long and no longer."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_delay, wait_fixed

from cpuwatch import signals
from cpuwatch.errors import CpuwatchError

T = TypeVar("T")


def until(
    condition: Callable[[], T | None],
    seconds: float,
    otherwise: str | Callable[[], str],
    pause: float = 0.05,
    meanwhile: Callable[[], object] = lambda: None,
) -> T:
    """Ask again and again until the answer is yes.

    Parameters
    ----------
    condition
        Asked at once, and then after each pause. What it raises ends the waiting: so it says
        that there is no hope left.
    seconds
        For how long. After the last pause it is asked once more.
    otherwise
        The sentence for a wait in vain: what was waited for, and what to do. A function is
        called when the time is over, and can say what is missing then.
    pause
        Between two questions, in seconds.
    meanwhile
        Called before each pause; what it raises ends the waiting, too.

    Returns
    -------
    object
        The condition's first value that counts as true.

    Raises
    ------
    CpuwatchError
        If the time is over: `otherwise`.
    """

    def give_up(_: RetryCallState) -> NoReturn:
        raise CpuwatchError(otherwise if isinstance(otherwise, str) else otherwise())

    def bide(_: RetryCallState) -> None:
        meanwhile()

    # It sleeps in Python, so that an interrupt comes through at any moment.
    patiently = Retrying(
        retry=retry_if_result(lambda found: not found),
        stop=stop_after_delay(seconds),
        wait=wait_fixed(pause),
        before_sleep=bide,
        retry_error_callback=give_up,
    )
    with signals.not_lost() as check_stop:

        def asked() -> T | None:
            check_stop()
            return condition()

        found = patiently(asked)
    assert found is not None  # `give_up` has raised otherwise
    return found
