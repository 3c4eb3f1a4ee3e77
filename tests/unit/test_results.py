"""What a job has written is shown with the fields that its records have."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from cpuwatch import results, sql, topics, workshop

RECORD = {
    "window_start": "2025-07-01T09:00:00Z",
    "window_end": "2025-07-01T09:00:30Z",
    "hostname": "doc",
    "cpu": "cpu1",
    "usage_avg": 1.0,
    "usage_max": None,
    "readings": 3,
}
KNOWN = [column.name for column in sql.columns("cpu_out_agg")]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the workshop shows of records."""

    def do(*records: dict[str, Any]) -> pd.DataFrame:
        columns = ["partition", "offset"]
        fields = [name for one in records for name in one]
        found = pd.DataFrame([{**one, "partition": 0, "offset": 0} for one in records])
        found = found.reindex(columns=list(dict.fromkeys([*fields, *columns])))
        monkeypatch.setattr(topics, "read", lambda *_: found)
        table = workshop.result(topics.AVERAGES)
        if list(records) == [RECORD]:
            pd.testing.assert_frame_equal(table, results.typed(found, "cpu_out_agg"))
        return table

    return do


def test_the_workshop_s_own_are_as_they_were(shown: Any) -> None:
    assert list(shown(RECORD).columns) == KNOWN
    empty = shown()
    assert list(empty.columns) == KNOWN and str(empty["window_start"].dtype).startswith("datetime")


def test_a_column_more_is_shown_behind_the_others(shown: Any) -> None:
    moment = "2025-07-01T09:00:31Z"
    found = shown({"usage_min": 0.5, **RECORD, "seen": moment})
    assert list(found.columns) == [*KNOWN, "usage_min", "seen"]
    assert found.loc[0, "usage_min"] == 0.5 and found.loc[0, "seen"] == pd.Timestamp(moment)
    assert found.loc[0, "window_start"] == pd.Timestamp(RECORD["window_start"])


def test_a_column_of_another_name_takes_the_place_of_none(shown: Any) -> None:
    renamed = {("average" if name == "usage_avg" else name): RECORD[name] for name in RECORD}
    found = shown(renamed)
    assert list(found.columns) == [name for name in KNOWN if name != "usage_avg"] + ["average"]
    assert found.loc[0, "average"] == 1.0


def test_of_records_that_are_nothing_of_the_kind_all_columns_are_empty(shown: Any) -> None:
    found = shown({})
    assert list(found.columns) == KNOWN and found.isna().all(axis=None)
