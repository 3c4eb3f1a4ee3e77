"""The watermarks that records meet, and what the figures say of them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from cpuwatch import figures, readings, sql


def records(*rows: tuple[int, int, int]) -> pd.DataFrame:
    """Records of some seconds: when each arrived, happened, and its partition."""
    table = pd.DataFrame(rows, columns=["arrived_at", "occurred_at", "partition"])
    return table.assign(
        arrived_at=table["arrived_at"] * 1000, occurred_at=table["occurred_at"] * 1000
    )


def seconds(values: pd.Series) -> list[float | None]:
    return [None if pd.isna(one) else one.timestamp() for one in values]


def test_the_job_s_watermark_is_the_least_once_each_partition_has_brought_something() -> None:
    found = figures.watermarks(records((1, 20, 0), (2, 50, 0), (3, 25, 1), (4, 70, 1)))
    assert seconds(found[0]) == [10, 40, 40, 40]
    assert seconds(found[1]) == [None, None, 15, 60]
    assert seconds(found["watermark"]) == [None, None, 15, 40]


def test_late_is_whose_window_was_closed_before_it_came() -> None:
    found = figures.watermarks(records((1, 39, 0), (2, 29, 0), (3, 40, 0), (4, 29, 0), (5, 30, 0)))
    assert found["late"].tolist() == [False, False, False, True, False]


def test_the_order_is_that_of_arrival() -> None:
    found = figures.watermarks(records((9, 29, 0), (1, 40, 0)))
    assert seconds(found["happened"]) == [40, 29] and found["late"].tolist() == [False, True]


def test_a_silent_partition_counts_no_more_and_its_return_moves_nothing_back() -> None:
    rows = [(1, 20, 0), (1, 20, 1), (4, 80, 0), (8, 81, 0), (9, 29, 1), (10, 82, 0)]
    assert seconds(figures.watermarks(records(*rows))["watermark"])[-1] == 19
    found = figures.watermarks(records(*rows), idle=5)
    assert seconds(found["watermark"]) == [None, 10, 10, 71, 71, 71]
    assert found["late"].tolist() == [False] * 4 + [True, False]


def test_what_is_late_in_the_fleet_is_what_the_rule_of_chapter_11_says() -> None:
    arriving = readings.delayed(readings.fleet()).assign(partition=0)
    assert figures.watermarks(arriving)["late"].sum() == 334


@pytest.mark.parametrize(("partitions", "said"), [(1, "of the job"), (2, "of each partition")])
def test_a_figure_says_whose_watermarks_it_draws(partitions: int, said: str) -> None:
    arriving = readings.delayed(readings.fleet(ticks=120))
    arriving["partition"] = arriving.index % partitions
    figure = figures.watermarks_figure(arriving, between=("09:00:10", "09:01:30"))
    assert said in figure.axes[0].get_title(loc="left")
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert ("partition 1" in texts) == (partitions == 2) and "the job's watermark" in texts


def test_the_delays_of_each_host_are_drawn() -> None:
    figure = figures.delays_figure(readings.delayed(readings.fleet(ticks=60)), marked=(5, 10))
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["all", *readings.HOSTS]
    assert [text.get_text() for text in figure.axes[0].texts] == ["5 s", "10 s"]


def test_a_figure_waits_as_long_as_the_table_and_its_windows_are_the_workshop_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = records((1, 39, 0), (2, 49, 0), (3, 29, 0))
    assert figures.watermarks(rows)["late"].tolist() == [False, False, True]
    text = sql.source("cpu_in").replace("INTERVAL '10' SECOND", "INTERVAL '1' MINUTE")
    (tmp_path / "cpu_in.sql").write_text(text)
    monkeypatch.setattr(sql, "files", lambda _: tmp_path)
    found = figures.watermarks(rows)
    assert seconds(found["watermark"]) == [-21, -11, -11]
    assert not found["late"].any()
    events = pd.DataFrame({"arrived": [1, 2], "happened": [1, 2]})
    patches = len(figures.watermark_figure(events, window=60).axes[0].patches)
    assert patches == len(figures.watermark_figure(events).axes[0].patches) == 1


@pytest.mark.parametrize(
    ("written", "length"),
    [
        ("t - INTERVAL '10' SECOND", 10),
        ("t - INTERVAL '2' MINUTE", 120),
        ("t - INTERVAL '0 00:05:00' DAY TO SECOND", 300),
        ("/* - INTERVAL '1' DAY */ t", 0),
    ],
)
def test_a_table_says_how_long_it_waits(written: str, length: int) -> None:
    assert sql.lateness(f"CREATE TABLE a (t INT, WATERMARK FOR t AS {written})") == length
    assert sql.lateness("CREATE TABLE a (t INT)") == 0
