"""The rule that learns, in Flink: the same scores as without it, in the order of the file."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pytest
import twin
from conftest import cpuwatch_here

from cpuwatch import demo, flink, learned, pipeline, readings, sql, topics
from cpuwatch.alerts import score
from cpuwatch.flink.tables import create
from cpuwatch.results import read
from cpuwatch.settings import ROOT, settings

NAB = ROOT / "data" / "nab" / "rds_cpu_utilization_cc0c53.csv"


def scored(rows: pd.DataFrame) -> pd.DataFrame:
    """The same readings with the scores of the detector alone; in the order of the rows."""
    parts = []
    for _, series in rows.groupby(["hostname", "cpu"], sort=False):
        detector = learned.Learned()
        in_order = series.sort_values("time", kind="stable")
        moments = in_order["time"].astype("int64") / 1e9
        found = [
            detector.update(*one) for one in zip(moments, in_order["usage"].tolist(), strict=True)
        ]
        parts.append(in_order.assign(anomaly_score=found))
    return pd.concat(parts).sort_index()


def read_scores(path: Path) -> pd.DataFrame:
    table = pd.read_csv(path, float_precision="round_trip", dtype={"hostname": str, "cpu": str})
    return table.assign(time=pd.to_datetime(table["time"], format="ISO8601", utc=True))


def assert_same(found: pd.DataFrame, wanted: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(
        found, wanted.reset_index(drop=True)[list(found.columns)], check_exact=True,
        check_dtype=False,
    )  # fmt: skip


def shuffled(tmp_path: Path) -> tuple[Path, pd.DataFrame]:
    """A file of two series, not in the order of its times, with one reading twice."""
    start = pd.Timestamp("2026-01-05T09:00:00Z")
    fleet = readings.fleet(ticks=200)
    fleet = fleet[fleet["hostname"].isin(["doc", "happy"]) & (fleet["cpu"] == "cpu1")]
    times = start + pd.to_timedelta(fleet["occurred_at"] - int(start.value // 10**6), unit="ms")
    rows = fleet.assign(time=times)[["time", "hostname", "cpu", "usage"]]
    rows = pd.concat([rows, rows.head(1)]).sample(frac=1, random_state=5).reset_index(drop=True)
    file = tmp_path / "shuffled.csv"
    rows.assign(time=rows["time"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")).to_csv(file, index=False)
    return file, rows


def test_what_is_unusual_equals_pandas(stack: Path) -> None:
    topics.empty(topics.READINGS)
    topics.produce(readings.fleet())
    env = flink.connect()
    job = pipeline.job("cpu_unusual")
    agg = pipeline.job("cpu_agg")
    assert job is not None and agg is not None
    for table in pipeline.tables([agg, job]):
        create(env, table)
    for view in job.views:
        create(env, view)
    for one in (agg, job):
        flink.wait_until_settled(flink.deploy(env, one.name, sql.taught(one.name)))
    order = ["window_start", "hostname", "cpu"]
    found = read("cpu_out_unusual").sort_values(order, ignore_index=True)
    wanted = twin.unusual(read("cpu_out_agg")).sort_values(order, ignore_index=True)
    assert len(wanted) == 38
    pd.testing.assert_frame_equal(found, wanted[list(found.columns)], check_exact=True)
    flink.cancel("cpu_unusual", "cpu_agg")


def test_a_real_series_in_a_terminal(stack: Path, tmp_path: Path) -> None:
    done = cpuwatch_here("demo", "--rule", "learned", "--csv", NAB, "--out", tmp_path, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["rule"], told["learned_threshold"]) == ("learned", 0.5)
    given = pd.read_csv(NAB, float_precision="round_trip")
    wanted = scored(
        pd.DataFrame(
            {
                "time": pd.to_datetime(given["timestamp"], utc=True),
                "hostname": NAB.stem,
                "cpu": "cpu1",
                "usage": given["value"],
            }
        )
    )
    assert_same(read_scores(tmp_path / "scores.csv"), wanted)
    alerts = pd.read_csv(tmp_path / "alerts.csv")
    assert len(alerts) == (wanted["anomaly_score"] >= 0.5).sum() == told["alerts"]
    assert len(pd.read_csv(tmp_path / "episodes.csv")) == told["episodes"] > 0
    # Another rule's run leaves nothing of this one's behind.
    again = cpuwatch_here("demo", "--csv", NAB, "--out", tmp_path, "--json")
    assert json.loads(again.stdout)["rule"] == "thresholds"
    assert "learned_threshold" not in json.loads(again.stdout)
    assert not (tmp_path / "scores.csv").exists()


def test_rows_out_of_order_and_one_that_comes_twice(stack: Path, tmp_path: Path) -> None:
    file, rows = shuffled(tmp_path)
    result = demo.run(demo.read_input(file), rule="learned")
    demo.write(result, tmp_path / "out")
    assert_same(read_scores(tmp_path / "out" / "scores.csv"), scored(rows))


def test_small_values_and_rows_that_are_no_readings(stack: Path, tmp_path: Path) -> None:
    times = pd.date_range("2014-02-14 14:30", periods=400, freq="5min", tz="UTC")
    small = [(0.066, 0.068, 0.134)[at % 7 % 3] for at in range(400)]
    rows = pd.DataFrame({"time": times, "hostname": "low", "cpu": "cpu1", "usage": small})
    given = rows.assign(timestamp=times.strftime("%Y-%m-%d %H:%M:%S"), value=small)
    none = given.index.isin([0, 200, 201])
    given["value"] = given["value"].astype(object).where(~none, "NaN")
    given[["timestamp", "value"]].to_csv(tmp_path / "low.csv", index=False)
    result = demo.run(demo.read_input(tmp_path / "low.csv", rule="learned"), rule="learned")
    demo.write(result, tmp_path / "out")
    found = read_scores(tmp_path / "out" / "scores.csv")
    assert (found["anomaly_score"][none] == 0).all() and found["usage"][none].isna().all()
    assert_same(found[~none].reset_index(drop=True), scored(rows[~none]))


def test_the_fleet_without_any_limit(stack: Path) -> None:
    result = demo.run(demo.read_input(), rule="learned")
    judged = score(result.alerts, readings.incidents())
    assert (judged.precision, judged.recall) == (1.0, 1.0)
    assert result.slack_messages == 4
    assert result.scores is not None and len(result.scores) == 21_000


def by_series(found: pd.DataFrame) -> Iterable[object]:
    order = ["hostname", "cpu", "time_ltz"]
    return found.sort_values(order, kind="stable")[[*order, "anomaly_score"]].itertuples(
        index=False, name=None
    )


def test_what_was_learnt_outlives_a_savepoint_and_goes_to_more_workers(
    stack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = readings.fleet()
    half = len(fleet) // 2
    topics.empty(topics.READINGS)
    topics.empty("cpu_scores")

    def deployed(savepoint: flink.Savepoint | None = None) -> flink.Job:
        settings.cache_clear()
        environment = flink.streams(flink.connect(fresh=True))
        for table in (*learned.TABLES, learned.IN_ORDER):
            create(environment, table)
        pipeline = learned.score(environment)
        return flink.deploy(environment, learned.JOB, pipeline, from_savepoint=savepoint)

    job = deployed()
    topics.produce(fleet[:half])
    flink.wait_until_settled(job)
    savepoint = flink.stop(job)
    monkeypatch.setenv("CPUWATCH_PARALLELISM", "2")
    job = deployed(savepoint)
    topics.produce(fleet[half:])
    flink.wait_until_settled(job)
    flink.cancel(learned.JOB)
    monkeypatch.undo()
    settings.cache_clear()
    times = pd.to_datetime(fleet["occurred_at"], unit="ms", utc=True)
    wanted = scored(fleet.assign(time=times)).rename(columns={"time": "time_ltz"})
    # The watermark is ten seconds behind the last reading.
    last = pd.Timestamp("2026-01-05T09:09:49Z")
    found = read(learned.SCORES)
    assert list(by_series(found)) == list(by_series(wanted[wanted["time_ltz"] <= last]))
