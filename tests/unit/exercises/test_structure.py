"""Every chapter's exercises, predictions and questions are whole, and fit into a notebook."""

from __future__ import annotations

import ast

import pandas as pd
import pytest

from cpuwatch import exercises, workshop
from cpuwatch.errors import CpuwatchError
from cpuwatch.exercises import CHAPTERS, LEVELS, Exercise

EVERY = exercises.exercises()


@pytest.mark.parametrize("number", CHAPTERS)
def test_a_chapter_has_three_exercises_two_predictions_and_four_questions(number: str) -> None:
    chapter = CHAPTERS[number]
    assert [one.name for one in chapter.exercises] == [f"{number}-{level}" for level in LEVELS]
    assert len(chapter.predictions) == 2 and len(chapter.questions) == 4
    assert all(one.name.startswith(f"{number}-") for one in chapter.predictions)


@pytest.mark.parametrize("one", EVERY, ids=lambda one: one.name)
def test_its_cells_are_code_that_checks_it_and_are_not_cut_off(one: Exercise) -> None:
    for code in (one.starter, one.solution):
        last = ast.parse(code).body[-1]
        assert ast.unparse(last).startswith(f"workshop.check('{one.name}'")
        assert [line for line in code.splitlines() if len(line) > 76] == []
    assert one.starter != one.solution


@pytest.mark.parametrize("one", EVERY, ids=lambda one: one.name)
def test_its_hints_are_three_and_none_is_the_whole_solution(one: Exercise) -> None:
    assert len(set(one.hints)) == 3
    lines = [line.strip() for line in one.solution.splitlines() if len(line.strip()) > 30]
    assert not any(all(line in hint for line in lines) for hint in one.hints if lines)


@pytest.mark.parametrize("number", CHAPTERS)
def test_the_right_answers_of_a_chapter_are_at_different_places(number: str) -> None:
    places = [one.at for one in CHAPTERS[number].questions]
    assert sorted(places) == [0, 1, 2, 3]
    for one in CHAPTERS[number].questions:
        assert one.text.endswith("?") and len(one.answers) == 4
        assert one.answers[one.at] == one.right
        assert len({text for text, _ in one.answers}) == 4
        assert all(why.endswith(".") for _, why in one.answers)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: workshop.check("02-cor"), "this chapter has 02-warm-up, 02-core, 02-stretch"),
        (lambda: workshop.check("77"), "they are 01-warm-up"),
        (lambda: workshop.check(None), "they are 01-warm-up"),  # type: ignore[arg-type]
        (lambda: workshop.hint("cpu_filtr"), "There is no job .*they are cpu_filter, cpu_agg"),
        (lambda: workshop.solution("02"), "this chapter has 02-warm-up"),
        (lambda: workshop.predict("02-ove", 7), "this chapter has 02-over, 02-found"),
        (lambda: workshop.predict("02-over", "many"), "A guess is a number"),
        (lambda: workshop.quiz("77"), "there are for 01"),
        (lambda: workshop.quiz("02", "aaaaa"), "There are 4 questions and 5 answers"),
        (lambda: workshop.quiz("02", ["a", "z"]), "'z' is no answer to question 2"),
        (lambda: workshop.quiz("02", 7), "Answers are letters, one for each question"),
        (lambda: workshop.quiz("02", {"a": 1}), "Answers are letters"),
        (lambda: workshop.quiz("02", ["a", 2]), "Answers are letters"),
        (lambda: workshop.quiz(["a"], "02"), "there are for 01"),  # type: ignore[arg-type]
        (lambda: workshop.check(pd.DataFrame(), "02-core"), "they are 01"),  # type: ignore[arg-type]
        (lambda: workshop.predict("02-over", 10**400, 538), "A guess is a number. .* too large"),
        (lambda: workshop.predict("02-over", 7, "much"), "What it really is is a number"),
        (lambda: workshop.predict([], 7), "they are 01-part"),  # type: ignore[arg-type]
        (lambda: workshop.quiz("02", "az"), "'z' is no answer to question 2: they are a, b, c, d"),
    ],
)
def test_what_is_not_there_is_answered_with_what_is(call, words: str) -> None:
    with pytest.raises(CpuwatchError, match=words):
        call()
