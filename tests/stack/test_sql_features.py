"""What Flink's SQL can, works here: windows of every kind, patterns, joins, sets of statements.

Each is previewed and compared with pandas; those that a job can be are deployed as well.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cpuwatch import flink, readings, sql, topics, workshop
from cpuwatch.errors import CpuwatchError

FLEET = readings.fleet(ticks=120).assign(
    time_ltz=lambda all_: pd.to_datetime(all_["occurred_at"], unit="ms", utc=True)
)
WINDOW = pd.Timedelta("30s")


@pytest.fixture(scope="module")
def env(stack: Path) -> Any:
    topics.empty(topics.READINGS)
    topics.produce(FLEET[["hostname", "cpu", "usage", "occurred_at"]])
    environment = flink.connect(fresh=True)
    flink.import_tables(environment, "cpu_in", "cpu_out_filter", "cpu_out_agg")
    return environment


def assert_same(found: pd.DataFrame, wanted: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(
        found, wanted[list(found.columns)].reset_index(drop=True), check_dtype=False,
        check_exact=True,
    )  # fmt: skip


def windowed(kind: str) -> str:
    return (
        "SELECT window_start, window_end, hostname, MAX(usage) AS top, COUNT(*) AS n"
        f" FROM TABLE({kind}) GROUP BY window_start, window_end, hostname"
    )


def in_windows(pairs: pd.DataFrame) -> pd.DataFrame:
    groups = pairs.groupby(["window_start", "window_end", "hostname"], as_index=False)
    return groups.agg(top=("usage", "max"), n=("cpu", "size"))


def test_hop(env: Any) -> None:
    found = flink.preview(
        env,
        windowed(
            "HOP(TABLE cpu_in, DESCRIPTOR(time_ltz), INTERVAL '10' SECOND, INTERVAL '30' SECOND)"
        ),
        rows=10_000,
    )
    last = FLEET["time_ltz"].dt.floor("10s")
    pairs = pd.concat(
        FLEET.assign(window_start=last - pd.Timedelta(seconds=10 * n)) for n in range(3)
    )
    assert_same(found, in_windows(pairs.assign(window_end=pairs["window_start"] + WINDOW)))


def test_cumulate(env: Any) -> None:
    found = flink.preview(
        env,
        windowed(
            "CUMULATE(TABLE cpu_in, DESCRIPTOR(time_ltz), INTERVAL '10' SECOND,"
            " INTERVAL '30' SECOND)"
        ),
        rows=10_000,
    )
    start = FLEET["time_ltz"].dt.floor("30s")
    pairs = pd.concat(
        FLEET.assign(window_start=start, window_end=start + pd.Timedelta(seconds=10 * n))
        for n in (1, 2, 3)
    )
    assert_same(found, in_windows(pairs[pairs["time_ltz"] < pairs["window_end"]]))


def test_session(env: Any) -> None:
    flink.create_view(env, "cpu_busy", "SELECT * FROM cpu_in WHERE usage > 80")
    found = flink.preview(
        env,
        "SELECT window_start, window_end, hostname, COUNT(*) AS n FROM TABLE(SESSION(TABLE"
        " cpu_busy PARTITION BY hostname, DESCRIPTOR(time_ltz), INTERVAL '5' SECOND))"
        " GROUP BY window_start, window_end, hostname",
        rows=10_000,
    )
    gap = pd.Timedelta("5s")
    hot = FLEET[FLEET["usage"] > 80].sort_values(["hostname", "time_ltz"])
    begins = (hot.groupby("hostname")["time_ltz"].diff() > gap) | ~hot["hostname"].duplicated()
    sessions = (
        hot.assign(session=begins.cumsum())
        .groupby(["session", "hostname"])
        .agg(window_start=("time_ltz", "min"), last=("time_ltz", "max"), n=("cpu", "size"))
    )
    sessions = sessions.reset_index().assign(window_end=lambda all_: all_["last"] + gap)
    assert len(sessions) > 1
    assert_same(found, sessions.sort_values(["window_start", "window_end", "hostname"]))


def test_top_n(env: Any) -> None:
    found = flink.preview(
        env,
        "SELECT hostname, place, usage FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY hostname"
        " ORDER BY usage DESC) AS place FROM cpu_in) WHERE place <= 3",
        rows=100,
    )
    top = FLEET.sort_values("usage", ascending=False).groupby("hostname").head(3)
    top = top.assign(place=top.groupby("hostname").cumcount() + 1)
    assert_same(found, top.sort_values(["hostname", "place"]))


def test_deduplication(env: Any) -> None:
    query = (
        "SELECT time_ltz, hostname, cpu, usage FROM (SELECT *, ROW_NUMBER() OVER"
        " (PARTITION BY hostname, cpu ORDER BY time_ltz ASC) AS place FROM cpu_in)"
        " WHERE place = 1"
    )
    first = FLEET.sort_values("time_ltz").groupby(["hostname", "cpu"], as_index=False).first()
    wanted = first[["time_ltz", "hostname", "cpu", "usage"]]
    assert_same(flink.preview(env, query, rows=100), wanted)
    flink.wait_until_settled(flink.deploy(env, "my_first", f"INSERT INTO cpu_out_filter {query}"))
    assert_same(workshop.result(topics.FILTERED), wanted)
    flink.cancel("my_first")


def test_interval_join(env: Any) -> None:
    found = flink.preview(
        env,
        "SELECT a.time_ltz, a.hostname, a.cpu, a.usage, b.usage AS before FROM cpu_in AS a"
        " JOIN cpu_in AS b ON a.hostname = b.hostname AND a.cpu = b.cpu AND b.time_ltz"
        " BETWEEN a.time_ltz - INTERVAL '1' SECOND AND a.time_ltz - INTERVAL '1' SECOND"
        " WHERE a.usage > 80",
        rows=10_000,
    )
    shifted = FLEET.assign(time_ltz=FLEET["time_ltz"] + pd.Timedelta("1s"), before=FLEET["usage"])
    keys = ["time_ltz", "hostname", "cpu"]
    pairs = FLEET[FLEET["usage"] > 80].merge(shifted[[*keys, "before"]], on=keys)
    assert_same(found, pairs.sort_values(keys))


def test_match_recognize(env: Any) -> None:
    query = (
        "SELECT hostname, cpu, began, rose_to FROM cpu_in MATCH_RECOGNIZE (PARTITION BY hostname,"
        " cpu ORDER BY time_ltz MEASURES A.time_ltz AS began, B.usage AS rose_to ONE ROW PER MATCH"
        " AFTER MATCH SKIP TO NEXT ROW PATTERN (A B) DEFINE A AS A.usage <= 80, B AS B.usage > 80)"
    )
    keys = ["hostname", "cpu"]
    rows = FLEET.sort_values([*keys, "time_ltz"])
    after = rows.groupby(keys)["usage"].shift(-1)
    wanted = rows.assign(began=rows["time_ltz"], rose_to=after)
    wanted = wanted[(wanted["usage"] <= 80) & (wanted["rose_to"] > 80)]
    found = flink.preview(env, query, rows=10_000)
    assert_same(found, wanted.sort_values(["began", *keys]))


def test_a_statement_set_is_one_job_with_two_results(env: Any) -> None:
    averages = sql.taught("cpu_agg")
    job = flink.deploy(
        env,
        "my_two",
        f"""
        -- both read the topic once
        EXECUTE STATEMENT SET BEGIN
            INSERT INTO cpu_out_filter
            SELECT time_ltz, hostname, cpu, CASE WHEN usage > 95 THEN 95 ELSE usage END
            FROM cpu_in WHERE usage > 80;
            {averages};
        END;
        """,
    )
    flink.wait_until_settled(job)
    hot = FLEET[FLEET["usage"] > 80].assign(usage=lambda all_: all_["usage"].clip(upper=95))
    hot = hot.sort_values(["time_ltz", "hostname", "cpu"])
    assert_same(workshop.result(topics.FILTERED), hot)
    assert len(workshop.result(topics.AVERAGES)) == 3 * 35
    assert [one.name for one in flink.jobs(running_only=True)] == ["my_two"]
    flink.cancel("my_two")


def test_a_sink_by_its_whole_name_is_emptied_as_any_other(env: Any) -> None:
    statement = (
        "INSERT INTO `default_catalog`.default_database.cpu_out_filter"
        " SELECT time_ltz, hostname, cpu, usage FROM cpu_in WHERE usage > 80"
    )
    for _ in range(2):
        flink.wait_until_settled(flink.deploy(env, "my_first", statement))
    hot = FLEET[FLEET["usage"] > 80].sort_values(["time_ltz", "hostname", "cpu"])
    assert_same(workshop.result(topics.FILTERED), hot)
    flink.cancel("my_first")


def test_a_statement_set_that_holds_something_else_is_refused(env: Any) -> None:
    with pytest.raises(CpuwatchError):
        flink.deploy(env, "my_two", "EXECUTE STATEMENT SET BEGIN SELECT 1; END")
