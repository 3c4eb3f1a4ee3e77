"""Waiting ends when it came about, when there is no hope, or when the time is over."""

from __future__ import annotations

import time

import pytest

from cpuwatch import waiting
from cpuwatch.errors import CpuwatchError


def test_what_has_come_about_is_not_waited_for() -> None:
    start = time.monotonic()
    assert waiting.until(lambda: 42, 0.0, "No.", pause=5) == 42
    assert time.monotonic() - start < 1


def test_the_first_value_that_counts_comes_back_and_each_pause_is_told() -> None:
    answers = iter([None, 0, "here"])
    asked: list[int] = []
    found = waiting.until(
        lambda: next(answers), 5, "No.", pause=0.01, meanwhile=lambda: asked.append(1)
    )
    assert (found, len(asked)) == ("here", 2)


def test_a_wait_in_vain_ends_with_a_sentence_that_may_say_what_is_missing() -> None:
    with pytest.raises(CpuwatchError, match=r"^Waited for nothing\.$"):
        waiting.until(lambda: False, 0.05, "Waited for nothing.", pause=0.01)
    missing = ["doc"]
    with pytest.raises(CpuwatchError, match="doc, happy"):
        waiting.until(
            lambda: None, 0.02, lambda: ", ".join(missing), 0.03, lambda: missing.append("happy")
        )


@pytest.mark.parametrize("raised", [CpuwatchError("hopeless"), KeyboardInterrupt()])
def test_what_the_condition_raises_ends_it_as_an_interrupt_does(raised: BaseException) -> None:
    def condition() -> bool:
        raise raised

    with pytest.raises(type(raised)) as caught:
        waiting.until(condition, 60, "No.")
    assert caught.value is raised


def test_an_interrupt_during_a_pause_ends_it_at_once() -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        waiting.until(lambda: False, 60, "No.", pause=30, meanwhile=interrupt)
