"""The episodes that Flink finds are those that pandas finds, to the last bit."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import twin

from cpuwatch import (
    alerts,
    demo,
    flink,
    pipeline,
    readings,
    results,
    sql,
    thresholds,
    topics,
    waiting,
)  # fmt: skip
from cpuwatch.flink import rest
from cpuwatch.flink.catalog import set_options
from cpuwatch.flink.environment import STATE_TTL
from cpuwatch.flink.tables import create
from cpuwatch.pipeline import Parameters

pytest_plugins = ["slack_parts"]

WINDOW = pd.Timedelta("30s")
SEEDS = range(20)
JOB = next(job for job in pipeline.JOBS if job.name == "cpu_notification")


def fleet_windows(seed: int) -> pd.DataFrame:
    """What cpu_agg makes of a fleet, its hosts named after the seed."""
    windows = twin.averages(readings.fleet(seed), 30)
    return windows.assign(
        allowed_top=windows["hostname"].map(readings.THRESHOLDS),
        hostname=windows["hostname"] + f"-{seed}",
    )


def random_windows(seed: int) -> pd.DataFrame:
    """Windows of one cpu with gaps, flapping, too few readings and repeats."""
    chance = random.Random(seed)
    rows = []
    for number in range(120):
        if chance.random() < 0.15:
            continue
        row = {
            "window_start": readings.FLEET_START + number * WINDOW,
            "hostname": f"random-{seed}",
            "cpu": "cpu1",
            "usage_avg": chance.choice([chance.uniform(0, 100), 80.0, 20.0, 99.0]),
            "usage_max": 100.0,
            "readings": chance.choice([1, 2, 3, 30, 30, 30]),
            "allowed_top": 80.0,  # the default: these hosts have no row
        }
        rows += [row] * (2 if chance.random() < 0.1 else 1)
    return pd.DataFrame(rows)


@pytest.fixture(scope="module")
def windows() -> pd.DataFrame:
    made = [make(seed) for seed in SEEDS for make in (fleet_windows, random_windows)]
    found = pd.concat(made, ignore_index=True)
    found["window_end"] = found["window_start"] + WINDOW
    return found.sort_values(["window_start", "hostname", "cpu"], ignore_index=True)


class Place:
    """The job cpu_notification on topics and a schema of this test's own."""

    def __init__(self, windows: pd.DataFrame) -> None:
        self.name = f"episodes-{time.time_ns()}"
        self.averages = f"{topics.AVERAGES}-{self.name}"
        self.alerts = f"{topics.ALERTS}-{self.name}"
        self.schema = self.name.replace("-", "_")
        thresholds.create_schema(self.schema)
        database = thresholds.engine(self.schema)
        thresholds.create(database)
        limits = windows.drop_duplicates("hostname").set_index("hostname")["allowed_top"]
        own = {host: top for host, top in limits.items() if not str(host).startswith("random")}
        thresholds.write(database, own)
        database.dispose()
        topics.create(self.averages)
        self.send(windows)
        self.environment = flink.connect(fresh=True)
        for table in ("cpu_out_agg", "cpu_thresholds"):
            create(self.environment, table)
        url = sql.fill("${postgres}") + f"&currentSchema={self.schema}"
        set_options(self.environment, "cpu_thresholds", {"url": url})

    def send(self, windows: pd.DataFrame) -> None:
        with topics.Sender(self.averages) as sender:
            for row in windows.drop(columns="allowed_top").to_dict("records"):
                times = {
                    name: f"{row[name]:%Y-%m-%dT%H:%M:%SZ}"
                    for name in ("window_start", "window_end")
                }
                sender.send({**row, **times}, {"hostname": row["hostname"]})
            sender.flush()

    def submit(self, numbers: Parameters = pipeline.WORKSHOP, bounded: bool = True) -> flink.Job:
        bound = {"scan.bounded.mode": "latest-offset" if bounded else "unbounded"}
        set_options(self.environment, "cpu_out_agg", {"topic": self.averages, **bound})
        topics.create(self.alerts)
        create(self.environment, "cpu_out_alerts")
        options = {"topic": self.alerts, "sink.transactional-id-prefix": self.alerts}
        set_options(self.environment, "cpu_out_alerts", options)
        for view in JOB.views:
            create(self.environment, view, sql.taught(view, numbers))
        statement = sql.statement(JOB.name, numbers)
        return flink.submit(self.environment, f"{JOB.name}-{self.name}", statement)

    def transitions(self, cooldown: int, min_readings: int) -> pd.DataFrame:
        topics.delete(self.alerts)
        job = self.submit(Parameters(cooldown=cooldown, min_readings=min_readings))
        flink.wait_until_finished(job)
        return results.read(JOB.writes, self.alerts)

    def clear(self) -> None:
        topics.delete(self.averages, self.alerts)
        thresholds.drop_schema(self.schema)


@pytest.fixture(scope="module")
def place(stack: Path, windows: pd.DataFrame) -> Iterator[Place]:
    found = Place(windows)
    yield found
    found.clear()


@pytest.mark.parametrize(("cooldown", "min_readings"), [(2, 3), (0, 1)])
def test_flink_and_pandas_find_the_same_transitions(
    place: Place, windows: pd.DataFrame, cooldown: int, min_readings: int
) -> None:
    order = ["as_of", "hostname", "cpu", "event"]
    found = place.transitions(cooldown, min_readings).sort_values(order, ignore_index=True)
    expected = alerts.transitions(windows, cooldown * WINDOW, min_readings)
    assert len(expected) > 800
    pd.testing.assert_frame_equal(
        found, expected.sort_values(order, ignore_index=True), check_exact=True
    )
    assert not found.duplicated(["id", "event"]).any(), "ids are unique"


def test_what_nobody_has_touched_for_long_is_forgotten(stack: Path) -> None:
    start = readings.FLEET_START
    cpus = pd.DataFrame({"hostname": [f"host-{number}" for number in range(500)]})
    minutes = pd.DataFrame({"window_start": [start + n * WINDOW for n in range(3)]})
    many = minutes.merge(cpus, how="cross").assign(
        cpu="cpu1", usage_avg=99.0, usage_max=100.0, readings=30, allowed_top=80.0
    )
    many["window_end"] = many["window_start"] + WINDOW
    place = Place(many)
    try:
        assert place.environment.get_config().get(STATE_TTL, "") == "7 d"
        place.environment.get_config().set(STATE_TTL, "2 s")
        job = place.submit(bounded=False)
        flink.wait_until_settled(job, quiet=True)
        before = _state_size(job)
        assert before > 100_000
        # What looks at some of the state clears a little of the rest away.
        row, number = many.iloc[:1], 3

        def smaller() -> bool:
            nonlocal number
            few = [row.assign(window_start=start + (number + n) * WINDOW) for n in range(300)]
            number += 300
            more = pd.concat(few)
            place.send(more.assign(window_end=more["window_start"] + WINDOW))
            flink.wait_until_settled(job, quiet=True)
            return _state_size(job) < before / 2

        waiting.until(smaller, 90, "it is kept for ever")
        flink.cancel(job.name)
    finally:
        place.clear()


def _state_size(job: flink.Job) -> int:
    """How many bytes the job's last checkpoint holds."""
    return int(rest.ask(f"/jobs/{job.id}/checkpoints")["latest"]["completed"]["state_size"])


def test_the_demo_counts_episodes_and_messages(stack: Path) -> None:
    result = demo.run(demo.read_input(seed=7))
    windows = result.windows.table().assign(
        allowed_top=lambda table: table["hostname"].map(readings.THRESHOLDS)
    )
    expected = alerts.transitions(windows, 2 * WINDOW)
    order = ["as_of", "hostname", "cpu", "event"]
    pd.testing.assert_frame_equal(
        result.transitions.sort_values(order, ignore_index=True),
        expected.sort_values(order, ignore_index=True),
        check_exact=True,
    )
    over = windows[windows["usage_avg"] > windows["allowed_top"]]
    assert len(result.alerts) == len(over) == 62
    found = result.as_dict()
    assert (found["episodes"], found["slack_messages"]) == (15, 4)
