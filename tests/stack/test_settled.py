"""Settled means settled: what a window closes on has happened, too, however slow the machine."""

from __future__ import annotations

from pathlib import Path

import pytest
import twin

from cpuwatch import flink, readings, results, sql, topics
from cpuwatch.flink.tables import create


@pytest.mark.parametrize("made_by", ["the helper", "a statement without it", "plain PyFlink"])
@pytest.mark.parametrize("pause", ["200 ms", "4 s"])
def test_all_closed_windows_are_there_when_a_job_is_settled(
    stack: Path, pause: str, made_by: str
) -> None:
    topics.empty(topics.READINGS)
    topics.produce(readings.fleet())
    environment = flink.connect(fresh=True)
    # A watermark that is sent now and then is late on a busy machine: here it is very late.
    environment.get_config().set("pipeline.auto-watermark-interval", pause)
    create(environment, "cpu_out_agg")
    without = sql.taught("cpu_in").replace("    'scan.watermark.emit.strategy' = 'on-event',\n", "")
    assert "strategy" not in without
    if made_by == "the helper":
        create(environment, "cpu_in")
    elif made_by == "plain PyFlink":
        environment.execute_sql(sql.fill(without))
    else:
        flink.create_table(environment, without)
    flink.wait_until_settled(flink.deploy(environment, "cpu_agg", sql.taught("cpu_agg")))
    found = results.read("cpu_out_agg").sort_values(
        ["window_start", "hostname", "cpu"], ignore_index=True
    )
    # The last window is open still: the watermark is ten seconds behind the last reading.
    twin.assert_equal(found, twin.averages(readings.fleet(), 30)[: 19 * 35])
    flink.cancel("cpu_agg")
