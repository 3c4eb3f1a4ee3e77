"""A stand-in for Flink's planner: what it was given, and what it is to refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from py4j.protocol import Py4JError

from cpuwatch.flink import environment


class Planner:
    """Takes the place of a TableEnvironment, where no Java is.

    Attributes
    ----------
    given
        The statements that it got.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.given: list[str] = []
        self._refused: tuple[str, str] | None = None

        def call(work: Callable[[], Any], *_: object) -> Any:
            return work()

        monkeypatch.setattr(environment, "prepare", lambda: None)
        monkeypatch.setattr(environment.java, "call", call)

    def refuses(self, begin: str, trace: str) -> None:
        """From now on refuse the statements in which this stands."""
        self._refused = begin, trace

    def execute_sql(self, statement: str) -> None:
        """Take a statement."""
        self.given.append(statement)
        if self._refused is not None and self._refused[0] in statement:
            raise Py4JError(self._refused[1])

    sql_query = execute_sql


def rows_of(*cells: Any) -> type:
    """A stand-in for `flink.java.Rows`, whose only row has these cells."""

    class Rows:
        def __init__(self, _result: object) -> None: ...

        def __enter__(self) -> Rows:
            return self

        def __exit__(self, *_: object) -> None: ...

        def take(self) -> list[tuple[int, tuple[Any, ...]]]:
            return [(0, cells)]

    return Rows
