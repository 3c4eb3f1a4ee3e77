"""What a reading is stands in the table, for Flink, and in the library, for files: once each."""

from __future__ import annotations

import re

import pytest

from cpuwatch import pipeline, sql
from cpuwatch.readings.reading import LONGEST_NAMES, PIPELINE_TIMES, wrong_names


def test_the_table_and_the_library_have_the_same_limits() -> None:
    text = sql.normal(sql.taught("cpu_in"))
    times = re.search(r"occurred_at BETWEEN (\d+) AND (\d+)", text)
    longest = re.search(r"CHAR_LENGTH\(CONCAT\(hostname, cpu\)\) <= (\d+)", text)
    assert times is not None and longest is not None
    assert (int(times[1]), int(times[2])) == PIPELINE_TIMES
    assert int(longest[1]) == LONGEST_NAMES


def test_the_reasons_name_the_same_limits() -> None:
    text = sql.normal(sql.taught("cpu_bad"))
    assert f"occurred_at < {PIPELINE_TIMES[0]}" in text
    assert f"occurred_at > {PIPELINE_TIMES[1]}" in text
    assert f"CHAR_LENGTH(CONCAT(hostname, cpu)) > {LONGEST_NAMES}" in text


@pytest.mark.parametrize(
    "job",
    [
        job.name
        for job in pipeline.EVERY
        if any("cpu_in" in (table, *sql.bases(table)) for table in job.reads)
    ],
)
def test_every_job_that_reads_readings_tells_them_from_what_is_none(job: str) -> None:
    """One looks for what is none; all others leave it out."""
    wanted = "IS NULL" if job == "cpu_bad" else "IS NOT NULL"
    assert f"time_ltz {wanted}" in sql.normal(sql.taught(job))


@pytest.mark.parametrize(
    ("hostname", "cpu", "wrong"),
    [
        ("doc", "cpu1", None),
        ("日" * 150, "c" * 150, None),
        ("\x1b[31m", "cpu1", None),  # text, whatever it looks like
        ("", "cpu1", "hostname '' is empty"),
        ("   ", "cpu1", "hostname '' is empty"),
        ("doc", "", "cpu '' is empty"),
        ("d\0c", "cpu1", "hostname holds a NUL character"),
        ("日" * 150, "c" * 151, "hostname and cpu have 301 characters, more than 300"),
    ],
)
def test_names_that_are_none(hostname: str, cpu: str, wrong: str | None) -> None:
    assert wrong_names(hostname, cpu) == wrong
