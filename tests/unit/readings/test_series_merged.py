"""Columns that nothing is read from, and that tell series apart: never passed over in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from cpuwatch.readings import CsvReadings, ReadingsError, read_csv

T0 = "2026-01-05T09:00"


def read(folder: Path, header: str, rows: list[str], **said: dict[str, str]) -> CsvReadings:
    path = folder / "mine.csv"
    path.write_text("\n".join([header, *rows, ""]))
    return read_csv(path, True, **said)


def loud(found: CsvReadings) -> str:
    return " ".join(one for one in found.use.remarks if one.startswith("Attention"))


def at(row: int) -> str:
    return f"2026-01-05T{9 + row // 3600:02}:{row // 60 % 60:02}:{row % 60:02}Z"


def by_turns(values: list[str], rows: int = 20, host: str = "web01,") -> list[str]:
    """Rows of two or more values, each at a second of its own."""
    return [
        f"{at(row)},{host}{values[row % len(values)]},{10 + 80 * (row % 2)}" for row in range(rows)
    ]


@pytest.mark.parametrize(
    ("column", "values", "rows"),
    [
        ("thread", ["0", "1"], 20),
        ("thread", ["0", "1"], 2),
        ("core_no", ["0.0", "1.0"], 20),
        ("container", ["4f2a9c1d77be", "123456789012"], 20),
        ("container", ["123456789012", "4f2a9c1d77be"], 20),
        ("what", ["1", "2", "3"], 30),
        ("pod", ["a", "n/a", "b"], 30),
        ("place", ["eu", "us"], 4),
    ],
)
def test_what_varies_within_a_series_is_a_loud_word(
    tmp_path: Path, column: str, values: list[str], rows: int
) -> None:
    lines = by_turns(values, rows)
    found = read(tmp_path, f"time,host,{column},usage", lines)
    assert f"'{column}' varies within a host's CPU" in loud(found)
    apart = read(tmp_path, f"time,host,{column},usage", lines, columns={"cpu": column})
    assert not loud(apart)
    quiet = read(tmp_path, f"time,host,{column},usage", lines, columns={"ignore": column})
    assert not loud(quiet)


@pytest.mark.parametrize(
    ("column", "values"),
    [("device", ["12345", "67890"]), ("container", ["4f2a9c1d77be", "123456789012"]),
     ("pod", [f"p{at}" for at in range(7)]), ("guest", [f"v{at}" for at in range(2500)])],
)  # fmt: skip
def test_without_a_host_a_column_that_names_something_is_refused(
    tmp_path: Path, column: str, values: list[str]
) -> None:
    rows = [f"{at(row)},{value},{row % 100}" for row, value in enumerate(values)]
    with pytest.raises(ReadingsError, match=f"'host={column}'"):
        read(tmp_path, f"time,{column},usage", rows)
    found = read(tmp_path, f"time,{column},usage", rows, columns={"host": column})
    ((hosts,),) = found.readings.ask("SELECT COUNT(DISTINCT hostname) FROM rows")
    assert hosts == len(values)


def test_a_core_that_is_written_as_a_decimal_is_no_measure(tmp_path: Path) -> None:
    rows = [f"{at(row)},web01,{core}.0,{10 + core}" for row in range(9) for core in range(2)]
    with pytest.raises(ReadingsError, match="'cpu=core_no'"):
        read(tmp_path, "time,host,core_no,usage", rows)


@pytest.mark.parametrize("hosts", [900, 1000, 1500])
def test_the_number_of_series_silences_nothing(tmp_path: Path, hosts: int) -> None:
    rows = [
        f"{at(turn)},h{host},{cpu},{'ab'[turn]},50"
        for turn in range(2)
        for host in range(hosts)
        for cpu in range(2)
    ]
    found = read(tmp_path, "time,host,cpu,container,usage", rows)
    assert "'container' varies" in loud(found)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("region", ["eu"]),
        ("region", ["eu", "", "n/a"]),
        ("celsius", ["41.5", "42", "n/a"]),
        ("celsius", ["41", "42", "43"]),
        ("cpu temp", ["41 %", "42 %", "43 %"]),
        ("interval", ["60", "59"]),
        ("cpu_user", ["1", "2"]),
        ("usage_idle", ["98", "97"]),
        ("threads", ["580", "581"]),
        ("number of users", ["3", "4"]),
        ("written", [str(1_767_603_600 + row) for row in range(5)]),
        ("end", [f"{T0}:00Z", f"{T0}:10Z"]),
        ("note", [f"the {row}th row" for row in range(40)]),
        ("row", [str(row) for row in range(40)]),
    ],
)
def test_what_names_no_series_brings_no_word(
    tmp_path: Path, column: str, values: list[str]
) -> None:
    found = read(tmp_path, f"time,host,{column},usage", by_turns(values, 40)[:40])
    assert not loud(found)


@pytest.mark.parametrize("column", ["cpu_user", "threads", "usage_idle"])
def test_what_was_measured_beside_is_no_host(tmp_path: Path, column: str) -> None:
    rows = by_turns(["1", "2"], host="")
    found = read(tmp_path, f"time,{column},usage", rows)
    assert len(found.readings) == 20 and not loud(found)
