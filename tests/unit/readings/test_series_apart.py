"""What a file's rows tell apart is never averaged together: it is read apart, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cpuwatch.readings import CsvReadings, ReadingsError, parse_columns, parse_where, read_csv

FIRST = "2026-01-05T09:00:00Z"


def read(folder: Path, content: str, name: str = "mine.csv", **said: Any) -> CsvReadings:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return read_csv(path, True, **said)


def series(found: CsvReadings) -> dict[tuple[str, str], float]:
    """The average usage of each host's CPU."""
    query = "SELECT hostname, cpu, AVG(usage) FROM rows GROUP BY hostname, cpu"
    return {(host, cpu): usage for host, cpu, usage in found.readings.ask(query)}


def rows(header: str, *lines: str) -> str:
    return "\n".join([header, *lines, ""])


LONG = rows("time,host,metric,value", f"{FIRST},a,cpu,20", f"{FIRST},a,mem,90")
OWN_NAMES = rows("Zeit;Rechner;Last", f"{FIRST};a;20", f"{FIRST};b;90")
WIDE = rows("Time,alpha,beta", f"{FIRST},20,90")
SHARDS = rows("time,host,shard,value", f"{FIRST},a,1,20", f"{FIRST},a,2,90")


@pytest.mark.parametrize(
    ("content", "said", "wanted"),
    [
        (LONG, {"where": {"metric": "cpu"}}, {("a", "cpu1"): 20}),
        (LONG, {"where": {"METRIC": ["mem"]}}, {("a", "cpu1"): 90}),
        (LONG, {"columns": {"cpu": "metric"}}, {("a", "cpu"): 20, ("a", "mem"): 90}),
        (
            OWN_NAMES,
            {"columns": {"time": "Zeit", "usage": "Last", "host": "Rechner"}},
            {("a", "cpu1"): 20, ("b", "cpu1"): 90},
        ),
        (
            OWN_NAMES,
            {"columns": {"time": "zeit", "idle": "last", "host": "rechner"}},
            {("a", "cpu1"): 80, ("b", "cpu1"): 10},
        ),
        (WIDE, {"columns": {"usage": "*"}}, {("alpha", "cpu1"): 20, ("beta", "cpu1"): 90}),
        (WIDE, {"columns": {"usage": "beta"}}, {("mine", "cpu1"): 90}),
        (
            WIDE,
            {"columns": {"usage": "*", "ignore": "beta"}},
            {("alpha", "cpu1"): 20},
        ),
        (SHARDS, {"columns": {"cpu": "shard"}}, {("a", "1"): 20, ("a", "2"): 90}),
        (SHARDS, {"columns": {"ignore": ["shard"]}}, {("a", "cpu1"): 55}),
        (SHARDS, {"where": {"shard": ["1", "2"], "host": "a"}, "columns": {"cpu": "shard"}},
         {("a", "1"): 20, ("a", "2"): 90}),
        (rows("Time,cpu0,cpu1", f"{FIRST},20,90"), {},
         {("mine", "cpu0"): 20, ("mine", "cpu1"): 90}),
        (
            rows("Time,10.0.0.1:9100,10.0.0.2:9100", f"{FIRST},20,", f"{FIRST},,90"),
            {},
            {("10.0.0.1:9100", "cpu1"): 20, ("10.0.0.2:9100", "cpu1"): 90},
        ),
        (
            rows('Time,"{host=""a"",mode=""idle""}","{host=""a"",mode=""user""}"', f"{FIRST},97,2"),
            {"where": {"mode": "idle"}},
            {("a", "cpu1"): 3},
        ),
        (
            rows("time;metric;value", f'{FIRST};c{{host="a"}};20', f'{FIRST};c{{host="b"}};90'),
            {},
            {("a", "cpu1"): 20, ("b", "cpu1"): 90},
        ),
        (
            rows("_time,_field,_value,host", f"{FIRST},usage_user,2,a", f"{FIRST},usage_idle,97,a"),
            {},
            {("a", "cpu1"): 3},
        ),
        (rows("time,host,Idle %", f"{FIRST},a,97"), {"columns": {"idle": "Idle %"}},
         {("a", "cpu1"): 3}),
        (rows("Series,Time,Value", f"host=a,{FIRST},20", f"plain,{FIRST},90"), {},
         {("host=a", "cpu1"): 20, ("plain", "cpu1"): 90}),
        (rows("time,CPU Usage (%)", f"{FIRST},20"), {}, {("mine", "cpu1"): 20}),
        (rows("Timestamp (UTC);Usage [%]", f"{FIRST};20"), {}, {("mine", "cpu1"): 20}),
        (rows("Zeit,web01,db01", f"{FIRST},20,90"), {"columns": {"time": "Zeit"}},
         {("web01", "cpu1"): 20, ("db01", "cpu1"): 90}),
        (
            rows('Time,"{host=""a"",shard=""1""}","{host=""a"",shard=""2""}"', f"{FIRST},20,90"),
            {"columns": {"cpu": "shard"}},
            {("a", "1"): 20, ("a", "2"): 90},
        ),
        (rows("Time,web01,db01", f"{FIRST},0.2,0.9"), {"columns": {"ratio": "*"}},
         {("web01", "cpu1"): 20, ("db01", "cpu1"): 90}),
        (rows("Time,web01,db01", f"{FIRST},20,90"), {"where": {"series": "db01"}},
         {("db01", "cpu1"): 90}),
    ],
)  # fmt: skip
def test_series_are_read_apart(
    tmp_path: Path, content: str, said: dict[str, Any], wanted: dict[tuple[str, str], float]
) -> None:
    assert series(read(tmp_path, content, **said)) == wanted


@pytest.mark.parametrize(
    ("content", "said", "words"),
    [
        (LONG, {}, ["'metric' ('cpu', 'mem')", "--where 'metric=cpu'"]),
        (LONG, {"where": {"metric": ["cpu", "mem"]}}, ["'metric' ('cpu', 'mem')"]),
        (LONG, {"where": {"metric": "disk"}}, ["metric is to be 'disk'", "'cpu', 'mem'"]),
        (LONG, {"where": {"kind": "cpu"}}, ["no column 'kind'", "'time', 'host', 'metric'"]),
        (LONG, {"columns": {"host": "node"}}, ["no column 'node'", "'time', 'host', 'metric'"]),
        (LONG, {"columns": {"ignore": "node"}}, ["no column 'node'"]),
        (LONG, {"columns": {"host": "metric", "cpu": "metric"}}, ["both cpu and host"]),
        (LONG, {"columns": {"usage": "value", "idle": "metric"}}, ["usage and idle: say one"]),
        (LONG, {"columns": {"colour": "metric"}}, ["colour", "time, usage, idle"]),
        (
            rows("time,mode,value", f"{FIRST},idle,97", f"{FIRST},,3"),
            {},
            ["'mode' ('idle', '(empty)')"],
        ),
        (OWN_NAMES, {}, ["no time column and no value column", "'Zeit', 'Rechner', 'Last'"]),
        (WIDE, {}, ["no value column", "usage=*"]),
        (rows("Time,cpu.user,cpu.system", f"{FIRST},20,9"), {}, ["no value column"]),
        (rows("time,host,usage_user,usage_system", f"{FIRST},a,20,9"), {}, ["parts of what a CPU"]),
        (SHARDS, {}, ["same time comes more than once", "'shard'", "--columns 'cpu=shard'"]),
        (
            rows("time,vm_name,value", f"{FIRST},a,20", "2026-01-05T09:00:05Z,b,90"),
            {},
            ["names no host", "'vm_name' ('a', 'b')", "--columns 'host=vm_name'"],
        ),
        (
            rows("time,itemid,value", f"{FIRST},11,20", "2026-01-05T09:00:05Z,12,90"),
            {},
            ["names no host", "'itemid' ('11', '12')"],
        ),
        (
            rows("time,value,mode,__name__", f"{FIRST},97,idle,node_cpu_seconds_total"),
            {},
            ["a counter that only grows", "rate("],
        ),
        (rows("time,value,unit", f"{FIRST},97,Bytes"), {}, ["unit of its values is 'Bytes'"]),
        (
            rows("time,value,mode", f"{FIRST},97,idle"),
            {"columns": {"usage": "value"}},
            ["of what is idle", "--columns 'idle=value'"],
        ),
        (rows("time,value,Value", f"{FIRST},97,9"), {}, ["more than one column 'value'"]),
        (
            rows("# time;host;usage", f"{FIRST};a;20", "# time;host;tps", f"{FIRST};a;90"),
            {},
            ["line 3, begins another table"],
        ),
        (
            rows("time,host,usage", f"{FIRST},a,20", "time,host,tps", f"{FIRST},a,90"),
            {},
            ["line 3, begins another table"],
        ),
        (
            rows(r'"(PDH-CSV 4.0) (UTC)(0)","\\A\Memory\Free"', '"01/05/2026 09:00:00.000","9"'),
            {},
            ["'counter' ('Memory\\Free')"],
        ),
    ],
)
def test_what_is_not_certain_is_refused_with_the_remedy(
    tmp_path: Path, content: str, said: dict[str, Any], words: list[str]
) -> None:
    with pytest.raises(ReadingsError) as error:
        read(tmp_path, content, **said)
    message = str(error.value)
    assert all(word in message for word in words), message
    assert message.endswith(".") and "\n" not in message


@pytest.mark.parametrize(
    "content",
    [
        rows("time,host,value", *[f"{FIRST},a,20"] * 3),  # the same rows again
        rows("id,time,value", f"1,{FIRST},5", f"2,{FIRST},5", "3,1767603700,5", "4,1767603700,5"),
        rows("time,host,value,celsius", f"{FIRST},a,20,41.5", f"{FIRST},a,21,41.7"),
        rows("time,host,value,region", f"{FIRST},a,20,eu", f"{FIRST},b,90,us"),
    ],
)
def test_what_names_no_series_refuses_no_file(tmp_path: Path, content: str) -> None:
    found = read(tmp_path, content)
    assert len(found.readings) + len(found.rejected) == content.count("\n") - 1


@pytest.mark.parametrize("around", [" ", "\t", "\u00a0", "\u200b", "\ufeff", " \u2060"])
def test_what_nobody_sees_around_a_name_makes_no_other_host(tmp_path: Path, around: str) -> None:
    content = rows(
        f"time,{around}host,{around}cpu{around},value",
        f"{FIRST},{around}a,0{around},20",
        f"{FIRST},a{around},{around}1,90",
    )
    assert series(read(tmp_path, content)) == {("a", "0"): 20, ("a", "1"): 90}
    assert len(read(tmp_path, content, where={"host": "a"}).readings) == 2


@pytest.mark.parametrize(
    ("header", "row", "words"),
    [
        ("Time,web01,web01", "20,97", "more than one column of the series 'web01'"),
        ('Time,"c{host=""a"",x=""1""}","c{x=""1"", host=""a""}"', "20,97", "more than one column"),
        ("Time,web01,,db01", "20,97,30", "its column 3 has no name"),
    ],
)
def test_columns_of_series_that_are_not_told_apart_are_refused(
    tmp_path: Path, header: str, row: str, words: str
) -> None:
    with pytest.raises(ReadingsError, match=words):
        read(tmp_path, rows(header, f"{FIRST},{row}"))


@pytest.mark.parametrize(
    ("header", "row"), [(",Time,web01,db01", f"0,{FIRST},20,30"), ("Time,web01,,", f"{FIRST},20,,")]
)
def test_a_column_without_a_name_that_says_nothing_is_none(
    tmp_path: Path, header: str, row: str
) -> None:
    assert ("web01", "cpu1") in series(read(tmp_path, rows(header, row)))


def test_a_column_without_a_name_is_told(tmp_path: Path) -> None:
    found = read(tmp_path, rows(",time,host,value", f"0,{FIRST},a,20", f"1,{FIRST},b,20"))
    assert found.use.remarks == ["Not looked at: column 1, without a name."]


def test_an_attribute_of_hosts_is_nothing_measured(tmp_path: Path) -> None:
    content = rows("time,host,type,usage", f"{FIRST},a,m5.large,20", f"{FIRST},b,m5.xlarge,90")
    assert series(read(tmp_path, content)) == {("a", "cpu1"): 20, ("b", "cpu1"): 90}
    chosen = read(tmp_path, content, where={"type": ["m5.large", "m5.xlarge"]})
    assert len(chosen.readings) == 2


@pytest.mark.parametrize("column", ["state", "type"])
def test_an_attribute_that_changes_can_be_ignored(tmp_path: Path, column: str) -> None:
    content = rows(
        f"time,host,{column},usage", f"{FIRST},a,OK,20", "2026-01-05T09:00:10Z,a,CRITICAL,90"
    )
    with pytest.raises(ReadingsError, match=f"say --columns 'ignore={column}'"):
        read(tmp_path, content)
    found = read(tmp_path, content, columns={"ignore": column})
    assert len(found.readings) == 2 and not found.use.remarks


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("state", ["idle", "user"]),
        ("type", ["cpu", "memory"]),
        ("metric", ["a", "b"]),
        ("unit", ["Percent", "Bytes"]),
    ],
)
def test_what_was_measured_is_refused_even_if_each_host_has_one(
    tmp_path: Path, column: str, values: list[str]
) -> None:
    lines = (f"{FIRST},h{at},{value},20" for at, value in enumerate(values))
    with pytest.raises(ReadingsError, match="different things, which no average may mix"):
        read(tmp_path, rows(f"time,host,{column},usage", *lines))


def test_counters_without_a_row_are_refused_in_a_sentence(tmp_path: Path) -> None:
    header = r'"(PDH-CSV 4.0) (UTC)(0)","\\A\Memory\Free"'
    with pytest.raises(ReadingsError, match="a header but no rows"):
        read(tmp_path, rows(header))


def test_moments_that_come_again_are_told(tmp_path: Path) -> None:
    found = read(tmp_path, rows("time,host,value", f"{FIRST},a,20", f"{FIRST},a,90"))
    assert any("1 moment comes more than once" in one for one in found.use.remarks)
    backwards = rows("time,value", "2026-01-05T09:00:05Z,5", f"{FIRST},5", f"{FIRST},6")
    assert "1 moment comes" in read(tmp_path, backwards).use.remarks[0]
    in_order = rows("time,host,value", f"{FIRST},a,20", f"{FIRST},b,90")
    assert read(tmp_path, in_order).use.remarks == []


def test_shards_are_noticed_in_the_last_rows_of_many(tmp_path: Path) -> None:
    lines = [f"{1_767_603_600 + second},a,1,5" for second in range(3000)]
    content = rows("time,host,shard,value", *lines, "1767606599,a,2,90")
    with pytest.raises(ReadingsError, match="'shard'"):
        read(tmp_path, content)


def test_the_columns_that_were_used_are_told(tmp_path: Path) -> None:
    content = rows("Series;Time;Value;Note", f"a;{FIRST};20;x", f"b;{FIRST};90;x")
    found = read(tmp_path, content)
    assert found.use.as_dict() == {
        "time": "Time", "usage": "Value", "host": "Series", "cpu": None, "unused": ["Note"],
    }  # fmt: skip
    assert found.use.sentences() == [
        "Columns: time from Time, usage from Value, host from Series, the CPU is cpu1.",
        "Not used: 'Note'.",
    ]


@pytest.mark.parametrize(
    ("place", "said", "wanted"),
    [
        ("web01/cpu-3/percent-idle-2026-01-05", {}, {("web01", "3"): 3}),
        ("web01/aggregation-cpu-average/percent-idle-2026-01-05", {}, {("web01", "all"): 3}),
        ("web01/cpu/percent-active-2026-01-05", {}, {("web01", "all"): 97}),
        ("cpu-idle", {"columns": {"idle": "value"}}, {("cpu-idle", "cpu1"): 3}),
        ("web01.csv", {}, {("web01", "cpu1"): 97}),
    ],
)  # fmt: skip
def test_collectds_files_say_by_their_names_what_they_hold(
    tmp_path: Path, place: str, said: dict[str, Any], wanted: dict[tuple[str, str], float]
) -> None:
    assert series(read(tmp_path, "epoch,value\n1767603600.5,97\n", place, **said)) == wanted


def test_collectds_jiffies_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ReadingsError, match="--columns idle=value"):
        read(tmp_path, "epoch,value\n1767603600.5,97\n", "cpu-0/cpu-idle-2026-01-05")


# --- What --columns and --where say ---------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        (["time=Time,usage=Value"], {"time": "Time", "usage": "Value"}),
        (["time=Time", "host = Series "], {"time": "Time", "host": "Series"}),
        (["usage=a, b,host=c=d"], {"usage": "a, b", "host": "c=d"}),
        (["ignore=a,ignore=b"], {"ignore": ["a", "b"]}),
        ([], {}),
    ],
)
def test_what_columns_says(texts: list[str], found: dict[str, Any]) -> None:
    assert parse_columns(texts) == found


@pytest.mark.parametrize("text", ["", "Time", "colour=Time", "time=", "time=A,time=B", "=a"])
def test_what_columns_cannot_say(text: str) -> None:
    with pytest.raises(ValueError, match="say "):
        parse_columns([text])


def test_what_where_says() -> None:
    found = parse_where(["metric=cpu", "metric=a=b", " mode = idle"])
    assert found == {"metric": ["cpu", "a=b"], "mode": ["idle"]}
    for text in ("metric", "=cpu", ""):
        with pytest.raises(ValueError, match="such as metric=cpu"):
            parse_where([text])
