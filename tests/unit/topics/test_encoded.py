"""Readings as records: what is made column by column is what `orjson` makes of each by itself."""

from __future__ import annotations

import math

import orjson
import pytest

from cpuwatch.topics import encoded as module
from cpuwatch.topics.encoded import CHUNK, columns_of, encoded

NAMES = ("hostname", "cpu", "usage", "occurred_at")

ODD = [
    ("host-1", "cpu1", 12.5, 1767225600000),
    ("a,b", 'c"d', 0.1 + 0.2, 0),
    ("ü\n", "", 1e-07, -1),
    ("", "%b", 1e300, 2**62),
    ("host-1", "cpu1", 5e-324, 1),
    ("host-1", "cpu2", 100.0, 1767225600000),
    ("{}", "%s", -0.0, 3),
]


def one_by_one(rows: list[tuple], names: tuple[str, ...] = NAMES) -> list[tuple[bytes, bytes]]:
    return [
        (
            orjson.dumps(dict(zip(names, row, strict=True))),
            orjson.dumps({"hostname": row[0]}),
        )
        for row in rows
    ]


def made(rows: list[tuple], names: tuple[str, ...] = NAMES) -> list[tuple[bytes, bytes]]:
    return [
        one
        for values, keys in encoded(names, columns_of(rows, len(names)))
        for one in zip(values, keys, strict=True)
    ]


@pytest.mark.parametrize("count", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 7])
def test_each_record_is_what_orjson_makes_of_it(count: int) -> None:
    rows = [ODD[number % len(ODD)] for number in range(count)]
    assert made(rows) == one_by_one(rows)


def test_more_columns_follow_in_their_order() -> None:
    names = (*NAMES, "arrived_at")
    rows = [(*row, number) for number, row in enumerate(ODD)]
    assert made(rows, names) == one_by_one(rows, names)


def test_what_is_no_number_is_still_itself() -> None:
    """A table of somebody's own may hold anything; it comes as it would by itself."""
    rows = [
        ("h", "c", value, None) for value in (None, "1,5", "a", True, [1, 2], math.nan, {"a": 1})
    ]
    assert made(rows) == one_by_one(rows)


def test_of_many_series_some_are_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their beginnings are kept for speed, and not without end."""
    monkeypatch.setattr(module, "SERIES", 3)
    rows = [(f"host-{number % 7}", "cpu1", 1.0, number) for number in range(50)]
    assert made(rows) == one_by_one(rows)
