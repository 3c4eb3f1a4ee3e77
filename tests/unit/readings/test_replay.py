"""A CSV of readings: each line is a reading, or rejected with its place and reason."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cpuwatch import readings as r
from cpuwatch.readings.replay import ReadingsError, read_csv

# --- CSV: the file --------------------------------------------------------------------------


def write(folder: Path, content: str | bytes, name: str = "web-1.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@dataclass
class Found:
    """What a file held, in memory."""

    readings: pd.DataFrame
    rejected: pd.DataFrame
    rows: int


def read(folder: Path, content: str | bytes, name: str = "web-1.csv") -> Found:
    found = read_csv(write(folder, content, name))
    return Found(found.readings.table(), found.rejected.table(), found.rows)


def refused(folder: Path, content: str | bytes) -> str:
    with pytest.raises(ReadingsError) as error:
        read(folder, content)
    message = str(error.value)
    assert "web-1.csv" in message and message.endswith(".") and "\n" not in message
    return message


def reasons(found: Found) -> list[tuple[int, str]]:
    return list(zip(found.rejected["line"], found.rejected["reason"], strict=True))


def test_a_name_in_the_header_with_a_line_end_is_told(tmp_path: Path) -> None:
    message = refused(tmp_path, 'time,host,"CPU\nusage"\n1767603600,web01,5\n')
    assert "a quote in its first line that is not closed there" in message


def test_a_time_that_a_spreadsheet_shows_in_part_is_told(tmp_path: Path) -> None:
    message = refused(tmp_path, "time,host,usage\n00:00.0,web01,5\n01:00.5,web01,6\n")
    assert "minutes and seconds alone" in message and "format that column" in message


def test_readings_are_sorted_by_time_and_ties_keep_the_order_of_the_file(tmp_path: Path) -> None:
    found = read(tmp_path, "hostname,cpu,usage,time\nb,c1,2,20\nz,c1,1,10\na,c2,3,10\n")
    assert found.readings.to_dict("list") == {
        "hostname": ["z", "a", "b"],
        "cpu": ["c1", "c2", "c1"],
        "usage": [1.0, 3.0, 2.0],
        "occurred_at": [10_000, 10_000, 20_000],
    }
    assert found.readings.dtypes.equals(r.fleet(ticks=1).dtypes)
    assert found.rows == 3 and len(found.rejected) == 0
    assert list(found.rejected.columns) == ["line", "reason", "text"]


def test_the_fleet_survives_a_trip_through_a_csv_file(tmp_path: Path) -> None:
    fleet = r.fleet(ticks=50)
    found = read(tmp_path, fleet.to_csv(index=False))
    pd.testing.assert_frame_equal(found.readings, fleet)


@pytest.mark.parametrize("time", ["occurred_at", "timestamp", "TIME", " Timestamp "])
@pytest.mark.parametrize("value", ["usage", "value", "CPU_Usage"])
def test_columns_go_by_several_names_in_any_case(tmp_path: Path, time: str, value: str) -> None:
    found = read(tmp_path, f"{value},{time}\n5,1000\n")
    assert found.readings.values.tolist() == [["web-1", "cpu1", 5.0, 1_000_000]]


@pytest.mark.parametrize("host", ["hostname", "host", "instance"])
@pytest.mark.parametrize("cpu", ["cpu", "core"])
def test_host_and_cpu_go_by_several_names_too(tmp_path: Path, host: str, cpu: str) -> None:
    found = read(tmp_path, f"time,value,{host},{cpu}\n1000,5,db,7\n")
    assert found.readings.values.tolist() == [["db", "7", 5.0, 1_000_000]]


def test_the_first_of_the_accepted_names_wins_wherever_it_stands(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "time,occurred_at,value,usage,instance,hostname,core,cpu\n1,2,3,4,i,h,r,c\n",
    )
    assert found.readings.values.tolist() == [["h", "c", 4.0, 2000]]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_comma_or_semicolon_or_tab(tmp_path: Path, delimiter: str) -> None:
    found = read(tmp_path, "time,host,usage\n1000,db,5.5\n".replace(",", delimiter))
    assert found.readings["usage"].tolist() == [5.5]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_line_ends_and_encodings_do_not_matter(tmp_path: Path, end: str, encoding: str) -> None:
    text = end.join(["time,host,usage", "1000,größe,5", "", "oops,db,5", ""])
    found = read(tmp_path, text.encode(encoding))
    assert found.readings["hostname"].tolist() == ["größe"]
    assert found.rejected["line"].tolist() == [4]


def test_blank_lines_are_no_rows_but_count_as_lines(tmp_path: Path) -> None:
    found = read(tmp_path, "\n\ntime,usage\n\n1000,5\n  \n1000,x\n\n")
    assert found.rows == 2
    assert reasons(found) == [(7, "usage 'x' is not a number")]


def test_a_line_that_is_not_utf8_is_rejected_alone(tmp_path: Path) -> None:
    found = read(tmp_path, b"time,host,usage\n1000,gr\xf6\xdfe,5\n1000,db,5\n")
    assert reasons(found) == [(2, "line is not valid UTF-8")]
    assert found.rejected["text"].tolist() == ["1000,gr\ufffd\ufffde,5"]
    assert found.readings["hostname"].tolist() == ["db"]


def test_lines_that_are_not_utf8_are_a_loud_word_with_the_remedy(tmp_path: Path) -> None:
    content = "time;host;usage\n1000;büro;12,5\n1000;web;12,5\n".encode("cp1252")
    found = read_csv(write(tmp_path, content))
    assert "is not valid UTF-8. " in found.use.remarks[1]
    assert "1 of 2 rows" in found.use.remarks[1] and "CSV UTF-8" in found.use.remarks[1]
    assert "save the file as CSV UTF-8" in refused(tmp_path, b"time,host,usage\n1000,b\xfcro,5\n")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_needs_no_mark(tmp_path: Path, encoding: str) -> None:
    found = read(tmp_path, "time,host,usage\r\n1000,größe,5\r\n".encode(encoding))
    assert found.readings["hostname"].tolist() == ["größe"] and not len(found.rejected)


def test_half_a_character_at_the_end_of_a_utf16_file_is_rejected_alone(tmp_path: Path) -> None:
    found = read(tmp_path, "time,usage\n1000,5\n".encode("utf-16") + b"\x31")
    assert reasons(found) == [(3, "line is not valid UTF-16")]
    assert len(found.readings) == 1


def test_an_unclosed_quote_rejects_its_line_and_swallows_nothing(tmp_path: Path) -> None:
    found = read(tmp_path, 'time,host,usage\n1000,"db,5\n1001,"a""b",6\n1002,c,7\n')
    assert reasons(found) == [(2, "a quote is not closed")]
    assert found.readings["hostname"].tolist() == ['a"b', "c"]


def test_host_names_are_kept_as_they_are(tmp_path: Path) -> None:
    names = ['"a,b"', '"say ""hi"""', "日本-1", " padded ", "0012", "nan", "$x_1$"]
    lines = [f"1000,{name},5" for name in names]
    found = read(tmp_path, "\n".join(["time,host,usage", *lines]))
    assert found.readings["hostname"].tolist() == [
        "a,b", 'say "hi"', "日本-1", "padded", "0012", "nan", "$x_1$",
    ]  # fmt: skip


def test_only_line_ends_end_a_line(tmp_path: Path) -> None:
    found = read(tmp_path, "time,host,usage\n1000,a\u2028b\x0bc\x85,5\n")
    assert found.readings["hostname"].tolist() == ["a\u2028b\x0bc\x85"]


def test_rows_of_the_wrong_width_are_rejected_unless_the_extra_fields_are_empty(
    tmp_path: Path,
) -> None:
    found = read(tmp_path, "time,usage,host\n1000,5\n1000\n1000,5,a,,\n1000,5,a,x\n")
    assert reasons(found) == [
        (2, "row has 2 columns, not 3"),
        (3, "row has 1 column, not 3"),
        (5, "row has 4 columns, not 3"),
    ]
    assert len(found.readings) == 1


def test_a_delimiter_at_the_end_of_the_header_is_no_column(tmp_path: Path) -> None:
    assert len(read(tmp_path, "time,usage,\n1000,5\n1001,6,\n").readings) == 2


@pytest.mark.parametrize(("column", "row"), [("host", "1000,5, ,c"), ("core", "1000,5,a,")])
def test_an_empty_host_or_cpu_is_rejected(tmp_path: Path, column: str, row: str) -> None:
    found = read(tmp_path, f"time,usage,host,core\n1000,5,a,c\n{row}\n")
    assert reasons(found) == [(3, f"{column} '' is empty")]


def test_the_rejected_keep_their_line_and_text(tmp_path: Path) -> None:
    found = read(tmp_path, "time,usage\n1000,5\nsoon,5\n1000,101\n,5\n")
    assert found.rejected.values.tolist() == [
        [3, "time 'soon' is neither ISO 8601 nor epoch seconds or milliseconds", "soon,5"],
        [4, "usage 101 is not between 0 and 100", "1000,101"],
        [5, "time '' is empty", ",5"],
    ]
    assert found.rows == 4


def test_a_long_or_unprintable_value_is_shortened_in_the_reason(tmp_path: Path) -> None:
    found = read(tmp_path, f"time,usage\n1,5\n1,{'x' * 10_000}\n1,a\x1b[31m\n")
    long, ugly = found.rejected["reason"]
    assert long == f"usage '{'x' * 39}…' is not a number"
    assert ugly == "usage 'a\ufffd[31m' is not a number"


# --- CSV: values ----------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["0", "100", "0.1", "99.99999999999999", "1e1", "+5", " 7 ", ".5"])
def test_values_are_what_python_reads(tmp_path: Path, text: str) -> None:
    found = read(tmp_path, f"time,usage\n1000,{text}\n")
    assert found.readings["usage"].tolist() == [float(text)]


@pytest.mark.parametrize("text", ["abc", "nan", "inf", "-Infinity", "1_0", "5%%", "٣", "0x5", "1e"])
def test_what_is_not_a_plain_number_is_rejected(tmp_path: Path, text: str) -> None:
    found = read(tmp_path, f"time,usage\n1000,{text}\n1000,5\n")
    assert reasons(found) == [(2, f"usage '{text}' is not a number")]


@pytest.mark.parametrize("text", ["-0.51", "100.51", "1e300", "-5"])
def test_usage_out_of_range_is_rejected(tmp_path: Path, text: str) -> None:
    found = read(tmp_path, f"time,usage\n1000,{text}\n1000,5\n")
    assert reasons(found) == [(2, f"usage {text} is not between 0 and 100")]


# --- CSV: times -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-01-05T09:00:00Z", "2026-01-05T09:00:00"),
        ("2026-01-05T09:00:00", "2026-01-05T09:00:00"),
        ("2026-01-05 09:00:00", "2026-01-05T09:00:00"),
        ("2026-01-05t09:00:00z", "2026-01-05T09:00:00"),
        ("2026-01-05T09:00", "2026-01-05T09:00:00"),
        ("2026-01-05", "2026-01-05T00:00:00"),
        ("20260105T090000Z", "2026-01-05T09:00:00"),
        ("2026-01-05T09:00:00+05:30", "2026-01-05T03:30:00"),
        ("2026-01-05T09:00:00-0800", "2026-01-05T17:00:00"),
        ("2026-01-05 09:00:00 +02", "2026-01-05T07:00:00"),
        ("2026-01-05 09:00:00 UTC", "2026-01-05T09:00:00"),
        ("2026-01-05T09:00:00.1Z", "2026-01-05T09:00:00.100"),
        ("2026-01-05T09:00:00.123999999Z", "2026-01-05T09:00:00.123"),
        ("2024-02-29T23:59:59.999", "2024-02-29T23:59:59.999"),
        ("1970-01-01", "1970-01-01"),
        ("1969-12-31T23:30:00-01:00", "1970-01-01T00:30:00"),
        ("2199-12-31T23:59:59.999Z", "2199-12-31T23:59:59.999"),
    ],
)
def test_iso_times_are_utc_unless_they_say_otherwise(tmp_path: Path, text: str, utc: str) -> None:
    found = read(tmp_path, f"time,usage\n{text},5\n")
    assert found.readings["occurred_at"].tolist() == [pd.Timestamp(utc).value // 10**6]


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("0", 0),
        ("1700000000", 1_700_000_000_000),
        ("1700000000.123", 1_700_000_000_123),
        ("1700000000.1239999999999999999999999999999999", 1_700_000_000_123),
        ("1700000000.", 1_700_000_000_000),
        ("1.7e9", 1_700_000_000_000),
        ("1700000000000", 1_700_000_000_000),
        ("1700000000123.999", 1_700_000_000_123),
        ("1700000000123.0", 1_700_000_000_123),
    ],
)
def test_numeric_times_are_seconds_or_milliseconds_and_cut_exactly(
    tmp_path: Path, text: str, ms: int
) -> None:
    assert read(tmp_path, f"time,usage\n{text},5\n").readings["occurred_at"].tolist() == [ms]


def test_every_millisecond_of_a_second_survives_as_a_fraction(tmp_path: Path) -> None:
    rows = [f"1700000000.{ms:03d},5" for ms in range(1000)]
    found = read(tmp_path, "\n".join(["time,usage", *rows]))
    assert found.readings["occurred_at"].tolist() == list(
        range(1_700_000_000_000, 1_700_000_001_000)
    )


def test_the_median_of_the_file_decides_between_seconds_and_milliseconds(tmp_path: Path) -> None:
    found = read(tmp_path, "time,usage\n1000,1\n1700000000000,2\n1700000000001,3\n2026-01-05,4\n")
    assert found.readings["usage"].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert found.readings["occurred_at"].tolist()[:2] == [1000, 1_700_000_000_000]


@pytest.mark.parametrize(
    "text",
    [
        "1900-01-01",
        "1969-12-31T23:59:59.999Z",
        "2200-01-01",
        "30000-01-01",
        "0000-01-01",
        "-0044-03-15",
        "-1",
        "7258118400",
        "1e30",
    ],
)
def test_times_outside_1970_to_2200_are_rejected(tmp_path: Path, text: str) -> None:
    found = read(tmp_path, f"time,usage\n{text},5\n1000,5\n1000,5\n")
    assert reasons(found) == [(2, f"time '{text}' is not between 1970 and 2200")]


@pytest.mark.parametrize(
    "text",
    ["yesterday", "nan", "inf", "1_700_000_000", "2026-13-01", "2026-02-30", "2026-01-05T24:00",
     "2026-01-05T09:60", "05/01/2026", "2026-01-05T09:00:00+25:00", "9" * 100, "٢٠٢٦-01-05"],
)  # fmt: skip
def test_what_is_no_time_is_rejected(tmp_path: Path, text: str) -> None:
    found = read(tmp_path, f"time,usage\n{text},5\n1000,5\n")
    (line, reason), = reasons(found)  # fmt: skip
    assert line == 2 and reason.startswith("time '") and "neither ISO 8601 nor epoch" in reason


# --- CSV: whole files that cannot be used ---------------------------------------------------


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReadingsError, match=r"gone\.csv does not exist"):
        read_csv(tmp_path / "gone.csv")


def test_a_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReadingsError, match="is a directory"):
        read_csv(tmp_path)


@pytest.mark.parametrize(
    ("error", "words"),
    [(PermissionError(13, "denied"), "may not be read"), (OSError(5, "broken"), "broken")],
)
def test_an_unreadable_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, words: str
) -> None:
    def fail(*_: object, **__: object) -> IO[Any]:
        raise error

    monkeypatch.setattr(Path, "open", fail)
    with pytest.raises(ReadingsError, match=rf"a.csv.*{words}"):
        read_csv(tmp_path / "a.csv")


def test_a_name_that_no_file_can_have_is_refused() -> None:
    for name in ("a\0b", "x" * 5000):
        with pytest.raises(ReadingsError, match="cannot be read"):
            read_csv(name)


@pytest.mark.parametrize("content", [b"", b"\n\r\n  \n", b"\xef\xbb\xbf", b"\xff\xfe"])
def test_an_empty_file_is_refused(tmp_path: Path, content: bytes) -> None:
    assert "is empty" in refused(tmp_path, content)


@pytest.mark.parametrize("content", [b"\x89PNG\0\0", b"time,usage\n1,\0\n", b"\xff\xfe\0\0a\0"])
def test_a_binary_file_is_refused(tmp_path: Path, content: bytes) -> None:
    assert "binary" in refused(tmp_path, content)


def test_a_header_without_a_time_or_value_column_says_which_names_are_accepted(
    tmp_path: Path,
) -> None:
    time = refused(tmp_path, "host;usage\na;5\n")
    assert "no time column" in time and "occurred_at, timestamp or time" in time
    assert "value column" not in time
    value = refused(tmp_path, "time,load\n1,5\n")
    assert "no value column" in value and "usage, value or cpu_usage" in value
    both = refused(tmp_path, '"broken\n1,5\n')
    assert "no time column and no value column" in both


def test_a_header_without_rows_is_refused(tmp_path: Path) -> None:
    assert "no rows" in refused(tmp_path, "time,usage\n\n")


def test_a_file_of_rejected_rows_is_refused_with_the_first_reason(tmp_path: Path) -> None:
    message = refused(tmp_path, "time,usage\n\n1,abc\n1,200\n")
    assert "line 3" in message and "usage 'abc' is not a number" in message


headers = st.sampled_from([b"", b"time,usage\n", b"occurred_at;host;value\r", b"\xff\xfet\0"])
fragments = st.lists(
    st.one_of(
        st.binary(max_size=12),
        st.sampled_from([b"\n", b"\r", b",", b";", b'"', b"1700000000", b"5", b"2026-01-05", b"a"]),
    ),
    max_size=40,
).map(b"".join)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(header=headers, body=fragments)
def test_whatever_the_bytes_each_row_is_a_reading_or_rejected(
    tmp_path: Path, header: bytes, body: bytes
) -> None:
    try:
        found = read(tmp_path, header + body)
    except ReadingsError:
        return
    assert found.rows == len(found.readings) + len(found.rejected)
    assert found.readings["usage"].between(0, 100).all()
    assert found.readings["occurred_at"].is_monotonic_increasing
    assert found.rejected["line"].is_monotonic_increasing and found.rejected["line"].is_unique
    names = [*found.readings["hostname"], *found.readings["cpu"]]
    assert all(name.strip() and "\0" not in name for name in names)
    "".join([*found.rejected["text"], *found.readings["hostname"]]).encode()  # is text


rows = st.lists(
    st.one_of(
        st.tuples(st.floats(0, 100), st.integers(0, r.END_OF_TIME - 1)),
        st.just("no reading"),
        st.just(""),
    ),
    min_size=1,
    max_size=30,
)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=rows)
def test_every_good_row_is_kept_exactly_and_every_bad_one_counted(
    tmp_path: Path, rows: list[tuple[float, int] | str]
) -> None:
    good = [row for row in rows if isinstance(row, tuple)]
    stamp = {ms: pd.Timestamp(ms, unit="ms").isoformat() for _, ms in good}
    lines = [row if isinstance(row, str) else f"{stamp[row[1]]},{row[0]!r}" for row in rows]
    content = "\n".join(["time,usage", *lines])
    if not good:
        refused(tmp_path, content)
        return
    found = read(tmp_path, content)
    assert found.readings["usage"].tolist() == [u for u, _ in sorted(good, key=lambda row: row[1])]
    assert found.readings["occurred_at"].tolist() == sorted(ms for _, ms in good)
    assert len(found.rejected) == rows.count("no reading")


def test_a_nul_character_far_into_a_file_damages_its_line_alone(tmp_path: Path) -> None:
    good = [f"{1_700_000_000 + number},50" for number in range(1000)]
    found = read(tmp_path, "\n".join(["time,usage", *good, "1700001000,\0", ""]).encode())
    assert len(found.readings) == 1000
    assert found.rejected["line"].tolist() == [1002]


@pytest.mark.parametrize(
    ("times", "seconds"),
    [
        (["1", "2", "99999999998"], True),
        (["1700000000000", "1", "2"], True),
        (["1700000000000", "1700000000001", "2"], False),
        (["1", "199999999998"], True),  # the median of two is between them
        (["1", "199999999999"], False),
        (["2026-01-05", "1700000000000"], False),
    ],
)
def test_the_median_of_all_numbers_tells_their_unit(
    tmp_path: Path, times: list[str], seconds: bool
) -> None:
    found = read(tmp_path, "\n".join(["time,usage", *(f"{time},5" for time in times), "x,5"]))
    moments = [int(time) for time in times if time.isdigit()]
    wanted = [moment * (1000 if seconds else 1) for moment in moments]
    kept = [moment for moment in wanted if moment < r.END_OF_TIME]
    assert set(kept) <= set(found.readings["occurred_at"])
    assert len(found.rejected) == 1 + len(wanted) - len(kept)


@pytest.mark.parametrize("tail", [b"", b"\0", b"5", b"\x00\xd8", b"\x00\xd8\x05"])
def test_a_utf_16_file_that_ends_in_half_a_character_loses_that_line_alone(
    tmp_path: Path, tail: bytes
) -> None:
    whole = "time,usage\n1000,5\n1001,6\n1002,7".encode("utf-16")
    found = read(tmp_path, whole + tail)
    assert len(found.readings) == (2 if tail else 3)
    assert found.rejected["reason"].tolist() == (["line is not valid UTF-16"] if tail else [])
