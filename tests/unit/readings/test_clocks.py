"""Two columns of times: those that are certain are read, or said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cpuwatch.readings import CsvReadings, ReadingsError, read_csv

T0 = 1_767_603_600_000  # 2026-01-05 09:00 UTC
HOUR = 3_600_000


def read(folder: Path, header: str, *rows: str, **said: Any) -> CsvReadings:
    path = folder / "mine.csv"
    path.write_text("\n".join([f"{header},usage", *(f"{row},5" for row in rows), ""]))
    return read_csv(path, True, **said)


def moments(found: CsvReadings) -> list[int]:
    return [moment for (moment,) in found.readings.ask("SELECT occurred_at FROM rows")]


def loud(found: CsvReadings) -> str:
    return " ".join(one for one in found.use.remarks if one.startswith("Attention"))


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("time,time_utc", "2026-01-05 10:00,2026-01-05 09:00"),
        ("Timestamp,Timestamp (UTC)", "2026-01-05 10:00,2026-01-05 09:00"),
        ("date,time,date_utc,time_utc", "2026-01-06,00:30,2026-01-05,09:00"),
        ("date,date_utc,time_utc", "2026-01-06,2026-01-05,09:00"),
        ("date_utc,time_utc", "2026-01-05,09:00"),
        ("date,time_utc", "2026-01-05,09:00"),
        ("date,time,time_utc", "2026-01-05,09:00,23:00"),
        ("date,date_utc,time", "2026-01-05,2026-01-04,09:00"),
    ],
)
def test_what_says_utc_is_read_with_the_date_of_its_zone(
    tmp_path: Path, header: str, row: str
) -> None:
    assert moments(read(tmp_path, header, row)) == [T0]


@pytest.mark.parametrize(
    ("header", "row", "sure"),
    [
        ("time,epoch", "2026-01-05 10:00:00,1767603600", "epoch"),
        ("time,epoch", "2026-01-05T10:00:00,1767603612.5", "epoch"),
        ("timestamp,time_ms", "5 Jan 2026 10:00,1767603600000", "time_ms"),
        ("time,@timestamp", "2026-01-05T10:00:00,2026-01-05T09:00:00.000Z", "@timestamp"),
        ("date,time,ts", "2026-01-05,10:00,1767603600", "ts"),
    ],
)
def test_times_that_another_column_shows_to_be_local_are_a_loud_word(
    tmp_path: Path, header: str, row: str, sure: str
) -> None:
    found = read(tmp_path, header, row)
    assert moments(found) == [T0 + HOUR]
    assert f"1 h ahead of those in '{sure}'" in loud(found)
    assert f"--columns 'time={sure}' to read those" in loud(found)
    followed = read(tmp_path, header, row, columns={"time": sure})
    assert moments(followed)[0] // 60_000 == T0 // 60_000 and not loud(followed)


def test_a_change_of_the_clock_hides_nothing(tmp_path: Path) -> None:
    rows = "2026-10-25 02:30,1792888200", "2026-10-25 02:45,1792892700"
    assert "1 h ahead" in loud(read(tmp_path, "time,epoch", *rows))
    twice = rows[0], "2026-10-25 02:30,1792891800"
    with pytest.raises(ReadingsError, match=r"say --columns 'time=epoch' to read its times"):
        read(tmp_path, "time,epoch", *twice)
    found = read(tmp_path, "time,epoch", *twice, columns={"time": "epoch"})
    assert moments(found) == [1792888200000, 1792891800000]


def test_rows_that_are_not_wanted_are_counted_once(tmp_path: Path) -> None:
    rows = [
        f"2026-01-05 09:{at:02}:00,{1_767_603_600 + 60 * at},{host}"
        for at in range(60)
        for host in ("a", "b")
    ]
    found = read(tmp_path, "time,epoch,host", *rows, where={"host": "a"})
    assert "60 others are left out." in found.use.remarks


@pytest.mark.parametrize("name", ["ns", "ms", "millisecond", "Microseconds", "usec"])
def test_a_part_of_a_second_in_a_column_of_its_own_is_no_host(tmp_path: Path, name: str) -> None:
    rows = "1767603600,web01,0", "1767603600,web01,500", "1767603601,web01,0"
    with pytest.raises(ReadingsError, match=f"'{name}' seems to hold a part of the time"):
        read(tmp_path, f"clock,host,{name}", *rows)
    apart = read(tmp_path, f"clock,host,{name}", rows[0], rows[2])
    assert moments(apart) == [T0, T0 + 1000] and not loud(apart)


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("time,epoch", "2026-01-05 09:00:00,1767603600"),
        ("time,epoch", "2026-01-05 09:00:00,1767603607"),
        ("time,epoch", "2026-01-05T10:00:00Z,1767603600"),
        ("time,epoch", "2026-01-05 10:00:00,17"),
        ("time,ts", "2026-01-05 10:00:00,2026-01-05 09:00:00"),
        ("time,ts", "2026-01-05 10:00:00,2025-01-05T09:00:00Z"),
        ("time,received", "2026-01-05 10:00:00,1767603600"),
    ],
)
def test_other_times_say_nothing_of_a_zone(tmp_path: Path, header: str, row: str) -> None:
    assert not loud(read(tmp_path, header, row))
