"""Under a prefix what speaks to Kafka without our help says the whole names."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from cpuwatch import exercises, sql, workshop
from cpuwatch.exercises import Exercise
from cpuwatch.settings import settings

NOTEBOOKS = sorted((Path(__file__).parents[3] / "notebooks").glob("*.ipynb"))

#: Where a plain client is told a topic or a group as a text.
PLAIN = re.compile(
    r"""["']group\.id["']:\s*["']|(?:subscribe\(\[|TopicPartition\(|NewTopic\()\s*["']"""
)

OURS = [one for one in exercises.exercises() if "confluent_kafka" in one.starter + one.solution]


@pytest.fixture(autouse=True)
def anna(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("CPUWATCH_PREFIX", "anna")
    monkeypatch.setenv("CPUWATCH_KAFKA", "127.0.0.1:9")
    settings.cache_clear()
    yield
    settings.cache_clear()


def _cells(path: Path) -> list[str]:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(one["source"]) for one in cells if one["cell_type"] == "code"]


def test_there_are_some() -> None:
    assert [one.name for one in OURS] == ["01-stretch", "07-stretch"]


@pytest.mark.parametrize("one", exercises.exercises(), ids=lambda one: one.name)
def test_no_exercise_tells_a_plain_client_a_plain_name(one: Exercise) -> None:
    for text in (one.starter, one.solution, *one.hints):
        assert PLAIN.search(text) is None, text


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_nor_does_a_notebook(path: Path) -> None:
    assert [cell for cell in _cells(path) if PLAIN.search(cell)] == []


@pytest.mark.parametrize("one", OURS, ids=lambda one: one.name)
def test_what_a_solution_asks_kafka_for_is_ones_own(
    one: Exercise, monkeypatch: pytest.MonkeyPatch
) -> None:
    named: list[str] = []

    class Consumer:
        def __init__(self, options: dict[str, Any]) -> None:
            named.append(options["group.id"])

        def subscribe(self, topics: list[str]) -> None:
            named.extend(topics)

        def get_watermark_offsets(self, _: object) -> tuple[int, int]:
            return 0, 9

        def consume(self, *_: object) -> list[object]:
            return []

        def poll(self, _: float) -> None:
            return None

        def assign(self, _: object) -> None:
            pass

        def close(self) -> None:
            pass

    client = ModuleType("confluent_kafka")
    client.Consumer = Consumer  # type: ignore[attr-defined]
    client.TopicPartition = lambda topic, *_: named.append(topic)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "confluent_kafka", client)
    monkeypatch.setattr(workshop, "check", lambda *_: None)
    where = SimpleNamespace(client_settings=dict)
    exec(one.solution, {"workshop": workshop, "topics": where})
    assert len(named) > 1 and all(name.startswith("anna--") for name in named)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_table_of_a_notebook_has_the_names_of_ones_own(path: Path) -> None:
    """Wherever it stands, a statement is filled before Flink gets it: with whole names."""
    cells = [cell for cell in _cells(path) if "'topic' = " in cell and "${kafka}" in cell]
    for cell in cells:
        found = re.findall(r"'topic' = '([^']*)'", sql.fill(cell.replace("${window}", "30")))
        assert found and all(name.startswith("anna--") for name in found)
