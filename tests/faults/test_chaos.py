"""The short form of `make chaos`: each kind of fault once, within some minutes."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from chaos import CLOCK, FROZEN, PAIR, VICTIMS, Chaos

from cpuwatch.settings import settings


def test_nothing_is_lost_and_nothing_doubled_whatever_dies(
    stack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CPUWATCH_CHECKPOINTS")  # as often as an attendee has them
    settings.cache_clear()
    seed = random.randrange(10**6)
    print("seed", seed)
    chance = random.Random(seed)
    kinds = [*VICTIMS, PAIR, FROZEN, CLOCK]
    chance.shuffle(kinds)
    chaos = Chaos(rate=1000)
    try:
        for kind in kinds:
            chaos.inject(kind, chance)
        judged = chaos.end()
    finally:
        chaos.stop()
    print(chaos.table(judged))
    assert (judged.lost, judged.doubled, judged.wrong) == ([], [], [])
    assert judged.windows > 0 and judged.episodes > 0
