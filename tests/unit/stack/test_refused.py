"""What PostgreSQL refuses is told apart from a PostgreSQL that does not answer."""

from __future__ import annotations

import psycopg2
import pytest

from cpuwatch.settings import settings
from cpuwatch.stack import refused


def error(said: str, code: str | None) -> psycopg2.OperationalError:
    # Psycopg alone can set the code, unless a class has one of its own.
    return type("Coded", (psycopg2.OperationalError,), {"pgcode": code})(said)


@pytest.mark.parametrize(
    ("said", "code", "sentence"),
    [
        (
            "index row size 8,016 exceeds btree version 4 maximum 2704",
            "54000",
            "answers, and refus",
        ),
        ("could not extend file: No space left on device", "53100", "answers, and refuses this"),
        ("connection refused", None, "does not answer (connection refused)"),
        ("terminating connection due to administrator command", "57P01", "does not answer"),
        ("server conn crashed?", "08P01", "does not answer"),
        ("sorry, too many clients already", "53300", "takes no more connections"),
        ("the database system is starting up", "57P03", "try again in a moment"),
    ],
)
def test_an_answer_is_no_silence(said: str, code: str | None, sentence: str) -> None:
    told = refused.sentence(settings(), error(said, code))
    assert sentence in told and said in told
    assert ("does not answer" in told) != ("answers, and" in told or "no more" in told)
