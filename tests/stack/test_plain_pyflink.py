"""The example in plain PyFlink finds what the pipeline finds, row by row."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import twin
from plain_page import commands, shell

from cpuwatch import alerts, readings, results, thresholds, topics
from cpuwatch.settings import settings
from cpuwatch.stack import jars
from cpuwatch.stack.flink import JAVA_HOME

SCRIPT = Path(__file__).parents[2] / "examples" / "plain_pipeline.py"

#: The script's name of each topic that it writes, and the table that reads it.
WRITES = {
    "FILTERED": "cpu_out_filter",
    "AVERAGES": "cpu_out_agg",
    "OVER": "cpu_out_over",
    "ALERTS": "cpu_out_alerts",
}


def restless() -> pd.DataFrame:
    """Readings of a host without a threshold: with gaps, flapping, and windows of too few."""
    chance = random.Random(5)
    start = readings.FLEET_START.value // 1_000_000
    rows = []
    for window in range(20):
        count = chance.choice([0, 1, 2, 3, 30])
        usage = chance.choice([20.0, 80.0, 99.0])
        rows += [("stranger", "cpu1", usage, start + 30_000 * window + 1000 * n)
                 for n in range(count)]  # fmt: skip
    return pd.DataFrame(rows, columns=list(readings.COLUMNS))


@pytest.fixture(scope="module")
def given() -> pd.DataFrame:
    both = pd.concat([readings.fleet(), restless()])
    return both.sort_values("occurred_at", kind="stable", ignore_index=True)


@pytest.fixture(scope="module")
def found(
    stack: Path, given: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, pd.DataFrame]]:
    """What the script wrote, in a process, on topics and in a schema of its own."""
    name = f"plain-{time.time_ns()}"
    schema = name.replace("-", "_")
    own = {variable: f"{name}-{variable.lower()}" for variable in ("READINGS", *WRITES)}
    thresholds.create_schema(schema)
    database = thresholds.engine(schema)
    thresholds.create(database)
    thresholds.write(database, readings.THRESHOLDS)
    database.dispose()
    for topic in own.values():
        topics.create(topic)
    topics.produce(given, own["READINGS"])
    folder = tmp_path_factory.mktemp("plain")
    (folder / "jars").mkdir()
    config = settings()
    for jar in jars.fetch(config.cache, {"flink"})["flink"]:
        (folder / "jars" / jar.name).symlink_to(jar)
    done = subprocess.run(
        [sys.executable, str(SCRIPT)],
        cwd=folder, capture_output=True, text=True, check=False, timeout=180,
        env={
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            **own,
            "JAVA_HOME": str(JAVA_HOME),
            "FLINK_LOG_DIR": str(folder),
            "FLINK": config.flink_address.removeprefix("https://"),
            "FLINK_KEY": str(config.keys / "flink.p12"),
            "KAFKA": config.kafka_for_flink,
            "POSTGRES": f"{config.jdbc_url}&currentSchema={schema}",
        },
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    yield {table: results.read(table, own[variable]) for variable, table in WRITES.items()}
    topics.delete(*own.values())
    thresholds.drop_schema(schema)


@pytest.fixture(scope="module")
def windows(given: pd.DataFrame) -> pd.DataFrame:
    return twin.averages(given, 30)


def by_window(table: pd.DataFrame) -> pd.DataFrame:
    return table.sort_values(["window_start", "hostname", "cpu"], ignore_index=True)


def test_it_keeps_the_readings_over_80(found: dict[str, pd.DataFrame], given: pd.DataFrame) -> None:
    kept = found["cpu_out_filter"].rename(columns={"time_ltz": "time"})
    expected = twin.filtered(given)
    assert len(expected) > 538
    twin.assert_equal(kept.sort_values(list(kept.columns), ignore_index=True), expected)


def test_it_averages_every_window(found: dict[str, pd.DataFrame], windows: pd.DataFrame) -> None:
    assert len(windows) > 700
    twin.assert_equal(by_window(found["cpu_out_agg"]), windows)


def test_it_tells_the_windows_over_their_threshold(
    found: dict[str, pd.DataFrame], windows: pd.DataFrame
) -> None:
    expected = twin.alerts(windows, readings.THRESHOLDS)
    assert "stranger" in set(expected["hostname"])
    twin.assert_equal(by_window(found["cpu_out_over"]), expected)


def test_it_opens_and_closes_the_episodes(
    found: dict[str, pd.DataFrame], windows: pd.DataFrame
) -> None:
    allowed = windows["hostname"].map(readings.THRESHOLDS).fillna(80.0)
    expected = alerts.transitions(windows.assign(allowed_top=allowed), pd.Timedelta("60s"))
    order = ["as_of", "hostname", "cpu", "event"]
    assert (expected["hostname"] == "stranger").sum() > 2
    pd.testing.assert_frame_equal(
        found["cpu_out_alerts"].sort_values(order, ignore_index=True),
        expected.sort_values(order, ignore_index=True),
        rtol=1e-9,
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout of one's own, as far as the page's commands need one."""
    folder = tmp_path / "the workshop"
    folder.mkdir()
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / "examples").symlink_to(SCRIPT.parent)
    return folder


def test_the_page_s_commands_do_the_same_on_the_workshop_s_cluster(
    found: dict[str, pd.DataFrame], given: pd.DataFrame, checkout: Path
) -> None:
    """As they are printed there: on the workshop's own readings, limits and password."""
    own = {variable: f"plain_{variable.lower()}" for variable in WRITES}
    own["FILTERED"] = "plain_filter"
    topics.discard(*own.values())
    topics.empty(topics.READINGS)
    topics.produce(given)
    database = thresholds.engine()
    thresholds.create(database)
    thresholds.write(database, readings.THRESHOLDS)
    database.dispose()
    try:
        done = subprocess.run(
            ["bash", "-euc", "\n".join(commands())], cwd=checkout, capture_output=True, text=True,
            check=False, timeout=240, env=shell(os.environ),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        assert done.stdout == "4 topics are made.\n"
        for variable, table in WRITES.items():
            written = results.read(table, own[variable])
            order = [name for name in ("time_ltz", "as_of", "window_start") if name in written]
            order += [name for name in ("hostname", "cpu", "event") if name in written]
            pd.testing.assert_frame_equal(
                written.sort_values(order, ignore_index=True),
                found[table].sort_values(order, ignore_index=True),
                rtol=1e-9,
            )
    finally:
        topics.delete(*own.values())
