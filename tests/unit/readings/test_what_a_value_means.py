"""Idle or busy, percent or fraction: what a value means is certain, said, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cpuwatch.readings import CsvReadings, ReadingsError, read_csv

START = 1_767_603_600
T0 = "2026-01-05T09:00:00Z"


def read(folder: Path, content: str, name: str = "mine.csv", **said: Any) -> CsvReadings:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return read_csv(path, True, **said)


def many(header: str, row: str, count: int = 40) -> str:
    """A file of rows that differ in their time, `{t}`."""
    rows = [row.format(t=START + 10 * at) for at in range(count)]
    return "\n".join([header, *rows, ""])


def usages(found: CsvReadings) -> list[float]:
    rows = found.readings.ask("SELECT DISTINCT usage FROM rows ORDER BY usage")
    return [round(usage, 6) for (usage,) in rows]


def loud(found: CsvReadings) -> str:
    return " ".join(one for one in found.use.remarks if one.startswith("Attention"))


PROMETHEUS = many("timestamp,value,instance,cpu,mode", "{t},0.97,web01,0,idle")
PERFMON = "\n".join(
    [
        r'"(PDH-CSV 4.0) (GMT Standard Time)(0)","\\WEB01\Processor(_Total)\% Idle Time"',
        *(f'"01/05/2026 09:{at:02}:00.000","0.97"' for at in range(40)),
    ]
)


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (PROMETHEUS, "mine.csv", {"ratio": "value"}),
        (PROMETHEUS, "mine.csv", {"ratio": "value", "idle": "value"}),
        (PERFMON, "mine.csv", {"ratio": "*"}),
        (many("epoch,value", "{t},0.97"), "web01/cpu-0/percent-idle-2026-01-05",
         {"ratio": "value"}),
        (many("time,host,usage_idle", "{t},web01,0.97"), "mine.csv", {"ratio": "usage_idle"}),
        (many("time,host,Free", "{t},web01,0.97"), "mine.csv", {"idle": "Free", "ratio": "free"}),
    ],
)  # fmt: skip
def test_a_fraction_of_what_was_idle_stays_idle(
    tmp_path: Path, content: str, name: str, said: dict[str, str]
) -> None:
    found = read(tmp_path, content, name, columns=said)
    assert usages(found) == [3]
    ways = [one for one in found.use.remarks if one.startswith("Usage is")]
    assert len(ways) == 1 and ways[0].startswith("Usage is 100 - 100 * ")


@pytest.mark.parametrize(
    "content", [PROMETHEUS, many("time,host,idle", "{t},web01,0.97")], ids=["mode", "column"]
)
def test_the_remedy_for_fractions_of_idle_is_one(tmp_path: Path, content: str) -> None:
    with pytest.raises(ReadingsError) as error:
        read(tmp_path, content)
    column = "value" if "value" in content else "idle"
    assert f"say --columns 'ratio={column}'" in str(error.value)
    assert f"if they are percent, say --columns 'idle={column}'" in str(error.value)
    assert usages(read(tmp_path, content, columns={"ratio": column})) == [3]


@pytest.mark.parametrize(
    "said",
    [{"ratio": "value", "usage": "cpu"}, {"usage": "value", "idle": "value"},
     {"ratio": "value", "host": "value"}],
)  # fmt: skip
def test_other_pairs_of_one_column_are_refused(tmp_path: Path, said: dict[str, str]) -> None:
    with pytest.raises(ReadingsError, match=r"say one\.|said to be both"):
        read(tmp_path, PROMETHEUS, columns=said)
