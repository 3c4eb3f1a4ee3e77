"""What topics hold, as judges look at it: so much at most that a check stays short."""

from __future__ import annotations

import pandas as pd
from confluent_kafka import Message

from cpuwatch import results, sql, topics
from cpuwatch.exercises.exercise import NotYetError

#: So many records a check takes some seconds for. All chapters together make fewer.
MOST = 200_000


def records(topic: str) -> pd.DataFrame:
    """All records of a topic, as `topics.read` gives them.

    Raises
    ------
    NotYetError
        If it holds more than a check looks at.
    """
    _refuse_too_many(topic)
    return topics.read(topic)


def messages(topic: str) -> list[Message]:
    """The same, as `topics.messages` gives them."""
    _refuse_too_many(topic)
    return list(topics.messages(topic))


def rows(table: str) -> pd.DataFrame:
    """What a job has written by a table of the pipeline, as `results.read` gives it."""
    _refuse_too_many(sql.topic(table) or table)
    return results.read(table)


def _refuse_too_many(topic: str) -> None:
    held = topics.held(topic)
    if held > MOST:
        raise NotYetError(
            f"{topic} holds {held:,} records, and a check looks at {MOST:,} at most. Begin afresh,"
            " with the chapter's readings alone: workshop.reset(), and then its cells from the"
            " first one on."
        )
