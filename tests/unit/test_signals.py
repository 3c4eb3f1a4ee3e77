"""A signal sets an event or interrupts, and afterwards means what it meant before."""

from __future__ import annotations

import signal

import pytest

from cpuwatch import signals


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
