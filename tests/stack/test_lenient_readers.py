"""A topic that one job reads twice, and a table of one's own that skips what it cannot parse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cpuwatch import flink, readings, sql, topics, workshop
from cpuwatch.flink import metrics


@pytest.fixture
def environment(stack: Path) -> Any:
    topics.empty(topics.READINGS)
    topics.produce(readings.fleet(ticks=20))
    made = flink.connect(fresh=True)
    flink.import_tables(made, "cpu_in", "cpu_out_filter")
    return made


def test_a_topic_that_a_job_reads_twice_is_read_when_both_have(environment: Any) -> None:
    twice = (
        "INSERT INTO cpu_out_filter SELECT time_ltz, hostname, cpu, usage FROM cpu_in UNION ALL"
        " SELECT time_ltz, hostname, cpu, usage FROM cpu_again"
    )
    again = sql.taught("cpu_in").replace("TABLE cpu_in", "TABLE cpu_again")
    flink.create_table(environment, again)
    job = flink.deploy(environment, "my_job", twice)
    flink.wait_until_settled(job, quiet=True)
    assert len(workshop.result(topics.FILTERED)) == 2 * 20 * 35
    ends = topics.states(topics.READINGS)[topics.READINGS].ends
    assert metrics.offsets(job) == {
        (topics.READINGS, number): end - 1 for number, end in ends.items()
    }
    flink.cancel("my_job")


def test_a_job_that_begins_at_the_end_has_read_what_was_there_before(environment: Any) -> None:
    text = sql.taught("cpu_in").replace("earliest-offset", "latest-offset")
    assert "latest-offset" in text
    flink.create_table(environment, text)
    job = flink.deploy(environment, "my job's", sql.taught("cpu_filter"))
    flink.wait_until_settled(job, timeout=30, quiet=True)
    assert workshop.result(topics.FILTERED).empty
    flink.cancel("my job's")
    # The table is as it was: its consumer group was the job's alone.
    made = flink.catalog.options(environment, "cpu_in")
    assert "properties.group.id" not in made
