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


# --- A first line that is no header ---------------------------------------------------------


@pytest.mark.parametrize(
    "lines",
    [
        [f"{T0},web01,12.5", f"{T1},web01,13"],
        ["2026-01-05 09:00:00\t1767603600\t12.5", "2026-01-05 09:01:00\t1767603660\t92.5"],
        ["cpu_percent,12.5,1767603600", "cpu_percent,92.5,1767603610"],
        [f"DATAPOINTS\t12.5\t{T0}\tPercent", f"DATAPOINTS\t92.5\t{T1}\tPercent"],
    ],
)
def test_a_file_without_a_header_is_told_to_have_one(tmp_path: Path, lines: list[str]) -> None:
    message = refusal(tmp_path, lines)
    assert "has no header: its first line holds" in message and "Write a line above it" in message


def test_a_first_reading_that_is_said_to_be_names_is_not_lost(tmp_path: Path) -> None:
    lines = ["2026-01-05 09:00:00,12.5,web01", "2026-01-05 09:01:00,92.5,web01"]
    columns = {"time": "2026-01-05 09:00:00", "usage": "12.5", "host": "web01"}
    assert "has no header" in refusal(tmp_path, lines, columns=columns)
    series = {"time": "2026-01-05 09:00:00", "usage": "*"}
    assert "has no header" in refusal(tmp_path, lines, columns=series)
    assert len(read(tmp_path, ["time,usage,host", *lines]).readings) == 2


def test_a_column_that_is_called_by_a_number_has_a_name(tmp_path: Path) -> None:
    found = read(tmp_path, ["Time,0,1", f"{T0},20,97"], columns={"usage": "1"})
    assert found.readings.table()["usage"].tolist() == [97]


@pytest.mark.parametrize("mark", "|^~!")
def test_another_delimiter_is_named_with_its_remedy(tmp_path: Path, mark: str) -> None:
    lines = [f"time{mark}host{mark}usage", f"{T0}{mark}web01{mark}12.5"]
    assert f"write 'sep={mark}' in a line above it" in refusal(tmp_path, lines)
    columns = {"time": "time", "usage": "usage"}
    assert f"write 'sep={mark}' in a line above it" in refusal(tmp_path, lines, columns=columns)
    assert len(read(tmp_path, [f"sep={mark}", *lines]).readings) == 1


def test_all_cpus_in_one_line_are_refused_with_the_option(tmp_path: Path) -> None:
    header = "# hostname;interval;timestamp;CPU;%user;%idle[...]"
    row = "web01;60;2026-01-05 09:00:00 UTC;-1;10.00;88.50;0;10.00;50.00"
    assert "export it without -h" in refusal(tmp_path, [header, row])


def test_what_sar_prints_for_people_is_named(tmp_path: Path) -> None:
    lines = ["Linux 6.1 (web01) \t01/05/2026 \t_x86_64_\t(4 CPU)", "09:00:01 AM  CPU  %idle"]
    assert "export its data by sadf -d" in refusal(tmp_path, lines)


@pytest.mark.parametrize("marks", [MARK, MARK * 2, MARK * 3])
def test_marks_before_any_line_are_no_text(tmp_path: Path, marks: str) -> None:
    lines = [f"{marks}time,host,usage", f"{T0},web01,20", f"{marks}{T1},web01,30"]
    found = read(tmp_path, lines)
    assert len(found.readings) == 2 and not len(found.rejected)
