"""What the workshop's own module does without any service."""

from __future__ import annotations

import pytest

from cpuwatch import progress, readings, sql, workshop
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink import java, settle
from cpuwatch.workshop.chapters import _summary


def test_a_chapter_that_there_is_not_is_refused_with_those_there_are() -> None:
    with pytest.raises(CpuwatchError, match="'7': they are 00, 01, 02, 03, 04, 05, 06"):
        workshop.begin("7")


def test_what_begin_says_fits_a_line_and_grows_with_the_chapters() -> None:
    said = [_summary(chapter) for chapter in workshop.CHAPTERS]
    assert said[0] == said[1] == "Kafka, PostgreSQL and Flink are up."
    assert said[6].splitlines()[1] == (
        "There from before: 21,000 readings, cpu_filter, cpu_agg, thresholds, both alert jobs."
    )
    assert max(len(line) for text in said for line in text.splitlines()) <= 88


def test_a_job_that_there_is_not_has_no_hint() -> None:
    with pytest.raises(CpuwatchError, match="There is no job 'cpu_filtr'"):
        workshop.hint("cpu_filtr")


def test_a_solution_is_the_library_s_statement(capsys: pytest.CaptureFixture[str]) -> None:
    for name in workshop.JOBS:
        workshop.solution(name)
        assert capsys.readouterr().out.strip() == sql.source(name)


def test_what_the_jobs_should_have_written() -> None:
    counts = {name: len(workshop.expected(name)) for name in workshop.JOBS}
    fleet = readings.fleet()
    assert counts["cpu_filter"] == (fleet["usage"] > 80).sum()
    assert counts["cpu_agg"] == 19 * 35
    assert 0 < counts["cpu_notification"] < counts["cpu_over"] < counts["cpu_agg"]


def test_a_bar_shows_its_share() -> None:
    assert progress.bar(0.0).endswith("░ 0%") and progress.bar(1.0).endswith("█ 100%")
    assert progress.bar(7.0) == progress.bar(1.0)


def test_an_interrupted_call_is_undone_when_it_has_ended() -> None:
    undone: list[int] = []

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        java.call(lambda: __import__("time").sleep(0.5) or 42, undone.append, watch=interrupt)
    java.call(lambda: None)  # waits until the one before has ended
    assert undone == [42]


def test_a_call_raises_what_its_work_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        java.call(lambda: 1 / 0)


def test_the_metric_of_a_topic_with_dots_is_understood() -> None:
    found = settle._OFFSET.search(
        "0.Source__cpu_in[1].KafkaSourceReader.topic.a.b-c.partition.12.currentOffset"
    )
    assert found is not None and found["topic"] == "a.b-c" and found["partition"] == "12"
