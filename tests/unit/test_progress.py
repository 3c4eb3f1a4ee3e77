"""A line of progress."""

from __future__ import annotations

from cpuwatch import progress


def test_a_bar_shows_its_share() -> None:
    assert progress.bar(0.0).endswith("░ 0%") and progress.bar(1.0).endswith("█ 100%")
    assert progress.bar(7.0) == progress.bar(1.0)
