"""Settled means settled: what a window closes on has happened, too, however slow the machine."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from functools import reduce
from operator import add
from pathlib import Path

import confluent_kafka
import pytest
import twin

from cpuwatch import flink, readings, results, sql, topics
from cpuwatch.errors import CpuwatchError
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


def test_an_average_is_the_same_to_the_last_float_whenever_checkpoints_come(stack: Path) -> None:
    topics.empty(topics.READINGS)
    environment = flink.connect(fresh=True)
    for table in ("cpu_in", "cpu_out_agg"):
        create(environment, table)
    job = flink.deploy(environment, "cpu_agg", sql.taught("cpu_agg"))
    fleet = readings.fleet(ticks=120)
    # In parts of eight seconds, with two checkpoints after each.
    for start in range(0, len(fleet), 35 * 8):
        topics.produce(fleet[start : start + 35 * 8])
        flink.wait_until_settled(job, quiet=True)
    found = results.read("cpu_out_agg").sort_values(
        ["window_start", "hostname", "cpu"], ignore_index=True
    )
    flink.cancel("cpu_agg")
    windows = fleet.groupby([fleet["occurred_at"] // 30_000, "hostname", "cpu"])["usage"]
    # Not by sum(): from Python 3.12 on it is more exact than adding one after the other.
    in_order = windows.agg(lambda usage: reduce(add, usage.tolist()) / len(usage)).tolist()
    assert len(found) == 3 * 35
    assert found["usage_avg"].tolist() == in_order[: 3 * 35]


#: An attendee's own statement leaves out what has no time, or does not, in itself or in a view.
@pytest.mark.parametrize("how", ["left out", "not left out", "not left out in a view"])
def test_a_record_without_a_time_stops_no_window(stack: Path, how: str) -> None:
    topics.empty(topics.READINGS)
    fleet = readings.fleet(ticks=60)
    topics.produce(fleet[:1000])
    producer = confluent_kafka.Producer(topics.client_settings())
    without = {"hostname": "doc", "cpu": "cpu1", "usage": 99.0}
    producer.produce(topics.READINGS, json.dumps(without), json.dumps({"hostname": "doc"}))
    assert producer.flush(20) == 0
    topics.produce(fleet[1000:])
    environment = flink.connect(fresh=True)
    for table in ("cpu_in", "cpu_out_agg"):
        create(environment, table)
    statement = sql.taught("cpu_agg")
    if how != "left out":
        statement = statement.replace("WHERE time_ltz IS NOT NULL\n", "")
        assert "time_ltz IS" not in statement
    preview = flink.preview(environment, sql.query(statement), rows=100, changes=True)
    assert len(preview) == 70, "a stream's last windows close at its end"
    if how == "not left out in a view":
        flink.create_view(environment, "own_windows", sql.query(statement))
        statement = "INSERT INTO cpu_out_agg SELECT * FROM own_windows"
    job = flink.deploy(environment, "cpu_agg", statement)
    flink.wait_until_settled(job, quiet=True)
    found = results.read("cpu_out_agg").sort_values(
        ["window_start", "hostname", "cpu"], ignore_index=True
    )
    flink.cancel("cpu_agg")
    twin.assert_equal(found, twin.averages(fleet, 30)[:35])


@pytest.mark.parametrize("end", ["commit_transaction", "abort_transaction"])
def test_what_is_not_committed_yet_is_waited_for(stack: Path, end: str) -> None:
    """Kafka writes into each partition that a transaction is over after it has said that it is."""
    topics.empty(topics.FILTERED)
    options = topics.client_settings(**{"transactional.id": "somebody"})
    producer = confluent_kafka.Producer(options)
    producer.init_transactions(20)
    producer.begin_transaction()
    producer.produce(topics.FILTERED, b"{}")
    assert producer.flush(20) == 0
    with pytest.raises(CpuwatchError, match="In cpu_load_stats_real_filter a transaction is open"):
        topics.await_committed(topics.FILTERED, seconds=1)
    with ThreadPoolExecutor() as pool:
        waits = pool.submit(topics.await_committed, "no_such_topic", topics.FILTERED)
        assert not waits.done()
        getattr(producer, end)(20)
        waits.result(20)
    assert topics.count(topics.FILTERED) == (end == "commit_transaction")
