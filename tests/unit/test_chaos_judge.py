"""The judge of the chaos tests notices what is lost, double or wrong, wherever it is."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import chaos
import pandas as pd
import pytest
import twin
from chaos import CPUS, HOSTS, SPELL, Life, Seen, judge

from cpuwatch import alerts, pipeline

WINDOW = pipeline.WORKSHOP.window
BEGAN = 1_700_000_000  # in seconds; within a window
SECONDS = 3 * SPELL


@pytest.fixture(scope="module")
def seen() -> Seen:
    """What lies where after a run in which nothing has happened."""
    chance = random.Random(1)
    offsets = [0, 0]
    rows = []
    for second in range(BEGAN, BEGAN + SECONDS):
        for number, host in enumerate(HOSTS):
            for cpu in CPUS:
                hot = (second // SPELL + number) % 2
                usage = chance.uniform(85, 99) if hot else chance.uniform(0, 60)
                usage = chaos.usage_of(second - BEGAN, usage)
                partition = number % 2
                rows.append((host, cpu, usage, 1000 * second, partition, offsets[partition]))
                offsets[partition] += 1
    columns = ["hostname", "cpu", "usage", "occurred_at", "partition", "offset"]
    readings = pd.DataFrame(rows, columns=columns)
    windows = twin.averages(readings, WINDOW)
    place = ["window_start", "hostname", "cpu"]
    exact = chaos.in_order_of_arrival(readings, WINDOW)
    windows["usage_avg"] = exact.reindex(windows.set_index(place).index).to_numpy()
    windows = windows[windows["window_end"] < windows["window_end"].max()].reset_index(drop=True)
    judged = windows.assign(allowed_top=pipeline.WORKSHOP.default_top)
    cooldown = pipeline.WORKSHOP.cooldown * pd.Timedelta(seconds=WINDOW)
    transitions = alerts.transitions(judged, cooldown)
    ids = tuple(dict.fromkeys(transitions["id"]))
    return Seen(
        readings, windows, transitions, ids, ids, (Life(BEGAN, BEGAN + SECONDS, len(readings)),)
    )


def test_it_is_content_with_a_run_in_which_nothing_happened(seen: Seen) -> None:
    found = judge(seen)
    assert (found.lost, found.doubled, found.wrong) == ([], [], [])
    assert found.windows > 300 and found.episodes == found.messages > 50


@pytest.mark.parametrize(
    ("name", "moment"),
    [("readings", "occurred_at"), ("windows", "window_start"), ("transitions", "as_of")],
)
def test_what_is_missing_or_double(seen: Seen, name: str, moment: str) -> None:
    table = getattr(seen, name)
    order = table[moment].to_numpy().argsort(kind="stable")
    for share in (0.1, 0.5, 0.8):  # of the last moment some may be due later
        place = int(order[int(share * len(order))])
        without = table.drop(index=table.index[place])
        assert judge(replace(seen, **{name: without})).lost
        twice = pd.concat([table, table.iloc[[place]]], ignore_index=True)
        assert judge(replace(seen, **{name: twice})).doubled


@pytest.mark.parametrize("seconds", [1, 4, 20])
def test_ticks_that_no_partition_has(seen: Seen, seconds: int) -> None:
    moments = seen.readings["occurred_at"]
    middle = 1000 * (BEGAN + SECONDS // 2)
    left = seen.readings[(moments < middle) | (moments >= middle + 1000 * seconds)]
    lost = judge(replace(seen, readings=left)).lost
    assert [what for _, what in lost].count("reading") == seconds * len(HOSTS) * len(CPUS)


@pytest.mark.parametrize("partitions", [{0}, {1}, {0, 1}])
def test_the_last_that_were_confirmed(seen: Seen, partitions: set[int]) -> None:
    late = seen.readings["occurred_at"] >= 1000 * (BEGAN + SECONDS - 3)
    gone = late & seen.readings["partition"].isin(partitions)
    lost = judge(replace(seen, readings=seen.readings[~gone])).lost
    assert [what for _, what in lost].count("reading at a producer's end") == gone.sum()
    # What was not confirmed may be missing.
    (life,) = seen.lives
    some = replace(life, confirmed=life.confirmed - int(gone.sum()))
    told = judge(replace(seen, readings=seen.readings[~gone], lives=(some,))).lost
    assert "reading at a producer's end" not in [what for _, what in told]


def test_a_whole_life(seen: Seen) -> None:
    lost = judge(replace(seen, lives=(*seen.lives, Life(BEGAN + SECONDS, BEGAN + 999, 7)))).lost
    assert [what for _, what in lost].count("reading at a producer's end") == 7


def test_an_average_that_is_off_in_its_last_bit(seen: Seen) -> None:
    windows = seen.windows.copy()
    place = len(windows) // 2, windows.columns.get_loc("usage_avg")
    windows.iloc[place] = math.nextafter(windows.iloc[place], 100)
    (word,) = judge(replace(seen, windows=windows)).wrong
    assert "average" in word


@pytest.mark.parametrize("column", ["usage_max", "readings"])
def test_another_maximum_or_count(seen: Seen, column: str) -> None:
    windows = seen.windows.copy()
    windows.iloc[3, windows.columns.get_loc(column)] += 1
    assert judge(replace(seen, windows=windows)).wrong


def test_messages(seen: Seen) -> None:
    assert judge(replace(seen, messages=seen.messages[1:])).lost
    assert judge(replace(seen, messages=(*seen.messages, seen.messages[0]))).doubled
    assert judge(replace(seen, notices=seen.notices[1:])).wrong
