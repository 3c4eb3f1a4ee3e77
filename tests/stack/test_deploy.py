"""The SQL of `deploy/` as it stands, in plain PyFlink: the same results as pandas'."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import twin
from story import assert_results, write_thresholds

from cpuwatch import flink, pipeline, readings, results, sql, topics
from cpuwatch.flink import cluster
from cpuwatch.settings import ROOT, settings

FOLDER = ROOT / "deploy" / "sql"


@pytest.fixture(scope="module")
def jobs(stack: Path) -> Iterator[dict[str, flink.Job]]:
    """All jobs, each from its file, after the readings were sent: those that run, by name."""
    write_thresholds()
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
    assert_results(fleet, twin.averages(fleet, 30)[: 19 * 35])
    events = results.read("cpu_out_alerts")["event"].value_counts()
    assert events["opened"] == 15
