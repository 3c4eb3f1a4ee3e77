"""The order in which tables and views are made."""

from __future__ import annotations

from itertools import permutations

import pytest

from cpuwatch.flink.made import in_order, views_in

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


def test_a_view_that_a_comment_or_a_text_names_is_no_part_of_a_job() -> None:
    class Environment:
        """Has two views."""

        def list_views(self) -> list[str]:
            return ["hot", "cold"]

    statement = "INSERT INTO a SELECT 'cold' AS b FROM `hot` -- and not cold"
    assert views_in(Environment(), statement) == ["hot"]
