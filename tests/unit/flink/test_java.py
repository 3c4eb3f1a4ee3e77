"""Calls into Java that an interrupt does not harm."""

from __future__ import annotations

import pytest

from cpuwatch.flink import java


def test_an_interrupted_call_is_undone_when_it_has_ended() -> None:
    undone: list[int] = []

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        java.call(lambda: __import__("time").sleep(0.5) or 42, undone.append, watch=interrupt)
    java.call(lambda: None)  # waits until the one before has ended
    assert undone == [42]


def test_a_call_raises_what_its_work_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        java.call(lambda: 1 / 0)
