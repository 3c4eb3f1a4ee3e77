"""Alerts become episodes, and are scored against what really happened."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from cpuwatch import readings
from cpuwatch.alerts import episodes, score

WINDOW = pd.Timedelta("30s")
START = pd.Timestamp("2026-01-05T09:00:00Z")


def alert(
    number: int, average: float = 50.0, host: str = "doc", cpu: str = "cpu1", top: float = 20.0
) -> dict[str, object]:
    start = START + number * WINDOW
    return {
        "window_start": start,
        "window_end": start + WINDOW,
        "hostname": host,
        "cpu": cpu,
        "usage_avg": average,
        "usage_max": average + 1,
        "readings": 30,
        "allowed_top": top,
    }


def alerts(*rows: dict[str, object]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=list(alert(0))).astype(
        {"window_start": "datetime64[ns, UTC]", "window_end": "datetime64[ns, UTC]"}
    )


def incident(
    start: int, end: int, host: str = "doc", deserves: bool = True, kind: str = "plateau"
) -> dict[str, object]:
    return {
        "kind": kind,
        "hostname": host,
        "cpus": ("cpu1",),
        "start": START + pd.Timedelta(seconds=start),
        "end": START + pd.Timedelta(seconds=end),
        "peak": 90.0,
        "deserves_alert": deserves,
        "note": "A test.",
    }


def incidents(*rows: dict[str, object]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=list(incident(0, 1))).astype(
        {"start": "datetime64[ns, UTC]", "end": "datetime64[ns, UTC]", "deserves_alert": bool}
    )


def fleet_alerts(seed: int) -> pd.DataFrame:
    fleet = readings.fleet(seed)
    at = pd.to_datetime(fleet["occurred_at"], unit="ms", utc=True)
    windows = (
        fleet.assign(window_start=at.dt.floor("30s"))
        .groupby(["window_start", "hostname", "cpu"], as_index=False)
        .agg(usage_avg=("usage", "mean"), usage_max=("usage", "max"), readings=("usage", "size"))
    )
    windows = windows.assign(
        window_end=windows["window_start"] + WINDOW,
        allowed_top=windows["hostname"].map(readings.THRESHOLDS),
    )
    return windows[windows["usage_avg"] > windows["allowed_top"]]


def test_consecutive_windows_of_one_cpu_are_one_episode() -> None:
    found = episodes(alerts(alert(0, 40), alert(1, 60, top=25), alert(2, 50)), WINDOW)
    assert found.to_dict("records") == [
        {
            "id": "doc/cpu1/2026-01-05T09:00:00Z",
            "hostname": "doc",
            "cpu": "cpu1",
            "opened": START,
            "closed": START + 3 * WINDOW,
            "peak_avg": 60.0,
            "allowed_top": 20.0,
            "windows": 3,
        }
    ]


def test_a_window_without_alert_ends_the_episode() -> None:
    found = episodes(alerts(alert(0), alert(1), alert(3)), WINDOW)
    assert found["windows"].tolist() == [2, 1]
    assert found["closed"].tolist() == [START + 2 * WINDOW, START + 4 * WINDOW]


def test_each_host_and_cpu_has_its_own_episodes_in_order_of_opening() -> None:
    found = episodes(
        alerts(alert(1), alert(0, host="happy"), alert(0, cpu="cpu2"), alert(2)), WINDOW
    )
    assert found["id"].tolist() == [
        "doc/cpu2/2026-01-05T09:00:00Z",
        "happy/cpu1/2026-01-05T09:00:00Z",
        "doc/cpu1/2026-01-05T09:00:30Z",
    ]


def test_the_order_of_the_alerts_and_an_alert_sent_twice_do_not_matter() -> None:
    once = episodes(alerts(alert(0), alert(1), alert(2)), WINDOW)
    again = episodes(alerts(alert(2), alert(0), alert(1), alert(0)), WINDOW)
    pd.testing.assert_frame_equal(once, again)


def test_no_alerts_are_no_episodes_and_keep_the_columns() -> None:
    found = episodes(alerts(), WINDOW)
    assert len(found) == 0
    assert list(found.columns) == list(episodes(alerts(alert(0)), WINDOW).columns)


def test_windows_shorter_than_a_second_have_milliseconds_in_their_id() -> None:
    row = alert(0)
    row["window_start"] = START + pd.Timedelta("500ms")
    assert episodes(alerts(row), WINDOW)["id"].tolist() == ["doc/cpu1/2026-01-05T09:00:00.500Z"]


def test_a_window_of_no_length_is_refused() -> None:
    with pytest.raises(ValueError, match="not longer than 0"):
        episodes(alerts(), pd.Timedelta(0))


def test_flapping_gives_three_episodes_for_each_cpu_it_hits() -> None:
    found = episodes(fleet_alerts(7), WINDOW).query("hostname == 'grumpy'")
    assert found.groupby("cpu").size().tolist() == [3, 3, 3]


def test_the_averages_of_the_fleet_find_everything_and_invent_nothing() -> None:
    for seed in range(5):
        result = score(fleet_alerts(seed), readings.incidents(seed))
        assert (result.precision, result.recall) == (1.0, 1.0)
        assert len(result.missed) == len(result.invented) == 0
        spike = result.incidents.query("kind == 'spike'")
        assert not spike["found"].any()


def test_the_fixed_filter_misses_three_incidents_and_invents_the_rest() -> None:
    fleet = readings.fleet()
    above = fleet[fleet["usage"] > 80]
    at = pd.to_datetime(above["occurred_at"], unit="ms", utc=True)
    hits = above.assign(window_start=at, window_end=at + pd.Timedelta("1s"))
    result = score(hits, readings.incidents())
    assert result.missed["hostname"].tolist() == ["bashful", "doc", "grumpy"]
    assert result.recall == 0.25
    assert set(result.invented["hostname"]) == {"happy", "dopey"}


def test_an_alert_belongs_to_an_incident_that_it_overlaps_or_follows_within_a_window() -> None:
    # The incident is [40 s, 70 s), so these windows count: 30-60, 60-90, and 90-120 s.
    numbers = range(6)
    result = score(alerts(*(alert(n) for n in numbers)), incidents(incident(40, 70)))
    row = result.incidents.iloc[0]
    assert row["found"] and row["alerts"] == 3
    assert row["first_alert"] == START + WINDOW
    assert row["delay"] == pd.Timedelta("20s")
    assert result.precision == 0.5
    assert result.invented["window_start"].tolist() == [START + n * WINDOW for n in (0, 4, 5)]


def test_a_window_that_only_touches_an_incident_does_not_belong_to_it() -> None:
    result = score(alerts(alert(0), alert(3)), incidents(incident(30, 60)))
    assert result.recall == 0.0 and len(result.invented) == 2
    assert pd.isna(result.incidents["first_alert"].iloc[0])


def test_an_alert_of_another_host_is_invented_and_the_incident_is_missed() -> None:
    result = score(alerts(alert(1, host="happy")), incidents(incident(30, 60)))
    assert result.missed["hostname"].tolist() == ["doc"]
    assert (result.precision, result.recall) == (0.0, 0.0)


def test_an_alert_for_what_deserves_none_is_invented() -> None:
    result = score(alerts(alert(1)), incidents(incident(30, 36, deserves=False, kind="spike")))
    assert result.incidents["found"].tolist() == [True]
    assert len(result.invented) == 1 and result.precision == 0.0
    assert math.isnan(result.recall)


def test_without_alerts_everything_is_missed_and_precision_is_unknown() -> None:
    result = score(alerts(), incidents(incident(30, 60)))
    assert math.isnan(result.precision) and result.recall == 0.0


def test_without_incidents_every_alert_is_invented() -> None:
    result = score(alerts(alert(0)), incidents())
    assert result.precision == 0.0 and math.isnan(result.recall)
    assert len(result.incidents) == 0
