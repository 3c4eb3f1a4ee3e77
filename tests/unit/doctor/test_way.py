"""The data's way: a job out of which nothing comes, and whether that is well."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cpuwatch import pipeline, topics
from cpuwatch.doctor import outputs, way
from cpuwatch.doctor.findings import Finding, trouble
from cpuwatch.doctor.samples import Sample
from cpuwatch.flink import resumable
from cpuwatch.flink.cluster import Job

MINE = replace(pipeline.JOBS[0], may_be_silent=True)


@pytest.fixture
def walked(monkeypatch: pytest.MonkeyPatch) -> way.Way:
    """A way on which there are readings, and nothing comes out."""
    monkeypatch.setattr(outputs, "held_back", lambda *_: [])
    monkeypatch.setattr(outputs, "empty", lambda what, *_: [trouble(what, "no row matches", "")])
    monkeypatch.setattr(resumable, "why_not", lambda _: "it was not stopped")
    found = way.Way.__new__(way.Way)
    found.running = {}
    found.dry, found.lags = {}, {}
    found.samples = {topics.READINGS: Sample(topics.READINGS, {0: [{"usage": 5}]})}
    return found


def said(walked: way.Way, job: pipeline.Job, runs: bool) -> Finding:
    """What is said of a job that runs, or did."""
    if runs:
        walked.running = {job.name: Job("1", job.name, "RUNNING")}
    (found,) = walked.station(job)
    return found


@pytest.mark.parametrize("runs", [True, False])
def test_a_job_that_may_be_silent_is_no_trouble(walked: way.Way, runs: bool) -> None:
    found = said(walked, MINE, runs)
    assert found.well or found.remark, found
    assert walked.dry == {}


@pytest.mark.parametrize("runs", [True, False])
def test_another_is(walked: way.Way, runs: bool) -> None:
    found = said(walked, pipeline.JOBS[0], runs)
    assert not found.well and not found.remark
    assert found.says.startswith("the first place where nothing comes out")


def test_readings_that_came_twice_are_told() -> None:
    one = {"hostname": "doc", "cpu": "cpu1", "usage": 5.0, "occurred_at": 1767603600000}
    other = one | {"occurred_at": 1767603601000}
    bad = one | {"usage": "much"}
    sample = Sample(topics.READINGS, {0: [one, other, bad, bad, None], 1: []})
    (well,) = outputs.readings(sample)
    assert well.well and not well.remark
    sample = Sample(topics.READINGS, {0: [one, other, one | {"usage": 6.0}], 1: [one]})
    _, found = outputs.readings(sample)
    assert found.remark and found.says == (
        "2 of the 4 records looked at repeat a reading that is there, such as doc cpu1 of"
        " 2026-01-05T09:00:00Z, 3 times: each counts in its average"
    )


def test_what_looks_for_records_that_are_no_readings_may_be_silent() -> None:
    assert [job.name for job in pipeline.EVERY if job.may_be_silent] == ["cpu_bad"]
