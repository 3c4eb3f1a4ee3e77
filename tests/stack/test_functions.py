"""Functions in Python: plain, on whole columns, and over many rows; in a preview and in a job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pyflink.table import AggregateFunction, DataTypes
from pyflink.table.udf import udaf, udf

from cpuwatch import flink, readings, topics, workshop
from cpuwatch.errors import CpuwatchError

FLEET = readings.fleet(ticks=120).assign(
    time_ltz=lambda all_: pd.to_datetime(all_["occurred_at"], unit="ms", utc=True)
)
PLACE = ["time_ltz", "hostname", "cpu"]


@pytest.fixture(scope="module")
def env(stack: Path) -> Any:
    topics.empty(topics.READINGS)
    topics.produce(FLEET[["hostname", "cpu", "usage", "occurred_at"]])
    environment = flink.connect(fresh=True)
    flink.import_tables(environment, "cpu_in", "cpu_out_filter")

    class Spread(AggregateFunction):  # type: ignore[misc]
        """The highest value less the lowest."""

        def create_accumulator(self) -> list[Any]:
            return [None, None]

        def accumulate(self, accumulator: list[Any], usage: float) -> None:
            low, high = accumulator
            accumulator[0] = usage if low is None else min(low, usage)
            accumulator[1] = usage if high is None else max(high, usage)

        def get_value(self, accumulator: list[Any]) -> float | None:
            low, high = accumulator
            return None if low is None else high - low

        def get_result_type(self) -> Any:
            return DataTypes.DOUBLE()

        def get_accumulator_type(self) -> Any:
            return DataTypes.ARRAY(DataTypes.DOUBLE())

    def idle(usage: float) -> float:
        return 100 - usage

    def idle_column(usage: pd.Series) -> pd.Series:
        return 100 - usage

    def median(usage: pd.Series) -> float:
        return float(usage.median())

    for name, function in {
        "idle": udf(idle, result_type=DataTypes.DOUBLE()),
        "idle_column": udf(idle_column, result_type=DataTypes.DOUBLE(), func_type="pandas"),
        "median": udaf(median, result_type=DataTypes.DOUBLE(), func_type="pandas"),
        "spread": udaf(Spread()),
    }.items():
        environment.create_temporary_function(name, function)
    return environment


@pytest.mark.parametrize("function", ["idle", "idle_column"])
def test_a_function_of_one_row(env: Any, function: str) -> None:
    query = (
        f"SELECT time_ltz, hostname, cpu, {function}(usage) AS usage FROM cpu_in"
        f" WHERE {function}(usage) < 20"
    )
    wanted = FLEET.assign(usage=100 - FLEET["usage"]).sort_values(PLACE)
    wanted = wanted.loc[wanted["usage"] < 20, [*PLACE, "usage"]].reset_index(drop=True)
    assert len(wanted)
    found = flink.preview(env, query, rows=10_000)
    pd.testing.assert_frame_equal(found, wanted, check_exact=True, check_dtype=False)
    flink.wait_until_settled(flink.deploy(env, "my_job", f"INSERT INTO cpu_out_filter {query}"))
    result = workshop.result(topics.FILTERED)
    pd.testing.assert_frame_equal(result, wanted, check_exact=True, check_dtype=False)
    flink.cancel("my_job")


@pytest.mark.parametrize("function", ["spread", "median"])
def test_a_function_of_many_rows(env: Any, function: str) -> None:
    def of(usage: pd.Series) -> float:
        return usage.median() if function == "median" else usage.max() - usage.min()

    found = flink.preview(
        env, f"SELECT hostname, {function}(usage) AS found FROM cpu_in GROUP BY hostname"
    )
    assert found.set_index("hostname")["found"].to_dict() == (
        FLEET.groupby("hostname")["usage"].agg(of).to_dict()
    )
    windows = (
        "INSERT INTO cpu_out_filter SELECT TUMBLE_START(time_ltz, INTERVAL '30' SECOND),"
        f" hostname, cpu, {function}(usage) FROM cpu_in"
        " GROUP BY hostname, cpu, TUMBLE(time_ltz, INTERVAL '30' SECOND)"
    )
    flink.wait_until_settled(flink.deploy(env, "my_job", windows))
    result = workshop.result(topics.FILTERED)
    flink.cancel("my_job")
    starts = FLEET["time_ltz"].dt.floor("30s")
    wanted = FLEET.groupby([starts, "hostname", "cpu"])["usage"].agg(of)
    assert len(result) == 3 * 35
    assert result["usage"].tolist() == wanted.tolist()[: 3 * 35]


def test_an_aggregate_in_python_needs_the_old_form_of_a_window(env: Any) -> None:
    with pytest.raises(CpuwatchError, match=r"Write GROUP BY TUMBLE\(time_ltz, INTERVAL"):
        flink.deploy(
            env,
            "my_job",
            "INSERT INTO cpu_out_filter SELECT window_start, hostname, cpu, spread(usage) FROM"
            " TABLE(TUMBLE(TABLE cpu_in, DESCRIPTOR(time_ltz), INTERVAL '30' SECOND))"
            " GROUP BY hostname, cpu, window_start, window_end",
        )


def test_a_mistake_in_a_function_is_told_with_its_own_words(env: Any) -> None:
    def wrong(usage: float) -> float:
        raise ValueError("the usage is odd")

    env.create_temporary_function("wrong", udf(wrong, result_type=DataTypes.DOUBLE()))
    with pytest.raises(
        CpuwatchError,
        match=r"A function in Python failed \(ValueError: the usage is odd\), in line \d+ of wrong",
    ):
        flink.preview(env, "SELECT wrong(usage) AS x FROM cpu_in")
    assert flink.preview(env, "SELECT COUNT(*) AS n FROM cpu_in")["n"].tolist() == [len(FLEET)]
