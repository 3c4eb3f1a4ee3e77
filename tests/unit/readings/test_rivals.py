"""Columns whose names would do for the same thing: the right one is taken, or the file refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cpuwatch.readings import CsvReadings, ReadingsError, read_csv

T0, T1 = "2026-01-05T09:00:00Z", "2026-01-05T09:00:10Z"


def read(folder: Path, header: str, *rows: str, **said: Any) -> CsvReadings:
    path = folder / "mine.csv"
    path.write_text("\n".join([header, *rows, ""]))
    return read_csv(path, True, **said)


def series(found: CsvReadings) -> list[tuple[str, str, float]]:
    return found.readings.ask("SELECT hostname, cpu, usage FROM rows ORDER BY rowid")


def loud(found: CsvReadings) -> str:
    return " ".join(one for one in found.use.remarks if one.startswith("Attention"))


@pytest.mark.parametrize(
    ("header", "rows", "wanted"),
    [
        ("Time,Computer,Instance,Value", [f"{T0},WEB01,_Total,20", f"{T0},WEB01,0,97"],
         [("WEB01", "_Total", 20), ("WEB01", "0", 97)]),
        ("Time,Instance,Computer,Value", [f"{T0},_Total,WEB01,20", f"{T0},_Total,DB01,97"],
         [("WEB01", "_Total", 20), ("DB01", "_Total", 97)]),
        ("Time,Computer,InstanceName,Value", [f'{T0},WEB01,"0,1",20'], [("WEB01", "0,1", 20)]),
        ("Time,Instance,Value", [f"{T0},_Total,20", f"{T0},0,97"],
         [("mine", "_Total", 20), ("mine", "0", 97)]),
        ("Time,Series,Value", [f"{T0},cpu0,20"], [("mine", "cpu0", 20)]),
        ("Time,Instance,Value", [f"{T0},0,20"], [("0", "cpu1", 20)]),
        ("Time,Instance,CPU,Value", [f"{T0},10.0.0.1:9100,0,20"], [("10.0.0.1:9100", "0", 20)]),
        ("Time,Instance,Server,Value", [f"{T0},i-0a1,web01,20"], [("web01", "cpu1", 20)]),
    ],
)  # fmt: skip
def test_a_host_is_what_hosts_are_called(
    tmp_path: Path, header: str, rows: list[str], wanted: list[tuple[str, str, float]]
) -> None:
    found = read(tmp_path, header, *rows)
    assert series(found) == wanted and not loud(found)


def test_a_row_without_an_instance_is_of_all_cpus(tmp_path: Path) -> None:
    header = "Value,Timestamp,MetricId,Unit,Entity,Instance"
    rows = [
        f"{value},{T0},cpu.usage.average,%,{host},{cpu}"
        for value, host, cpu in ((20, "web01", ""), (97, "db01", ""), (30, "web01", "0"))
    ]
    found = read(tmp_path, header, *rows)
    assert series(found) == [("web01", "all", 20), ("db01", "all", 97), ("web01", "0", 30)]
    assert found.use.remarks == ["2 rows are without Instance, and read as of all CPUs, 'all'."]
    hosts = read(tmp_path, header, *rows[:2])
    assert series(hosts) == [("web01", "cpu1", 20), ("db01", "cpu1", 97)]


def test_hosts_that_look_like_cpus_are_a_loud_word(tmp_path: Path) -> None:
    rows = "Time,Computer,Instance,Value", f"{T0},WEB01,_Total,20"
    found = read(tmp_path, *rows, columns={"cpu": "Computer"})
    assert "say --columns 'host=Computer,cpu=Instance'" in loud(found)
    followed = read(tmp_path, *rows, columns={"host": "Computer", "cpu": "Instance"})
    assert series(followed) == [("WEB01", "_Total", 20)] and not loud(followed)


def test_a_cpu_that_is_called_by_a_percentage_is_refused(tmp_path: Path) -> None:
    rows = "time,host,cpu,idle", f"{T0},web01,22.5,77.5", f"{T1},web01,97,3"
    with pytest.raises(ReadingsError, match=r"'cpu' holds '22\.5'.*'usage=cpu'.*'cpu=cpu'"):
        read(tmp_path, *rows)
    assert series(read(tmp_path, *rows, columns={"usage": "cpu"}))[0] == ("web01", "cpu1", 22.5)
    assert series(read(tmp_path, *rows, columns={"cpu": "cpu"}))[0] == ("web01", "22.5", 22.5)
    whole = read(tmp_path, "time,host,cpu,idle", f"{T0},web01,0.0,77.5")
    assert series(whole) == [("web01", "0.0", 22.5)]


@pytest.mark.parametrize(
    ("names", "usage"),
    [
        ("cpu_percent,usage", 12),
        ("usage,cpu_percent", 95),
        ("cpu_usage,value", 12),
        ("CPUUtilization,Average", 12),
        ("mean,cpu%", 95),
        ("value,usage", 95),
    ],
)
def test_usage_of_a_cpu_comes_before_any_other(tmp_path: Path, names: str, usage: int) -> None:
    ((_, _, found),) = series(read(tmp_path, f"time,host,{names}", f"{T0},web01,12,95"))
    assert found == usage


@pytest.mark.parametrize(
    "names",
    ["value,mean", "average,mean", "usage,utilization", "cpu_usage,cpu_percent", "usage,usage.1"],
)
def test_two_usages_that_differ_are_refused(tmp_path: Path, names: str) -> None:
    one, other = names.split(",")
    header = f"time,host,{names}"
    with pytest.raises(ReadingsError, match="two columns that may be the usage") as error:
        read(tmp_path, header, f"{T0},web01,12,12", f"{T1},web01,12,95")
    assert f"'usage={one}'" in str(error.value) and f"'usage={other}'" in str(error.value)
    for name, usage in ((one, 12), (other, 95)):
        found = read(tmp_path, header, f"{T0},web01,12,95", columns={"usage": name})
        assert series(found) == [("web01", "cpu1", usage)]
    assert len(read(tmp_path, header, f"{T0},web01,12,12").readings) == 1
    assert len(read(tmp_path, header, f"{T0},a,1,9", columns={"ignore": other}).readings) == 1


@pytest.mark.parametrize("names", ["CPU Usage,cpu-usage", "value,Value", "cpu.usage,CPU_usage"])
def test_two_columns_of_one_name_are_refused(tmp_path: Path, names: str) -> None:
    with pytest.raises(ReadingsError, match=r"more than one column.*say by --columns which"):
        read(tmp_path, f"time,host,{names}", f"{T0},web01,12,95")
    same = f"time,host,{names.split(',')[0]},{names.split(',')[0]}"
    with pytest.raises(ReadingsError, match=r"more than one column.*leave one out\."):
        read(tmp_path, same, f"{T0},web01,12,95", columns={"usage": names.split(",")[0]})
    second = names.split(",")[1]
    found = read(tmp_path, f"time,host,{names}", f"{T0},web01,12,95", columns={"usage": second})
    assert series(found) == [("web01", "cpu1", 95)]


@pytest.mark.parametrize(
    ("names", "remedy", "wanted"),
    [
        ("web01,web02,Total,Average", {"usage": "*", "ignore": ["Average", "Total"]},
         [("web01", "cpu1", 6), ("web02", "cpu1", 70)]),
        ("web01,web02,x,value", {"usage": "*", "ignore": ["value", "x"]},
         [("web01", "cpu1", 6), ("web02", "cpu1", 70)]),
        ("cpu0,cpu1,host,mean", {"usage": "*", "host": "host", "ignore": ["mean"]},
         [("76", "cpu0", 6), ("76", "cpu1", 70)]),
    ],
)  # fmt: skip
def test_a_mean_beside_the_series_that_it_is_of_is_refused(
    tmp_path: Path, names: str, remedy: dict[str, Any], wanted: list[tuple[str, str, float]]
) -> None:
    rows = f"time,{names}", f"{T0},6,70,76,38"
    with pytest.raises(ReadingsError, match=r"may be of all of them: say") as error:
        read(tmp_path, *rows)
    said = {key: "".join(its) for key, its in remedy.items() if key != "ignore"}
    parts = [f"{key}={its}" for key, its in said.items()]
    parts += [f"ignore={its}" for its in remedy["ignore"]]
    assert f"--columns '{','.join(parts)}' to read each" in str(error.value)
    assert series(read(tmp_path, *rows, columns=remedy)) == wanted
    value = names.split(",")[-1]
    assert f"--columns 'usage={value}' to read" in str(error.value)
    ((_, _, found),) = series(read(tmp_path, *rows, columns={"usage": value}))
    assert found == 38


@pytest.mark.parametrize(
    "names", ["cpu0,cpu1,cpu_usage", "load1,load5,value", "web01,note,value", "eth0,sda1,value"]
)
def test_a_usage_beside_other_columns_is_read(tmp_path: Path, names: str) -> None:
    ((_, _, found),) = series(read(tmp_path, f"time,{names}", f"{T0},6,70,38"))
    assert found == 38


# --- Labels beside columns of the same name -------------------------------------------------

LABELLED = [
    "time,value,host,metric",
    f'{T0},22.5,collector1,"cpu{{host=""web01""}}"',
    f'{T1},97,collector1,"cpu{{host=""db01""}}"',
]


def test_a_label_that_says_another_host_than_the_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReadingsError, match=r"'host=host'.*'host=metric\.host'"):
        read(tmp_path, *LABELLED)
    by_label = read(tmp_path, *LABELLED, columns={"host": "metric.host"})
    assert series(by_label) == [("web01", "cpu1", 22.5), ("db01", "cpu1", 97)]
    by_column = read(tmp_path, *LABELLED, columns={"host": "host"})
    assert "'metric.host' varies within" in loud(by_column)


def test_a_label_that_says_the_same_as_the_column_is_no_other_column(tmp_path: Path) -> None:
    rows = [row.replace("collector1", ("web01", "db01")[at]) for at, row in enumerate(LABELLED[1:])]
    found = read(tmp_path, LABELLED[0], *rows)
    assert [host for host, _, _ in series(found)] == ["web01", "db01"] and not loud(found)


def test_any_label_that_differs_stays_in_sight(tmp_path: Path) -> None:
    rows = [f'{T0},5,a,all,"c{{core=""0""}}"', f'{T0},9,a,all,"c{{core=""1""}}"']
    header = "time,value,host,core,metric"
    with pytest.raises(ReadingsError, match=r"'cpu=metric\.core'"):
        read(tmp_path, header, *rows)
    apart = read(tmp_path, header, *rows, columns={"cpu": "metric.core"})
    assert series(apart) == [("a", "0", 5), ("a", "1", 9)]
    other = [row.replace("core", "rack") for row in rows]
    header = header.replace("core", "rack")
    with pytest.raises(ReadingsError, match="'cpu=series'"):
        read(tmp_path, header, *other)
    for column in ("series", "metric.rack"):
        assert len(series(read(tmp_path, header, *other, columns={"cpu": column}))) == 2


def test_a_label_can_be_said_as_a_column_can(tmp_path: Path) -> None:
    rows = [f'{T0},5,"c{{host=""a"",shard=""{at}""}}"' for at in range(2)]
    with pytest.raises(ReadingsError, match="--columns 'cpu=shard'"):
        read(tmp_path, "time,value,metric", *rows)
    found = read(tmp_path, "time,value,metric", *rows, columns={"cpu": "shard"})
    assert series(found) == [("a", "0", 5), ("a", "1", 5)]
    assert (
        len(read(tmp_path, "time,value,metric", *rows, columns={"ignore": "shard"}).readings) == 2
    )
    with pytest.raises(ReadingsError, match="no column 'rack'"):
        read(tmp_path, "time,value,metric", *rows, columns={"cpu": "rack"})
