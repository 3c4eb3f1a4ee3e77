"""What an attendee gives as an answer, as the rows or the number that it stands for."""

from __future__ import annotations

import numbers
import re
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from pyflink.table import Table, TableEnvironment
from sqlalchemy import Select, TextClause
from sqlalchemy.exc import SQLAlchemyError

from cpuwatch import flink, thresholds
from cpuwatch.errors import CpuwatchError
from cpuwatch.exercises.exercise import NotYetError
from cpuwatch.flink import explain

#: More rows than any exercise has.
_MOST = 30_000

#: A check is short; a query that is not ready by then reads too much.
_PATIENCE = 30.0


def rows(answer: Any, place: str = "Flink") -> pd.DataFrame:
    """The rows of an answer: the text of a SELECT, a Table, or the rows themselves.

    Parameters
    ----------
    answer
        What the attendee gave.
    place
        Where the text of a query is run: 'Flink', or 'PostgreSQL'.

    Raises
    ------
    NotYetError
        If it is none of that, or the query is refused.
    """
    if isinstance(answer, pd.DataFrame):
        named = [name for name in answer.index.names if name is not None]
        return answer.reset_index() if named else answer
    if isinstance(answer, pd.Series):
        return rows(answer.to_frame(str(answer.name or "value")))
    if is_empty(answer):
        raise NotYetError("The answer is empty: write yours in place of what stands there.")
    try:
        if isinstance(answer, Table):
            return _previewed(f"SELECT * FROM {answer}", answer._t_env)
        if isinstance(answer, (Select, TextClause)):
            return _of_database(answer)
        if isinstance(answer, str):
            return _of_query(answer, place)
    except (CpuwatchError, SQLAlchemyError) as error:
        why = explain.error(error)
        raise NotYetError(f"{place} does not run the query. {why}") from error
    raise NotYetError(
        f"The answer is {_a(answer)}: give the text of a SELECT, or the rows that a preview of it"
        " gives back."
    )


def _of_query(text: str, place: str) -> pd.DataFrame:
    if not re.match(r"\s*(--.*\n\s*)*(\(\s*)*(SELECT|WITH)\b", text, re.IGNORECASE):
        raise NotYetError(
            "The answer is a text that is no query: a query begins with SELECT. Without INSERT"
            " INTO, since a check only looks."
        )
    return _previewed(text) if place == "Flink" else _of_database(text)


def _previewed(query: str, environment: TableEnvironment | None = None) -> pd.DataFrame:
    environment = environment or flink.connect(quiet=True)
    return flink.preview(environment, query, rows=_MOST, timeout=_PATIENCE, quiet=True)


def _of_database(query: Any) -> pd.DataFrame:
    engine = thresholds.engine()
    try:
        with engine.connect() as connection:
            # Without parameters a percent sign, as in LIKE 'd%', is one and no place for one.
            connection.execution_options(postgresql_readonly=True, no_parameters=True)
            return pd.read_sql(query, connection)
    finally:
        engine.dispose()


def number(answer: Any) -> float:
    """The number that an answer is; it may also be a list or a column with that number alone.

    Raises
    ------
    NotYetError
        If it is none.
    """
    if is_empty(answer):
        raise NotYetError("The answer is empty: put a number in place of None.")
    if isinstance(answer, (list, tuple, set, np.ndarray, pd.Series, pd.Index)):
        several = list(answer)
        if len(several) != 1:
            raise NotYetError(f"The answer holds {len(several)} values: one number is asked for.")
        return number(several[0])
    if isinstance(answer, str):
        try:
            return float(answer.strip().rstrip("%").replace(",", "."))
        except ValueError:
            pass
    if isinstance(answer, (numbers.Real, Decimal)) and not isinstance(answer, bool):
        return float(answer)
    raise NotYetError(f"The answer is {_a(answer)}: a number is asked for.")


def is_empty(answer: Any) -> bool:
    """Whether there is no answer: None, an ellipsis, or a text of nothing."""
    return (
        answer is None or answer is ... or (isinstance(answer, str) and not answer.strip(" .…\n"))
    )


def _a(answer: Any) -> str:
    name = type(answer).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
