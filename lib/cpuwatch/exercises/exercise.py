"""What an exercise is: its task, the cell to begin with, hints, a solution, and its judge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

#: A chapter's three exercises, from the easiest.
LEVELS = ("warm-up", "core", "stretch")


class NotYetError(Exception):
    """An answer is not right yet; the message says what differs, and where to look."""


@dataclass(frozen=True)
class Exercise:
    """Something for an attendee to make, and how what they made is judged.

    Attributes
    ----------
    name
        Chapter and level: '02-core'.
    task
        What to make, in Markdown: it stands above the cell.
    starter
        The code of that cell. It runs, and solves nothing.
    hints
        Three steps, each a little more.
    solution
        The code of a cell that solves it.
    judge
        Looks at the answer, or at what was made, and never at the text. It returns a sentence
        about the right answer, or raises `NotYetError`. It changes nothing.
    """

    name: str
    task: str
    starter: str
    hints: tuple[str, str, str]
    solution: str
    judge: Callable[[Any], str]

    @property
    def chapter(self) -> str:
        """The number of its chapter."""
        return self.name[:2]

    @property
    def level(self) -> str:
        """Which of the chapter's three it is."""
        return self.name[3:]


@dataclass(frozen=True)
class Question:
    """A question at the end of a chapter, with answers to choose from.

    Attributes
    ----------
    text
        What is asked.
    right
        The right answer, and why it is.
    wrong
        Answers that are wrong, each with what is true instead.
    at
        The place of the right one, from 0, so that it is not always the same.
    """

    text: str
    right: tuple[str, str]
    wrong: tuple[tuple[str, str], ...]
    at: int

    @property
    def answers(self) -> tuple[tuple[str, str], ...]:
        """All answers, each with what is said of it."""
        return (*self.wrong[: self.at], self.right, *self.wrong[self.at :])


@dataclass(frozen=True)
class Prediction:
    """What an attendee guesses before a cell shows it.

    Attributes
    ----------
    name
        Chapter and a word: '02-over'.
    asks
        What is to be guessed: it stands above the cell.
    explains
        Why it is what it is.
    """

    name: str
    asks: str
    explains: str


@dataclass(frozen=True)
class Chapter:
    """All that an attendee answers in a chapter.

    Attributes
    ----------
    exercises
        Three: a warm-up, a core one and a stretch.
    predictions
        Two.
    questions
        Four.
    """

    exercises: tuple[Exercise, ...]
    predictions: tuple[Prediction, ...] = ()
    questions: tuple[Question, ...] = ()
