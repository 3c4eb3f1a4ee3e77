"""What a demo leaves alone on services that others use, too."""

from __future__ import annotations

import pandas as pd
import pytest

from cpuwatch import thresholds, topics
from cpuwatch.demo import place
from cpuwatch.pipeline import WORKSHOP, Run

OLD = Run("demo-1700000000-0a1b2c")
NEW = Run("demo-9999999999-0a1b2c")

#: Names that others may give to what is theirs.
THEIRS = ("my-demo-1", "team-demo-2024", "kafka-demo-2-copy", f"cpu-{OLD.id}-copy", OLD.id)
THEIR_SCHEMAS = ("demo_1", "demo_2024", "demo_1_backup", f"{OLD.schema}_backup")


def test_only_what_a_killed_run_left_is_swept(monkeypatch: pytest.MonkeyPatch) -> None:
    dropped: list[str] = []
    there = [run.topic(topics.READINGS) for run in (OLD, NEW)]
    monkeypatch.setattr(topics, "names", lambda: [*there, *THEIRS])
    monkeypatch.setattr(topics, "delete", lambda *names: dropped.extend(names))
    schemas = [OLD.schema, NEW.schema, *THEIR_SCHEMAS]
    monkeypatch.setattr(thresholds, "schemas", lambda _: schemas)
    monkeypatch.setattr(thresholds, "drop_schema", dropped.append)
    place.sweep()
    assert dropped == [OLD.topic(topics.READINGS), OLD.schema]


def test_a_run_is_called_as_the_sweep_knows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((thresholds, "create_schema"), (thresholds, "drop_schema")):
        monkeypatch.setattr(module, name, lambda _: None)
    monkeypatch.setattr(thresholds, "schemas", lambda _: [])
    monkeypatch.setattr(topics, "names", list)
    monkeypatch.setattr(topics, "delete", lambda *_: None)
    monkeypatch.setattr(place.flink, "cancel", lambda *_: None)
    with place.run_of_its_own() as run:
        for name in (run.topic(topics.READINGS), run.schema):
            assert place.RUNS.fullmatch(name)


@pytest.mark.parametrize(
    ("behind", "wait"),
    [
        (0, "INTERVAL '10' SECOND"),
        (700, "INTERVAL '0 00:11:41' DAY TO SECOND"),
        (1200 * 86_400, "INTERVAL '1200 00:00:01' DAY(4) TO SECOND"),
    ],
)
def test_windows_of_scores_wait_as_long_as_the_scores_are_out_of_order(
    monkeypatch: pytest.MonkeyPatch, behind: int, wait: str
) -> None:
    last = pd.Timestamp("2026-01-05T09:00:00Z")
    times = [last, last - pd.Timedelta(seconds=behind)]
    rows = {"time_ltz": [f"{time:%Y-%m-%dT%H:%M:%SZ}" for time in times], "partition": [1, 1]}
    executed: list[str] = []
    monkeypatch.setattr(topics, "read_parts", lambda _: [pd.DataFrame(rows)])
    monkeypatch.setattr(place, "execute", lambda _, statement: executed.append(statement))
    place.Place(NEW, WORKSHOP, "learned").wait_for_all_scores(object())  # type: ignore[arg-type]
    (statement,) = executed
    assert statement.endswith(f"MODIFY WATERMARK FOR time_ltz AS time_ltz - {wait}")
