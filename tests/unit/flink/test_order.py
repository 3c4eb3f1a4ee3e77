"""The order in which tables and views are made."""

from __future__ import annotations

from itertools import permutations

import pytest

from cpuwatch.flink.tables import in_order

HOT = "CREATE TEMPORARY VIEW hot AS\nSELECT * FROM {} WHERE usage > 80"


@pytest.mark.parametrize(
    "made",
    [
        {"readings": "CREATE TABLE readings (…) WITH ('topic' = 'hot')", "hot": "readings"},
        {"readings": "CREATE TABLE readings (…) -- for hot", "hot": "`readings`"},
        {"readings": "CREATE TABLE readings /* for\nhot */ (…)", "hot": "readings"},
        {"my-in": "CREATE TABLE `my-in` (…) WITH ('note' = 'it''s hot')", "hot": "`my-in`"},
    ],
    ids=["a text", "a comment", "a long comment", "a name in quotes"],
)
def test_a_view_comes_after_its_table_whatever_texts_and_comments_say(made: dict[str, str]) -> None:
    table, view = made
    texts = {table: made[table], view: HOT.format(made[view])}
    for names in permutations(texts):
        assert in_order({name: texts[name] for name in names}) == [table, view]


def test_a_circle_has_an_end() -> None:
    made = {
        "a": "CREATE TABLE a (b STRING) -- as in b",
        "b": "CREATE TABLE b (a STRING) -- as in a",
        "c": "CREATE TABLE c LIKE b",
    }
    assert sorted(in_order(made)) == ["a", "b", "c"]
    assert in_order(made).index("b") < in_order(made).index("c")
