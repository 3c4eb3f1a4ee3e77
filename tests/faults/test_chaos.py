"""The short form of `make chaos`: each kind of fault once, within some minutes."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from pathlib import Path

import pandas as pd
from chaos import CLOCK, FROZEN, PAIR, VICTIMS, Chaos, Seen, judge


def test_nothing_is_lost_and_nothing_doubled_whatever_dies(stack: Path) -> None:
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
    assert_the_judge_would_notice(chaos.seen)


def assert_the_judge_would_notice(seen: Seen) -> None:
    """A loss, a doubling or an error in any place is one in the judgement of what was seen."""
    cells = {
        "readings": seen.readings, "windows": seen.windows, "transitions": seen.transitions,
    }  # fmt: skip
    moments = {"readings": "occurred_at", "windows": "window_start", "transitions": "as_of"}
    for name, table in cells.items():
        # Not one of the last moment, which may be due later.
        order = table[moments[name]].to_numpy().argsort(kind="stable")
        place = int(order[len(order) // 4])
        without = judge(replace(seen, **{name: table.drop(index=table.index[place])}))
        assert without.lost, name
        twice = judge(replace(seen, **{name: pd.concat([table, table.iloc[[place]]])}))
        assert twice.doubled, name
    readings, windows = seen.readings.copy(), seen.windows.copy()
    readings.iloc[len(readings) // 2, readings.columns.get_loc("usage")] += 0.001
    assert judge(replace(seen, readings=readings)).wrong
    place = len(windows) // 2, windows.columns.get_loc("usage_avg")
    windows.iloc[place] = math.nextafter(windows.iloc[place], 100)
    assert judge(replace(seen, windows=windows)).wrong
    assert judge(replace(seen, messages=seen.messages[1:])).lost
    assert judge(replace(seen, messages=(*seen.messages, seen.messages[0]))).doubled
    assert judge(replace(seen, notices=seen.notices[1:])).wrong
