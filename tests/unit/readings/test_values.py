"""Times and numbers as exports and spreadsheets write them: read and said, or refused."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from cpuwatch.readings import CsvReadings, ReadingsError, pipes, read_csv

MOMENT = 1_767_603_600_123


def read(folder: Path, lines: list[str], **said: Any) -> CsvReadings:
    path = folder / "mine.csv"
    path.write_text("\n".join([*lines, ""]))
    return read_csv(path, True, **said)


def said(found: CsvReadings) -> str:
    return " ".join(found.use.remarks)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1767603600.123", ""),
        ("1767603600123", ""),
        ("1767603600123456", "microseconds"),
        ("1767603600123999", "microseconds"),
        ("1767603600123456789", "nanoseconds"),
        ("1767603600123999999", "nanoseconds"),
        ("2026/01/05 09:00:00.123", ""),
    ],
)
def test_times_in_every_unit(tmp_path: Path, text: str, words: str) -> None:
    found = read(tmp_path, ["time,value", f"{text},5", f"{text},6"])
    assert found.readings.table()["occurred_at"].tolist() == [MOMENT, MOMENT]
    assert words in said(found) and ("seconds" in said(found)) == bool(words)


@pytest.mark.parametrize("common", [1, 1000, 10**6, 10**9])
def test_the_median_decides_about_all_units(tmp_path: Path, common: int) -> None:
    few, many = (1_767_603_600 * unit for unit in (10**9 if common < 10**9 else 1, common))
    found = read(tmp_path, ["time,value", f"{few},5", f"{many},6", f"{many},7"])
    assert found.readings.table()["usage"].tolist() == [6, 7]
    assert len(found.rejected) == 1


@pytest.mark.parametrize(
    ("lines", "refused"),
    [
        (["time,value", "1.76E+12,5", "1.76E+12,6"], True),
        (["time;value", "1,76E+12;5", "1,76E+12;6"], True),
        (["time,value", "1.767603E+12,5", "1.767603E+12,6", "1.767604E+12,6"], True),
        (["time,value", "1.76E+9,5", "1.76E+9,6"], True),
        (["time,value", "1.767603600E+12,5", "1.767603600E+12,6"], False),
        (["time,value", "1.767603600123E+12,5"], False),
        (["time,value", "1.7676036E9,5", "1.7676036E9,6", "1.767603601E9,6"], False),
    ],
)
def test_times_that_a_spreadsheet_rounded(tmp_path: Path, lines: list[str], refused: bool) -> None:
    if refused:
        with pytest.raises(ReadingsError, match=r"spreadsheet rounded.*Format that column"):
            read(tmp_path, lines)
    else:
        assert len(read(tmp_path, lines).readings) == len(lines) - 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        # 2026-01-05 09:00 counted since 1904 and 1900, in seconds and in milliseconds.
        ("3850448400", "since 1904, it is of 2026-01-05T09:00:00Z; if since 1900"),
        ("3976592400", "If they count since 1900, it is of 2026-01-05T09:00:00Z: export"),
        ("3976592400000", "If they count since 1900, it is of 2026-01-05T09:00:00Z: export"),
        ("2098-01-05 09:00:00", "2098-01-05T09:00:00Z, which is yet to come: if that is wrong"),
        ("2026-01-05 09:00:00", ""),
    ],
)
def test_times_that_are_yet_to_come(tmp_path: Path, text: str, words: str) -> None:
    remarks = said(read(tmp_path, ["time,value", f"{text},5"]))
    assert words in remarks and ("yet to come" in remarks) == bool(words)


@pytest.mark.parametrize(
    ("text", "moment", "words"),
    [
        ("260105090000", "1978-03-30T11:24:50Z", "time are taken for milliseconds since 1970"),
        ("789296400", "1995-01-05T09:00:00Z", "taken for seconds since 1970"),
        ("123456789012345", "1973-11-29T21:33:09", "taken for microseconds since 1970"),
        ("1999-12-31T23:59:59Z", "1999-12-31T23:59:59Z", "before the year 2000: if that is wrong"),
        ("2000-01-01", "", ""),
    ],
)
def test_times_of_long_ago(tmp_path: Path, text: str, moment: str, words: str) -> None:
    remarks = said(read(tmp_path, ["time,value", f"{text},5"]))
    assert words in remarks and moment in remarks
    assert ("Attention: the first reading is of" in remarks) == bool(words)


@pytest.mark.parametrize(
    ("delimiter", "texts", "usage", "words"),
    [
        (";", ["80,5", "81", "0,25"], [80.5, 81, 0.25], "comma"),
        ("\t", ["80,5", "81"], [80.5, 81], "comma"),
        (",", ['"80,5"', '"81"'], [80.5, 81], "comma"),
        (";", ["80.5", "81"], [80.5, 81], ""),
        (",", ["85%", "85.5 %", "86\u00a0%"], [85, 85.5, 86], "percent sign"),
        (";", ["85,5 %", "86%"], [85.5, 86], "comma in value is the decimal mark. The percent"),
        (",", ["85%", "86"], [85, 86], "percent sign"),
    ],
)
def test_numbers_that_are_certain(
    tmp_path: Path, delimiter: str, texts: list[str], usage: list[float], words: str
) -> None:
    lines = [f"{MOMENT + at}{delimiter}{text}" for at, text in enumerate(texts)]
    found = read(tmp_path, [f"time{delimiter}value", *lines])
    assert found.readings.table()["usage"].tolist() == usage
    assert words in said(found) and bool(said(found)) == bool(words)


@pytest.mark.parametrize(
    "text",
    ["80,5", "1.234,5", "1,234.5", "8 5", "%", "85 %%", "nan%", "1_0%", "8,5,0", "٣%", "1e3%"],
)  # fmt: skip
def test_what_is_not_certain_is_rejected(tmp_path: Path, text: str) -> None:
    found = read(tmp_path, ["time;value", f"{MOMENT};{text}", f"{MOMENT};80.5"])
    assert found.readings.table()["usage"].tolist() == [80.5]
    assert found.rejected.table()["line"].tolist() == [2]


def fractions(count: int, highest: float = 0.99) -> list[str]:
    values = [0.01 + (highest - 0.01) * at / (count - 1) for at in range(count)]
    return ["time,cpu_usage", *(f"{MOMENT + at},{value:.4f}" for at, value in enumerate(values))]


def test_fractions_of_one_are_no_quiet_result(tmp_path: Path) -> None:
    with pytest.raises(ReadingsError, match=r"0\.01 to 0\.99.*ratio=cpu_usage.*usage=cpu_usage"):
        read(tmp_path, fractions(60))
    as_ratio = read(tmp_path, fractions(60), columns={"ratio": "cpu_usage"})
    assert as_ratio.readings.table()["usage"].iloc[-1] == pytest.approx(99)
    as_percent = read(tmp_path, fractions(60), columns={"usage": "cpu_usage"})
    assert as_percent.readings.table()["usage"].iloc[-1] == 0.99
    assert "taken for percent, as you say; if they are fractions, say --columns 'ratio=" in said(
        as_percent
    )
    idle = [line.replace("cpu_usage", "idle") for line in fractions(60)]
    with pytest.raises(ReadingsError, match="idle=idle"):
        read(tmp_path, idle)
    assert read(tmp_path, idle, columns={"idle": "idle"}).readings.table()["usage"][0] == 99.99
    wide = [line.replace("cpu_usage", "web01") for line in fractions(60)]
    with pytest.raises(ReadingsError, match=r"'ratio=\*'.*'usage=\*'"):
        read(tmp_path, wide)
    for what, highest in (("ratio", 99), ("usage", 0.99), ("idle", 99.99)):
        usage = read(tmp_path, wide, columns={what: "*"}).readings.table()["usage"]
        assert usage.max() == pytest.approx(highest)
    few = read(tmp_path, fractions(5))
    assert said(few).startswith("Attention: all values of cpu_usage are between 0 and 1")
    assert read(tmp_path, fractions(60, 2.5)).use.remarks == []
    named = [line.replace("cpu_usage", "cpu_percent") for line in fractions(60)]
    assert said(read(tmp_path, named)).startswith("Attention: all values of cpu_percent")


def test_a_fraction_over_one_is_rejected(tmp_path: Path) -> None:
    lines = ["time,load", f"{MOMENT},0.5", f"{MOMENT + 1},1.5"]
    found = read(tmp_path, lines, columns={"ratio": "load"})
    assert found.rejected.table()["reason"].tolist() == ["load 1.5 is not between 0 and 1"]


def test_a_column_that_is_read_in_part_is_a_loud_word(tmp_path: Path) -> None:
    lines = [f"{MOMENT + at},{'n/a' if at % 2 else 5}" for at in range(40)]
    found = read(tmp_path, ["time,value", *lines])
    assert said(found).startswith("Attention: 20 of 40 rows are rejected because value … is not")
    commas = [f"{MOMENT + at},{at}" + (",5" if at % 2 else "") for at in range(40)]
    found = read(tmp_path, ["time,value", *commas])
    assert "20 of 40 rows" in said(found) and "decimal comma" in said(found)
    few = read(tmp_path, ["time,value", f"{MOMENT},5", f"{MOMENT + 1},n/a"])
    assert few.use.remarks == []


@pytest.mark.parametrize(
    ("header", "row", "read_as"),
    [
        ("time,host,value,note", "web01,22,5,", None),
        ("time,host,value,note", "web01,22,5,,", None),
        ("time,host,value,note", "web01,22,x,", 22),
        ("time,host,value,note,", "web01,22,5,", 22),
        ("time,host,value,note", "web01,22,5", 22),
        ("time,host,value", "web01,22,", 22),
        ("time,host,core,value", "web01,0,22,", 22),
        ("time,web01,db01", "22,5,", None),
        ("time,web01,db01", "22,,", 22),
    ],
)
def test_a_decimal_comma_before_a_delimiter_at_the_end_is_no_whole_number(
    tmp_path: Path, header: str, row: str, read_as: float | None
) -> None:
    lines = [header, f"{MOMENT},{row}"]
    if read_as is None:
        with pytest.raises(ReadingsError, match=r"perhaps a decimal comma; .*semi"):
            read(tmp_path, lines)
    else:
        assert read(tmp_path, lines).readings.table()["usage"].tolist() == [read_as]


def test_a_row_for_each_decimal_comma_is_refused_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(ReadingsError, match="decimal comma"):
        read(tmp_path, ["time,value", f"{MOMENT},80,5", f"{MOMENT + 1},81,5"])


@pytest.mark.parametrize(
    ("good", "bad", "loud"), [(9, 9, True), (6, 2, True), (7, 2, False), (4, 1, False)]
)
def test_a_large_part_of_a_small_file_that_is_rejected_is_a_loud_word(
    tmp_path: Path, good: int, bad: int, loud: bool
) -> None:
    times = [f"{1_767_603_600 + at},web01,0,80" for at in range(good + bad)]
    lines = [f"{line},5" if at < bad else line for at, line in enumerate(times)]
    found = read(tmp_path, ["timestamp,host,core,value", *lines])
    assert len(found.readings) == good and len(found.rejected) == bad
    words = f"Attention: {bad} of {good + bad} rows are rejected because row has"
    assert said(found).startswith(words) == loud
    assert ("decimal comma" in said(found)) == loud


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("time,usage,node", "80,5"),
        ("time,usage,node,rack", "80,5,"),
        ("time,host,usage,temperature", "web01,80,45"),
        ("time,host,cpu_percent,ram", "web01,80,45"),
        ("time,host,usage,note", "web01,80.5,45"),
        ("itemid,clock,value,ns", ""),
    ],
)
def test_numbers_of_other_things_are_no_decimals(tmp_path: Path, header: str, row: str) -> None:
    rows = [f"{1_767_603_600 + at},{row}" for at in range(4)]
    if not row:
        rows = [f"10,{1_767_603_600 + at},80,{at * 11}" for at in range(4)]
    found = read(tmp_path, [header, *rows], columns={} if row else {"host": "itemid"})
    assert len(found.readings) == 4


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["time,value,", f"{MOMENT},20,web01"], "column 3 has no name in the header, and holds"),
        (["sep=;", "time,host,value", f"{MOMENT},a,20"], "says 'sep=;' above its header"),
        (['[{"time": 1, "value": 2}]'], "is JSON"),
        (['{"time": 1, "value": 2}'], "is JSON"),
        (["cpu,host=web01 usage_idle=97 1767603600000000000"], "line protocol"),
        (["<html><body><table>"], "is HTML or XML"),
        (["%PDF-1.4"], "is a PDF document"),
        (["Report", '"time","usr","sys","idl","value"', "05-01 09:00:00,1.0,0.5,98.5,2"],
         "is no time that is certain: export the times as ISO 8601"),
    ],
)  # fmt: skip
def test_what_is_no_file_of_readings_is_called_what_it_is(
    tmp_path: Path, lines: list[str], words: str
) -> None:
    with pytest.raises(ReadingsError) as error:
        read(tmp_path, lines)
    assert words in str(error.value) and "decimal comma" not in str(error.value)


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (b"7z\xbc\xaf\x27\x1c\x00\x01", "7z archive"),
        (b"\x04\x22\x4d\x18abc", "lz4"),
        ("time,value".encode("utf-32"), "UTF-32"),
        (b"a.csv".ljust(257, b"\0") + b"ustar\x0000", "tar archive"),
    ],
    ids=["7z", "lz4", "utf-32", "tar"],
)
def test_other_bytes_are_called_what_they_are(tmp_path: Path, start: bytes, words: str) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(start)
    with pytest.raises(ReadingsError, match=words):
        read_csv(path)


@pytest.mark.parametrize(
    "counter", [r"processor(_total)\% processor time", r"Prozessor(_Total)\Prozessorzeit (%)"]
)
def test_windows_counters_of_a_cpu_are_known_in_small_letters_and_in_german(
    tmp_path: Path, counter: str
) -> None:
    header = rf'"(PDH-CSV 4.0) (UTC)(0)","\\web01\{counter}","\\web01\memory\free"'
    found = read(tmp_path, [header, '"01/05/2026 09:00:00.000","50","40"'])
    assert found.readings.table()["usage"].tolist() == [50]


def test_a_pipe_that_nobody_writes_to_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipes, "PATIENCE", 0.05)
    path = tmp_path / "mine.csv"
    os.mkfifo(path)
    with pytest.raises(ReadingsError, match="a pipe that no program writes to: start that first"):
        read_csv(path)
    writer = threading.Timer(0, path.write_text, [f"time,value\n{MOMENT},5\n"])
    monkeypatch.setattr(pipes, "PATIENCE", 20)
    writer.start()
    assert len(read_csv(path).readings) == 1
    writer.join()
