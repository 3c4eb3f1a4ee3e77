"""A preview tells the truth: the rows that pandas finds, in the order that was asked for.

Whatever a curious attendee asks, on the real parts: what Flink answers in batch mode, what only a
stream can, and what never ends. Afterwards nothing is left, and the notebook's environment is as
it was.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pyflink.common import Row

from cpuwatch import aside, flink, readings, sql, thresholds, topics, waiting, workshop
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink.rows import AT_ONCE

TICKS = 120
FLEET = readings.fleet(ticks=TICKS).assign(
    time_ltz=lambda all_: pd.to_datetime(all_["occurred_at"], unit="ms", utc=True)
)
ENDLESS = "SELECT COUNT(*) AS n FROM cpu_in AS a, cpu_in AS b, cpu_in AS c WHERE a.cpu < b.cpu"
WINDOWS = "TABLE({}(TABLE cpu_in, DESCRIPTOR(time_ltz), INTERVAL '30' SECOND))"


@pytest.fixture(scope="module")
def env(stack: Path) -> Any:
    topics.empty(topics.READINGS)
    topics.produce(readings.fleet(ticks=TICKS))
    database = workshop.database()
    thresholds.create(database)
    thresholds.write(database, thresholds.load())
    database.dispose()
    environment = flink.connect(fresh=True)
    flink.import_tables(environment, "cpu_in", "cpu_out_agg", "cpu_thresholds")
    return environment


def assert_same(found: pd.DataFrame, wanted: pd.DataFrame) -> None:
    """To the last float, and in the same order."""
    pd.testing.assert_frame_equal(
        found, wanted.reset_index(drop=True), check_dtype=False, check_exact=True
    )


def test_a_count_is_one_row(env: Any) -> None:
    found = flink.preview(env, "SELECT COUNT(*) AS n FROM cpu_in")
    assert found.to_dict("records") == [{"n": len(FLEET)}]


def test_groups_have_their_final_values(env: Any) -> None:
    found = flink.preview(
        env,
        "SELECT hostname, MAX(usage) AS top, COUNT(*) AS n FROM cpu_in GROUP BY hostname",
    )
    wanted = FLEET.groupby("hostname", as_index=False).agg(top=("usage", "max"), n=("cpu", "size"))
    assert_same(found, wanted)


def test_an_average_is_the_sum_in_the_order_of_arrival(env: Any) -> None:
    found = flink.preview(env, "SELECT hostname, AVG(usage) AS mean FROM cpu_in GROUP BY hostname")
    wanted = FLEET.groupby("hostname")["usage"].agg(lambda usage: sum(usage) / len(usage))
    assert found["hostname"].tolist() == wanted.index.tolist()
    assert found["mean"].tolist() == pytest.approx(wanted.tolist(), rel=1e-12)


def test_the_order_is_the_query_s_own_and_ties_are_broken_from_left_to_right(env: Any) -> None:
    for limit, rows in (("LIMIT 4", 10), ("", 4), ("-- the hottest\nLIMIT 9", 4)):
        found = flink.preview(
            env, f"SELECT hostname, cpu, usage FROM cpu_in ORDER BY usage DESC {limit}", rows=rows
        )
        wanted = FLEET.sort_values(["usage", "hostname", "cpu"], ascending=[False, True, True])
        assert_same(found, wanted[["hostname", "cpu", "usage"]].head(4))


def test_a_limit_alone_takes_the_same_rows_each_time(env: Any) -> None:
    found = flink.preview(env, "SELECT time_ltz, hostname, cpu, usage FROM cpu_in LIMIT 5")
    wanted = FLEET.sort_values(["time_ltz", "hostname", "cpu"])
    assert_same(found, wanted[["time_ltz", "hostname", "cpu", "usage"]].head(5))


def test_a_window_without_its_end_in_group_by(env: Any) -> None:
    found = flink.preview(
        env,
        f"SELECT window_start, hostname, MAX(usage) AS top FROM {WINDOWS.format('TUMBLE')}"
        " GROUP BY window_start, hostname",
        rows=1000,
    )
    starts = FLEET.assign(window_start=FLEET["time_ltz"].dt.floor("30s"))
    assert_same(
        found,
        starts.groupby(["window_start", "hostname"], as_index=False).agg(top=("usage", "max")),
    )


def test_a_lookup_join(env: Any) -> None:
    found = flink.preview(
        env,
        "SELECT hostname, COUNT(*) AS n FROM (SELECT a.hostname FROM (SELECT *, PROCTIME() AS"
        " seen_at FROM cpu_in) AS a JOIN cpu_thresholds FOR SYSTEM_TIME AS OF a.seen_at AS t"
        " ON a.hostname = t.hostname WHERE a.usage > t.allowed_top) GROUP BY hostname",
    )
    tops = FLEET["hostname"].map(thresholds.load())
    wanted = FLEET[FLEET["usage"] > tops].groupby("hostname").size()
    assert found.set_index("hostname")["n"].to_dict() == wanted.to_dict()


def test_over_by_arrival(env: Any) -> None:
    found = flink.preview(
        env,
        "SELECT time_ltz, hostname, cpu, usage, LAG(usage) OVER (PARTITION BY hostname, cpu"
        " ORDER BY time_ltz) AS before FROM cpu_in WHERE hostname = 'doc'",
        rows=10_000,
    )
    doc = FLEET[FLEET["hostname"] == "doc"].sort_values(["time_ltz", "hostname", "cpu"])
    wanted = doc.assign(before=doc.groupby("cpu")["usage"].shift())
    assert_same(found, wanted[["time_ltz", "hostname", "cpu", "usage", "before"]])


def test_what_only_a_stream_can_is_final_and_in_order_too(env: Any) -> None:
    session = "TABLE(SESSION(TABLE cpu_in PARTITION BY hostname, DESCRIPTOR(time_ltz),"
    query = (
        "SELECT hostname, window_start, window_end, COUNT(*) AS n FROM"
        f" {session} INTERVAL '30' SECOND)) GROUP BY window_start, window_end, hostname"
    )
    found = flink.preview(env, query)
    hosts = sorted(FLEET["hostname"].unique())
    assert found["hostname"].tolist() == hosts
    assert (found["n"] == len(FLEET) / len(hosts)).all()
    backwards = flink.preview(env, f"{query} ORDER BY hostname DESC", rows=3)
    assert backwards["hostname"].tolist() == hosts[:-4:-1]
    times = flink.preview(
        env, f"SELECT window_time, hostname FROM {WINDOWS.format('TUMBLE')}", rows=1
    )
    assert str(times["window_time"][0]) == "2026-01-05 09:00:29.999000+00:00"


def test_a_source_that_never_ends_shows_its_first_rows(env: Any) -> None:
    flink.execute(
        env,
        "CREATE TEMPORARY TABLE dice (eyes INT) WITH ('connector' = 'datagen',"
        " 'fields.eyes.min' = '1', 'fields.eyes.max' = '6')",
    )
    found = flink.preview(env, "SELECT eyes FROM dice", rows=3)
    assert len(found) == 3
    assert found["eyes"].between(1, 6).all()
    assert previews() == []


def test_temporary_tables_views_and_pyflink_s_own_tables(env: Any) -> None:
    from pyflink.table.expressions import col

    statement = sql.source("cpu_in").replace("TABLE cpu_in", "TEMPORARY TABLE cpu_mine")
    flink.execute(env, statement)
    env.create_temporary_view("of_doc", env.from_path("cpu_mine").where(col("hostname") == "doc"))
    flink.create_view(env, "hot", "SELECT * FROM of_doc WHERE usage > 10")
    of_doc = FLEET[FLEET["hostname"] == "doc"]
    for source, wanted in (
        ("cpu_mine", FLEET),
        ("of_doc", of_doc),
        ("hot", of_doc[of_doc["usage"] > 10]),
        (env.from_path("hot").where(col("cpu") == "cpu1"), of_doc[of_doc["usage"] > 10]),
    ):
        if not isinstance(source, str):
            wanted = wanted[wanted["cpu"] == "cpu1"]
        found = flink.preview(env, f"SELECT COUNT(*) AS n FROM {source}")
        assert found["n"].tolist() == [len(wanted)]


def test_two_columns_of_one_name_and_columns_without_one(env: Any) -> None:
    found = flink.preview(
        env,
        "SELECT a.usage, b.usage, a.usage + 1 FROM cpu_in AS a JOIN cpu_in AS b"
        " ON a.hostname = b.hostname AND a.cpu = b.cpu AND a.time_ltz = b.time_ltz"
        " ORDER BY a.usage LIMIT 3",
    )
    assert list(found.columns) == ["usage", "usage0", "EXPR$2"]
    assert found["usage"].tolist() == sorted(FLEET["usage"])[:3]


def test_any_type_can_be_shown(env: Any) -> None:
    values = {
        "ARRAY[CURRENT_TIMESTAMP]": str,
        "INTERVAL '1' DAY": str,
        "MAP['a', 1]": dict,
        "ROW(1, 'x')": object,
        "CAST(1.5 AS DECIMAL(5, 2))": object,
        "TIMESTAMP '2026-01-05 09:00:00.123456'": pd.Timestamp,
        "CAST(NULL AS BIGINT)": object,
        "CAST('a' AS BYTES)": object,
    }
    items = ", ".join(f"{value} AS c{n}" for n, value in enumerate(values))
    found = flink.preview(env, f"SELECT {items} FROM (VALUES (1)) AS t(x)").iloc[0]
    for (value, kind), shown in zip(values.items(), found, strict=True):
        assert isinstance(shown, kind), value


def test_a_null_within_a_value_and_an_empty_one_are_shown_as_they_are(env: Any) -> None:
    values = {
        "ARRAY[1e0, CAST(NULL AS DOUBLE)]": [1.0, None],
        "ARRAY_REMOVE(ARRAY[1], 1)": [],
        "CAST(NULL AS ARRAY<INT>)": None,
        "MAP['a', CAST(NULL AS INT)]": {"a": None},
        "MAP['a', ARRAY[MAP['b', 1.5e0]]]": {"a": [{"b": 1.5}]},
        "ROW(1, CAST(NULL AS STRING), ROW(ARRAY[2]))": Row(1, None, Row([2])),
        "ARRAY[ROW(1, '')]": [Row(1, "")],
        "CAST(1.5 AS FLOAT)": 1.5,
    }
    items = ", ".join(f"{value} AS c{n}" for n, value in enumerate(values))
    found = flink.preview(env, f"SELECT {items} FROM (VALUES (1)) AS t(x)").iloc[0]
    assert found.tolist() == list(values.values())


def test_more_rows_than_come_over_at_once(env: Any) -> None:
    count = 3 * AT_ONCE
    assert len(FLEET) > count > AT_ONCE
    wanted = FLEET.sort_values(["time_ltz", "hostname", "cpu"])
    columns = ["time_ltz", "hostname", "cpu", "usage"]
    query = f"SELECT {', '.join(columns)} FROM cpu_in"
    assert_same(flink.preview(env, query, rows=count), wanted[columns].head(count))
    assert_same(flink.preview(env, query, rows=len(FLEET) + 1), wanted[columns])
    assert len(flink.preview(env, query, rows=count - 1, changes=True)) == count - 1
    assert len(flink.preview(env, query, rows=len(FLEET) + 1, changes=True)) == len(FLEET)


def test_a_stream_s_rows_may_hold_lists(env: Any) -> None:
    session = "TABLE(SESSION(TABLE cpu_in PARTITION BY hostname, DESCRIPTOR(time_ltz),"
    found = flink.preview(
        env,
        "SELECT hostname, ARRAY_AGG(DISTINCT cpu) AS cpus FROM"
        f" {session} INTERVAL '30' SECOND)) GROUP BY window_start, window_end, hostname",
    )
    assert found["hostname"].tolist() == sorted(FLEET["hostname"].unique())
    for cpus in found["cpus"]:
        assert sorted(cpus) == sorted(FLEET["cpu"].unique())


def test_a_time_looks_as_it_does_in_a_result(env: Any) -> None:
    query = sql.query(sql.taught("cpu_agg"))
    found = flink.preview(env, query, rows=1000)
    job = flink.deploy(env, "cpu_agg", f"INSERT INTO cpu_out_agg {query}")
    flink.wait_until_settled(job)
    result = workshop.result(topics.AVERAGES)
    flink.cancel("cpu_agg")
    assert found.dtypes.to_dict() == result.dtypes.to_dict()
    assert_same(found.head(len(result)), result)
    assert len(found) > len(result)  # the last window closes in a preview


def test_times_are_in_utc_whatever_zone_the_session_has(env: Any) -> None:
    query = "SELECT time_ltz, hostname FROM cpu_in"
    before = flink.preview(env, query)
    env.get_config().set("table.local-time-zone", "Asia/Kathmandu")
    try:
        assert_same(flink.preview(env, query), before)
    finally:
        env.get_config().set("table.local-time-zone", "UTC")


def test_changes_are_shown_as_they_come(env: Any) -> None:
    query = "SELECT cpu, COUNT(*) AS n FROM cpu_in WHERE hostname = 'doc' AND cpu = 'cpu1'"
    found = flink.preview(env, f"{query} GROUP BY cpu", rows=5, changes=True)
    assert found["op"].tolist() == ["+I", "-U", "+U", "-U", "+U"]
    assert found["n"].tolist() == [1, 1, 2, 2, 3]
    plain = flink.preview(env, "SELECT hostname FROM cpu_in", rows=2, changes=True)
    assert plain["op"].tolist() == ["+I", "+I"]
    assert previews() == []


def test_a_preview_changes_nothing_in_the_environment(env: Any) -> None:
    def all_of_it() -> Any:
        options = env.get_config().get_configuration().to_dict()
        with env.execute_sql("SHOW CREATE TABLE cpu_mode").collect() as rows:
            return options, [str(row) for row in rows], sorted(env.list_tables())

    statement = sql.source("cpu_in").replace("TABLE cpu_in", "TABLE cpu_mode")
    statement = statement.replace(
        "'format'", "'scan.bounded.mode' = 'timestamp', 'scan.bounded.timestamp-millis' = '0',\n"
        "    'format'"
    )  # fmt: skip
    flink.create_table(env, statement)
    before = all_of_it()
    assert flink.preview(env, "SELECT COUNT(*) AS n FROM cpu_mode")["n"].tolist() == [0]
    assert flink.preview(env, "SELECT COUNT(*) AS n FROM cpu_mode", changes=True).empty
    assert all_of_it() == before


# --- Given up -----------------------------------------------------------------------------------


def previews() -> list[flink.Job]:
    return [job for job in flink.jobs(running_only=True) if job.name == "preview"]


def assert_all_is_free(env: Any) -> None:
    waiting.until(
        lambda: not any(thread.name == aside.THREAD for thread in threading.enumerate()),
        20,
        "A thread still waits for the rows of a preview that was given up.",
    )
    assert previews() == []
    assert flink.preview(env, "SELECT COUNT(*) AS n FROM cpu_in")["n"].tolist() == [len(FLEET)]


@pytest.mark.parametrize("changes", [False, True], ids=["rows", "changes"])
def test_one_that_takes_too_long_is_ended(env: Any, changes: bool) -> None:
    rows = 10**9 if changes else 10
    with pytest.raises(CpuwatchError, match=r"was not ready after 3 s .* and was ended. Give it"):
        flink.preview(env, ENDLESS, timeout=3, changes=changes, rows=rows)
    assert_all_is_free(env)


@pytest.mark.parametrize("seconds", [0.05, 0.3, 0.6, 1.0, 2.0])
def test_one_that_is_stopped_at_any_moment_leaves_nothing(env: Any, seconds: float) -> None:
    timer = threading.Timer(seconds, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        flink.preview(env, ENDLESS)
    assert_all_is_free(env)


def test_when_all_slots_are_taken_it_says_so(env: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cpuwatch.flink.slots.free_slots", lambda: 0)
    with pytest.raises(CpuwatchError, match=r"found no place on the cluster: .*stop_jobs\(\)"):
        flink.preview(env, ENDLESS, timeout=2)
    assert_all_is_free(env)


def test_the_previews_of_a_kernel_that_died_are_ended(env: Any) -> None:
    program = f"""
        from cpuwatch import flink
        env = flink.connect()
        flink.import_tables(env, "cpu_in")
        flink.preview(env, {ENDLESS!r}, timeout=600)
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)]) as kernel:
        waiting.until(
            lambda: any(job.state == "RUNNING" for job in previews()), 120, "No preview began."
        )
        kernel.kill()
    # The cluster hears nothing of it for twenty seconds.
    waiting.until(lambda: not previews(), 90, "The preview of a dead kernel runs on.")
