"""The Stop button at any moment, a kernel that restarts, a second kernel."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import KernelManager

from cpuwatch import flink, readings, topics, workshop

BEGIN = """
from cpuwatch import flink, sql, workshop
from cpuwatch.workshop.errors import explain_errors
explain_errors()
env = flink.connect()
tables = flink.import_tables(env, "cpu_in", "cpu_out_filter", "cpu_out_agg")
"""
CONNECTED = [("display_data", "Connected to Flink.")]
DEPLOY = 'job = flink.deploy(env, "cpu_filter", sql.taught("cpu_filter"))'
#: As chapter 2 shows it.
PLAIN_TABLE = """
env.execute_sql("DROP TABLE IF EXISTS cpu_in")
result = env.execute_sql(workshop.fill(sql.taught("cpu_in")))
"""
PLAIN_JOB = """
env.get_config().set("pipeline.name", "cpu_filter")
workshop.stop_jobs("cpu_filter")
workshop.fresh_topic("cpu_load_stats_real_filter")
result = env.execute_sql(sql.taught("cpu_filter"))
"""
PREVIEW = 'len(flink.preview(env, "SELECT * FROM cpu_in", rows=5))'


class Kernel:
    """A kernel, and what its cells show."""

    def __init__(self) -> None:
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel()
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(60)

    def run(
        self, code: str, stop_after: float | None = None, stop_at: str | None = None
    ) -> list[tuple[str, str]]:
        """Run a cell; its outputs: kind and text.

        Stop is pressed after some seconds, or as soon as the cell prints a text.
        """
        shown: list[tuple[str, str]] = []

        def keep(message: dict[str, Any]) -> None:
            kind, content = message["msg_type"], message["content"]
            if kind == "error":
                shown.append((kind, content["evalue"]))
            elif kind in ("execute_result", "display_data"):
                shown.append((kind, content["data"]["text/plain"]))
            elif kind == "stream":
                shown.append((kind, content["text"]))

        message = self.client.execute(code)
        if stop_after is not None:
            time.sleep(stop_after)
            self.manager.interrupt_kernel()
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            got = self.client.get_iopub_msg(timeout=90)
            if got["parent_header"].get("msg_id") != message:
                continue
            if got["msg_type"] == "status" and got["content"]["execution_state"] == "idle":
                return shown
            keep(got)
            if stop_at is not None and shown and stop_at in shown[-1][1]:
                self.manager.interrupt_kernel()
        raise AssertionError(f"the cell did not end: {code}")

    def stop(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def readings_are_there(stack: Path) -> None:
    topics.empty(topics.READINGS)
    topics.produce(readings.fleet())


@pytest.fixture(scope="module")
def only_kernel(readings_are_there: None) -> Iterator[Kernel]:
    one = Kernel()
    assert one.run(BEGIN) == CONNECTED
    yield one
    one.stop()


@pytest.fixture
def kernel(only_kernel: Kernel) -> Iterator[Kernel]:
    yield only_kernel
    workshop.stop_jobs()


def _running(patience: float = 0.0) -> list[str]:
    """The names of the jobs that run; if there are any, they may have some time to end."""
    deadline = time.monotonic() + patience
    while True:
        names = sorted(job.name for job in flink.jobs(running_only=True))
        if not names or time.monotonic() > deadline:
            return names
        time.sleep(0.2)


STOPPED = ("error", "Stopped. The kernel is well: run this cell again whenever you like.")


@pytest.mark.parametrize("seconds", [0.05, 0.4, 0.9, 1.6])
def test_stop_while_a_job_is_deployed(kernel: Kernel, seconds: float) -> None:
    flink.cancel("cpu_filter")  # while the statement is checked, the job before would run on
    shown = kernel.run(DEPLOY, stop_after=seconds)
    if STOPPED in shown:
        assert _running(patience=15) == []
    assert ("execute_result", "5") in kernel.run(PREVIEW)
    assert "error" not in dict(kernel.run(DEPLOY))
    assert _running() == ["cpu_filter"]


@pytest.mark.parametrize("seconds", [0.05, 0.5, 1.2])
def test_stop_while_a_preview_runs(kernel: Kernel, seconds: float) -> None:
    kernel.run(PREVIEW, stop_after=seconds)
    assert _running(patience=15) == []
    assert ("execute_result", "5") in kernel.run(PREVIEW)


@pytest.mark.parametrize("seconds", [0.02, 0.05, 0.1])
def test_stop_while_plain_pyflink_makes_a_table(kernel: Kernel, seconds: float) -> None:
    kernel.run(PLAIN_TABLE, stop_after=seconds)
    assert kernel.run(PLAIN_TABLE) == []
    assert ("execute_result", "5") in kernel.run(PREVIEW)


@pytest.mark.parametrize("seconds", [0.05, 0.3, 0.6, 1.2])
def test_stop_while_plain_pyflink_starts_a_job(kernel: Kernel, seconds: float) -> None:
    kernel.run(PLAIN_JOB, stop_after=seconds)
    assert kernel.run(PLAIN_JOB) == []
    assert kernel.run(PLAIN_JOB) == []
    assert _running() == ["cpu_filter"]
    assert "error" not in dict(kernel.run(DEPLOY))
    assert _running() == ["cpu_filter"]
    flink.wait_until_settled(workshop.job("cpu_filter"))
    assert len(workshop.result("cpu_load_stats_real_filter")) == 538


def test_stop_while_plain_pyflink_waits_for_a_job_without_end(kernel: Kernel) -> None:
    assert kernel.run(PLAIN_JOB) == []
    assert STOPPED in kernel.run('print("It waits."); result.wait()', stop_at="It waits.")
    assert "Empty" in dict(kernel.run("workshop.stop_jobs()"))["execute_result"]
    assert ("execute_result", "5") in kernel.run(PREVIEW)


def test_stop_in_a_wait_leaves_the_job_running(kernel: Kernel) -> None:
    topics.empty("cpu_try")
    wait = """
flink.execute(env, sql.taught("cpu_in").replace("TABLE cpu_in", "TABLE cpu_try")
              .replace("'cpu_load_stats_real'", "'cpu_try'"))
job = flink.deploy(env, "cpu_waits", "INSERT INTO cpu_out_filter"
                   " SELECT time_ltz, hostname, cpu, usage FROM cpu_try")
print("It waits.")
flink.wait_until_settled(job, timeout=300)
"""
    assert STOPPED in kernel.run(wait, stop_at="It waits.")
    assert "cpu_waits" in _running()
    shown = kernel.run("flink.wait_until_settled(job, timeout=3)")
    assert "There is no input: the topic cpu_try is empty." in dict(shown)["error"]
    flink.cancel("cpu_waits")


def test_jobs_outlive_the_kernel_and_another_one_stops_them(kernel: Kernel) -> None:
    kernel.run(DEPLOY)
    kernel.manager.restart_kernel(now=True)
    kernel.client.wait_for_ready(60)
    shown = dict(kernel.run("from cpuwatch import workshop; workshop.jobs()"))
    assert shown["execute_result"].split() == ["job", "state", "0", "cpu_filter", "Running"]
    stopped = dict(kernel.run("workshop.stop_jobs()"))
    assert stopped["stream"] == "Stopped: cpu_filter.\n" and "Empty" in stopped["execute_result"]
    assert _running() == []
    assert kernel.run(BEGIN) == CONNECTED


def test_an_error_is_a_line_and_the_whole_trace_is_there_on_request(kernel: Kernel) -> None:
    shown = kernel.run('flink.preview(env, "SELECT usge FROM cpu_in")')
    assert shown == [
        (
            "error",
            "There is no column 'usge': compare its spelling with the table's columns."
            " It is in line 1, column 8.\nThe whole trace: workshop.trace()",
        )
    ]
    assert "org.apache.calcite" in dict(kernel.run("workshop.trace()"))["stream"]


def test_what_flink_itself_refuses_is_a_line_too(kernel: Kernel) -> None:
    shown = dict(kernel.run('env.execute_sql("SELECT * FROM nowhere")'))
    assert shown["error"].startswith("There is no table 'nowhere' in this notebook")


def test_a_partition_without_readings_is_named(kernel: Kernel) -> None:
    topics.empty("cpu_try")
    fleet = readings.fleet(ticks=120)
    topics.produce(fleet[fleet["hostname"] == "doc"], "cpu_try")
    shown = kernel.run("""
flink.execute(env, sql.taught("cpu_in").replace("TABLE cpu_in", "TABLE cpu_half")
              .replace("'cpu_load_stats_real'", "'cpu_try'"))
job = flink.deploy(env, "cpu_half", sql.taught("cpu_agg").replace("cpu_in", "cpu_half"))
flink.wait_until_settled(job)
""")
    flink.cancel("cpu_half")
    assert "The watermark of cpu_half stands still: partition 0 of cpu_try is empty" in str(shown)
