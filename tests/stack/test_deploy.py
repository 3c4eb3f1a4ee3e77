"""The SQL of `deploy/` as it stands, in plain PyFlink: the same results as pandas'."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import twin

from cpuwatch import flink, pipeline, readings, results, sql, thresholds, topics
from cpuwatch.flink import cluster
from cpuwatch.settings import ROOT, settings

FOLDER = ROOT / "deploy" / "sql"


@pytest.fixture(scope="module")
def jobs(stack: Path) -> Iterator[dict[str, flink.Job]]:
    """All jobs, each from its file, after the readings were sent: those that run, by name."""
    database = thresholds.engine()
    thresholds.create(database)
    thresholds.write(database, readings.THRESHOLDS)
    database.dispose()
    for job in pipeline.JOBS:
        topics.empty(sql.topic(job.writes) or "")
    topics.empty(topics.READINGS)
    topics.produce(readings.fleet())
    found = {}
    for job in pipeline.JOBS:
        environment = flink.connect(fresh=True, quiet=True)
        text = (FOLDER / f"{job.name}.sql").read_text()
        text = text.replace("kafka:9092", settings().kafka_for_flink)
        text = text.replace(
            "jdbc:postgresql://postgres:5432/cpuwatch?user=cpuwatch", settings().jdbc_url
        )
        for statement in text.split(";\n"):
            one = statement.strip()
            if one.startswith("SET "):
                name, value = one.removeprefix("SET ").split(" = ")
                environment.get_config().set(name.strip("'"), value.strip("'"))
            elif one:
                environment.execute_sql(one)
        (running,) = (one for one in flink.jobs(running_only=True) if one.name == job.name)
        found[job.name] = flink.wait_until_running(running)
        flink.wait_until_settled(running, quiet=True)
    yield found
    cluster.cancel_all(list(found.values()))


def test_its_results_are_those_of_pandas(jobs: dict[str, flink.Job]) -> None:
    assert sorted(jobs) == sorted(job.name for job in pipeline.JOBS)
    fleet = readings.fleet()
    order = ["window_start", "hostname", "cpu"]
    closed = twin.averages(fleet, 30)[: 19 * 35]
    averages = results.read("cpu_out_agg").sort_values(order, ignore_index=True)
    twin.assert_equal(averages, closed)
    over = results.read("cpu_out_over").sort_values(order, ignore_index=True)
    twin.assert_equal(over, twin.alerts(closed, readings.THRESHOLDS))
    filtered = results.read("cpu_out_filter").sort_values(["time_ltz", "hostname", "cpu"])
    pd.testing.assert_frame_equal(
        filtered.rename(columns={"time_ltz": "time"}).reset_index(drop=True),
        twin.filtered(fleet),
        check_dtype=False,
    )
    events = results.read("cpu_out_alerts")["event"].value_counts()
    assert events["opened"] == 15
