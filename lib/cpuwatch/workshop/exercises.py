"""What a notebook asks about exercises: is it right, a hint, the solution, a guess, questions."""

from __future__ import annotations

import textwrap
from typing import Any

from cpuwatch import exercises, pipeline, sql
from cpuwatch.errors import CpuwatchError
from cpuwatch.exercises import Exercise, solved
from cpuwatch.exercises.answers import is_empty, number
from cpuwatch.exercises.exercise import NotYetError
from cpuwatch.progress import LINE

#: How many hints of each exercise were given in this notebook.
_GIVEN: dict[str, int] = {}

_LETTERS = "abcdefgh"


def check(exercise: str, answer: Any = None) -> None:
    """Say whether an exercise is solved, or what differs and where to look.

    It looks at what you made, and never at how; and it changes nothing. A function or a query of
    yours that takes too long is ended, so that a check takes a few seconds.

    Parameters
    ----------
    exercise
        Its name, such as '02-core'.
    answer
        What the exercise asks for: a number, the text of a query, or the rows that it gives.
        Some exercises ask for a topic, a table or a job instead.

    Raises
    ------
    CpuwatchError
        If there is no such exercise; it names those there are.
    """
    verdict = exercises.judge(exercise, answer)
    if verdict.right:
        solved.note(exercise)
    _say(f"{'Right' if verdict.right else 'Not yet'}: {verdict.says}")


def hint(name: str) -> None:
    """Print a hint for an exercise or a job; asked again, one more.

    Parameters
    ----------
    name
        Of the exercise, such as '02-core', or of the job, such as 'cpu_filter'.

    Raises
    ------
    CpuwatchError
        If there is neither; it names those there are.
    """
    if (job := pipeline.job(name)) is not None:
        print(job.hint or f"There is no hint for {name}.")
        return
    hints = _exercise(name).hints
    given = _GIVEN[name] = min(_GIVEN.get(name, 0) + 1, len(hints))
    for at, text in enumerate(hints[:given], 1):
        _say(f"Hint {at} of {len(hints)}: {text}")
    if given < len(hints):
        print("Run the cell again for one more.")
    else:
        print(f'That was the last one. The solution: workshop.solution("{name}")')


def solution(name: str) -> None:
    """Put the solution of an exercise into a new cell; print a job's views and its statement.

    Parameters
    ----------
    name
        As for `hint`.

    Raises
    ------
    CpuwatchError
        As for `hint`.
    """
    if (job := pipeline.job(name)) is not None:
        print("\n\n".join(sql.taught(part) for part in (*job.views, job.name)))
        return
    from IPython.core.getipython import get_ipython

    code = _exercise(name).solution
    shell: Any = get_ipython()
    if shell is None:
        print(code)
        return
    shell.set_next_input(code)
    print("The solution is in the cell below.")


def predict(name: str, guess: Any, really: Any = None) -> None:
    """Guess before a cell shows it; afterwards, compare.

    Parameters
    ----------
    name
        Of the prediction, such as '02-over'.
    guess
        Your number; None if you would rather not guess.
    really
        What it really is, once you know.

    Raises
    ------
    CpuwatchError
        If there is no such prediction, or the guess is no number.
    """
    one = exercises.prediction(name)
    guessed = None if is_empty(guess) else _number("A guess", guess)
    if really is None:
        _say("No guess yet." if guessed is None else f"Your guess is {guessed:,g}. Go on.")
        return
    true = _number("What it really is", really)
    if guessed is None:
        compared = f"It is {true:,g}."
    elif guessed == true:
        compared = f"It is {true:,g}, exactly as you guessed."
    else:
        compared = f"You guessed {guessed:,g}, and it is {true:,g}."
    _say(f"{compared} {one.explains}")


def _number(what: str, given: Any) -> float:
    try:
        return number(given)
    except (NotYetError, RecursionError) as why:
        raise CpuwatchError(f"{what} is a number. {why}") from why


def quiz(chapter: str, answers: Any = "") -> None:
    """Ask the questions at a chapter's end; with answers, say which are right and why.

    Parameters
    ----------
    chapter
        Its number, such as '02'.
    answers
        A letter for each question, such as "badc"; or a list of them.

    Raises
    ------
    CpuwatchError
        If the chapter has no questions, or there are too many answers, or one is none of
        those to choose from, or they are no letters.
    """
    asked = exercises.questions(chapter)
    letters = _letters(answers)
    if len(letters) > len(asked):
        raise CpuwatchError(
            f"There are {len(asked)} questions and {len(letters)} answers: write one letter for"
            " each question."
        )
    right = 0
    for at, question in enumerate(asked):
        choices = dict(zip(_LETTERS, question.answers, strict=False))
        if at >= len(letters):
            _say(f"{at + 1}. {question.text}")
            for letter, (text, _) in choices.items():
                _say(f"   {letter}) {text}")
            continue
        letter = letters[at]
        if letter not in choices:
            raise CpuwatchError(
                f"{letter!r} is no answer to question {at + 1}: they are {', '.join(choices)}."
            )
        is_right = choices[letter] == question.right
        right += is_right
        _say(f"{at + 1}. {'Right' if is_right else 'No'}: {choices[letter][1]}")
    if letters:
        print(f"{right} of {len(letters)} are right.")


def _letters(answers: Any) -> list[str]:
    """The letters that were given, without what stands between them; none if nothing was."""
    given = list(answers) if isinstance(answers, (str, list, tuple)) else [answers]
    if not all(one is None or isinstance(one, str) for one in given):
        raise CpuwatchError('Answers are letters, one for each question, such as "badc".')
    text = "".join(one for one in given if one is not None)
    return [one for one in text.lower() if not (one.isspace() or one in ",.;-")]


def _say(text: str) -> None:
    """Print a text in lines that JupyterLab does not break."""
    indent = " " * (len(text) - len(text.lstrip()))
    print(textwrap.fill(text, LINE, subsequent_indent=indent))


def _exercise(name: str) -> Exercise:
    if not str(name)[:1].isdigit():
        jobs = ", ".join(job.name for job in pipeline.EVERY if job.hint)
        raise CpuwatchError(
            f"There is no job {name!r}: they are {jobs}. An exercise has a name such as 02-core."
        )
    return exercises.exercise(name)
