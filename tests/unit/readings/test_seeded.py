"""What a reading is: the seeded fleet, its incidents, and this machine."""

from __future__ import annotations

import math
import socket
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest

from cpuwatch import readings as r

WINDOW = pd.Timedelta("30s")


# --- The fleet ------------------------------------------------------------------------------


def averages(fleet: pd.DataFrame, seconds: int = 30) -> pd.DataFrame:
    """Average by window, host and cpu, with the host's threshold."""
    start = fleet["occurred_at"] // (seconds * 1000) * (seconds * 1000)
    groups = fleet.assign(start=start).groupby(["start", "hostname", "cpu"])
    table = groups["usage"].mean().reset_index()
    return table.assign(over=table["usage"] > table["hostname"].map(r.THRESHOLDS))


def test_the_fleet_has_one_reading_a_second_of_each_of_35_cpus_for_ten_minutes() -> None:
    fleet = r.fleet()
    assert list(fleet.columns) == ["hostname", "cpu", "usage", "occurred_at"]
    assert len(fleet) == 21_000
    assert fleet["usage"].dtype == "float64" and fleet["occurred_at"].dtype == "int64"
    assert fleet["usage"].between(0, 100).all()
    assert (fleet["usage"].round(2) == fleet["usage"]).all()
    assert fleet["occurred_at"].iloc[0] == pd.Timestamp("2026-01-05T09:00:00Z").value // 10**6
    assert (fleet.groupby("occurred_at").size() == 35).all()
    assert not fleet.duplicated(["occurred_at", "hostname", "cpu"]).any()


def test_the_fleet_stands_in_order_of_time_then_host_then_cpu() -> None:
    fleet = r.fleet(ticks=3)
    assert fleet["occurred_at"].is_monotonic_increasing
    series = [(host, cpu) for host in r.HOSTS for cpu in r.CPUS]
    assert list(zip(fleet["hostname"], fleet["cpu"], strict=True)) == series * 3


def test_the_same_seed_gives_the_same_bytes_and_another_seed_gives_others() -> None:
    assert r.fleet(3).to_csv() == r.fleet(3).to_csv()
    assert not r.fleet(3)["usage"].equals(r.fleet(4)["usage"])


def test_the_numbers_of_seed_7_are_the_same_on_every_machine() -> None:
    assert r.fleet(ticks=1)["usage"].head(5).tolist() == [7.8, 9.01, 6.69, 8.97, 8.42]


def test_a_short_fleet_is_the_beginning_of_a_long_one() -> None:
    long = r.fleet(ticks=1300)
    pd.testing.assert_frame_equal(r.fleet(ticks=100), long.head(3500))
    pd.testing.assert_frame_equal(r.fleet(ticks=600), long.head(21_000))


def test_a_fleet_of_no_ticks_is_empty_and_has_the_same_columns() -> None:
    assert r.fleet(ticks=0).dtypes.equals(r.fleet(ticks=1).dtypes)
    assert r.incidents(ticks=0).dtypes.equals(r.incidents().dtypes)
    assert len(r.fleet(ticks=0)) == len(r.incidents(ticks=0)) == 0


def test_the_second_cycle_has_fresh_noise_and_the_incidents_again_at_other_moments() -> None:
    usage = r.fleet(ticks=1200)["usage"].to_numpy()
    assert not np.array_equal(usage[:21_000], usage[21_000:])
    incidents = r.incidents(ticks=1200)
    first, second = incidents.head(5), incidents.tail(5)
    assert sorted(first["kind"]) == sorted(second["kind"])
    assert (second["start"] >= r.FLEET_START + pd.Timedelta("600s")).all()
    moved = second.sort_values("hostname")["start"].array - first.sort_values("hostname")["start"]
    assert (moved != pd.Timedelta("600s")).any()


def test_an_incident_that_has_not_begun_is_not_listed() -> None:
    whole = r.incidents()
    seconds = int((whole["start"].iloc[1] - r.FLEET_START).total_seconds())
    assert len(r.incidents(ticks=seconds)) == 1
    assert len(r.incidents(ticks=seconds + 1)) == 2


def test_the_fleet_may_start_at_any_time_and_a_time_without_zone_is_utc() -> None:
    moved = r.fleet(ticks=2, start="2030-05-05T10:00:00.2509+02:00")
    assert moved["occurred_at"].iloc[0] == pd.Timestamp("2030-05-05T08:00:00.250Z").value // 10**6
    assert moved["usage"].equals(r.fleet(ticks=2)["usage"])
    assert r.fleet(ticks=1, start="2026-01-05T09:00:00").equals(r.fleet(ticks=1))


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_out_of_range_is_named(seed: int) -> None:
    with pytest.raises(ValueError, match=f"seed {seed} is not between"):
        r.fleet(seed)


def test_negative_ticks_are_named() -> None:
    with pytest.raises(ValueError, match="ticks -1 is negative"):
        r.fleet(ticks=-1)


def test_live_is_the_same_fleet_tick_by_tick_and_does_not_end() -> None:
    ticks = list(islice(r.live(5), 601))
    assert [len(tick) for tick in ticks] == [35] * 601
    flat = pd.DataFrame([reading for tick in ticks for reading in tick])
    pd.testing.assert_frame_equal(flat, r.fleet(5, ticks=601))
    assert type(ticks[0][0]["usage"]) is float and type(ticks[0][0]["occurred_at"]) is int


# --- The incidents --------------------------------------------------------------------------


def test_the_incidents_are_labelled() -> None:
    incidents = r.incidents()
    assert sorted(incidents["kind"]) == ["creep", "flapping", "plateau", "plateau", "spike"]
    assert (incidents["kind"] == "spike").equals(~incidents["deserves_alert"])
    assert str(incidents["start"].dtype) == str(incidents["end"].dtype) == "datetime64[ns, UTC]"
    assert (incidents["end"] > incidents["start"]).all()
    assert all(set(cpus) <= set(r.CPUS) and cpus for cpus in incidents["cpus"])
    assert incidents["note"].str.endswith(".").all()
    assert set(incidents["hostname"]).isdisjoint({"sleepy", "dopey"})


# 7 s and 19 s: the windows fall elsewhere, and the first and last of them are not full.
@pytest.mark.parametrize("offset", [0, 7, 19])
def test_for_every_seed_the_averages_find_what_deserves_an_alert_and_nothing_else(
    offset: int,
) -> None:
    start = r.FLEET_START + pd.Timedelta(seconds=offset)
    for seed in range(50):
        over = averages(r.fleet(seed, start)).query("over")
        known = pd.Series(False, index=over.index)
        incidents = r.incidents(seed, start)
        for incident in incidents[incidents["deserves_alert"]].to_dict("records"):
            begin, end = (incident[edge].value // 10**6 for edge in ("start", "end"))
            mine = (
                (over["hostname"] == incident["hostname"])
                & over["cpu"].isin(incident["cpus"])
                & (over["start"] >= begin - 30_000)
                & (over["start"] + 30_000 <= end + 30_000)
            )
            known |= mine
            found = over[mine]
            assert set(found["cpu"]) == set(incident["cpus"]), (seed, incident)
            if incident["kind"] == "creep":
                assert begin < found["start"].min() < end - 60_000, (seed, incident)
            else:
                assert found["start"].min() <= begin + 60_000, (seed, incident)
            if incident["kind"] == "flapping":
                back = found.groupby("cpu")["start"].apply(lambda at: (at.diff() > 30_000).sum())
                assert (back == 2).all(), (seed, incident)
        assert known.all(), (seed, over[~known])


def test_for_every_seed_the_fixed_filter_misses_invents_and_agrees_as_the_lesson_says() -> None:
    for seed in range(50):
        fleet = r.fleet(seed)
        above = (fleet["usage"] > 80).groupby(fleet["hostname"]).mean()
        # It never sees these, though three of them have incidents.
        assert above[["doc", "grumpy", "sleepy"]].eq(0).all()
        # The spike passes it, without deserving an alert; so does dopey's usual noise.
        assert above["happy"] > 0
        assert 0.03 < above["dopey"] < 0.07
        # Both rules find sneezy's plateau.
        assert above["sneezy"] > 0.08
    assert (r.fleet().query("hostname == 'bashful'")["usage"] < 80).all()


# --- This machine ---------------------------------------------------------------------------


def test_this_machine_gives_one_reading_a_cpu_measured_over_the_interval(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[float] = []

    def cpu_percent(interval: float, percpu: bool) -> list[float]:
        assert percpu
        asked.append(interval)
        return [12.5, 100.2]

    monkeypatch.setattr(psutil, "cpu_percent", cpu_percent)
    first, second = islice(r.machine(0.25), 2)
    assert asked == [0.25, 0.25]
    assert [(reading["cpu"], reading["usage"]) for reading in first] == [
        ("cpu1", 12.5),
        ("cpu2", 100.0),
    ]
    assert all(0 < reading["occurred_at"] < r.END_OF_TIME for reading in first + second)
    assert len({reading["occurred_at"] for reading in first}) == 1


def test_the_real_machine_answers() -> None:
    tick = next(r.machine(0.01))
    assert len(tick) == psutil.cpu_count(logical=True)
    assert all(0 <= reading["usage"] <= 100 for reading in tick)
    assert {reading["hostname"] for reading in tick} == {socket.gethostname()}


@pytest.mark.parametrize("interval", [0, -1, math.nan])
def test_an_interval_that_is_none_is_refused_at_once(interval: float) -> None:
    with pytest.raises(ValueError, match="not above 0"):
        r.machine(interval)


def test_the_thresholds_file_says_what_the_code_says() -> None:
    path = Path(__file__).parents[3] / "data" / "thresholds.csv"
    table = pd.read_csv(path)
    assert list(table.columns) == ["hostname", "allowed_top"]
    assert dict(zip(table["hostname"], table["allowed_top"], strict=True)) == r.THRESHOLDS
