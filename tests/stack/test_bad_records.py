"""Whatever arrives in the topic of readings: it stops nothing, counts nowhere, and is not lost."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import confluent_kafka
import pandas as pd
import pytest
import twin
from conftest import cpuwatch_here

from cpuwatch import flink, readings, results, sql, topics, waiting, workshop
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink import metrics
from cpuwatch.flink.tables import create

FLEET = readings.fleet(ticks=240)
GOOD = {"hostname": "doc", "cpu": "cpu1", "usage": 5.0, "occurred_at": 1767604801000}


def changed(**fields: Any) -> str:
    return json.dumps({**GOOD, **fields})


NO_JSON, NO_OBJECT = "it is no JSON", "it is JSON, but no object"
NO_TIME, NO_USAGE = "occurred_at is no whole number", "usage is no number"
LIST, MORE = "it is a list, but not of objects alone", "more stands behind its first value"
RANGE = "usage is not between 0 and 100"
EARLY = "occurred_at is before 1971: is it in seconds?"
FAR = "occurred_at is after 2099: is it in microseconds?"
LONG = "hostname and cpu are longer than 300 characters"

#: Records that are no readings, and why.
BAD: list[tuple[str | bytes | None, str]] = [
    (None, "it is empty"),
    ("", "it is empty"),
    ("no JSON at all", NO_JSON),
    ("{", NO_JSON),
    (changed()[:-1] + ",}", NO_JSON),
    ("{'hostname': 'doc'}", NO_JSON),
    ('{"hostname":"doc","cpu":"cpu1","usage":NaN,"occurred_at":1767604801000}', NO_JSON),
    (changed(usage=10**1200), NO_JSON),
    ("[" * 3000, NO_JSON),
    ("x" * 900_000, NO_JSON),
    ("null", NO_OBJECT),
    ("5", NO_OBJECT),
    ('"text"', NO_OBJECT),
    ("[]", LIST),
    ("[1, 2]", LIST),
    ("[[]]", LIST),
    ("5 6", MORE),
    ('"text", 1', MORE),
    (
        b'{"hostname":"\xff\xfe","cpu":"c","usage":5.0,"occurred_at":1767604801000}',
        "it is not UTF-8",
    ),
    (b"\xff\x00\x80", "it is not UTF-8"),
    ("{}", NO_TIME),
    (json.dumps({"hostname": "doc", "cpu": "cpu1", "usage": 99.0}), NO_TIME),
    (changed(occurred_at="2026-01-05T09:22:01Z"), NO_TIME),
    (changed(occurred_at=None), NO_TIME),
    (changed(occurred_at=2**70), NO_TIME),
    (changed(occurred_at=1767604801), EARLY),
    (changed(occurred_at=0), EARLY),
    (changed(occurred_at=-1), EARLY),
    (changed(occurred_at=31_535_999_999), EARLY),
    (changed(occurred_at=1767604801000000), FAR),
    (changed(occurred_at=4_102_444_800_000), FAR),
    (changed(occurred_at=2**63 - 1), FAR),
    (changed(usage=1850), RANGE),
    (changed(usage=-0.1), RANGE),
    (changed(usage=100.00001), RANGE),
    (changed(usage="NaN"), RANGE),
    (changed(usage="Infinity"), RANGE),
    (changed(usage="busy"), NO_USAGE),
    (changed(usage=True), NO_USAGE),
    (changed(usage=[1]), NO_USAGE),
    (changed(usage=None), NO_USAGE),
    (changed(hostname=None), "hostname is empty"),
    (changed(hostname=""), "hostname is empty"),
    (changed(hostname="  "), "hostname is empty"),
    (changed(cpu=""), "cpu is empty"),
    (json.dumps({key: value for key, value in GOOD.items() if key != "cpu"}), "cpu is empty"),
    (changed(hostname="a\0b"), "hostname or cpu holds a NUL character"),
    (changed(hostname="x" * 65_536), LONG),
    (changed(hostname=" " * 301 + "x"), LONG),
]

#: Records that look odd, and are readings: the usage that counts.
ODD: list[tuple[str, float]] = [
    (changed(usage="85.5"), 85.5),
    (changed(usage=" 7 "), 7.0),
    (changed(usage=0), 0.0),
    (changed(usage=100), 100.0),
    (changed(occurred_at="1767604801000"), 5.0),
    (changed(more="x" * 900_000), 5.0),
    (changed(more={"a": [1, None]}), 5.0),
    ("  " + changed() + "\n", 5.0),
    ("\ufeff" + changed(), 5.0),
    (json.dumps([GOOD]), 5.0),  # some producers send lists
    (changed(occurred_at=0).replace(" 0}", " 1.767604801e12}"), 5.0),  # of a spreadsheet
]

#: Records of which a part counts, and which are noted, since the rest does not: how many do.
PARTLY: list[tuple[str, str, int]] = [
    (changed() + "\n" + changed(), MORE, 1),  # lines, as some tools send them
    (changed() + " and so on", MORE, 1),
    (changed() + "}", MORE, 1),
    (changed() + "]", MORE, 1),
    (changed() + changed()[:9], MORE, 1),
    (changed() + ", " + changed(), MORE, 1),
    (changed() + ', "more": 1', MORE, 1),
    (json.dumps([GOOD]) + " and so on", MORE, 1),
    (json.dumps([GOOD, 5, GOOD]), LIST, 1),  # a list is read up to what is no object
    (json.dumps([None, GOOD]), LIST, 0),
    (json.dumps([GOOD, []]), LIST, 1),
    (json.dumps(["x", GOOD]), LIST, 0),
    (json.dumps([{"hostname": "doc"}, GOOD]), NO_TIME, 1),
    (json.dumps([GOOD, {}]), NO_TIME, 1),
]


def send(records: list[tuple[Any, Any]], topic: str = topics.READINGS) -> list[tuple[int, int]]:
    """Send records as they are, each with a key or None; their partitions and offsets."""
    producer = confluent_kafka.Producer(topics.client_settings())
    places: dict[int, tuple[int, int]] = {}

    def keep(number: int) -> Any:
        def delivered(error: Any, message: Any) -> None:
            assert error is None, error
            places[number] = (message.partition(), message.offset())

        return delivered

    for number, (value, key) in enumerate(records):
        if isinstance(value, str):
            value = value.encode("utf-8", "surrogatepass")
        producer.produce(topic, value, key, on_delivery=keep(number))
        producer.poll(0)
    assert producer.flush(60) == 0
    return [places[number] for number in range(len(records))]


def found_bad() -> list[tuple[int, int, str]]:
    """Partition, offset and reason of each record that the job noted, in their order."""
    noted = results.read("cpu_out_bad")
    return sorted(noted[["partition", "offset", "reason"]].itertuples(index=False, name=None))


@pytest.fixture(scope="module")
def environment(stack: Path) -> Any:
    made = flink.connect(fresh=True)
    topics.empty(topics.READINGS)
    topics.delete(topics.BAD_READINGS)  # rows of files would be kept
    for table in ("cpu_placed", "cpu_raw", "cpu_out_bad", "cpu_out_filter", "cpu_out_agg"):
        create(made, table)
    return made


@pytest.fixture
def jobs(environment: Any) -> Iterator[list[flink.Job]]:
    """The jobs that look at readings, on an empty topic."""
    topics.empty(topics.READINGS)
    names = ("cpu_filter", "cpu_agg", "cpu_bad")
    yield [flink.deploy(environment, name, sql.taught(name)) for name in names]
    flink.cancel(*names)


def test_each_is_noted_once_with_its_place_and_reason_and_no_result_knows_it(
    jobs: list[flink.Job],
) -> None:
    parts = [FLEET[start : start + 700] for start in range(0, len(FLEET), 700)]
    places = []
    for number, part in enumerate(parts):
        topics.produce(part)
        # Between the readings, in whatever partition: with no key, and with a host's.
        some = BAD[number :: len(parts)]
        places += send([(value, (None, b'{"hostname":"doc"}')[number % 2]) for value, _ in some])
    wanted = [why for number in range(len(parts)) for _, why in BAD[number :: len(parts)]]
    for job in jobs:
        flink.wait_until_settled(job, quiet=True)
    expected = sorted((*place, why) for place, why in zip(places, wanted, strict=True))
    assert found_bad() == expected

    order = ["window_start", "hostname", "cpu"]
    averages = results.read("cpu_out_agg").sort_values(order, ignore_index=True)
    # The watermark is where the readings bring it: the last window alone is open.
    twin.assert_equal(averages, twin.averages(FLEET, 30)[: 7 * 35])
    filtered = results.read("cpu_out_filter")
    assert len(filtered) == (FLEET["usage"] > 80).sum() and filtered["time_ltz"].notna().all()
    assert all(job.state == "RUNNING" for job in map(flink.status, jobs))


def test_what_looks_odd_and_is_a_reading_counts(jobs: list[flink.Job]) -> None:
    send([(value, b"x") for value, _ in ODD])
    after = {**GOOD, "occurred_at": GOOD["occurred_at"] + 60_000}
    topics.produce(
        pd.DataFrame([{**after, "hostname": host} for host in ("a", "b", "c", "d", "doc")])
    )
    for job in jobs:
        flink.wait_until_settled(job, quiet=True)
    assert found_bad() == []
    (row,) = results.read("cpu_out_agg").itertuples()
    assert row.readings == len(ODD)
    assert row.usage_avg == pytest.approx(sum(usage for _, usage in ODD) / len(ODD))


def test_what_counts_in_part_is_noted_for_the_rest(jobs: list[flink.Job]) -> None:
    places = send([(value, b"x") for value, *_ in PARTLY])
    after = {**GOOD, "occurred_at": GOOD["occurred_at"] + 60_000}
    topics.produce(
        pd.DataFrame([{**after, "hostname": host} for host in ("a", "b", "c", "d", "doc")])
    )
    for job in jobs:
        flink.wait_until_settled(job, quiet=True)
    assert found_bad() == sorted(
        (*place, why) for place, (_, why, _) in zip(places, PARTLY, strict=True)
    )
    (row,) = results.read("cpu_out_agg").itertuples()
    assert row.readings == sum(count for *_, count in PARTLY)


def test_a_clock_that_is_an_hour_ahead_closes_no_window_of_others(jobs: list[flink.Job]) -> None:
    # As they happen, a few seconds at a time: the watermark is the minimum over the partitions,
    # so the one without that host says what is late.
    some = FLEET[: 35 * 120]
    is_doc = some["hostname"] == "doc"
    ahead = some.assign(occurred_at=some["occurred_at"] + is_doc * 3_600_000)
    for start in range(0, len(ahead), 35 * 8):
        topics.produce(ahead[start : start + 35 * 8])
        flink.wait_until_settled(jobs[1], quiet=True)
    averages = results.read("cpu_out_agg").sort_values(
        ["window_start", "hostname", "cpu"], ignore_index=True
    )
    twin.assert_equal(averages, twin.averages(some[~is_doc], 30)[: 3 * 30])


def test_of_whatever_arrives_each_is_a_reading_or_is_noted_and_never_both(
    environment: Any, jobs: list[flink.Job]
) -> None:
    rng = random.Random(7)
    odd = [*'{},"\\\0\t', "null", "1e400", "-1", "[]", '"x"', "é", "\ufffd", "NaN", ""]
    seeds = [value for value, _ in ODD if len(value) < 1000]
    records = [value for value, _ in BAD if value is None or len(value) < 1000] + seeds
    for _ in range(1500):
        text = rng.choice(seeds)
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(len(text) + 1)
            text = text[:at] + rng.choice(odd) + text[at + rng.randint(0, 4) :]
        records.append(text)
    places = send([(value, None) for value in records])
    flink.wait_until_settled(jobs[2], quiet=True)
    bad = found_bad()
    noted = {tuple(place) for *place, _ in bad}
    in_part = {tuple(place) for *place, why in bad if why in (MORE, LIST)}
    rows = flink.preview(
        environment,
        "SELECT `partition`, `offset` FROM cpu_placed WHERE time_ltz IS NOT NULL",
        rows=10_000,
    )
    read = set(rows.itertuples(index=False, name=None))
    for place, value in zip(places, records, strict=True):
        assert place in read | noted, value  # nothing vanishes
        # What holds more than one object may be both: Flink reads what it can.
        is_list = isinstance(value, str) and value.startswith("[")
        assert is_list or place not in (read & noted) - in_part, value
    assert len(read) > 50 and len(noted) > 1000
    shown = results.bad()[["partition", "offset"]]
    assert not shown.duplicated().any() and len(shown) == len(noted)


def test_what_fails_behind_the_reader_is_no_bad_record(environment: Any) -> None:
    topics.empty(topics.READINGS)
    topics.produce(FLEET[:700])
    number = "SELECT time_ltz, hostname, cpu, CAST(hostname AS DOUBLE) AS usage FROM cpu_in"
    with pytest.raises(CpuwatchError, match=r"CAST fails on '\w+', which is no number"):
        flink.preview(environment, number)
    with pytest.raises(CpuwatchError, match="Some row divides by zero"):
        flink.preview(environment, "SELECT SUM(1 / CAST(usage * 0 AS INT)) AS n FROM cpu_in")
    with pytest.raises(CpuwatchError, match=r"CAST fails on '\w+', which is no number"):
        # It fails while it starts, or when it reads.
        job = flink.deploy(environment, "my_job", f"INSERT INTO cpu_out_filter {number}")
        flink.wait_until_settled(job, quiet=True)
    flink.cancel("my_job")
    # The same in plain PyFlink, on the environment that `connect` makes.
    environment.get_config().set("pipeline.name", "my_job")
    environment.execute_sql(f"INSERT INTO cpu_out_filter {number}")
    with pytest.raises(CpuwatchError, match=r"CAST fails on '\w+', which is no number"):
        flink.wait_until_settled(workshop.job("my_job"), quiet=True)
    flink.cancel("my_job")


def test_a_person_sees_them_in_the_notebook_and_in_the_terminal(
    jobs: list[flink.Job], tmp_path: Path
) -> None:
    csv = tmp_path / "mine.csv"
    csv.write_text("time,hostname,usage\n2026-01-05,doc,50\n2026-01-05,doc,often\n")
    assert cpuwatch_here("produce", "--csv", csv).returncode == 0
    hostile = changed(hostname="\x1b[31mred\x1b[0m[bold]", usage=1850)
    ((partition, offset), _) = send([(hostile, b"x"), ("no JSON", b"x")])
    flink.wait_until_settled(jobs[2], quiet=True)

    found = workshop.bad()
    assert found["reason"].tolist() == [RANGE, NO_JSON, "usage 'often' is not a number"]
    assert found["source"].tolist() == [topics.READINGS, topics.READINGS, "mine.csv"]
    assert json.loads(found["text"][0])["usage"] == 1850
    done = cpuwatch_here("bad")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[:3] == [
        "3 records are no readings (cpu_bad_readings).",
        f"  partition {partition}, offset {offset}: {RANGE}",
        f"    {hostile[:79]}…",
    ]
    assert "  mine.csv, line 3: usage 'often' is not a number" in done.stdout
    said = json.loads(cpuwatch_here("bad", "--json").stdout)
    assert said["bad"] == 3
    assert said["records"][0] == {
        "source": topics.READINGS, "partition": partition, "offset": offset, "reason": RANGE,
        "text": hostile,
    }  # fmt: skip

    # A reading of long ago: its window has closed.
    topics.produce(FLEET[: 35 * 60])
    flink.wait_until_settled(jobs[1], quiet=True)
    topics.produce(FLEET[:1])
    flink.wait_until_settled(jobs[1], quiet=True)
    waiting.until(lambda: metrics.late(jobs[1]) == 1, 20, "its metric does not say so")
    assert cpuwatch_here("bad").stdout.splitlines()[-1] == (
        "1 reading came too late for cpu_agg, since it began, or began anew."
    )
    said = json.loads(cpuwatch_here("bad", "--json").stdout)
    assert said["late"] == said["late_by_job"]["cpu_agg"] == 1

    # Deployed anew the job notes them anew; the file's row is nobody's to note again.
    environment = flink.connect(fresh=True)
    for table in ("cpu_placed", "cpu_raw", "cpu_out_bad"):
        create(environment, table)
    flink.wait_until_settled(
        flink.deploy(environment, "cpu_bad", sql.taught("cpu_bad")), quiet=True
    )
    assert sorted(workshop.bad()["reason"]) == sorted(found["reason"])
    flink.cancel("cpu_bad")
    assert "The job cpu_bad does not run" in cpuwatch_here("bad").stderr
