"""What the workshop's own module does without any service."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import pytest

from cpuwatch import pipeline, readings, sql, topics, workshop
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink import noted
from cpuwatch.settings import settings
from cpuwatch.workshop import chapters
from cpuwatch.workshop.chapters import summary

#: Another notebook, in the midst of its first cell.
BEGINS = """
import sys, time
from pathlib import Path
from cpuwatch import files

with files.only_one(Path(sys.argv[1])):
    print("begun", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("CPUWATCH_STATE", str(tmp_path / "state"))
    settings.cache_clear()
    yield tmp_path / "state"
    settings.cache_clear()


@pytest.fixture
def another(state: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", BEGINS, str(settings().notes / "begin.lock")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdout.readline() == b"begun\n"
        yield other
        other.kill()


class Topic:
    """A topic of readings, and what others send to it meanwhile."""

    def __init__(self, *others: int) -> None:
        self.holds = 0
        self.sent = 0
        self._others = list(others)

    def states(self, name: str) -> dict[str, topics.State]:
        return {name: topics.State("1", {0: self.holds})} if self.sent else {}

    def renew(self, _name: str, spare: bool = False) -> list[str]:
        self.holds = 0
        return []

    def produce(self, table: object) -> int:
        self.sent += 1
        self.holds += len(readings.fleet()) + self._others.pop(0)
        return len(readings.fleet())


def restore_readings(topic: Topic, monkeypatch: pytest.MonkeyPatch) -> tuple[bool, list[str]]:
    """Whether the readings were noted as the fleet's, and what was said."""
    notes: list[str] = []
    for module, name, value in (
        (topics, "states", topic.states),
        (topics, "produce", topic.produce),
        (topics, "held", lambda _: topic.holds),
        (noted, "note_readings", lambda *_: notes.append("noted")),
        (chapters, "renew", topic.renew),
        (chapters, "warm_up", lambda: None),
        (chapters, "readers", lambda _: []),
    ):
        monkeypatch.setattr(module, name, value)
    done = chapters.CatchUp("02", False, lambda _: None)
    done.restore_readings()
    assert done.did == ["the readings were sent"]
    return bool(notes), done.remarks


def test_readings_are_noted_as_the_fleet_s_where_they_are_alone(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = Topic(0)
    assert restore_readings(topic, monkeypatch) == (True, [])
    assert topic.sent == 1


def test_where_somebody_sent_to_it_meanwhile_the_topic_is_made_once_more(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = Topic(21_000, 0)
    assert restore_readings(topic, monkeypatch) == (True, [])
    assert topic.sent == 2


def test_where_somebody_goes_on_sending_that_is_said(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = Topic(7, 7)
    is_noted, (said,) = restore_readings(topic, monkeypatch)
    assert not is_noted and topic.sent == 2
    assert said.endswith("something else sends to it. Stop that, and run this cell again.")


def test_who_begins_beside_another_waits_until_that_one_is_gone(
    another: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chapters.known, "status", list)
    told: list[str] = []

    def tell(text: str) -> None:
        told.append(text)
        another.kill()

    chapters.CatchUp("00", False, tell).run()
    assert told == ["Another notebook begins a chapter just now: waiting until that is done"]


def test_who_waits_for_another_can_be_stopped(
    another: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chapters.known, "status", list)

    def soon(_: str) -> None:
        Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()

    with pytest.raises(KeyboardInterrupt):
        chapters.CatchUp("00", False, soon).run()
    assert another.poll() is None


def test_a_chapter_that_there_is_not_is_refused_with_those_there_are() -> None:
    with pytest.raises(CpuwatchError, match="'7': they are 00, 01, 02, 03, 04, 05, 06"):
        workshop.begin("7")


def test_what_begin_says_fits_a_line_and_grows_with_the_chapters() -> None:
    said = [summary(chapter) for chapter in pipeline.numbers()]
    assert said[0] == said[1] == "Kafka, PostgreSQL and Flink are up."
    before = " ".join(said[9].splitlines()[1:])
    assert before.startswith("There from before: 21,000 readings, cpu_filter, cpu_agg, ")
    named = re.findall(r"\bcpu_\w+|thresholds", before)
    assert named.index("thresholds") == named.index("cpu_over") - 1
    assert {*named} == {"thresholds", *(job.name for job in pipeline.JOBS)}
    # Those beyond the tutorial need not all of the jobs.
    assert said[10].endswith("21,000 readings, cpu_filter, cpu_agg, thresholds, cpu_over.")
    assert max(len(line) for text in said for line in text.splitlines()) <= 88


def test_a_job_that_there_is_not_has_no_hint() -> None:
    with pytest.raises(CpuwatchError, match="There is no job 'cpu_filtr'") as found:
        workshop.hint("cpu_filtr")
    named = re.findall(r"\bcpu_\w+", str(found.value))[1:]
    assert named == [job.name for job in pipeline.EVERY if job.hint]
    for name in named:
        workshop.hint(name)


def test_a_solution_is_the_library_s_statement(capsys: pytest.CaptureFixture[str]) -> None:
    for job in pipeline.EVERY:
        workshop.solution(job.name)
        assert capsys.readouterr().out.strip().endswith(sql.taught(job.name))
