"""Files of what is no CPU's usage: the refusal says so, or the output does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cpuwatch.readings import CsvReadings, ReadingsError, read_csv
from cpuwatch.readings.meaning import other_thing

T0 = "2026-01-05T09:00:00Z"


def read(folder: Path, content: str, **said: Any) -> CsvReadings:
    path = folder / "mine.csv"
    path.write_text(content)
    return read_csv(path, True, **said)


def loud(found: CsvReadings) -> str:
    return " ".join(one for one in found.use.remarks if one.startswith("Attention"))


@pytest.mark.parametrize(
    "names",
    [
        "kbmemfree;kbavail;kbmemused;%memused;kbbuffers;kbcached;%commit",
        "runq-sz;plist-sz;ldavg-1;ldavg-5;ldavg-15;blocked",
        "DEV;tps;rkB/s;wkB/s;areq-sz;aqu-sz;await;%util",
        "CPU;MHz",
    ],
)
def test_sadf_of_anything_else_names_the_command_for_cpus(tmp_path: Path, names: str) -> None:
    row = ";".join("5" for _ in names.split(";"))
    header = f"# hostname;interval;timestamp;{names}"
    with pytest.raises(ReadingsError, match=r"no usage of a CPU.*sadf -d -- -u -P ALL") as error:
        read(tmp_path, f"{header}\nweb01;60;2026-01-05 09:00:00 UTC;{row}\n")
    assert "usage=" not in str(error.value)


def test_memory_that_is_said_to_be_usage_is_a_loud_word(tmp_path: Path) -> None:
    header = "# hostname;interval;timestamp;kbmemused;%memused"
    row = "web01;60;2026-01-05 09:00:00 UTC;500;11,5"
    found = read(tmp_path, f"{header}\n{row}\n", columns={"usage": "%memused"})
    assert "%memused: that is hardly a CPU's usage" in loud(found)


@pytest.mark.parametrize(
    "names",
    [
        "Percent Available Memory,Percent Available Memory(RAW),Coverage",
        "AvgLoad,AvgPercentMemoryUsed",
        "host,cpu_temp",
        "host,cpu_usage_mhz",
        "host,node_cpu_seconds_total",
        "host,process_cpu_seconds",
        "host,num_cpus",
        "cpu_pressure_some_avg10",
        "host,cpu_time_ms",
        "pod,CPU(cores),MEMORY(bytes)",
    ],
)
def test_columns_of_something_else_are_not_proposed(tmp_path: Path, names: str) -> None:
    row = ",".join("5" for _ in names.split(","))
    with pytest.raises(ReadingsError, match=r"says? that (it is|they are) no CPU's usage") as error:
        read(tmp_path, f"time,{names}\n{T0},{row}\n")
    assert "usage=*" not in str(error.value) and "seems to be it" not in str(error.value)


@pytest.mark.parametrize("name", ["node_cpu_seconds_total", "CPU_SECONDS_TOTAL"])
def test_a_counter_beside_others_is_none_either(tmp_path: Path, name: str) -> None:
    content = (
        f"time,{name},{name.replace('node', 'process').replace('CPU', 'IO_CPU')}\n{T0},20,30\n"
    )
    with pytest.raises(ReadingsError, match="a counter that only grows"):
        read(tmp_path, content, columns={"usage": "*"})


@pytest.mark.parametrize("name", ["node_cpu_seconds_total", "CPU_SECONDS_TOTAL"])
def test_a_counter_is_no_usage_whoever_says_so(tmp_path: Path, name: str) -> None:
    with pytest.raises(ReadingsError, match="a counter that only grows"):
        read(tmp_path, f"time,host,{name}\n{T0},web01,20.5\n", columns={"usage": name})


@pytest.mark.parametrize("names", ["alpha,beta,beta mem", "web01,web02,web02 mem"])
def test_columns_that_may_be_series_are_still_proposed(tmp_path: Path, names: str) -> None:
    row = ",".join("5" for _ in names.split(","))
    with pytest.raises(ReadingsError) as error:
        read(tmp_path, f"time,{names}\n{T0},{row}\n")
    assert "--columns 'usage=" in str(error.value)


@pytest.mark.parametrize(
    "metric",
    ["cpu_temperature_celsius", "CPUCreditBalance", "machine_cpu_cores", "kubernetes.cpu.limits",
     "node_cpu_frequency_hertz", "cpu_usage_cores", "kbmemused"],
)  # fmt: skip
def test_a_metric_of_a_cpu_that_is_no_usage_is_a_loud_word(tmp_path: Path, metric: str) -> None:
    found = read(tmp_path, f"time,host,metric,value\n{T0},web01,{metric},8\n")
    assert f"metric is '{metric}' in all rows: that is hardly a CPU's usage" in loud(found)
    wanted = f"time,host,metric,value\n{T0},web01,{metric},8\n{T0},web01,cpu_load,9\n"
    with pytest.raises(ReadingsError, match="--where 'metric=cpu_load'"):
        read(tmp_path, wanted)


@pytest.mark.parametrize(
    "metric",
    ["cpu.usage.average", "cpu_usage_pct_of_limit", "CPU Percent of Request", "cpu.readiness",
     "avg:system.cpu.total.norm.pct"],
)  # fmt: skip
def test_a_usage_brings_no_word(tmp_path: Path, metric: str) -> None:
    assert not loud(read(tmp_path, f"time,host,metric,value\n{T0},web01,{metric},8\n"))


def test_parts_in_series_of_datadog_are_told(tmp_path: Path) -> None:
    names = '"avg:system.cpu.user{host:web01}","avg:system.cpu.user{host:db01}"'
    content = f"timestamp,{names}\n{T0},12,90\n"
    with pytest.raises(ReadingsError, match="are parts of what a CPU did") as error:
        read(tmp_path, content)
    assert "usage=*" not in str(error.value)
    assert "a part of what the CPU did" in loud(read(tmp_path, content, columns={"usage": "*"}))


def test_a_file_that_lacks_a_time_alone_is_not_asked_for_what_was_idle(tmp_path: Path) -> None:
    with pytest.raises(
        ReadingsError, match=r"no time column.*say which it is by --columns time="
    ) as error:
        read(tmp_path, f"CPU Total web01,User%,Sys%,Wait%,Idle%\n{T0},1,2,0,97\n")
    assert "export what was idle" not in str(error.value)


@pytest.mark.parametrize(
    ("program", "content"),
    [
        ("vmstat", "procs -----------memory----------\n r  b   swpd   free\n 1  0  0  8\n"),
        ("vmstat", " r  b   swpd   free   buff\n 1  0      0 8000000  10000\n"),
        ("top", "top - 09:00:00 up 1 day,  3:00,  1 user\nTasks: 100 total\n"),
        ("pidstat", "#      Time   UID       PID    %usr\n 1767603600     0         1    0.00\n"),
        ("nmon", "AAA,progname,nmon\nAAA,host,web01\nCPU_ALL,CPU Total web01,User%,Sys%\n"),
    ],
)  # fmt: skip
def test_what_is_no_table_is_named(tmp_path: Path, program: str, content: str) -> None:
    with pytest.raises(ReadingsError, match=rf"is what {program} writes.*export that by sadf -d\."):
        read(tmp_path, content)


def test_whole_numbers_of_dstat_are_no_halves_of_one_number(tmp_path: Path) -> None:
    rows = "1767603600.1,10,2,87,1,0,0\n1767603601.1,10,2,77,11,0,0\n"
    found = read(tmp_path, f'"epoch","usr","sys","idl","wai","hiq","siq"\n{rows}')
    assert found.readings.ask("SELECT usage FROM rows") == [(13,), (23,)] and not loud(found)


@pytest.mark.parametrize(
    "name",
    [
        "CPU usage last 30 sec", "cpu_usage_60_seconds_avg", "cpmCPUTotal5sec", "cpu us",
        "cpu us-east-1", "web01 cpu us-east-1", "ns1 cpu", "ms1 cpu", "price-api cpu",
        "weight-watchers cpu", "number-cruncher cpu usage", "switches cpu usage",
        "rate(node_cpu_seconds_total[1m])", "avg(irate(process_cpu_seconds_total[5m])) * 100",
    ],
)  # fmt: skip
def test_a_length_of_time_a_region_or_a_name_of_a_host_is_no_unit(name: str) -> None:
    assert other_thing(name) is None


@pytest.mark.parametrize(
    "name",
    [
        "cpu_seconds", "container_cpu_usage_seconds_total", "cpuTimeMsec", "CPU time (sec)",
        "cpu_time_ns", "cpuSeconds", "numCPU", "Number of CPUs", "cpu_pressure_avg10",
    ],
)  # fmt: skip
def test_a_unit_of_time_or_a_count_is_no_usage(name: str) -> None:
    assert other_thing(name) is not None
