"""What an attendee gives as an answer, as the rows or the number that it stands for."""

from __future__ import annotations

import math
import numbers
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd
from pyflink.table import Table, TableEnvironment
from sqlalchemy import Select, TextClause
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from cpuwatch import flink, thresholds, words
from cpuwatch.errors import CpuwatchError
from cpuwatch.exercises import compare
from cpuwatch.exercises.exercise import NotYetError
from cpuwatch.exercises.patience import PATIENCE, Headway, briefly
from cpuwatch.flink import explain

#: More rows than any exercise has. Of a query no more are fetched, and then it is told as cut.
MOST = 30_000

#: Who gives rows themselves may give as many: comparing more of them would take long.
_MOST_GIVEN = 1_000_000

#: For all of a query, in seconds: planning, a place on the cluster, and what `patience` gives it.
_IN_ALL = 30.0

#: How a query begins, behind comments and brackets.
_QUERY = r"(\s|--.*\n|/\*[\s\S]*?\*/|\()*(SELECT|WITH)\b"

#: PostgreSQL's word for what was ended because it took too long.
_CANCELLED = "57014"


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
        if len(answer) > _MOST_GIVEN:
            raise NotYetError(
                f"The answer has {len(answer):,} rows, far more than any exercise has: what is it"
                " that comes so often?"
            )
        # A column comes twice where a join has its key on both sides.
        once: pd.DataFrame = answer.loc[:, ~answer.columns.duplicated()]
        named = [name for name in once.index.names if name is not None]
        return once.reset_index() if named else once
    if isinstance(answer, pd.Series):
        return rows(answer.to_frame(str(answer.name or "value")))
    if isinstance(answer, list) and answer and all(map(_is_row, answer[:_MOST_GIVEN])):
        return rows(pd.DataFrame(answer))
    if is_empty(answer):
        raise NotYetError("The answer is empty: write yours in place of what stands there.")
    try:
        if isinstance(answer, Table):
            # A Table of PyFlink's does not say otherwise of which environment it is.
            return _previewed(f"SELECT * FROM {answer}", answer._t_env)  # noqa: SLF001
        if isinstance(answer, (Select, TextClause)):
            return _of_database(answer)
        if isinstance(answer, str):
            return _of_query(answer, place)
    except (CpuwatchError, SQLAlchemyError) as error:
        why = explain.error(error)
        raise NotYetError(f"{place} does not run the query. {why}") from error
    raise NotYetError(
        f"The answer is {words.kind(answer)}: give the text of a SELECT, or its rows, all of them:"
        f" flink.preview(env, query, rows={MOST}) gives them, and without rows= the first ten."
    )


def _is_row(one: Any) -> bool:
    """Whether it has names for its values, as what SQLAlchemy and `to_dict` give."""
    return isinstance(one, Mapping) or (isinstance(one, Sequence) and hasattr(one, "_fields"))


def _of_query(text: str, place: str) -> pd.DataFrame:
    if not re.match(_QUERY, text, re.IGNORECASE):
        raise NotYetError(
            "The answer is a text that is no query: a query begins with SELECT. Without INSERT"
            " INTO, since a check only looks."
        )
    return _previewed(text) if place == "Flink" else _of_database(text)


def _previewed(query: str, environment: TableEnvironment | None = None) -> pd.DataFrame:
    environment = environment or flink.connect(quiet=True)
    found = flink.preview(
        environment, query, rows=MOST + 1, timeout=_IN_ALL, quiet=True, meanwhile=Headway()
    )
    return compare.cut(found, MOST) if len(found) > MOST else found


def _of_database(query: Any) -> pd.DataFrame:
    engine = thresholds.engine()
    try:
        with engine.connect() as connection:
            # Without parameters a percent sign, as in LIKE 'd%', is one and no place for one.
            connection.execution_options(postgresql_readonly=True, no_parameters=True)
            connection.exec_driver_sql(f"SET LOCAL statement_timeout = '{PATIENCE:.0f}s'")
            return pd.read_sql(query, connection)
    except OperationalError as error:
        if getattr(error.orig, "pgcode", None) != _CANCELLED:
            raise
        raise NotYetError(
            f"The query took longer than {PATIENCE:.0f} s, and was ended: does it join tables"
            " without ON, or wait for something?"
        ) from error
    finally:
        engine.dispose()


def several(answer: Any, most: int = 1000) -> list[Any]:
    """The values of an answer that holds several; of what never ends the first ones."""
    with briefly(lambda: f"The answer takes longer than {PATIENCE:.0f} s to read: give a list."):
        return list(islice(answer, most))


def number(answer: Any) -> float:
    """The number that an answer is; it may also be a list or a column with that number alone.

    Raises
    ------
    NotYetError
        If it is none.
    """
    if is_empty(answer):
        raise NotYetError("The answer is empty: put a number in place of None.")
    if isinstance(answer, (np.ndarray, pd.DataFrame)):  # a table may hold the number alone, too
        answer = np.asarray(answer).ravel()
    if isinstance(answer, (list, tuple, set, np.ndarray, pd.Series, pd.Index)):
        several = list(answer)
        if len(several) != 1:
            raise NotYetError(f"The answer holds {len(several)} values: one number is asked for.")
        return number(several[0])
    if isinstance(answer, (bool, np.bool_)) or not isinstance(answer, (str, numbers.Real, Decimal)):
        raise NotYetError(f"The answer is {words.kind(answer)}: a number is asked for.")
    try:
        found = float(_bare(answer) if isinstance(answer, str) else answer)
    except OverflowError:
        found = math.inf
    except ValueError:  # a text that is none, or Decimal's own nothing
        raise NotYetError(f"The answer is {words.kind(answer)}: a number is asked for.") from None
    if not math.isfinite(found):
        raise NotYetError(
            "The answer is infinite, too large, or no number at all (nan): an ordinary number is"
            " asked for."
        )
    return found


def _bare(text: str) -> str:
    return text.strip().rstrip("%").replace(",", ".")


def is_empty(answer: Any) -> bool:
    """Whether there is no answer: None, an ellipsis, or a text of nothing."""
    return (
        answer is None or answer is ... or (isinstance(answer, str) and not answer.strip(" .…\n"))
    )
