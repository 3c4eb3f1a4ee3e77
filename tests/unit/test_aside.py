"""Calls aside, which an interrupt does not harm."""

from __future__ import annotations

import threading
import time
import weakref

import pytest

from cpuwatch import aside


def _interrupt() -> None:
    raise KeyboardInterrupt


def test_an_interrupted_call_is_undone_when_it_has_ended() -> None:
    undone: list[int] = []
    turn = threading.Lock()
    with pytest.raises(KeyboardInterrupt):
        aside.call(lambda: time.sleep(0.5) or 42, undone.append, watch=_interrupt, turn=turn)
    aside.call(lambda: None, turn=turn)  # waits until the one before has ended
    assert undone == [42]


def test_a_call_that_is_interrupted_before_its_turn_does_nothing() -> None:
    did: list[bool] = []
    turn = threading.Lock()
    with turn, pytest.raises(KeyboardInterrupt):
        aside.call(lambda: did.append(True), watch=_interrupt, turn=turn)
    aside.call(lambda: None, turn=turn)
    assert not did


def test_a_call_raises_what_its_work_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        aside.call(lambda: 1 / 0)


class _Thing:
    pass


def test_what_the_work_held_ends_in_its_own_thread_even_if_it_fails() -> None:
    ended: list[threading.Thread] = []

    def work() -> None:
        thing = _Thing()
        weakref.finalize(thing, lambda: ended.append(threading.current_thread()))
        try:
            raise OSError(repr(thing))
        except OSError as error:
            raise ValueError("It did not work.") from error

    with pytest.raises(ValueError, match="It did not work"):
        aside.call(work)
    assert len(ended) == 1
    assert ended[0] is not threading.current_thread()
