"""Exercises: what an attendee makes is judged, with a sentence that says what differs.

An exercise, its hints, its solution and its judge stand together, in the module of its chapter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from confluent_kafka import KafkaException
from py4j.protocol import Py4JError
from pyflink.util.exceptions import JavaException
from sqlalchemy.exc import SQLAlchemyError

from cpuwatch.errors import CpuwatchError
from cpuwatch.exercises import (
    chapter_01,
    chapter_02,
    chapter_03,
    chapter_04,
    chapter_05,
    chapter_06,
    chapter_07,
    chapter_08,
    chapter_09,
    chapter_10,
    chapter_11,
    chapter_12,
    chapter_13,
    solved,
)
from cpuwatch.exercises.exercise import (
    LEVELS,
    Chapter,
    Exercise,
    NotYetError,
    Prediction,
    Question,
)
from cpuwatch.flink import explain
from cpuwatch.words import shown

__all__ = [
    "CHAPTERS",
    "LEVELS",
    "Chapter",
    "Exercise",
    "Prediction",
    "Question",
    "Verdict",
    "exercise",
    "exercises",
    "judge",
    "prediction",
    "questions",
    "solved",
]

#: What a judge looks at is not there: the chapter was not begun, or a service is down.
_NOT_THERE = (CpuwatchError, SQLAlchemyError, KafkaException, JavaException, Py4JError)

_Named = TypeVar("_Named", Exercise, Prediction)

#: By the chapters' numbers.
CHAPTERS = {
    "01": chapter_01.CHAPTER,
    "02": chapter_02.CHAPTER,
    "03": chapter_03.CHAPTER,
    "04": chapter_04.CHAPTER,
    "05": chapter_05.CHAPTER,
    "06": chapter_06.CHAPTER,
    "07": chapter_07.CHAPTER,
    "08": chapter_08.CHAPTER,
    "09": chapter_09.CHAPTER,
    "10": chapter_10.CHAPTER,
    "11": chapter_11.CHAPTER,
    "12": chapter_12.CHAPTER,
    "13": chapter_13.CHAPTER,
}


@dataclass(frozen=True)
class Verdict:
    """What a judge says.

    Attributes
    ----------
    right
        Whether the answer is right.
    says
        One sentence or two: what is right, or what differs and where to look.
    """

    right: bool
    says: str


def exercises() -> tuple[Exercise, ...]:
    """All exercises, in the order of the chapters."""
    return tuple(one for chapter in CHAPTERS.values() for one in chapter.exercises)


def exercise(name: str) -> Exercise:
    """The exercise of that name.

    Raises
    ------
    CpuwatchError
        If there is none; it names those of that chapter, or the chapters that have some.
    """
    return _named("exercise", name, exercises())


def prediction(name: str) -> Prediction:
    """The prediction of that name; errors as for `exercise`."""
    every = [one for chapter in CHAPTERS.values() for one in chapter.predictions]
    return _named("prediction", name, every)


def questions(chapter: str) -> tuple[Question, ...]:
    """The questions at the end of a chapter.

    Raises
    ------
    CpuwatchError
        If it has none; it names the chapters that have some.
    """
    found = CHAPTERS.get(chapter) if isinstance(chapter, str) else None
    if found is None or not found.questions:
        there = ", ".join(number for number, one in CHAPTERS.items() if one.questions)
        raise CpuwatchError(
            f"There are no questions for chapter {shown(chapter)}: there are for {there}."
        )
    return found.questions


def _named(what: str, name: str, every: Sequence[_Named]) -> _Named:
    """The one of that name; raises CpuwatchError, with the names there are, if there is none."""
    there = {one.name: one for one in every}
    asked = name if isinstance(name, str) else ""  # perhaps the answer, which comes behind it
    if asked in there:
        return there[asked]
    near = [one for one in there if asked[:2] == one[:2]]
    whose = "this chapter has" if near else "they are"
    raise CpuwatchError(f"There is no {what} {shown(name)}: {whose} {', '.join(near or there)}.")


def judge(name: str, answer: Any = None) -> Verdict:
    """Judge an answer, or what was made; nothing is changed.

    Parameters
    ----------
    name
        Of the exercise, such as '02-core'.
    answer
        What the exercise asks for; some look at a topic, a table or a job instead.

    Returns
    -------
    Verdict

    Raises
    ------
    CpuwatchError
        If there is no such exercise.
    """
    one = exercise(name)
    try:
        return Verdict(True, one.judge(answer))
    except NotYetError as why:
        return Verdict(False, str(why))
    except _NOT_THERE as error:
        first = f'workshop.begin("{one.chapter}")'
        return Verdict(False, f"{explain.error(error)} Perhaps {first} has to come first.")
    except SystemError:
        raise  # so the Stop button may come out of a client of Kafka's
    except Exception as error:
        # Whatever it is: a beginner sees no stack trace.
        return Verdict(
            False,
            f"The answer is of another kind than asked for ({type(error).__name__}): see what"
            f' stands above the cell, or workshop.hint("{one.name}").',
        )
