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


# --- What was idle --------------------------------------------------------------------------


def metric(name: str, value: int = 97, column: str = "metric") -> str:
    return f'time,host,{column},value\n{T0},web01,"{name}",{value}\n'


@pytest.mark.parametrize(
    "content",
    [
        metric("system.cpu.idle"),
        metric("CPU idle time", column="name"),
        metric("system.cpu.util[,idle]"),
        metric("cpuidle"),
        metric("cpuIdle"),
        metric("CPUIdlePercent"),
        metric("node-cpu.idle_pct"),
        f'Time,"system.cpu.idle{{host=""web01""}}"\n{T0},97\n',
        f"time,host,CPU Idle Time\n{T0},web01,97\n",
        PERFMON.replace("0.97", "97"),
    ],
)
def test_a_metric_that_is_what_a_cpu_had_left_is_read_so(tmp_path: Path, content: str) -> None:
    found = read(tmp_path, content)
    assert usages(found) == [3]
    assert sum("what is there is idle" in one for one in found.use.remarks) == 1


DISK = r'"(PDH-CSV 4.0) (GMT Standard Time)(0)","\\A\PhysicalDisk(_Total)\% Idle Time"'


@pytest.mark.parametrize(
    ("content", "column", "where"),
    [
        (metric("apache.workers.idle"), "value", {}),
        (f'{DISK}\n"01/05/2026 09:00:00.000","97"\n', "*",
         {"counter": "PhysicalDisk\\% Idle Time"}),
        (f"Series,Time,Value\nweb01 idle,{T0},97\ndb01 idle,{T0},97\n", "Value", {}),
        (f"time,host,cpu,value\n{T0},web01,cpu0.idle,97\n", "value", {}),
    ],
)  # fmt: skip
def test_a_name_that_says_idle_is_taken_for_usage_only_if_people_say_so(
    tmp_path: Path, content: str, column: str, where: dict[str, str]
) -> None:
    with pytest.raises(ReadingsError) as error:
        read(tmp_path, content, where=where)
    assert f"--columns 'idle={column}'" in str(error.value)
    assert f"--columns 'usage={column}'" in str(error.value)
    as_idle = read(tmp_path, content, where=where, columns={"idle": column})
    assert usages(as_idle) == [3] and not loud(as_idle)
    as_usage = read(tmp_path, content, where=where, columns={"usage": column})
    assert usages(as_usage) == [97] and f"'idle={column}'" in loud(as_usage)


def test_columns_of_series_that_say_idle_are_no_quiet_usage(tmp_path: Path) -> None:
    content = f'Time,"web01 idle","db01 idle"\n{T0},97 %,97 %\n'
    with pytest.raises(ReadingsError, match=r"--columns 'idle=\*'"):
        read(tmp_path, content)
    assert usages(read(tmp_path, content, columns={"idle": "*"})) == [3]
    assert "idle=*" in loud(read(tmp_path, content, columns={"usage": "*"}))


def test_a_column_that_says_idle_is_no_quiet_usage(tmp_path: Path) -> None:
    content = f"time,host,idle share\n{T0},web01,97\n"
    with pytest.raises(ReadingsError, match="--columns 'idle=idle share'"):
        read(tmp_path, content)
    assert "idle" in loud(read(tmp_path, content, columns={"usage": "idle share"}))
    assert usages(read(tmp_path, content, columns={"idle": "idle share"})) == [3]


@pytest.mark.parametrize("name", ["cpu idle.csv", "web01-idle.csv"])
def test_a_file_or_a_title_that_says_idle_is_a_loud_word(tmp_path: Path, name: str) -> None:
    assert "idle=value" in loud(read(tmp_path, f"time,value\n{T0},97\n", name))
    titled = read(tmp_path, f"Report: idle\ntime,value\n{T0},97\n")
    assert "'Report: idle' says idle" in loud(titled)
    assert not loud(read(tmp_path, f"time,value\n{T0},97\n", name, columns={"usage": "value"}))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (metric("system.cpu.iowait", 2), {}),
        (metric("CPU user time", 2, "name"), {}),
        (metric("system.cpu.util[,system]", 2), {}),
        (metric("Processor.PrivilegedTime", 2), {}),
        (f"Series,Time,Value\nweb01 user,{T0},2\ndb01 user,{T0},2\n", {}),
        (f"time,host,cpu_user\n{T0},web01,2\n", {"usage": "cpu_user"}),
    ],
)
def test_a_part_of_what_a_cpu_did_is_a_loud_word(
    tmp_path: Path, content: str, said: dict[str, str]
) -> None:
    assert "a part of what the CPU did" in loud(read(tmp_path, content, columns=said))


@pytest.mark.parametrize(
    "content",
    [
        metric("system.cpu.total.norm.pct", 20),
        metric("system.cpu.util", 20),
        metric("middle bridle", 20),
        f"time,host,value\n{T0},user-service-1,20\n{T0},system,20\n",
    ],
)
def test_other_names_bring_no_word(tmp_path: Path, content: str) -> None:
    found = read(tmp_path, content)
    assert usages(found) == [20] and not found.use.remarks


@pytest.mark.parametrize(
    ("names", "likely"),
    [
        (["system.cpu.idle", "system.cpu.user"], "system.cpu.idle"),
        (["system.cpu.user", "system.cpu.total"], "system.cpu.total"),
        (["cpu workers idle", "cpu.load"], "cpu.load"),
        (["mem.wait", "mem.used"], "mem.used"),
    ],
)
def test_the_rows_that_a_refusal_proposes_are_read_for_what_they_are(
    tmp_path: Path, names: list[str], likely: str
) -> None:
    rows = [f"{T0},web01,{name},{97 if 'idle' in name else 3}" for name in names]
    content = "\n".join(["time,host,metric,value", *rows, ""])
    with pytest.raises(ReadingsError, match=f"--where 'metric={likely}'"):
        read(tmp_path, content)
    assert usages(read(tmp_path, content, where={"metric": likely})) == [3]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *((name, "cpu_idle") for name in ("key_", "check", "service", "sensor", "label", "path")),
        *((name, "CPU idle time") for name in ("target", "MetricId", "Metric Type", "kpi")),
        ("key_", "system.cpu.util[,idle]"),
        ("what", "usage_idle"),
    ],
)
def test_any_column_can_say_that_all_rows_are_of_what_was_idle(
    tmp_path: Path, column: str, value: str
) -> None:
    found = read(tmp_path, metric(value, column=column))
    assert usages(found) == [3] and not loud(found)


def test_rows_of_what_was_idle_that_are_asked_for_are_read_so(tmp_path: Path) -> None:
    rows = [f"{T0},web01,usage_{name},{value}" for name, value in (("idle", 97), ("user", 2))]
    for column in ("variable", "what"):
        content = "\n".join([f"time,host,{column},value", *rows])
        assert usages(read(tmp_path, content, where={column: "usage_idle"})) == [3]
        part = read(tmp_path, content, where={column: "usage_user"})
        assert "a part of what the CPU did" in loud(part)
    assert usages(read(tmp_path, "\n".join(["time,host,variable,value", *rows]))) == [3]


def test_what_was_idle_may_be_anything_in_a_column_that_names_no_metric(tmp_path: Path) -> None:
    content = metric("idle", column="status")
    with pytest.raises(ReadingsError, match=r"status is 'idle'.*'idle=value'.*'usage=value'"):
        read(tmp_path, content)
    assert usages(read(tmp_path, content, columns={"usage": "value"})) == [97]
    assert not loud(read(tmp_path, content, columns={"ignore": "status"}))
    assert not loud(read(tmp_path, metric("system of users", column="rack")))


@pytest.mark.parametrize(
    "content",
    [
        metric("mem.used_percent"),
        metric("node_load1", 2, "__name__"),
        metric("DiskSpaceUtilization", column="MetricName"),
        metric("% Free Space", column="countername"),
        metric("mem.usage.average", column="MetricId"),
        metric("Memory utilization", column="item"),
        metric("vm.memory.size[pavailable]", column="key"),
        f"time,_field,_measurement,value\n{T0},used_percent,mem,97\n",
        f"Series,Time,Value\nweb01 mem,{T0},97\n",
        f"Series,Time,Value\nMemory usage,{T0},97\n",
        f"Memory used, all hosts\ntime,host,value\n{T0},web01,97\n",
    ],
)
def test_a_metric_that_is_of_no_cpu_is_a_loud_word(tmp_path: Path, content: str) -> None:
    assert "hardly a CPU's usage" in loud(read(tmp_path, content))


@pytest.mark.parametrize(
    "content",
    [
        f"Series,Time,Value\nstorage-01,{T0},97\nlb.net,{T0},97\nmem-cache-1,{T0},97\n",
        metric("Processor(_Total)\\% load"),
        metric("disk-optimised", column="flavour"),
        f"time,_field,_measurement,value\n{T0},load,cpu,97\n",
    ],
)
def test_a_host_or_a_cpu_is_no_other_metric(tmp_path: Path, content: str) -> None:
    assert not loud(read(tmp_path, content))


def test_a_column_of_memory_is_not_proposed_and_a_loud_word(tmp_path: Path) -> None:
    content = f"time,host,mem_usage_percent\n{T0},web01,97\n"
    with pytest.raises(ReadingsError, match="no value column") as error:
        read(tmp_path, content)
    assert "seems to be" not in str(error.value) and "*" not in str(error.value)
    said = read(tmp_path, content, columns={"usage": "mem_usage_percent"})
    assert "hardly a CPU's usage" in loud(said)


# --- Percent or fractions -------------------------------------------------------------------

OF_ONE = many("time,host,value", "{t},web01,0.9", 39)


@pytest.mark.parametrize("odd", ["1.0003", "-0.0003", "1.1", "-0.05"])
def test_a_value_a_hair_beyond_hides_no_fractions(tmp_path: Path, odd: str) -> None:
    with pytest.raises(ReadingsError, match="'ratio=value'"):
        read(tmp_path, f"{OF_ONE}{START - 1},web01,{odd}\n")


def test_another_hosts_percent_hides_no_fractions(tmp_path: Path) -> None:
    found = read(tmp_path, f"{OF_ONE}{START},db01,97\n")
    assert "39 of 40 values of value are between 0 and 1: they are taken for percent" in loud(found)
    half = "".join(f"{START + at},db01,97\n" for at in range(39))
    assert not loud(read(tmp_path, OF_ONE + half))


METRICBEAT = many("@timestamp,host.name,system.cpu.total.norm.pct", "{t},web01,0.97")
SERIES = many("Time,alpha,beta", "{t},0.97,0.2")
FREE = many("time,host,Free", "{t},web01,0.97")


@pytest.mark.parametrize(
    ("content", "said", "remedy", "usage"),
    [
        (METRICBEAT, {"usage": "system.cpu.total.norm.pct"},
         {"ratio": "system.cpu.total.norm.pct"}, [97]),
        (SERIES, {"usage": "*"}, {"ratio": "*"}, [20, 97]),
        (FREE, {"idle": "Free"}, {"ratio": "Free", "idle": "Free"}, [3]),
    ],
)  # fmt: skip
def test_who_says_the_column_is_still_told_of_fractions(
    tmp_path: Path, content: str, said: dict[str, str], remedy: dict[str, str], usage: list[float]
) -> None:
    with pytest.raises(ReadingsError, match=r"or ratio=NAME if it goes from 0 to 1"):
        read(tmp_path, content)
    options = ",".join(f"{what}={name}" for what, name in remedy.items())
    assert f"taken for percent, as you say; if they are fractions, say --columns '{options}'" in (
        loud(read(tmp_path, content, columns=said))
    )
    assert usages(read(tmp_path, content, columns=remedy)) == usage


def test_columns_of_series_that_hold_fractions_are_refused_with_that_remedy(tmp_path: Path) -> None:
    with pytest.raises(ReadingsError, match=r"'usage=\*', or 'ratio=\*' if they go from 0 to 1"):
        read(tmp_path, SERIES)


# --- What is beyond 0 and 100 ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "values", "said", "usage"),
    [
        ("time,host,usage", ["100.4", "-0.3", "50"], {}, [0, 50, 100]),
        ("time,host,%idle", ["100.10", "-0.01", "50"], {}, [0, 50, 100]),
        ("time,host,load", ["1.004", "-0.003", "0.5"], {"ratio": "load"}, [0, 50, 100]),
    ],
)
def test_what_was_rounded_beyond_an_end_is_taken_for_it(
    tmp_path: Path, header: str, values: list[str], said: dict[str, str], usage: list[float]
) -> None:
    rows = [f"{START + at},web01,{value}" for at, value in enumerate(values)]
    found = read(tmp_path, "\n".join([header, *rows]), columns=said)
    assert usages(found) == usage and not len(found.rejected) and not loud(found)
    assert any(one.startswith("2 values are beyond 0% or 100%") for one in found.use.remarks)


@pytest.mark.parametrize(
    ("value", "words"),
    [("380", "4 values are over 100, up to 380"), ("121", "up to 121"), ("-1", "4 values are below "
      "0, down to -1")],
)  # fmt: skip
def test_what_is_no_percentage_is_a_loud_word(tmp_path: Path, value: str, words: str) -> None:
    rows = [f"{START + at},web01,{value if at % 10 == 3 else 90}" for at in range(40)]
    found = read(tmp_path, "\n".join(["time,host,usage", *rows]))
    assert usages(found) == [90] and len(found.rejected) == 4
    assert words in loud(found)


def test_a_fraction_that_is_none_is_a_loud_word(tmp_path: Path) -> None:
    content = f"time,load\n{START},0.5\n{START + 1},3.8\n"
    assert "over 1, up to 3.8" in loud(read(tmp_path, content, columns={"ratio": "load"}))
