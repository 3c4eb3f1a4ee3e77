"""What a notebook shows of exercises: verdicts, hints, guesses, questions."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cpuwatch import exercises, workshop
from cpuwatch.exercises import Verdict, solved
from cpuwatch.settings import settings


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing is noted among what this machine's user has solved."""
    monkeypatch.setenv("CPUWATCH_CACHE", str(tmp_path))
    settings.cache_clear()
    yield tmp_path
    monkeypatch.undo()
    settings.cache_clear()


def test_what_is_right_is_noted_for_its_owner_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], cache: Path
) -> None:
    verdicts = iter([Verdict(False, "One row too many."), Verdict(True, "Seven rows.")] * 2)
    monkeypatch.setattr(exercises, "judge", lambda *_: next(verdicts))
    workshop.check("02-core", "SELECT")
    assert capsys.readouterr().out == "Not yet: One row too many.\n" and not solved.read()
    workshop.check("02-core", "SELECT")
    assert capsys.readouterr().out == "Right: Seven rows.\n" and list(solved.read()) == ["02-core"]
    when = solved.read()
    workshop.check("02-core", "SELECT")
    workshop.check("02-core", "SELECT")
    assert solved.read() == when  # the first time counts, and a later mistake takes nothing away
    assert (cache / "progress.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "[", "[]", '{"02-core": 7}', b"\xff\xfe"])
def test_a_damaged_note_counts_as_nothing(content: str | bytes, cache: Path) -> None:
    data = content.encode() if isinstance(content, str) else content
    (cache / "progress.json").write_bytes(data)
    assert solved.read() == {}
    solved.note("03-core")
    assert list(solved.read()) == ["03-core"]


def test_progress_is_shown(cache: Path) -> None:
    solved.note("02-core")
    command = [str(Path(sys.executable).parent / "cpuwatch"), "progress"]
    told = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
    found = json.loads(told.stdout)
    assert list(found["solved"]) == ["02-core"]
    assert found["of"] == [one.name for one in exercises.exercises()]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert f"1 of {len(found['of'])} are solved." in shown


def test_hints_come_one_by_one(capsys: pytest.CaptureFixture[str]) -> None:
    hints = exercises.exercise("03-core").hints
    said = []
    for _ in range(4):
        workshop.hint("03-core")
        said.append(" ".join(capsys.readouterr().out.split()))
    for given, text in enumerate(said, 1):
        shown = [hint for hint in hints if " ".join(hint.split()) in text]
        assert shown == list(hints[:given])
    assert "one more" in said[1] and 'workshop.solution("03-core")' in said[2]


def test_a_job_has_its_hint_and_its_solution(capsys: pytest.CaptureFixture[str]) -> None:
    workshop.hint("cpu_filter")
    assert "two conditions" in capsys.readouterr().out
    workshop.solution("cpu_filter")
    assert "usage > 80" in capsys.readouterr().out


def test_outside_of_a_notebook_a_solution_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    workshop.solution("02-core")
    assert capsys.readouterr().out.strip() == exercises.exercise("02-core").solution


@pytest.mark.parametrize(
    ("guess", "really", "said"),
    [
        (None, None, "No guess yet."),
        ("", None, "No guess yet."),
        (500, None, "Your guess is 500. Go on."),
        (None, 538, "It is 538. Two of three come"),
        (538, 538, "It is 538, exactly as you guessed. Two of three come"),
        ("1200", 538, "You guessed 1,200, and it is 538. Two of three come"),
        (0.5, 538, "You guessed 0.5, and it is 538."),
    ],
)
def test_a_guess_is_compared(
    guess: object, really: object, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    workshop.predict("02-over", guess, really)
    assert " ".join(capsys.readouterr().out.split()).startswith(said)


def test_questions_are_asked_and_answers_judged(capsys: pytest.CaptureFixture[str]) -> None:
    workshop.quiz("02")
    asked = capsys.readouterr().out
    questions = exercises.questions("02")
    assert all(one.text in " ".join(asked.split()) for one in questions)
    assert asked.count("a) ") == 4 and "Right" not in asked
    right = "".join("abcd"[one.at] for one in questions)
    workshop.quiz("02", list(right))
    assert "4 of 4 are right." in capsys.readouterr().out
    workshop.quiz("02", None)
    assert capsys.readouterr().out == asked
    workshop.quiz("02", right.upper())
    told = capsys.readouterr().out
    assert told.count("Right: ") == 4 and "4 of 4 are right." in told
    assert not any(one.text in " ".join(told.split()) for one in questions)
    workshop.quiz("02", f"{right[0]}, ")
    told = capsys.readouterr().out
    assert told.count("Right: ") == 1 and "1 of 1 are right." in told
    assert questions[1].text in " ".join(told.split())  # those that are left are asked again
    wrong = "abcd"[(questions[0].at + 1) % 4]
    workshop.quiz("02", wrong)
    told = " ".join(capsys.readouterr().out.split())
    assert told.startswith("1. No: ") and "0 of 1 are right." in told
