"""What the workshop's own module does without any service."""

from __future__ import annotations

import pytest

from cpuwatch import pipeline, sql, workshop
from cpuwatch.errors import CpuwatchError
from cpuwatch.workshop.chapters import summary


def test_a_chapter_that_there_is_not_is_refused_with_those_there_are() -> None:
    with pytest.raises(CpuwatchError, match="'7': they are 00, 01, 02, 03, 04, 05, 06"):
        workshop.begin("7")


def test_what_begin_says_fits_a_line_and_grows_with_the_chapters() -> None:
    said = [summary(chapter) for chapter in pipeline.numbers()]
    assert said[0] == said[1] == "Kafka, PostgreSQL and Flink are up."
    assert " ".join(summary("09").splitlines()[1:]) == (
        "There from before: 21,000 readings, cpu_filter, cpu_agg, cpu_bad, thresholds,"
        " cpu_over, cpu_notification."
    )
    assert max(len(line) for text in said for line in text.splitlines()) <= 88


def test_a_job_that_there_is_not_has_no_hint() -> None:
    with pytest.raises(CpuwatchError, match="There is no job 'cpu_filtr'"):
        workshop.hint("cpu_filtr")


def test_a_solution_is_the_library_s_statement(capsys: pytest.CaptureFixture[str]) -> None:
    for job in pipeline.JOBS:
        workshop.solution(job.name)
        assert capsys.readouterr().out.strip().endswith(sql.taught(job.name))
