"""Readings as the JSON of records, many at once: column by column, and each series once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice, repeat
from typing import Any

import orjson

#: So many readings become JSON at a time.
CHUNK = 1000

#: The beginnings of so many series are kept, so that each is made once.
SERIES = 100_000


def encoded(
    names: Sequence[str], chunks: Iterable[Sequence[list[Any]]]
) -> Iterator[tuple[list[bytes], list[bytes]]]:
    """Records of readings, their values and their keys, as `orjson` would make them one by one.

    Parameters
    ----------
    names
        Of the columns: hostname, cpu, and others, which are numbers as a rule.
    chunks
        The columns of some readings at a time.

    Yields
    ------
    tuple of list
        The values of a chunk, in their order, and their keys.
    """
    series = _Series(*names[:2])
    between = [repeat(b"," + orjson.dumps(name) + b":") for name in names[2:]]
    end = repeat(b"}")
    # No loop of ours runs over the readings: `map` and `zip` take a third of the time.
    for hostnames, cpus, *columns in chunks:
        begun = list(map(series.__getitem__, zip(hostnames, cpus, strict=True)))
        heads = [head for head, _ in begun]
        fields = chain.from_iterable(zip(between, map(_each, columns), strict=True))
        # Two of these have no end.
        values = list(map(b"".join, zip(heads, *fields, end, strict=False)))
        yield values, [key for _, key in begun]


def columns_of(rows: Iterable[tuple[Any, ...]], count: int) -> Iterator[list[list[Any]]]:
    """Rows of so many fields as chunks of columns."""
    rows = iter(rows)
    while chunk := list(islice(rows, CHUNK)):
        yield [[row[place] for row in chunk] for place in range(count)]


class _Series(dict[tuple[str, str], tuple[bytes, bytes]]):
    """How the records of each series begin, and their key; made when it is first asked for."""

    def __init__(self, hostname: str, cpu: str) -> None:
        super().__init__()
        self._names = hostname, cpu

    def __missing__(self, series: tuple[str, str]) -> tuple[bytes, bytes]:
        if len(self) >= SERIES:
            self.clear()
        begun = orjson.dumps(dict(zip(self._names, series, strict=True)))[:-1]
        self[series] = begun, orjson.dumps({self._names[0]: series[0]})
        return self[series]


def _each(values: Sequence[Any]) -> list[bytes]:
    """Each value as JSON; numbers as one list, which is cut at its commas."""
    cut = orjson.dumps(list(values))[1:-1].split(b",")
    return cut if len(cut) == len(values) else [orjson.dumps(value) for value in values]
