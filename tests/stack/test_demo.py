"""What the pipeline says equals what pandas computes from the same readings."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import twin
from confluent_kafka import Producer
from conftest import cpuwatch_here, cpuwatch_json

from cpuwatch import demo, readings, sql, thresholds, topics
from cpuwatch.errors import CpuwatchError
from cpuwatch.pipeline import WORKSHOP
from cpuwatch.settings import settings
from cpuwatch.spool import Spool
from cpuwatch.stack import failures

NAB = Path(__file__).resolve().parents[3] / "shared" / "data" / "nab"
SERIES = (
    "cpu_utilization_asg_misconfiguration.csv",
    "ec2_cpu_utilization_24ae8d.csv",
    "ec2_cpu_utilization_5f5533.csv",
    "rds_cpu_utilization_cc0c53.csv",
)


def assert_equals_pandas(result: demo.Result) -> None:
    given = result.given.readings.table()
    windows = twin.averages(given, result.parameters.window)
    assert len(given) > 0
    twin.assert_equal(result.filtered.table(), twin.filtered(given))
    twin.assert_equal(result.windows.table(), windows)
    twin.assert_equal(result.alerts, twin.alerts(windows, result.given.thresholds))
    assert result.late == 0


def test_the_seeded_fleet_as_a_user_runs_it(stack: Path, tmp_path: Path) -> None:
    said = cpuwatch_json("demo", "--out", tmp_path)
    fleet = readings.fleet()
    windows = twin.averages(fleet, 30)
    found = {
        name: twin.read_csv(tmp_path / f"{name}.csv")
        for name in ("filtered", "windows", "alerts", "episodes")
    }
    twin.assert_equal(found["filtered"], twin.filtered(fleet))
    twin.assert_equal(found["windows"], windows)
    twin.assert_equal(found["alerts"], twin.alerts(windows, readings.THRESHOLDS))
    for name, column in (("filtered", "time"), ("windows", "window_start")):
        text = pd.read_csv(tmp_path / f"{name}.csv")[column]
        assert text.str.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ").all()
    assert said["source"] == "fleet"
    assert said["readings"] == 21_000
    assert said["filtered"] == len(found["filtered"])
    assert said["windows"] == len(found["windows"]) == 700
    assert said["alerts"] == len(found["alerts"])
    assert said["rejected"] == said["late"] == 0
    assert said["alerted_hosts"] == ["bashful", "doc", "grumpy", "sneezy"]
    assert said["episodes"] == len(found["episodes"]) > 0
    assert set(said["seconds"]) == {"stack", "produce", "filter", "aggregate", "alerts", "total"}
    assert (tmp_path / "alerts.png").read_bytes().startswith(b"\x89PNG")


def test_people_read_a_line_a_step_a_table_and_where_the_plot_is(
    stack: Path, tmp_path: Path
) -> None:
    done = cpuwatch_here("demo", "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    for word in ("stack", "produce", "filter", "aggregate", "alerts"):
        assert any(
            line.startswith(word) and line.endswith(" s") for line in done.stdout.split("\n")
        )
    for host in ("doc", "grumpy", "bashful", "sneezy"):
        assert f"\n{host} " in done.stdout
    assert "alerts.png" in done.stdout


@pytest.mark.parametrize("series", SERIES)
def test_real_series_with_windows_of_an_hour(
    story: Callable[..., demo.Result], series: str
) -> None:
    if not NAB.exists():
        pytest.skip(f"the NAB series are not in {NAB}")
    result = story(NAB / series, window=3600)
    assert_equals_pandas(result)
    assert len(result.given.readings) > 4000
    assert len(result.given.rejected) == 0


# Each case writes a file from these readings in its own way.
def some_readings(hosts: int = 3, ticks: int = 200) -> list[tuple[datetime, str, str, float]]:
    random = np.random.RandomState(4)
    start = datetime(2026, 3, 1, 23, 50, 7, 250_000, tzinfo=timezone.utc)
    return [
        (start + timedelta(seconds=7 * tick), f"host-{host:02}", cpu, round(u, 3))
        for tick in range(ticks)
        for host in range(hosts)
        for cpu, u in zip(("cpu1", "cpu2"), random.uniform(40, 100, 2), strict=True)
    ]


def write(path: Path, rows: list[tuple], header: str = "time,hostname,cpu,usage") -> Path:
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


def iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")


def fifty_hosts(path: Path) -> Path:
    return write(path, [(iso(t), *rest) for t, *rest in some_readings(hosts=50, ticks=60)])


def out_of_order(path: Path) -> Path:
    rows = [(iso(t), *rest) for t, *rest in some_readings()]
    np.random.RandomState(1).shuffle(rows)
    return write(path, rows)


def repeated_timestamps(path: Path) -> Path:
    rows = [(iso(t), *rest) for t, *rest in some_readings()]
    return write(path, [*rows, *rows, *((t, h, c, u / 2) for t, h, c, u in rows[:50])])


def epoch_seconds(path: Path) -> Path:
    rows = [(f"{t.timestamp():.2f}", *rest) for t, *rest in some_readings()]
    return write(path, rows, "timestamp,host,core,value")


def epoch_milliseconds(path: Path) -> Path:
    rows = [(int(t.timestamp() * 1000), *rest) for t, *rest in some_readings()]
    return write(path, rows, "occurred_at,instance,cpu,cpu_usage")


def offsets_in_times(path: Path) -> Path:
    zones = (timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-8)), timezone.utc)
    rows = [
        (t.astimezone(zones[number % 3]).isoformat(), *rest)
        for number, (t, *rest) in enumerate(some_readings())
    ]
    return write(path, rows)


def windows_line_ends_and_byte_order_mark(path: Path) -> Path:
    write(path, [(iso(t), *rest) for t, *rest in some_readings()])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    return path


def quoted_hostnames(path: Path) -> Path:
    names = {"host-00": '"rack 7, left"', "host-01": '"the ""big"" one"', "host-02": '"größe-東京"'}
    rows = [(iso(t), names[host], cpu, usage) for t, host, cpu, usage in some_readings()]
    return write(path, rows)


@pytest.mark.parametrize(
    "make",
    [
        fifty_hosts,
        out_of_order,
        repeated_timestamps,
        epoch_seconds,
        epoch_milliseconds,
        offsets_in_times,
        windows_line_ends_and_byte_order_mark,
        quoted_hostnames,
    ],
    ids=lambda make: make.__name__,
)
def test_a_csv_of_your_own(
    story: Callable[..., demo.Result], tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    result = story(make(tmp_path / "mine.csv"))
    assert_equals_pandas(result)
    # The file says the same as the readings that it was made from.
    made = some_readings(hosts=50, ticks=60) if make is fifty_hosts else some_readings()
    times = {int(t.timestamp() * 1000) for t, *_ in made}
    assert set(result.given.readings.table()["occurred_at"]) == times
    assert len(result.filtered) > 0
    assert not result.alerts.empty
    if make is quoted_hostnames:
        hosts = {"rack 7, left", 'the "big" one', "größe-東京"}
        assert set(result.hosts) == hosts
        assert result.unknown_hosts == sorted(hosts)


@pytest.mark.parametrize("window", ["10s", "1m", "5m", "1h"])
def test_windows_of_other_lengths(
    stack: Path, story: Callable[..., demo.Result], window: str
) -> None:
    assert_equals_pandas(story(window=sql.seconds(window)))


def test_thresholds_of_your_own_and_the_default_for_the_rest(
    story: Callable[..., demo.Result], tmp_path: Path
) -> None:
    mine = tmp_path / "thresholds.csv"
    mine.write_text("hostname,allowed_top\nsleepy,1\ndopey,99.5\nnobody-here,3\n")
    result = story(thresholds=mine)
    assert_equals_pandas(result)
    assert result.unknown_hosts == ["bashful", "doc", "grumpy", "happy", "sneezy"]
    assert set(result.alerts["hostname"]) == {"sleepy", "sneezy"}
    others = result.alerts[result.alerts["hostname"] == "sneezy"]
    assert set(others["allowed_top"]) == {WORKSHOP.default_top}


RANGE = "is not between 1970 and 2200"
BAD_ROWS = {
    "2026-01-05T09:00:03Z,doc,cpu1,busy": "usage 'busy' is not a number",
    "2026-01-05T09:00:04Z,doc,cpu1,": "usage '' is empty",
    "2026-01-05T09:00:05Z,doc,cpu1,NaN": "usage 'NaN' is not a number",
    "2026-01-05T09:00:06Z,doc,cpu1,inf": "usage 'inf' is not a number",
    "2026-01-05T09:00:07Z,doc,cpu1,-1": "usage -1 is not between 0 and 100",
    "2026-01-05T09:00:08Z,doc,cpu1,101": "usage 101 is not between 0 and 100",
    ",doc,cpu1,50": "time '' is empty",
    "1900-01-01T00:00:00Z,doc,cpu1,50": f"time '1900-01-01T00:00:00Z' {RANGE}",
    "30000-01-01T00:00:00Z,doc,cpu1,50": f"time '30000-01-01T00:00:00Z' {RANGE}",
    "2026-01-05T09:00:09Z,doc": "row has 2 columns, not 4",
}


def test_bad_rows_are_rejected_kept_and_counted_and_stop_nothing(
    stack: Path, tmp_path: Path
) -> None:
    good = [f"2026-01-05T09:00:{second:02}Z,doc,cpu1,{80 + second}" for second in range(20)]
    lines = ["time,hostname,cpu,usage"]
    for number, row in enumerate(good):  # a bad row after each of the first good ones
        lines += [row, *list(BAD_ROWS)[number : number + 1]]
    csv = tmp_path / "spoilt.csv"
    csv.write_text("\n".join(lines) + "\n")
    done = cpuwatch_here("demo", "--csv", csv, "--out", tmp_path / "out", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout)
    rows = len(lines) - 1
    assert said["readings"] + said["rejected"] == rows
    assert said["rejected"] == len(BAD_ROWS)
    assert said["filtered"] == 19  # 80 itself is not over 80
    assert said["late"] == 0
    rejected = pd.read_csv(tmp_path / "out" / "rejected.csv")
    places = {lines[line - 1]: reason for line, reason in rejected[["line", "reason"]].values}
    assert places == BAD_ROWS
    # Kept in the dead-letter topic too, which outlives the run.
    kept = topics.read(topics.BAD_READINGS)
    kept = kept[kept["source"] == "spoilt.csv"]
    assert dict(zip(kept["text"], kept["reason"], strict=True)) == BAD_ROWS
    assert set(kept["line"]) == set(rejected["line"])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "does not exist"),
        ("directory", "is a directory"),
        (b"", "is empty"),
        (b"\x00\x01\x02\xff" * 100, "is a binary file"),
        (b"a,b\n1,2\n", "has no time column and no value column in its first line"),
        (b"time,usage\n", "has a header but no rows"),
        (b"time,usage\nnever,1\n", "has no row that is a reading"),
    ],
)
def test_a_file_that_cannot_be_used_gets_one_sentence(
    tmp_path: Path, content: bytes | str | None, sentence: str
) -> None:
    # No stack is needed for that, and none is started.
    csv = tmp_path / "mine.csv"
    if content == "directory":
        csv.mkdir()
    elif isinstance(content, bytes):
        csv.write_bytes(content)
    for command in ("demo", "produce"):
        done = cpuwatch_here(command, "--csv", csv, CPUWATCH_STATE=str(tmp_path / "state"))
        assert done.returncode == 1
        assert done.stdout == ""
        assert done.stderr.startswith(f"Error: {csv} {sentence}")
        assert done.stderr.count("\n") == 1
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    "call",
    [
        ["demo", "--window", "3x"],
        ["demo", "--window", "0s"],
        ["demo", "--seed", "-1"],
        ["demo", "--nonsense"],
        ["produce", "--count", "3", "--endless"],
        ["produce", "--csv", "a.csv", "--machine"],
        ["produce", "--csv", "a.csv", "--endless"],
        ["nonsense"],
    ],
    ids=" ".join,
)
def test_a_wrong_call_gets_exit_code_2(call: list[str]) -> None:
    done = cpuwatch_here(*call)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_a_run_leaves_the_stack_that_it_found_as_it_was(stack: Path) -> None:
    database = thresholds.engine()
    thresholds.create(database)
    thresholds.write(database, {"doc": 12.5})
    topics.empty(topics.READINGS)
    topics.produce(readings.fleet(ticks=3))
    before = (thresholds.read(database).to_dict(), topics.read(topics.READINGS).to_dict())
    names = set(topics.names())
    assert cpuwatch_here("demo", "--json").returncode == 0
    assert (thresholds.read(database).to_dict(), topics.read(topics.READINGS).to_dict()) == before
    assert set(topics.names()) == names
    assert thresholds.schemas("demo_") == []
    database.dispose()


NONSENSE = [
    b"no JSON at all",
    b"",
    b"null",
    b"[1, 2]",
    b"{}",
    b'{"hostname": "doc"}',
    b'{"hostname": "doc", "cpu": "cpu1", "usage": "high", "occurred_at": 1767603605000}',
    b'{"hostname": "doc", "cpu": "cpu1", "usage": 99, "occurred_at": "yesterday"}',
    b'{"hostname": "doc", "cpu": "cpu1", "usage": null, "occurred_at": 1767603605000}',
    b"\xff\xfe\x00",
]


def test_a_record_that_is_no_reading_stops_no_job(
    story: Callable[..., demo.Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Somebody else's producer writes nonsense between good readings.
    produce = topics.produce

    def spoilt(given: Spool, topic: str) -> int:
        frame = given.table()
        half = len(frame) // 2
        produce(frame[:half], topic)
        producer = Producer({"bootstrap.servers": settings().kafka_address})
        for record in NONSENSE:
            for partition in range(topics.usual_partitions()):
                producer.produce(topic, record, partition=partition)
        assert producer.flush(30) == 0
        return half + produce(frame[half:], topic)

    monkeypatch.setattr(topics, "produce", spoilt)
    assert_equals_pandas(story())


def test_a_file_that_the_disk_has_no_room_for_is_refused_before_anything_is_sent(
    story: Callable[..., demo.Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = topics.names()
    monkeypatch.setattr(failures, "free", lambda _: 2**20)
    with pytest.raises(CpuwatchError, match="21,000 readings need some 4 MB on the disk"):
        story()
    assert topics.names() == before


def test_numbers_survive_to_the_last_digit(
    story: Callable[..., demo.Result], tmp_path: Path
) -> None:
    values = [80.00000000000001, 99.99999999999999, 100, 80.1 + 1e-13, 81.3]
    rows = [(f"2026-01-05T09:00:0{n}Z", "h", "cpu1", repr(v)) for n, v in enumerate(values)]
    result = story(write(tmp_path / "exact.csv", rows))
    assert result.filtered.table()["usage"].tolist() == [float(v) for v in values]
