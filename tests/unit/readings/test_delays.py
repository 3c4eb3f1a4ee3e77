"""Readings on their way: who is delayed, by how much, and in which order they arrive."""

from __future__ import annotations

import pandas as pd
import pytest

from cpuwatch import readings as r


@pytest.fixture(scope="module")
def arriving() -> pd.DataFrame:
    return r.delayed(r.fleet())


def test_each_reading_arrives_once_and_not_before_it_happened(arriving: pd.DataFrame) -> None:
    order = ["occurred_at", "hostname", "cpu"]
    left, right = (one.sort_values(order, ignore_index=True) for one in (arriving, r.fleet()))
    assert left[list(r.COLUMNS)].equals(right.sort_values(order, ignore_index=True))
    assert (arriving[r.ARRIVED] >= arriving["occurred_at"]).all()
    assert arriving[r.ARRIVED].is_monotonic_increasing and arriving[r.ARRIVED].dtype == "int64"
    assert not arriving["occurred_at"].is_monotonic_increasing


def test_the_delays_of_a_seed_are_the_same_on_every_machine(arriving: pd.DataFrame) -> None:
    way = arriving[r.ARRIVED] - arriving["occurred_at"]
    assert way.head(3).tolist() == [9, 18, 50]
    assert not r.delayed(r.fleet(), seed=8)[r.ARRIVED].equals(arriving[r.ARRIVED])


def test_what_a_broken_line_held_back_comes_at_once_and_in_order(arriving: pd.DataFrame) -> None:
    doc = arriving[arriving["hostname"] == "doc"]
    begin = r.FLEET_START.value // 1_000_000
    down, back = begin + 220_000, begin + 290_000
    assert not doc[r.ARRIVED].between(down, back - 1).any()
    held = doc[doc[r.ARRIVED] - back == (doc["occurred_at"] - begin) // 1000]
    assert len(held) > 300 and held["occurred_at"].is_monotonic_increasing
    others = arriving[arriving["hostname"] != "doc"]
    assert (others[r.ARRIVED] - others["occurred_at"]).max() < 45_000


def test_no_readings_are_not_delayed() -> None:
    assert len(r.delayed(r.fleet(ticks=0))) == 0
