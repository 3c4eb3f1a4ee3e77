"""A signal sets an event or interrupts, and afterwards means what it meant before."""

from __future__ import annotations

import signal
from contextlib import ExitStack

import pytest

from cpuwatch import signals, waiting


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_asks_to_stop_and_nothing_is_torn(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with signals.stop_event() as stop:
        assert not stop.is_set()
        signal.raise_signal(number)
        assert stop.is_set()
    assert signal.getsignal(number) is before


def test_other_signals_may_end_it_as_ctrl_c_does() -> None:
    before = signal.getsignal(signal.SIGHUP)
    with pytest.raises(KeyboardInterrupt), signals.as_interrupt(signal.SIGHUP, signal.SIGHUP):
        signal.raise_signal(signal.SIGHUP)
    assert signal.getsignal(signal.SIGHUP) is before


class _Swallows:
    """Is interrupted while it is finalized: Python reports such an exception, and forgets it."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("deep", [False, True], ids=["a wait", "a wait within a wait"])
def test_a_stop_that_got_lost_in_a_finalizer_ends_a_wait_all_the_same(deep: bool) -> None:
    before = signal.getsignal(signal.SIGINT)
    asked = 0

    def condition() -> bool:
        nonlocal asked
        asked += 1
        _Swallows()
        return False

    def wait() -> None:
        waiting.until(condition, 20, "It was waited for in vain.", pause=0.01)

    with pytest.raises(KeyboardInterrupt):
        waiting.until(wait, 20, "In vain.") if deep else wait()
    assert asked == 1
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_stop_that_got_lost_between_two_waits_ends_the_next_one() -> None:
    with pytest.raises(KeyboardInterrupt), signals.not_lost():
        waiting.until(lambda: True, 5, "In vain.")
        _Swallows()
        waiting.until(lambda: pytest.fail("it is asked all the same"), 5, "In vain.")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_stop_that_got_lost_in_the_last_answer_of_a_wait_counts_too() -> None:
    def condition() -> bool:
        _Swallows()
        return True

    with pytest.raises(KeyboardInterrupt):
        waiting.until(condition, 5, "In vain.")


def test_waits_that_clean_up_after_a_stop_are_not_disturbed_by_it() -> None:
    cleaned = []

    def clean() -> None:
        cleaned.append(waiting.until(lambda: True, 5, "In vain."))

    with pytest.raises(KeyboardInterrupt), signals.not_lost(), ExitStack() as stack:
        stack.callback(clean)
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            clean()
    assert cleaned == [True, True]


def test_where_a_signal_asks_to_stop_a_wait_is_not_torn() -> None:
    with signals.stop_event() as stop:
        signal.raise_signal(signal.SIGINT)
        assert waiting.until(stop.is_set, 5, "It was not asked.")


def test_what_must_not_be_torn_runs_to_its_end_first() -> None:
    before = signal.getsignal(signal.SIGINT)
    done = []
    with pytest.raises(KeyboardInterrupt), signals.held():
        with signals.held():
            signal.raise_signal(signal.SIGINT)
            done.append("inner")
        done.append("outer")
    assert done == ["inner", "outer"]
    assert signal.getsignal(signal.SIGINT) is before


def test_what_was_held_back_does_what_it_did_before() -> None:
    with signals.stop_event() as stop, signals.held():
        signal.raise_signal(signal.SIGTERM)
        assert not stop.is_set()
    assert stop.is_set()
