"""Dates in two columns, in local forms, as a spreadsheet's days: certain and read, or refused."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from cpuwatch.readings import CsvReadings, ReadingsError, dates, parse_columns, read_csv


def read(folder: Path, lines: list[str], **said: Any) -> CsvReadings:
    path = folder / "mine.csv"
    path.write_text("\n".join([*lines, ""]))
    return read_csv(path, True, **said)


def moments(found: CsvReadings) -> list[str]:
    """The moments of the readings, in the order of the file by their usage."""
    rows = found.readings.ask("SELECT occurred_at FROM rows ORDER BY usage")
    return [
        datetime.fromtimestamp(ms / 1000, timezone.utc).isoformat(timespec="milliseconds")[:-6]
        for (ms,) in rows
    ]


def with_usage(times: list[str], delimiter: str = ";") -> list[str]:
    return [f"{text}{delimiter}{at}" for at, text in enumerate(times)]


def said(found: CsvReadings) -> str:
    return " ".join(found.use.remarks)


NINE = "2026-01-05T09:00:00.000"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("05.01.2026 09:00:00", NINE),
        ("5.1.2026 9:00", NINE),
        ("5.1.2026, 09:00:00", NINE),
        ("5.1.2026 9.00.00", NINE),
        ("05.01.2026 09:00:00,250", "2026-01-05T09:00:00.250"),
        ("31.12.2026 23:59:59", "2026-12-31T23:59:59.000"),
        ("29.02.2024", "2024-02-29T00:00:00.000"),
        ("05.01.2026 00:00", "2026-01-05T00:00:00.000"),
        ("05.01.2026 09:00:00 +01:00", "2026-01-05T08:00:00.000"),
        ("05.01.2026 09:00 GMT-0130", "2026-01-05T10:30:00.000"),
        ("05.01.2026T09:00:00Z", NINE),
        ("2026/1/5 9:00", NINE),
        ("2026.01.05 09:00:00", NINE),
        ("2026-1-5 9:00", NINE),
        ("2026-01-05 09:00:00 PM", "2026-01-05T21:00:00.000"),
        ("13/01/2026 12:00:00 AM", "2026-01-13T00:00:00.000"),
        ("1/13/2026 12:30 p.m.", "2026-01-13T12:30:00.000"),
        ("1/13/2026, 9:00:00\u202fAM", "2026-01-13T09:00:00.000"),
        ("13-01-2026 09:00", "2026-01-13T09:00:00.000"),
        ("05/05/2026 09:00", "2026-05-05T09:00:00.000"),
        ("5 Jan 2026 09:00", NINE),
        ("Mon, 05 Jan 2026 09:00:00 GMT", NINE),
        ("Monday, January 5, 2026 9:00 AM", NINE),
        ("Mon Jan  5 09:00:00 UTC 2026", NINE),
        ("Mon Jan 05 2026 10:00:00 GMT+0100 (Central European Standard Time)", NINE),
        ("Mon Jan 05 2026 10:00:00 GMT+0100 (CET)", NINE),
        (
            "Mon Jul 06 2026 11:00:00 GMT+0200 (Central European Summer Time)",
            "2026-07-06T09:00:00.000",
        ),
        ("Jan 5, 2026 @ 09:00:00.000", NINE),
        ("2026-01-05 09:00:00 +0000 UTC", NINE),
        ("2026-01-05 10:00:00.000000123 +0100 CET", NINE),
        ("2026-01-05T10:00:00+01:00[Europe/Berlin]", NINE),
        ("2026-01-05T09:00:00Z[UTC]", NINE),
        ("2026-01-05T10:00:00[Europe/Berlin]", None),
        ("2026-01-05 10:00:00 CET", None),
        ("05/Jan/2026:09:00:00 +0000", NINE),
        ("05-JAN-26 09.00.00.5 AM", "2026-01-05T09:00:00.500"),
        ("2026-Jan-05 09:00", NINE),
        ("31 Sept 2026", None),
        ("30.02.2026 09:00", None),
        ("05.01.2026 24:00:00", None),
        ("05.01.2026 09:60", None),
        ("2026-01-05 13:00 PM", None),
        ("2026-01-05 0:30 AM", None),
        ("05.01.2026 09:00 CET", None),
        ("05.01.2026 09:00 +25:00", None),
        ("5 Jänner 2026", None),
        ("32.01.2026", None),
    ],
)
def test_a_date_is_read_by_itself_or_rejected(
    tmp_path: Path, text: str, moment: str | None
) -> None:
    lines = ["time;value", f"{text};5"]
    if moment is None:
        with pytest.raises(ReadingsError, match="line 2, is rejected because time '"):
            read(tmp_path, lines)
    else:
        assert moments(read(tmp_path, lines)) == [moment]


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("2026-01-05 10:00:00 CET", "CET"),
        ("05.01.2026 10:00 EST", "EST"),
        ("2026-01-05T10:00:00[Europe/Berlin]", "Europe/Berlin"),
        ("2026-01-05 10:00 Europe/Berlin", "Europe/Berlin"),
    ],
)
def test_a_zone_without_an_offset_is_named(tmp_path: Path, text: str, zone: str) -> None:
    with pytest.raises(ReadingsError, match=f"names the zone {zone}, and an offset is wanted"):
        read(tmp_path, ["time;value", f"{text};5"])


def test_a_change_of_the_clock_loses_no_row(tmp_path: Path) -> None:
    times = [
        f"Sun Mar 29 2026 0{hour}:00:00 GMT+0{zone}00 (Central European {name} Time)"
        for hour, zone, name in ((1, 1, "Standard"), (3, 2, "Summer"))
    ]
    found = read(tmp_path, ["time;value", *with_usage(times)])
    assert moments(found) == ["2026-03-29T00:00:00.000", "2026-03-29T01:00:00.000"]


@pytest.mark.parametrize(
    ("times", "columns", "read_as", "remark"),
    [
        (["01/02/2026 09:00", "13/02/2026"], {}, ["02-01", "02-13"], "DD/MM/YYYY, as '13/02/2026'"),
        (["1/2/2026 9:00 AM", "1/31/2026 9:00 AM"], {}, ["01-02", "01-31"], "MM/DD/YYYY, as '1/31"),
        (["01-02-2026", "01-13-2026"], {}, ["01-02", "01-13"], "MM-DD-YYYY"),
        (["01.02.2026"], {}, ["02-01"], "DD.MM.YYYY: '01.02.2026' is one"),
        (["01.02.2026", "01.13.2026"], {"month_first": "time"}, ["01-02", "01-13"], "MM.DD.YYYY"),
        (["01/02/2026"], {"day_first": "time"}, ["02-01"], "DD/MM/YYYY: '01/02/2026' is one"),
        (["01/02/2026"], {"month_first": "TIME"}, ["01-02"], "MM/DD/YYYY"),
        (["01/02/2026"], {"time": "time", "month_first": "time"}, ["01-02"], "MM/DD/YYYY"),
        (["01/02/26 09:00"], {"day_first": "time"}, ["02-01"], "DD/MM/YYYY"),
        (["02.03.2024", "29.02.2024"], {}, ["03-02", "02-29"], "DD.MM.YYYY, as '29.02.2024'"),
        (["2026-01-02", "3 Jan 2026", "2026/01/04"], {}, ["01-02", "01-03", "01-04"], ""),
    ],
)  # fmt: skip
def test_the_whole_column_tells_which_number_is_the_day(
    tmp_path: Path, times: list[str], columns: dict[str, str], read_as: list[str], remark: str
) -> None:
    found = read(tmp_path, ["time;value", *with_usage(times)], columns=columns)
    assert [moment[5:10] for moment in moments(found)] == read_as
    assert remark in said(found) and bool(said(found)) == bool(remark)


@pytest.mark.parametrize(
    ("times", "columns", "words"),
    [
        (["01/02/2026 09:00"], {}, ["DD/MM/YYYY or MM/DD/YYYY", "'day_first=time'",
                                    "'month_first=time'"]),
        (["01-02-2026 09:00"], {}, ["DD-MM-YYYY or MM-DD-YYYY"]),
        (["01/02/26 09:00", "13/02/26 09:00"], {}, ["'day_first=time'"]),
        (["26.01.05 09:00"], {}, ["'day_first=time'"]),
        (["26-01-05 09:00", "26-01-06 09:00"], {"day_first": "time"}, ["may be its year"]),
        (["26/01/05", "26/02/06"], {"month_first": "time"}, ["may be its year", "four digits"]),
        (["13/02/2026", "02/13/2026"], {}, ["'13/02/2026' can only be DD/MM/YYYY",
                                            "'02/13/2026' can only be MM/DD/YYYY"]),
        (["13/02/2026", "02/13/2026"], {"day_first": "time"}, ["can only be MM/DD/YYYY"]),
        (["01/13/2026"], {"day_first": "time"}, ["said to be DD/MM/YYYY", "'month_first=time'"]),
        (["01.13.2026"], {}, ["looks like DD.MM.YYYY", "'month_first=time'"]),
        (["05.01.2026", "01/13/2026"], {}, ["more than one way", "'05.01.2026' and '01/13/2026'"]),
        (["2026-02-01", "13/01/2026"], {}, ["more than one way"]),
        (["46027.375", "13/01/2026"], {}, ["more than one way"]),
        (["46027.375", "2026-01-05"], {}, ["more than one way"]),
        (["1/13/2026 9:00 AM", "1/13/2026 10:00"], {}, ["more than one way", "'1/13/2026 10:00'"]),
        (["2026-01-05 9:00 AM", "2026-01-05 10:00"], {}, ["more than one way"]),
        (["01/02/2026"], {"day_first": "time", "month_first": "time"}, ["2 ways"]),
        (["01/02/2026"], {"day_first": "when"}, ["no column 'when'"]),
        (["01/02/2026"], {"date": "time", "day_first": "value"}, ["say the same column"]),
    ],
)  # fmt: skip
def test_a_column_that_may_mean_two_things_is_refused(
    tmp_path: Path, times: list[str], columns: dict[str, str], words: list[str]
) -> None:
    with pytest.raises(ReadingsError) as error:
        read(tmp_path, ["time;value", *with_usage(times)], columns=columns)
    message = str(error.value)
    assert all(word in message for word in words), message
    assert message.endswith(".") and "\n" not in message


@pytest.mark.parametrize(
    ("common", "stray"),
    [
        ("05.01.2026 09:00", "01/13/2026 09:00"),
        ("2026-01-05 09:00", "13/01/2026 09:00"),
        ("1767603600", "13/01/2026 09:00"),
        ("46027.375", "2026-01-05 09:00"),
        ("Jan 5 2026 9:00 AM", "13/01/2026 09:00"),
        ("05.01.2026 09:00", "1767603600"),
    ],
)
def test_a_single_date_of_another_form_is_rejected_alone(
    tmp_path: Path, common: str, stray: str
) -> None:
    found = read(tmp_path, ["time;value", *with_usage([*[common] * 20, stray])])
    assert set(moments(found)) == {NINE}
    assert found.rejected.table()["line"].tolist() == [22]


@pytest.mark.parametrize(
    ("times", "read_as"),
    [
        (["46027.375"], [NINE]),
        (["46027,375"], [NINE]),
        (["46027.375", "46028"], [NINE, "2026-01-06T00:00:00.000"]),
        (["46027.375", "46027.37501"], [NINE, "2026-01-05T09:00:01.000"]),
        (["46027.3750115741"], ["2026-01-05T09:00:01.000"]),
        (["46027.37501158565"], ["2026-01-05T09:00:01.001"]),
        (["46027.375001"], ["2026-01-05T09:00:00.100"]),
        (["46081.9999999999"], ["2026-03-01T00:00:00.000"]),
        (["45351.5"], ["2024-02-29T12:00:00.000"]),
        (["36526.5", "36527.5"], ["2000-01-01T12:00:00.000", "2000-01-02T12:00:00.000"]),
    ],
)
def test_a_spreadsheets_days_are_read_with_a_word(
    tmp_path: Path, times: list[str], read_as: list[str]
) -> None:
    found = read(tmp_path, ["time;value", *with_usage(times)])
    assert moments(found) == read_as
    assert "read as a spreadsheet's days: " in said(found)


@pytest.mark.parametrize(
    ("times", "words"),
    [
        (["46027", "46028"], "without a time of day, or count something else"),
        (["36530.5", "46027.375"], "or count something else"),
        (["46027.38", "46027.38"], "'46027.38' is a day and a part of it that a spreadsheet"),
        (["46027.375", "46027.3751"], "'46027.3751' is a day"),
        (["36525.5", "36525.75"], "not between 1971 and 2100"),
    ],
)
def test_numbers_that_may_be_no_days_are_refused(
    tmp_path: Path, times: list[str], words: str
) -> None:
    with pytest.raises(ReadingsError, match=words):
        read(tmp_path, ["time;value", *with_usage(times)])


@pytest.mark.parametrize(
    ("times", "read_as", "words"),
    [
        (["20260105090000", "20260105090010"], [NINE, "2026-01-05T09:00:10.000"], "hhmmss"),
        (["202601050900"], [NINE], "YYYYMMDDhhmm."),
        (["20240229", "20260131"], ["2024-02-29T00:00:00.000", "2026-01-31T00:00:00.000"], "MMDD."),
        (["20260105000000"], ["2026-01-05T00:00:00.000"], "YYYYMMDDhhmmss"),
        (["2026133100"], ["2034-03-16T14:45:00.000"], "yet to come"),
        (["2026010509", "2026010510"], None, "may be YYYYMMDDhh, or seconds since 1970"),
        (["20260230090000"], None, "not between 1970 and 2200"),
        (["134115912000000000"], None, "100 nanoseconds since 1601"),
        (["639032004000000000"], None, "100 nanoseconds since the year 1"),
    ],
)
def test_numbers_that_are_dates_without_marks(
    tmp_path: Path, times: list[str], read_as: list[str] | None, words: str
) -> None:
    lines = ["time;value", *with_usage(times)]
    if read_as is None:
        with pytest.raises(ReadingsError, match=words):
            read(tmp_path, lines)
        return
    found = read(tmp_path, lines)
    assert moments(found) == read_as
    assert words in said(found) and bool(said(found)) == bool(words)


def test_a_number_that_is_no_such_date_is_rejected_alone(tmp_path: Path) -> None:
    lines = ["time;value", *with_usage([*["20260105090000"] * 20, "20260105240000", "1767603600"])]
    found = read(tmp_path, lines)
    assert set(moments(found)) == {NINE}
    assert "which are YYYYMMDDhhmmss" in found.rejected.table()["reason"][0]


@pytest.mark.parametrize(
    ("lines", "columns", "read_as"),
    [
        (["Date,Time,Usage", "2026-01-05,09:00:00,5"], {}, [NINE]),
        (["Time,Usage,Date", "09:00:00,5,2026-01-05"], {}, [NINE]),
        (["date;time;usage", "05.01.2026;9:00;5,5"], {}, [NINE]),
        (["date;time;usage", "29.02.2024;00:00:00;5"], {}, ["2024-02-29T00:00:00.000"]),
        (["date,time,usage", "1/31/2026,12:00 AM,5"], {}, ["2026-01-31T00:00:00.000"]),
        (["date,time,usage", "1/5/2026,9:00 AM,5"], {"month_first": "date"}, [NINE]),
        (["date,time,usage", "5/1/2026,9:00 AM,5"], {"day_first": "date", "time": "time"}, [NINE]),
        (["Day,Timestamp,usage", "2026-01-05,09:00:00Z,5"], {}, [NINE]),
        (["date,time,usage", "20260105,09:00:00,5"], {}, [NINE]),
        (["date,time,usage", "2026-01-05 00:00:00,09:00:00,5"], {}, [NINE]),
        (["date,time,usage", "46027,0.375,5", "46028,0,6"], {}, [NINE, "2026-01-06T00:00:00.000"]),
        (["date,time,tz,usage", '2026-01-05,10:00:00,"+01:00",5'], {}, [NINE]),
        (["date,time,timezone,usage", "2026-01-05,09:00:00,UTC,5"], {}, [NINE]),
        (["time,tz,usage", "2026-01-05 10:00:00,+0100,5"], {}, [NINE]),
        (["time,tz,usage", "2026-01-05T09:00:00Z,CET,5"], {}, [NINE]),
        (["time,tz,usage", "1767603600,CET,5"], {}, [NINE]),
        (["time,tz,usage", "2026-01-05 09:00:00,CET,5"], {"ignore": "tz"}, [NINE]),
        (["time,offset,usage", "2026-01-05 10:00:00,+01:00,5"], {}, [NINE]),
        (["time,offset,usage", "2026-01-05 09:00:00,1234,5"], {}, [NINE]),
        (["date,time,AM/PM,usage", "1/13/2026,12:00,AM,5", "1/13/2026,9:00,PM,6"], {},
         ["2026-01-13T00:00:00.000", "2026-01-13T21:00:00.000"]),
        (["time,half,tz,usage", "2026-01-05 9:00,p.m.,+12:00,5"], {}, [NINE]),
        (["time,host,usage", "2026-01-05 09:00:00,pm,5"], {}, [NINE]),
        (["time,half,usage", "2026-01-05 9:00 AM,AM,5"], {}, [NINE]),
        (["time,zone,usage", "2026-01-05 09:00:00,eu-1a,5"], {}, [NINE]),
        (["Datum,Uhrzeit,usage", "05.01.2026,09:00,5"], {"date": "Datum", "time": "Uhrzeit"},
         [NINE]),
        (["Date,Time,web01,db01", "2026-01-05,09:00:00,5,6"], {}, [NINE, NINE]),
        (["Date,Time,web01,db01", "2026-01-05,09:00:00,5,6"], {"usage": "*"}, [NINE, NINE]),
        (["series;date;time;value", '{host="a"};2026-01-05;09:00:00;5'], {}, [NINE]),
        (["time,date,usage", "2026-01-05 09:00:00,2026-01-04,5"], {}, [NINE]),
        (["timestamp,time,usage", "09:00:00,2026-01-05T09:00:00Z,5"], {}, [NINE]),
        (["Date,Time,usage", "20260105,0900,5"], {}, [NINE]),
        (["Date,Time,usage", "20260105,0900,5"], {"date": "Date", "time": "Time"}, [NINE]),
        (["Date,Time,usage", "20260105,090000,5"], {"date": "Date", "time": "Time"}, [NINE]),
        (["Date,Time,tz,usage", "20260105,1000,+01:00,5"], {}, [NINE]),
        (["Date,Clock,usage", "05.01.2026,0900,5"], {}, [NINE]),
        (["time,hour,usage", "2026-01-05 09:00,9,5", "2026-01-05T09:00,9,5"], {}, [NINE, NINE]),
        (["Day,Time,usage", "2026-01-05,0000,5"], {}, ["2026-01-05T00:00:00.000"]),
    ],
)  # fmt: skip
def test_a_date_and_a_time_of_day_are_one_time(
    tmp_path: Path, lines: list[str], columns: dict[str, str], read_as: list[str]
) -> None:
    found = read(tmp_path, lines, columns=columns)
    assert moments(found) == read_as
    assert not len(found.rejected)


def test_two_columns_are_told_as_one(tmp_path: Path) -> None:
    found = read(tmp_path, ["Date,Time,Usage,note", "2026-01-05,09:00:00,5,x"])
    assert found.use.time == "Date and Time" and found.use.unused == ["note"]
    assert said(found) == "'Date' and 'Time' together are the time."


@pytest.mark.parametrize(
    "row", ["2026-01-05,,5", ",09:00:00,5", "2026-01-05,24:00:00,5", "2026-01-05,x,5",
            "2026-01-05 08:00,09:00:00,5", "2026-01-05T08:00Z,09:00:00,5"],
)  # fmt: skip
def test_half_a_time_is_no_midnight(tmp_path: Path, row: str) -> None:
    lines = ["Date,Time,Usage", *[f"2026-01-05,09:00:{at:02},5" for at in range(50)], row]
    found = read(tmp_path, lines)
    assert found.rejected.table()["line"].tolist() == [52]


@pytest.mark.parametrize(
    ("lines", "columns", "words"),
    [
        (["time,usage", "09:00:00,5"], {}, "'time' holds times of day alone"),
        (["time,usage", "9:00 PM,5"], {}, "--columns 'date=NAME'"),
        (["time,web01,db01", "09:00:00,5,6"], {}, "times of day alone"),
        (["Datum,time,usage", "05.01.2026,09:00,5"], {}, "--columns 'date=Datum'"),
        (["date,time,usage", "1/5/2026,9:00,5"], {}, "'day_first=date'"),
        (["date,time,tz,usage", "2026-01-05,09:00:00,Europe/Paris,5"], {},
         "'Europe/Paris', which is no offset.*--columns 'ignore=tz'"),
        (["date,time,usage", "2026-01-05,09:00:00,5"], {"date": "date", "time": "date"}, "both"),
        (["date,time,usage", "2026-01-05,09:00:00,5"], {"date": "day"}, "no column 'day'"),
        (["Date,Hour,usage", "2026-01-05,9,5", "2026-01-06,10,5"], {}, "'Hour' seems to hold a"),
        (["Date,Minute,usage", "05.01.2026,540,5"], {}, "'Minute' seems to hold a part"),
        (["date,usage,hm", "2026-01-05,5,09:00"], {}, "'date=date,time=hm'.*'ignore=hm'"),
        (["Date,Time,usage", "20260105,930,5"], {"date": "Date", "time": "Time"}, "'930' in"),
        (["Date,Time,usage", "20260105,33000,5"], {"date": "Date", "time": "Time"}, "as 09:30"),
        (["Date,Time,usage", "2026-01-05,0.375,5"], {"date": "Date", "time": "Time"}, "as 09:30"),
        (["Date,Time,usage", "20260105,2400,5"], {"date": "Date", "time": "Time"}, "as 09:30"),
    ],
)  # fmt: skip
def test_a_time_in_parts_that_is_not_certain_is_refused(
    tmp_path: Path, lines: list[str], columns: dict[str, str], words: str
) -> None:
    with pytest.raises(ReadingsError, match=words):
        read(tmp_path, lines, columns=columns)


def test_the_command_line_says_dates_as_well() -> None:
    said = parse_columns(["date=Day,time=Clock", "day_first=Day"])
    assert said == {"date": "Day", "time": "Clock", "day_first": "Day"}


@pytest.mark.parametrize("text", ["9" * 100, "٣.٣.٣٣٣٣", "1.2.3.4", "10.0.0.1", "1-2-345", ""])
def test_what_is_no_date_is_none(text: str) -> None:
    assert dates.written(text) is None


@pytest.mark.parametrize(
    "times", [["25/12/24", "26/12/24"], ["05/01/26"], ["30.12.25 09:00", "31.12.25 09:00"]]
)
def test_days_before_a_year_of_two_digits_are_read_if_people_say_so(
    tmp_path: Path, times: list[str]
) -> None:
    found = read(tmp_path, ["time;value", *with_usage(times)], columns={"day_first": "time"})
    assert all(moment < "2027" for moment in moments(found)) and moments(found)[0] > "2024"


@pytest.mark.parametrize("times", [["1.76E+12"], ["1.76E+12", "1.77E+12"], ["1.76760E+09"]])
def test_times_that_a_spreadsheet_rounded_are_refused_even_if_none_comes_again(
    tmp_path: Path, times: list[str]
) -> None:
    with pytest.raises(ReadingsError, match=r"a spreadsheet rounded.*Format that column"):
        read(tmp_path, ["time;value", *with_usage(times)])
    exact = read(tmp_path, ["time;value", *with_usage(["1.767603600123E+12", "1.7676036E9"])])
    assert len(exact.readings) + len(exact.rejected) == 2
