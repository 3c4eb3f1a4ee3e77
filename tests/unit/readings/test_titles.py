"""Lines above the header: skipped if it is certain where the header is, or else refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cpuwatch.readings import CsvReadings, ReadingsError, read_csv

ROW = "2026-01-05 09:00,5"


def read(folder: Path, lines: list[str], **said: Any) -> CsvReadings:
    path = folder / "mine.csv"
    path.write_text("\n".join([*lines, ""]))
    return read_csv(path, True, **said)


@pytest.mark.parametrize(
    ("titles", "table"),
    [
        (["Report: CPU"], ["time,usage", ROW]),
        (['"CPU utilization (%)"', "", "  "], ["time,usage", ROW]),
        (["Report: CPU, all hosts", "From,2026-01-01", "To,2026-01-31"], ["time,usage", ROW]),
        (["Date,05.01.2026", "Host,web01"], ["Time,Value", ROW]),
        (["Average CPU,Max CPU", "12,99"], ["time,usage", ROW]),
        (["host,os", "web01,linux"], ["time,host,usage", "2026-01-05 09:00,a,5"]),
        (["CPU"], ["Time,web01,db01", "2026-01-05 09:00,5,6"]),
        (["CPU, weekly"], ["date;time;usage", "05.01.2026;09:00;5,5"]),
        (["Full label,CPUUtilization"], ["Label,CPUUtilization", ROW]),
        (["Full label,i-0a1,i-0b2"], ["Label,i-0a1,i-0b2", "2026/01/05 09:00:00,5,6"]),
        ([f"line {at}" for at in range(30)], ["time,usage", ROW]),
    ],
)
def test_titles_are_skipped_with_a_word(
    tmp_path: Path, titles: list[str], table: list[str]
) -> None:
    found = read(tmp_path, [*titles, *table])
    assert not len(found.rejected)
    assert {usage for _, _, usage, _ in found.readings.rows()} <= {5, 5.5, 6}
    assert f"Skipped above the header: '{titles[0]}'" in found.use.sentences()[1]


@pytest.mark.parametrize(
    ("lines", "said", "words"),
    [
        (["Report", "time,usage", ",%", ROW], {}, "line 2 looks like the header, 'time', 'usage'"),
        (["Report", "", "time,usage"], {}, "line 3 looks like the header"),
        (["Report", "Zeit;Last", "2026-01-05 09:00;5"], {}, "in line 2, which is 'Zeit', 'Last'"),
        (["Report", "Zeit,usage", ROW], {"columns": {"time": "When"}}, "it has 'Zeit', 'usage'"),
        (["Report", "Host: a", "time,usage", "09:00,5"], {}, "times of day alone"),
        ([*[f"line {at}" for at in range(31)], "time,usage", ROW], {}, "no time column"),
        (["label,cpu", "web01,5"], {}, "in its first line, which is 'label', 'cpu'"),
        (["host,label,usage", "a,b,5"], {}, "no time column in its first line"),
        (["x", "y", "z"], {}, "in its first line, which is 'x'"),
    ],
)
def test_a_header_that_is_not_certain_is_refused_with_its_line(
    tmp_path: Path, lines: list[str], said: dict[str, Any], words: str
) -> None:
    with pytest.raises(ReadingsError, match=words):
        read(tmp_path, lines, **said)


def test_columns_may_be_said_of_a_header_below_titles(tmp_path: Path) -> None:
    lines = ["Report", "Zeit;Last", "2026-01-05 09:00;5"]
    found = read(tmp_path, lines, columns={"time": "Zeit", "usage": "Last"})
    assert len(found.readings) == 1 and found.use.time == "Zeit"


@pytest.mark.parametrize("first", ["sep=;", "# made by hand"])
def test_other_lines_above_the_titles_are_no_titles(tmp_path: Path, first: str) -> None:
    found = read(tmp_path, [first, "Report", "Date;Time;Usage", "05.01.2026;09:00;5"])
    assert found.use.remarks[0] == "Skipped above the header: 'Report'."


def test_a_header_below_titles_may_be_marked(tmp_path: Path) -> None:
    lines = ["Report", "# hostname;timestamp;%idle", "web01;2026-01-05 09:00:00;88", "# end"]
    ((host, _, usage, _),) = read(tmp_path, lines).readings.rows()
    assert (host, usage) == ("web01", 12)


@pytest.mark.parametrize(
    ("lines", "loud"),
    [
        (["Time zone: Europe/Berlin", "time,usage", ROW], True),
        (["Report in UTC+01:00", "time,usage", ROW], True),
        (["Time (CET)", "time,usage", "2026-01-05T09:00:00Z,5"], False),
        (["All times are UTC", "time,usage", ROW], False),
        (["Time zone: CET", "time,usage", "1767603600,5"], False),
        (["Time zone: UTC", "time,usage", ROW], False),
        (["CPU of EASTERN", "time,usage", ROW], False),
    ],
)
def test_a_zone_in_a_title_is_a_loud_word(tmp_path: Path, lines: list[str], loud: bool) -> None:
    remarks = read(tmp_path, lines).use.remarks
    assert any(one.startswith(f"Attention: '{lines[0]}' seems") for one in remarks) == loud


def test_a_zone_in_the_name_of_a_column_is_a_loud_word(tmp_path: Path) -> None:
    columns = {"date": "Date", "time": "Time (CET)"}
    found = read(tmp_path, ["Date,Time (CET),usage", "2026-01-05,09:00,5"], columns=columns)
    assert found.use.remarks[1].startswith("Attention: 'Date and Time (CET)' seems to name a zone")


def test_a_first_line_that_is_a_header_stays_one(tmp_path: Path) -> None:
    found = read(tmp_path, ["time,usage", "oops,5", "time,usage", ROW])
    assert found.rejected.table()["line"].tolist() == [2, 3]
    assert found.use.remarks == []


def test_the_lines_of_rejected_rows_count_from_the_files_first(tmp_path: Path) -> None:
    found = read(tmp_path, ["Report", "", "time,usage", ROW, "oops,5"])
    assert found.rejected.table()["line"].tolist() == [5]
