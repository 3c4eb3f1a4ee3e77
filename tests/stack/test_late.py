"""Late readings: what a window drops, what is kept of it, and what the watermark says."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from pyflink.table import TableEnvironment

from cpuwatch import flink, readings, results, sql, topics, waiting, workshop
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink import metrics
from cpuwatch.flink.tables import create

KEY = ["window_start", "hostname", "cpu"]

#: What the fleet's watermark has come to at its end, ten seconds behind.
END = pd.Timestamp("2026-01-05T09:09:49Z")


@pytest.fixture
def environment(stack: Path) -> Iterator[TableEnvironment]:
    made = flink.connect(fresh=True)
    for table in ("cpu_arriving", "cpu_out_on_time", "cpu_out_late", "cpu_out_corrected"):
        create(made, table)
    yield made
    flink.cancel("cpu_on_time", "cpu_corrected")


@pytest.fixture(scope="module")
def arriving() -> pd.DataFrame:
    return readings.delayed(readings.fleet())


def send(arriving: pd.DataFrame, partitions: int) -> None:
    workshop.fresh_topic("cpu_arrivals", partitions=partitions)
    topics.produce(arriving, "cpu_arrivals")


def by_window(table: pd.DataFrame, moment: pd.Series) -> pd.Series:
    """How many rows there are for each window, host and cpu."""
    start = moment.dt.floor("30s").rename("window_start")
    return table.assign(window_start=start).groupby(KEY).size()


def test_in_one_partition_the_late_ones_are_the_rule_s_to_the_row(
    environment: TableEnvironment, arriving: pd.DataFrame
) -> None:
    send(arriving, 1)
    job = flink.deploy(environment, "cpu_on_time", sql.taught("cpu_on_time"))
    flink.wait_until_settled(job)
    happened = arriving["occurred_at"]
    rule = happened.cummax().shift() - 10_000 >= (happened // 30_000 + 1) * 30_000
    wanted = arriving[rule].sort_values(["occurred_at", "hostname", "cpu"], ignore_index=True)
    kept = results.read("cpu_out_late").sort_values(
        ["time_ltz", "hostname", "cpu"], ignore_index=True
    )
    assert workshop.late("cpu_on_time") == len(kept) == len(wanted) == 334
    assert (kept["time_ltz"].astype("int64") // 1_000_000).equals(wanted["occurred_at"])
    assert kept[["hostname", "cpu", "usage"]].equals(wanted[["hostname", "cpu", "usage"]])
    assert (kept["at_watermark"] >= kept["time_ltz"].dt.floor("30s") + pd.Timedelta("30s")).all()


def test_of_two_partitions_each_reading_counts_or_is_kept_in_whatever_order_they_are_read(
    environment: TableEnvironment, arriving: pd.DataFrame
) -> None:
    send(arriving, 2)
    job = flink.deploy(environment, "cpu_on_time", sql.taught("cpu_on_time"))
    flink.wait_until_settled(job)
    on_time, kept = results.read("cpu_out_on_time"), results.read("cpu_out_late")
    assert workshop.late(job) == len(kept)
    counted = on_time.set_index(KEY)["readings"]
    late = by_window(kept, kept["time_ltz"])
    moment = pd.to_datetime(arriving["occurred_at"], unit="ms", utc=True)
    closed = moment.dt.floor("30s") + pd.Timedelta("30s") <= END
    every = by_window(arriving[closed], moment[closed])
    assert counted.add(late, fill_value=0).astype("int64").sort_index().equals(every.sort_index())


def test_corrected_averages_end_as_those_of_all_readings_with_a_record_for_each(
    environment: TableEnvironment, arriving: pd.DataFrame
) -> None:
    send(arriving, 2)
    job = flink.deploy(environment, "cpu_corrected", sql.taught("cpu_corrected"))
    flink.wait_until_settled(job)
    said = results.read("cpu_out_corrected")
    assert len(said) == len(arriving)
    now = said.drop_duplicates(KEY, keep="last").set_index(KEY).sort_index()
    moment = pd.to_datetime(arriving["occurred_at"], unit="ms", utc=True)
    start = moment.dt.floor("30s").rename("window_start")
    usage = arriving.assign(window_start=start).groupby(KEY)["usage"]
    assert now["readings"].equals(usage.size().astype("int64"))
    assert (now["usage_avg"] - usage.mean()).abs().max() < 1e-9


def test_the_watermark_is_told_and_waited_for(
    environment: TableEnvironment, arriving: pd.DataFrame
) -> None:
    send(arriving, 1)
    job = flink.deploy(environment, "cpu_on_time", sql.taught("cpu_on_time"))
    assert flink.wait_for_watermark(job, END) == END == flink.watermark("cpu_on_time")
    with pytest.raises(CpuwatchError, match="to come to 09:09:50; it stands at 09:09:49"):
        flink.wait_for_watermark(job, END + pd.Timedelta("1s"), timeout=0.5)


def test_a_job_that_has_read_nothing_has_no_watermark(environment: TableEnvironment) -> None:
    workshop.fresh_topic("cpu_arrivals", partitions=1)
    job = flink.deploy(environment, "cpu_on_time", sql.taught("cpu_on_time"))
    assert flink.watermark(job) is None
    with pytest.raises(CpuwatchError, match="it has none yet"):
        flink.wait_for_watermark(job, END, timeout=0.5)


def test_where_all_fall_silent_the_watermark_goes_to_that_of_the_furthest(
    environment: TableEnvironment,
) -> None:
    """As chapter 11 says; before Flink 2.2 it stood at the least one's."""
    fleet = readings.fleet(ticks=160)
    first = fleet["occurred_at"].min()
    # Two hosts in two partitions; one ends two minutes before the other.
    ends = fleet["hostname"].map({"doc": first + 40_000, "dopey": first + 159_000})
    workshop.fresh_topic("cpu_silent", partitions=2)
    workshop.fresh_topic("my_silent")
    topics.produce(fleet[fleet["occurred_at"] <= ends], "cpu_silent")
    flink.import_tables(environment, "cpu_in")
    for statement in _SILENT:
        flink.create_table(environment, statement)
    flink.deploy(environment, "my_silent", _COUNTS_OF_SILENT)
    try:
        waiting.until(
            lambda: len(topics.read("my_silent")) >= 6, 60,
            lambda: f"there are {len(topics.read('my_silent'))} rows",
        )  # fmt: skip
    finally:
        flink.cancel("my_silent")
    found = topics.read("my_silent").groupby("hostname")["readings"].agg(["size", "sum"])
    # 149 seconds are passed, so that the window from 120 to 150 stays open.
    assert found.to_dict("index") == {
        "doc": {"size": 2, "sum": 5 * 41},
        "dopey": {"size": 4, "sum": 5 * 120},
    }


def test_what_comes_too_late_to_be_put_in_order_is_counted(
    environment: TableEnvironment, arriving: pd.DataFrame
) -> None:
    """As the rule that learns has it: what is given out in order cannot wait for ever."""
    send(arriving, 1)
    workshop.fresh_topic("my_order")
    flink.create_table(environment, _ORDER)
    select = sql.taught("cpu_in_order").partition(" AS\n")[2].replace("cpu_in", "cpu_arriving")
    job = flink.deploy(environment, "my_order", f"INSERT INTO my_order {select}")
    try:
        flink.wait_until_settled(job)
        dropped = workshop.late(job)
        given = topics.read("my_order")
    finally:
        flink.cancel("my_order")
    happened = arriving["occurred_at"]
    late = happened <= happened.cummax().shift() - 10_000
    # What is behind the watermark, but not late for a window, is too late to be in order.
    assert dropped == late.sum() > 334
    in_time = arriving[~late & (happened <= happened.max() - 10_000)]
    columns = ["hostname", "cpu", "occurred_at", "usage"]
    for series, found in given.groupby(["hostname", "cpu"]):
        wanted = in_time[(in_time["hostname"] == series[0]) & (in_time["cpu"] == series[1])]
        wanted = wanted.sort_values("occurred_at", ignore_index=True)
        assert found[columns].reset_index(drop=True).equals(wanted[columns])
    assert len(given) == len(in_time)


def test_who_is_ahead_waits_where_partitions_are_aligned(environment: TableEnvironment) -> None:
    # Of the one that is ahead some 2,000 may be fetched before it is told to wait.
    fleet = readings.fleet(ticks=1500)
    minute = fleet["occurred_at"].min() + 60_000
    workshop.fresh_topic("cpu_aligned", partitions=2)
    workshop.fresh_topic("my_aligned")
    flink.import_tables(environment, "cpu_in")
    for statement in _ALIGNED:
        flink.create_table(environment, statement)
    # A minute of both, and then one is 24 minutes further.
    both = fleet[fleet["hostname"].isin(["doc", "dopey"])]
    first = both["occurred_at"] < minute
    topics.produce(both[first], "cpu_aligned")
    job = flink.deploy(environment, "my_aligned", _COUNTS_OF_ALIGNED)
    try:
        flink.wait_until_settled(job)
        is_ahead = ~first & (both["hostname"] == "dopey")
        topics.produce(both[is_ahead], "cpu_aligned")
        # What is fetched at once is read; what comes after that waits, for as long as it takes.
        waiting.until(lambda: _read(job) > first.sum(), 60, "nothing of it is read")
        time.sleep(3.0)
        waits = len(both[first | is_ahead]) - _read(job)
        assert waits > 2_000
        topics.produce(both[~first & ~is_ahead], "cpu_aligned")
        waiting.until(
            lambda: _read(job) == len(both), 60, lambda: f"{_read(job)} of {len(both)} are read"
        )
        flink.wait_until_settled(job)
        assert workshop.late(job) == 0
        found = topics.read("my_aligned").groupby("hostname")["readings"].agg(["size", "sum"])
    finally:
        flink.cancel("my_aligned")
    # The last window stays open: the watermark is ten seconds behind.
    assert found.to_dict("index") == {
        host: {"size": 49, "sum": 5 * 1470} for host in ("doc", "dopey")
    }


def _read(job: flink.Job) -> int:
    """How many records a job has read of its topic, in which nothing but records is."""
    return sum(last + 1 for last in metrics.offsets(job).values())


@pytest.mark.parametrize("table_function", [True, False])
def test_late_firing_is_for_windows_in_group_by_alone(
    environment: TableEnvironment, arriving: pd.DataFrame, table_function: bool
) -> None:
    """As docs/late-data.md says."""
    send(arriving, 1)
    workshop.fresh_topic("my_fired")
    config = environment.get_config()
    config.set("table.exec.emit.late-fire.enabled", "true")
    config.set("table.exec.emit.late-fire.delay", "0 s")
    config.set("table.exec.emit.allow-lateness", "120 s")
    flink.create_table(environment, _FIRED)
    if table_function:
        with pytest.raises(CpuwatchError, match="late"):
            flink.deploy(environment, "my_fired", _BY_TABLE_FUNCTION)
        return
    job = flink.deploy(environment, "my_fired", _BY_GROUP)
    try:
        flink.wait_until_settled(job)
        said = topics.read("my_fired").dropna()  # what is taken back before it is said anew
    finally:
        flink.cancel("my_fired")
    last = said.drop_duplicates(KEY, keep="last").set_index(KEY).sort_index()["readings"]
    moment = pd.to_datetime(arriving["occurred_at"], unit="ms", utc=True)
    closed = moment.dt.floor("30s") + pd.Timedelta("30s") <= END
    assert len(said) > len(last)
    wanted = by_window(arriving[closed], moment[closed]).sort_index()
    assert last.tolist() == wanted.tolist()


_ALIGNED = (
    """
CREATE TABLE cpu_aligned WITH (
    'topic' = 'cpu_aligned',
    'scan.watermark.alignment.group' = 'hosts',
    'scan.watermark.alignment.max-drift' = '30 s',
    'scan.watermark.alignment.update-interval' = '500 ms'
) LIKE cpu_in (OVERWRITING OPTIONS)
""",
    """
CREATE TABLE my_aligned (
    window_start TIMESTAMP_LTZ(3),
    hostname STRING,
    readings BIGINT
) WITH (
    'connector' = 'kafka',
    'topic' = 'my_aligned',
    'properties.bootstrap.servers' = '${kafka}',
    'format' = 'json',
    'json.timestamp-format.standard' = 'ISO-8601'
)
""",
)

_COUNTS_OF_ALIGNED = """
INSERT INTO my_aligned
SELECT window_start, hostname, COUNT(*) AS readings
FROM TABLE(TUMBLE(TABLE cpu_aligned, DESCRIPTOR(time_ltz), INTERVAL '30' SECOND))
WHERE time_ltz IS NOT NULL
GROUP BY window_start, window_end, hostname
"""

_ORDER = """
CREATE TABLE my_order (
    hostname STRING,
    cpu STRING,
    usage DOUBLE,
    occurred_at BIGINT
) WITH (
    'connector' = 'kafka',
    'topic' = 'my_order',
    'properties.bootstrap.servers' = '${kafka}',
    'key.format' = 'json',
    'key.fields' = 'hostname;cpu',
    'value.format' = 'json'
)
"""

_FIRED = """
CREATE TABLE my_fired (
    window_start TIMESTAMP_LTZ(3),
    hostname STRING,
    cpu STRING,
    readings BIGINT,
    PRIMARY KEY (window_start, hostname, cpu) NOT ENFORCED
) WITH (
    'connector' = 'upsert-kafka',
    'topic' = 'my_fired',
    'properties.bootstrap.servers' = '${kafka}',
    'key.format' = 'json',
    'value.format' = 'json',
    'key.json.timestamp-format.standard' = 'ISO-8601',
    'value.json.timestamp-format.standard' = 'ISO-8601'
)
"""

_BY_GROUP = """
INSERT INTO my_fired
SELECT TUMBLE_START(time_ltz, INTERVAL '30' SECOND), hostname, cpu, COUNT(*)
FROM cpu_arriving
WHERE time_ltz IS NOT NULL
GROUP BY TUMBLE(time_ltz, INTERVAL '30' SECOND), hostname, cpu
"""

_BY_TABLE_FUNCTION = """
INSERT INTO my_fired
SELECT window_start, hostname, cpu, COUNT(*)
FROM TABLE(TUMBLE(TABLE cpu_arriving, DESCRIPTOR(time_ltz), INTERVAL '30' SECOND))
WHERE time_ltz IS NOT NULL
GROUP BY window_start, window_end, hostname, cpu
"""


_SILENT = (
    """
CREATE TABLE cpu_silent WITH (
    'topic' = 'cpu_silent',
    'scan.watermark.idle-timeout' = '2 s'
) LIKE cpu_in (OVERWRITING OPTIONS)
""",
    """
CREATE TABLE my_silent (
    window_start TIMESTAMP_LTZ(3),
    hostname STRING,
    readings BIGINT
) WITH (
    'connector' = 'kafka',
    'topic' = 'my_silent',
    'properties.bootstrap.servers' = '${kafka}',
    'format' = 'json',
    'json.timestamp-format.standard' = 'ISO-8601'
)
""",
)

_COUNTS_OF_SILENT = """
INSERT INTO my_silent
SELECT window_start, hostname, COUNT(*) AS readings
FROM TABLE(TUMBLE(TABLE cpu_silent, DESCRIPTOR(time_ltz), INTERVAL '30' SECOND))
WHERE time_ltz IS NOT NULL
GROUP BY window_start, window_end, hostname
"""
