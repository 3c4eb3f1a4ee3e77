"""Who does what a refusal says gets what is in the file, or a refusal that leads further."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from cpuwatch.readings import CsvReadings, ReadingsError, parse_columns, parse_where, read_csv
from cpuwatch.settings import ROOT

PAGE = (ROOT / "docs" / "csv-files.md").read_text()
SAMPLE = re.compile(r"^```csv\n(.*?)^```\n(read|refused): (.*?)$", re.MULTILINE | re.DOTALL)
SAMPLES = SAMPLE.findall(PAGE)

T0 = "2026-01-05T09:00:00Z"

LONG = "kubernetes_container_runtime_instance_name_of_it"

#: What one refusal proposes at once: options that stand beside each other.
OPTIONS = re.compile(r"--(?:columns|where) (?:'[^']*'(?:\"'\"'[^']*')*)(?: --where '[^']*')*")


def read(path: Path, options: str = "") -> CsvReadings:
    words = shlex.split(options)
    said = list(zip(words[::2], words[1::2], strict=True))
    columns = parse_columns(text for option, text in said if option == "--columns")
    where = parse_where(text for option, text in said if option == "--where")
    return read_csv(path, True, columns, where)


def proposed(message: str) -> list[str]:
    """The options of a refusal that can be followed as they stand."""
    return [one for one in OPTIONS.findall(message) if "…" not in one and "=NAME" not in one]


def averages(found: CsvReadings) -> dict[str, float]:
    query = "SELECT hostname, cpu, AVG(usage) FROM rows GROUP BY hostname, cpu"
    return {f"{host} {cpu}": round(usage, 6) for host, cpu, usage in found.readings.ask(query)}


def times(row: str, count: int = 20, step: int = 10) -> str:
    """Rows of one moment after the other, `{t}`; `{u}` is five seconds later."""
    moments = (1_767_603_600 + step * at for at in range(count))
    return "".join(row.format(t=moment, u=moment + 5) + "\n" for moment in moments)


def write(folder: Path, content: str) -> Path:
    path = folder / "mine.csv"
    path.write_text(content)
    return path


#: A file, and what each option gives that its refusal proposes; what is refused again leads to
#: another option, which is named after it.
OBEYED = {
    "without a name, first": (
        ",time,value\n" + times("web01,{t},20\ndb01,{t},97"),
        {
            "--columns 'host=column 1'": {"web01 cpu1": 20, "db01 cpu1": 97},
            "--columns 'ignore=column 1'": {"mine cpu1": 58.5},
        },
    ),
    "without a name, between": (
        "time,,value\n" + times("{t},web01,20\n{u},db01,97"),
        {
            "--columns 'host=column 2'": {"web01 cpu1": 20, "db01 cpu1": 97},
            "--columns 'ignore=column 2'": {"mine cpu1": 58.5},
        },
    ),
    "without a name, beside a host": (
        "time,host,,value\n" + times("{t},web01,a,20\n{t},web01,b,97"),
        {
            "--columns 'cpu=column 3'": {"web01 a": 20, "web01 b": 97},
            "--columns 'ignore=column 3'": {"web01 cpu1": 58.5},
        },
    ),
    "series of a CPU and of memory": (
        "Series;Time;Value\n" + times("web01 cpu;{t};20\ndb01 cpu;{t};97\nweb01 mem;{t};50"),
        {
            "--where 'Series=db01 cpu' --where 'Series=web01 cpu'": {
                "db01 cpu cpu1": 97, "web01 cpu cpu1": 20,
            },
            "--columns 'host=Series'": {
                "web01 cpu cpu1": 20, "db01 cpu cpu1": 97, "web01 mem cpu1": 50,
            },
        },
    ),
    "a CPU's metric that says idle, beside memory": (
        "time,host,metric,value\n" + times(
            "{t},a,instance_cpu:node_cpu_seconds_not_idle:rate5m_of_all_instances,20\n"
            "{t},a,instance:node_memory_utilisation:ratio_percent_rate5m,97"
        ),
        {
            "--where 'metric=instance_cpu:node_cpu_seconds_not_idle:rate5m_of_all_instances'":
                "--columns 'usage=value'",
        },
    ),
    "CPUs beside each other, and a host": (
        "time,host,cpu0,cpu1\n" + times("{t},web01,20,30\n{t},db01,97,98"),
        {
            "--columns 'usage=*,host=host'": {
                "web01 cpu0": 20, "web01 cpu1": 30, "db01 cpu0": 97, "db01 cpu1": 98,
            },
        },
    ),
    "series beside each other, and a number of a server": (
        "time,server,a1,b1\n" + times("{t},1,20,30\n{t},2,97,98"),
        {"--columns 'usage=*,host=server'": {"1 a1": 20, "1 b1": 30, "2 a1": 97, "2 b1": 98}},
    ),
    "series beside each other, and a text": (
        "time,env,a,b\n" + times("{t},prod,20,30\n{t},test,97,98"),
        {"--columns 'usage=*,host=env'": {"prod a": 20, "prod b": 30, "test a": 97, "test b": 98}},
    ),
    "series beside each other, and a CPU": (
        "time,cpu,a,b\n" + times("{t},0,20,30\n{t},1,97,98"),
        {
            "--columns 'usage=cpu'": "decimal comma",
            "--columns 'usage=*,cpu=cpu'": {"a 0": 20, "b 0": 30, "a 1": 97, "b 1": 98},
        },
    ),
    "containers": (
        "timestamp,Name,CPUPerc,MemPerc\n" + times("{t},a,20%,3%\n{t},b,97%,3%"),
        {"--columns 'usage=CPUPerc'": "--columns 'host=Name'"},
    ),
    "a metric's own name": (
        "@timestamp,host.name,system.cpu.total.norm.pct\n" + times("{t},web01,20\n{t},db01,97"),
        {
            "--columns 'usage=system.cpu.total.norm.pct'": {"web01 cpu1": 20, "db01 cpu1": 97},
        },
    ),
    "quantiles": (
        "timestamp,value,instance,quantile\n" + times("{t},20,w:9100,0.5\n{t},97,w:9100,0.99"),
        {
            "--columns 'cpu=quantile'": {"w:9100 0.5": 20, "w:9100 0.99": 97},
            "--columns 'ignore=quantile'": {"w:9100 cpu1": 58.5},
        },
    ),
    "slots with a point": (
        "time,host,slot,value\n" + times("{t},web,1.1,20\n{t},web,1.2,97"),
        {
            "--columns 'cpu=slot'": {"web 1.1": 20, "web 1.2": 97},
            "--columns 'ignore=slot'": {"web cpu1": 58.5},
        },
    ),
    "ids of many digits": (
        "time,value,device\n" + times("{t},20,4000000001\n{u},97,4000000002"),
        {
            "--columns 'host=device'": {"4000000001 cpu1": 20, "4000000002 cpu1": 97},
            "--columns 'ignore=device'": {"mine cpu1": 58.5},
        },
    ),
    "what was measured, by turns": (
        "time,host,resource,value\n" + times("{t},w,cpu,20\n{u},w,memory,97"),
        {
            "--where 'resource=cpu'": {"w cpu1": 20},
            "--columns 'cpu=resource'": {"w cpu": 20, "w memory": 97},
            "--columns 'ignore=resource'": {"w cpu1": 58.5},
        },
    ),
    "items, by turns": (
        "time,host,item,value\n" + times("{t},w,CPU utilization,20\n{u},w,Memory utilization,97"),
        {
            "--where 'item=CPU utilization'": {"w cpu1": 20},
            "--columns 'cpu=item'": {"w CPU utilization": 20, "w Memory utilization": 97},
            "--columns 'ignore=item'": {"w cpu1": 58.5},
        },
    ),
    "a collector, and hosts": (
        "time,value,host,instance\n" + times("{t},20,collector,web01\n{t},97,collector,db01"),
        {
            "--columns 'host=instance'": {"web01 cpu1": 20, "db01 cpu1": 97},
            "--columns 'cpu=instance'": {"collector web01": 20, "collector db01": 97},
            "--columns 'ignore=instance'": {"collector cpu1": 58.5},
        },
    ),
    "a collector, and hosts by turns": (
        "time,value,host,instance\n" + times("{t},20,collector,web01\n{u},97,collector,db01"),
        {
            "--columns 'host=instance'": {"web01 cpu1": 20, "db01 cpu1": 97},
            "--columns 'cpu=instance'": {"collector web01": 20, "collector db01": 97},
            "--columns 'ignore=instance'": {"collector cpu1": 58.5},
        },
    ),
    "a CPU's time of several modes": (
        "time,host,what,value\n" + times("{t},w,usage_idle,97\n{t},w,usage_user,2"),
        {
            "--where 'what=usage_idle'": {"w cpu1": 3},
            "--columns 'cpu=what'": "says idle",
            "--columns 'ignore=what'": {"w cpu1": 49.5},
        },
    ),
    "a long name": (
        f"time,host,{LONG},value\n" + times("{t},n1,a,20\n{t},n1,b,97"),
        {
            f"--columns 'cpu={LONG}'": {"n1 a": 20, "n1 b": 97},
            f"--columns 'ignore={LONG}'": {"n1 cpu1": 58.5},
        },
    ),
    "a name with a quote": (
        "time,host,pod's,value\n" + times("{t},n1,a,20\n{t},n1,b,97"),
        {
            "--columns 'cpu=pod'\"'\"'s'": {"n1 a": 20, "n1 b": 97},
            "--columns 'ignore=pod'\"'\"'s'": {"n1 cpu1": 58.5},
        },
    ),
    "a name with a character that cannot be shown": (
        "time,host,po\x1bd,value\n" + times("{t},n1,a,20\n{t},n1,b,97"),
        {
            "--columns 'cpu=column 3'": {"n1 a": 20, "n1 b": 97},
            "--columns 'ignore=column 3'": {"n1 cpu1": 58.5},
        },
    ),
    "a name like an option": (
        'time,host,"pod,cpu=x",value\n' + times("{t},n1,a,20\n{t},n1,b,97"),
        {
            "--columns 'cpu=column 3'": {"n1 a": 20, "n1 b": 97},
            "--columns 'ignore=column 3'": {"n1 cpu1": 58.5},
        },
    ),
    "values with a quote": (
        "time,host,metric,value\n" + times("{t},n1,mem's,97\n{t},n1,cpu's,20"),
        {"--where 'metric=cpu'\"'\"'s'": {"n1 cpu1": 20}},
    ),
    "an instance that names CPUs, and another name for hosts": (
        "time,Target,Instance,value\n" + times("{t},web,0,20\n{t},web,1,97\n{t},db,0,50"),
        {
            "--columns 'host=Target,cpu=Instance'": {"web 0": 20, "web 1": 97, "db 0": 50},
            "--columns 'ignore=Target'": {"0 cpu1": 35, "1 cpu1": 97},
        },
    ),
    "numbers that were perhaps split": (
        "timestamp,host,value,note\n" + times("{t},web01,80,5"),
        {
            "--columns 'cpu=note'": {"web01 5": 80},
            "--columns 'ignore=note'": {"web01 cpu1": 80},
        },
    ),
    "numbers that were perhaps split, before a host": (
        "timestamp,value,host,note\n" + times("{t},80,5,web01"),
        {"--columns 'host=host'": {"5 cpu1": 80}},
    ),
    "a CPU that is called by what was not idle": (
        "time,host,cpu,idle\n" + times("{t},web01,22,78\n{u},web01,30,70"),
        {
            "--columns 'usage=cpu'": {"web01 cpu1": 26},
            "--columns 'cpu=cpu'": {"web01 22": 22, "web01 30": 30},
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize(("content", "options"), OBEYED.values(), ids=OBEYED)
def test_each_remedy_of_a_refusal_works(
    tmp_path: Path, content: str, options: dict[str, dict[str, float] | str]
) -> None:
    path = write(tmp_path, content)
    with pytest.raises(ReadingsError) as error:
        read(path)
    assert proposed(str(error.value)) == list(options), str(error.value)
    for option, wanted in options.items():
        if isinstance(wanted, dict):
            assert averages(read(path, option)) == wanted
            continue
        with pytest.raises(ReadingsError, match=re.escape(wanted)):
            read(path, option)


#: The same of the refused samples of the page, by what it says of them.
OF_THE_PAGE: dict[str, dict[str, dict[str, float]]] = {
    "usage=*": {"--columns 'usage=*'": {"alpha cpu1": 22.5, "beta cpu1": 97}},
    "--columns 'usage=*,host=host'": {
        "--columns 'usage=*,host=host'": {
            "web01 cpu0": 20, "web01 cpu1": 30, "db01 cpu0": 97, "db01 cpu1": 98,
        },
    },
    "--where 'mode=idle'": {"--where 'mode=idle'": {"web01:9100 0": 3}},
    "--columns 'idle=Value'": {
        "--columns 'idle=Value'": {"web01 idle cpu1": 3},
        "--columns 'usage=Value'": {"web01 idle cpu1": 97},
    },
    "--columns 'host=pod'": {
        "--columns 'host=pod'": {"a cpu1": 20, "b cpu1": 90},
        "--columns 'ignore=pod'": {"mine cpu1": 55},
    },
    "--columns 'host=column 1'": {
        "--columns 'host=column 1'": {"web01 cpu1": 20, "db01 cpu1": 97},
        "--columns 'ignore=column 1'": {"mine cpu1": 58.5},
    },
    "--columns 'cpu=shard'": {
        "--columns 'cpu=shard'": {"web01 1": 20, "web01 2": 90},
        "--columns 'ignore=shard'": {"web01 cpu1": 55},
    },
    "--where 'resource=cpu'": {
        "--where 'resource=cpu'": {"web01 cpu1": 20},
        "--columns 'cpu=resource'": {"web01 cpu": 20, "web01 memory": 97},
        "--columns 'ignore=resource'": {"web01 cpu1": 58.5},
    },
    "--columns 'usage=*,ignore=Average'": {
        "--columns 'usage=*,ignore=Average'": {"web01 cpu1": 22.5, "db01 cpu1": 97},
        "--columns 'usage=Average'": {"mine cpu1": 59.75},
    },
    "--columns 'usage=cpu'": {
        "--columns 'usage=cpu'": {"web01 cpu1": 22.5},
        "--columns 'cpu=cpu'": {"web01 22.5": 22.5},
    },
    "--columns 'host=metric.host'": {
        "--columns 'host=host'": {"collector1 cpu1": 22.5},
        "--columns 'host=metric.host'": {"web01 cpu1": 22.5},
    },
    "--columns 'day_first=time'": {
        "--columns 'day_first=time'": {"web01 cpu1": 22.5, "db01 cpu1": 97},
        "--columns 'month_first=time'": {"web01 cpu1": 22.5, "db01 cpu1": 97},
    },
    "each is there once more, with (RAW), as a number": {
        "--columns 'time=Date Time(RAW),usage=Total(RAW)'": {"mine cpu1": 45.12},
    },
    "decimal comma": {
        "--columns 'cpu=note'": {"web01 5": 80, "web01 7": 82},
        "--columns 'ignore=note'": {"web01 cpu1": 81},
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("sample", "words"),
    [(sample, words) for sample, verb, words in SAMPLES if verb == "refused"],
    ids=lambda text: text[:20],
)
def test_each_remedy_of_the_page_works(tmp_path: Path, sample: str, words: str) -> None:
    path = write(tmp_path, sample)
    with pytest.raises(ReadingsError) as error:
        read(path)
    wanted = OF_THE_PAGE.get(words, {})
    assert proposed(str(error.value)) == list(wanted), str(error.value)
    assert {option: averages(read(path, option)) for option in wanted} == wanted


def test_a_column_without_a_name_that_counts_rows_is_told_once(tmp_path: Path) -> None:
    content = ",time,host,value\n" + "".join(f"{at},{T0[:-2]}{at}Z,a,20\n" for at in range(9))
    found = read(write(tmp_path, content))
    assert found.use.remarks == ["Not looked at: column 1, without a name."]
    assert found.use.unused == []
    again = content + "".join(
        f"{at},{T0[:-2]}{at}Z,b,20\n{at},{T0[:-3]}1{at}Z,b,20\n" for at in range(9)
    )
    assert read(write(tmp_path, again)).use.remarks == found.use.remarks
    named = read(write(tmp_path, "time,host,column 1,value\n" + times("{t},a,x,20")))
    assert named.use.unused == ["column 1"]


def test_columns_of_series_beside_names_without_a_title_are_refused(tmp_path: Path) -> None:
    content = ",Time,web01,db01\n" + times("n1,{t},20,97\nn2,{t},30,98")
    with pytest.raises(ReadingsError, match="its column 1 has no name, and holds values"):
        read(write(tmp_path, content))


CORES = "time,host,cpu0,cpu1\n" + times("{t},web01,20,30\n{t},db01,97,98")


def test_under_each_column_a_series_a_host_can_be_chosen(tmp_path: Path) -> None:
    found = read(write(tmp_path, CORES), "--columns 'usage=*' --where 'host=web01'")
    assert averages(found) == {"web01 cpu0": 20, "web01 cpu1": 30}
    assert found.use.host == "host" and not found.use.unused
    assert found.use.usage == ["cpu0", "cpu1"]


@pytest.mark.parametrize(
    ("content", "options"),
    [
        (CORES, ["--columns 'usage=*,host=host'", "--columns 'usage=*,ignore=host'"]),
        (CORES.replace("host", "server"),
         ["--columns 'usage=*,host=server'", "--columns 'usage=*,ignore=server'"]),
        ("time,env,a,b\n" + times("{t},prod,20,30\n{t},test,97,98"),
         ["--columns 'usage=*,host=env'", "--columns 'usage=*,ignore=env'"]),
    ],
)  # fmt: skip
def test_a_column_that_names_something_is_no_series(
    tmp_path: Path, content: str, options: list[str]
) -> None:
    path = write(tmp_path, content)
    with pytest.raises(ReadingsError, match="is no series") as error:
        read(path, "--columns 'usage=*'")
    assert proposed(str(error.value)) == options
    assert [len(averages(read(path, one))) for one in options] == [4, 2]


def test_what_splunk_adds_is_no_series(tmp_path: Path) -> None:
    content = "_time,web01,db01,_span\n" + times("{t},20,97,60")
    assert averages(read(write(tmp_path, content))) == {"web01 cpu1": 20, "db01 cpu1": 97}


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("Inst", ['"0,0"', '"0,1"']),
        ("subnet", ["10.1", "10.2"]),
        ("quantile", ["0.5", "0.9", "0.99"]),
        ("account", ["123456789012", "223456789012"]),
        ("sensor_id", ["1000000001", "1000000002"]),
    ],
)
def test_numbers_by_turns_name_something(tmp_path: Path, column: str, values: list[str]) -> None:
    row = "\n".join(f"{{t}}.{at},web01,{value},20" for at, value in enumerate(values))
    path = write(tmp_path, f"time,host,{column},value\n" + times(row))
    assert any(f"'cpu={column}'" in one for one in read(path).use.remarks)
    assert len(averages(read(path, f"--columns 'cpu={column}'"))) == len(values)


@pytest.mark.parametrize("column", ["voltage", "fan"])
def test_what_was_measured_with_decimals_names_nothing(tmp_path: Path, column: str) -> None:
    levels = (11.9, 12.0, 12.1, 12.0, 12.0, 11.9, 12.1, 12.1)
    lines = [f"{1_767_603_600 + at},web01,{levels[at * at % 8]},20" for at in range(200)]
    path = write(tmp_path, "\n".join([f"time,host,{column},value", *lines, ""]))
    assert not read(path).use.remarks


def test_what_differs_in_rows_of_one_moment_is_named(tmp_path: Path) -> None:
    lines = [f"{1_767_603_600 + at // 2},web01,{10 + at / 7:.2f},20" for at in range(40)]
    path = write(tmp_path, "\n".join(["time,host,level,value", *lines, ""]))
    (remark,) = read(path).use.remarks
    assert "its rows differ in 'level'" in remark and "--columns 'cpu=level'" in remark
