"""The entries of pipeline.py: those that do not fit are refused, with what there is."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cpuwatch import entries, pipeline
from cpuwatch.errors import CpuwatchError
from cpuwatch.pipeline import Chapter, Job

MINE = Job("cpu_mine", ("cpu_in",), "cpu_out_mine", "03", parameters=("window",))


def check(*jobs: Job, chapters: tuple[Chapter, ...] = pipeline.CHAPTERS) -> None:
    """Check the pipeline's entries and some more."""
    every = (*pipeline.JOBS, *jobs)
    numbers = [one.number for one in chapters]
    entries.check_jobs(every, numbers, pipeline.Parameters.names())
    entries.check_chapters(chapters, (pipeline.READINGS, pipeline.THRESHOLDS), every)


def test_a_job_of_ones_own_fits() -> None:
    check(MINE)
    check(MINE, replace(MINE, name="cpu_more", reads=("cpu_out_mine",), writes="cpu_out_more"))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"chapter": "3"}, "In pipeline.py the job cpu_mine is taught in chapter 3, which there is"
         f" not: there are {', '.join(pipeline.numbers())}."),
        ({"chapter": "98"}, "is taught in chapter 98, which there is not"),
        ({"name": "cpu_agg"}, "In pipeline.py two jobs are called cpu_agg: give one of them"
         " another name."),
        ({"writes": "cpu_out_agg"}, "In pipeline.py two jobs write cpu_out_agg: give one of them"
         " another name."),
        ({"also_writes": ("cpu_out_agg",)}, "two jobs write cpu_out_agg"),
        ({"reads": "cpu_in"}, 'The job cpu_mine has a text as reads: write reads=("cpu_in",), in'
         " brackets and with a comma."),
        ({"views": "cpu_view"}, "The job cpu_mine has a text as views"),
        ({"reads": ("cpu_out_alerts",)}, "The job cpu_mine reads what cpu_notification writes: in"
         " pipeline.py it has to come after cpu_notification, and in no chapter before that"
         " one's."),
        ({"parameters": ("limit",)}, "In pipeline.py the job cpu_mine has the parameter limit,"
         " which there is not: there are window, cooldown, min_readings, default_top."),
    ],
)  # fmt: skip
def test_a_job_that_does_not_fit_is_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(CpuwatchError) as found:
        check(replace(MINE, **change))
    assert says in str(found.value)


def test_a_job_before_the_one_whose_output_it_reads_is_refused() -> None:
    first, second = MINE, replace(MINE, name="cpu_x", reads=(MINE.writes,), writes="cpu_out_x")
    with pytest.raises(CpuwatchError, match="cpu_x reads what cpu_mine writes"):
        check(second, first)


@pytest.mark.parametrize(
    ("chapter", "says"),
    [
        (Chapter("99", needs=("cpu_aggg",)), "In pipeline.py chapter 99 needs cpu_aggg, which there"
         f" is not: there are {', '.join(job.name for job in pipeline.JOBS)}."),
        (Chapter("99", needs=("cpu_over",)), "In pipeline.py cpu_over, which chapter 99 needs,"
         " reads from cpu_agg, which there is not: there is cpu_over."),
        (Chapter("99", needs="cpu_agg"), 'The chapter 99 has a text as needs: write'
         ' needs=("cpu_agg",), in brackets and with a comma.'),
        (Chapter("99", leaves=("reading",)), "In pipeline.py chapter 99 leaves reading, which there"
         " is not: there are readings, thresholds."),
        (Chapter("1"), "each chapter stands once, in order, with a number of two digits"),
        (Chapter("12"), "each chapter stands once"),
    ],
)  # fmt: skip
def test_a_chapter_that_does_not_fit_is_refused(chapter: Chapter, says: str) -> None:
    with pytest.raises(CpuwatchError) as found:
        check(chapters=(*pipeline.CHAPTERS, chapter))
    assert says in str(found.value)


def test_what_does_not_fit_is_refused_when_the_pipeline_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = Path(pipeline.__file__).read_text().replace('chapter="03"', 'chapter="3"', 1)
    (tmp_path / "changed_pipeline.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(CpuwatchError, match="the job cpu_agg is taught in chapter 3, which there"):
        importlib.import_module("changed_pipeline")


def test_a_chapter_that_names_what_it_needs_begins_without_any_other_job(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One of its own brings it about again once its name is there, too."""
    own = replace(MINE, chapter="02")
    monkeypatch.setattr(pipeline, "JOBS", (*pipeline.JOBS, own))
    for one in pipeline.CHAPTERS:
        runs = own in pipeline.jobs_before(one.number)
        assert runs == (one.number > "02" and one.needs is None), one.number
    last = replace(pipeline.CHAPTERS[-1], needs=(own.name,))
    monkeypatch.setattr(pipeline, "CHAPTERS", (last,))
    assert pipeline.jobs_before(last.number) == (own,)
