"""A file of more than one table, or of one without a header, is not read by wrong names."""

from __future__ import annotations

from pathlib import Path

import pytest

from cpuwatch.readings import CsvReadings, ReadingsError, read_csv

T0, T1 = "2026-01-05T09:00:00Z", "2026-01-05T09:00:10Z"
MARK = "\ufeff"


def read(folder: Path, lines: list[str], **said: dict[str, str]) -> CsvReadings:
    path = folder / "mine.csv"
    path.write_text("\n".join([*lines, ""]))
    return read_csv(path, True, **said)


def refusal(folder: Path, lines: list[str], **said: dict[str, str]) -> str:
    with pytest.raises(ReadingsError) as error:
        read(folder, lines, **said)
    message = str(error.value)
    assert message.endswith(".") and "\n" not in message
    return message


@pytest.mark.parametrize(
    ("header", "row", "other"),
    [
        ("time,host,usage", f"{T0},web01,20", "timestamp,host,idle"),
        ("time,host,usage", f"{T0},web01,20", "date,host,usage"),
        ("time,host,usage", f"{T0},web01,20", f"{MARK}time,host,idle"),
        ("time,host,usage", f"{T0},web01,20", "host,timestamp,idle"),
        ("time,host,usage", f"{T0},web01,20", "time;host;idle"),
        ("time,host,usage", f"{T0},web01,20", "# time,host,idle"),
        ("time,host,usage", f"{T0},web01,20", "host,time,core,usage"),
        ("Time,web01,db01", f"{T0},20,30", f"{MARK}Time,app01,db02"),
        ("Time,web01,db01", f"{T0},20,30", "timestamp,app01,db02"),
        ("Date,Time,web01,db01", "2026-01-05,09:00:00,20,30", "Date,Time,app01,db02"),
    ],
)
def test_the_header_of_another_table_is_refused(
    tmp_path: Path, header: str, row: str, other: str
) -> None:
    assert "line 3, begins another table" in refusal(tmp_path, [header, row, other, row])


def test_columns_that_are_called_by_numbers_are_a_header_as_well(tmp_path: Path) -> None:
    lines = ["Time,0,1", f"{T0},20,30", "Time,2,3", f"{T1},97,1"]
    assert "line 3, begins another table" in refusal(tmp_path, lines, columns={"usage": "*"})


@pytest.mark.parametrize("again", ["time,host,usage", f"{MARK}time,host,usage", "Time, Host,Usage"])
def test_the_same_header_again_is_one_rejected_line(tmp_path: Path, again: str) -> None:
    found = read(tmp_path, ["time,host,usage", f"{T0},web01,20", again, f"{T1},web01,30"])
    assert len(found.readings) == 2 and found.rejected.table()["line"].tolist() == [3]


@pytest.mark.parametrize("row", ["time,web01,20", "oops,server,n/a", ",,", "n/a,value,n/a"])
def test_a_row_that_is_no_reading_is_no_header(tmp_path: Path, row: str) -> None:
    found = read(tmp_path, ["time,host,usage", f"{T0},web01,20", row])
    assert found.rejected.table()["line"].tolist() == [3]


@pytest.mark.parametrize("marks", [MARK, MARK * 2, MARK * 3])
def test_marks_before_any_line_are_no_text(tmp_path: Path, marks: str) -> None:
    lines = [f"{marks}time,host,usage", f"{T0},web01,20", f"{marks}{T1},web01,30"]
    found = read(tmp_path, lines)
    assert len(found.readings) == 2 and not len(found.rejected)
