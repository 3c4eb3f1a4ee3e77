"""What a cell shows of an error: the cell's own as Python says it, ours in a sentence."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from cpuwatch import flink, topics, workshop
from cpuwatch.errors import CpuwatchError
from cpuwatch.workshop import errors


def said(cell: str, **names: Any) -> str | None:
    """What is said of the error of a cell, if it is one within a function of ours."""
    code = compile(cell, "/tmp/ipykernel_12/345.py", "exec")
    try:
        exec(code, {"workshop": workshop, "flink": flink, "topics": topics, **names})
    except Exception as error:
        return errors.within_ours(error, sys.exc_info()[2])
    raise AssertionError("the cell is well")


@pytest.mark.parametrize(
    ("cell", "begins"),
    [
        ("workshop.fleet(seed='seven')", "workshop.fleet failed within ("),
        ("workshop.delayed(7)", "workshop.delayed failed within ("),
        ("workshop.score(7, 8)", "workshop.score failed within ("),
        ("workshop.fleet(sed=7)", None),  # Python says it in one line, and where
        ("1 / 0", None),
        ("{}['a']", None),
    ],
)
def test_what_fails_within_ours_is_a_sentence(cell: str, begins: str | None) -> None:
    found = said(cell)
    assert (found or "").startswith(begins or ""), found
    assert begins is not None or found is None
    if found:
        assert "Does it get what it takes? A cell with workshop." in found and "\n" not in found


def test_what_a_cell_hands_over_fails_as_the_cell_s_own() -> None:
    # As the exercises call what an attendee has written: the error is in a line of the attendee's.
    names: dict[str, Any] = {}
    exec(compile("def call(one):\n    one({})\n", topics.__file__, "exec"), names)
    assert said("def mine(row):\n    return row['nothing']\ncall(mine)", **names) is None
    found = said("call(None)", **names)
    assert found is not None and found.startswith("A function of the workshop failed within (TypeE")


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: topics.produce([1, 2]), "sends a table of readings, .* not a list"),
        (lambda: topics.produce({"hostname": "doc"}), "not a dict"),
        (
            lambda: topics.produce(workshop.fleet(ticks=1).rename(columns={"usage": "used"})),
            "here usage is missing; there are hostname, cpu, used, occurred_at",
        ),
        (lambda: workshop.fresh_topic("my topic"), "No topic can be called 'my topic'"),
        (lambda: workshop.fresh_topic("größe"), "letters without accents"),
        (lambda: workshop.fresh_topic("x" * 250), "at most 249"),
        (lambda: workshop.fresh_topic(".."), "No topic can be called"),
        (lambda: workshop.fresh_topic(None), "is a text, such as 'my_topic', not None"),
        (lambda: workshop.fresh_topic("mine", partitions=0), "mine cannot have 0 partitions"),
        (lambda: workshop.fresh_topic("mine", partitions=-1), "from 1 to 512"),
        (lambda: workshop.fresh_topic("mine", partitions=1.5), "a whole number"),
        (lambda: workshop.fresh_topic("mine", partitions="2"), "a whole number"),
        (lambda: workshop.fresh_topic("mine", partitions=10_000), "from 1 to 512"),
        (lambda: flink.preview(None, None), "that begins with SELECT, .* not None"),
        (lambda: flink.preview(None, "SELECT 1", rows=0), "from 1 on; 0 is none"),
        (lambda: flink.preview(None, "SELECT 1", rows="many"), "'many' is none"),
        (lambda: flink.wait_until_settled(None), "as flink.deploy gives it, or its name, not None"),
        (lambda: flink.watermark(7), "or its name, not an int"),
        (lambda: workshop.late(["mine"]), "or its name, not a list"),
        (lambda: flink.deploy(None, 7), "the job's name and its statement, in this order"),
        (lambda: flink.deploy(None, "mine", ["a"]), "in this order"),
        (lambda: flink.deploy("mine", "cpu_bad"), "the environment first, not a str"),
    ],
)
def test_what_beginners_hand_over_by_mistake_is_named(call: Any, says: str) -> None:
    with pytest.raises(CpuwatchError, match=says):
        call()
