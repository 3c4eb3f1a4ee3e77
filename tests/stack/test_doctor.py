"""Why is the output empty? Each reason is made for real here, and the doctor has to name it."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
from conftest import cpuwatch, processes_of
from pyflink.table import TableEnvironment

from cpuwatch import doctor, flink, readings, slack, sql, thresholds, topics, workshop
from cpuwatch.doctor import Finding
from cpuwatch.flink.tables import create
from cpuwatch.settings import settings
from cpuwatch.stack import flink as cluster
from cpuwatch.stack.supervisor import Supervisor
from cpuwatch.waiting import until

#: The fleet's first two seconds: of every host, so that both partitions have some.
BEGINNING = readings.fleet(ticks=2)
START = int(BEGINNING["occurred_at"].min())


def found(what: str) -> list[Finding]:
    return [one for one in doctor.examine() if one.what == what and (one.remark or not one.well)]


def await_finding(what: str, says: str) -> Finding:
    """What the doctor says within a while: metrics and failures take a moment to be seen."""

    def there() -> Finding | None:
        last[:] = found(what)
        return next((one for one in last if re.search(says, one.says)), None)

    last: list[Finding] = []
    one = until(there, 60, lambda: f"{what}: {says!r} was not found, but {last}", pause=0.2)
    assert one.next or one.remark
    return one


def of_host(host: str, seconds: int, usage: float = 20.0) -> pd.DataFrame:
    """A reading a second of one host."""
    return pd.DataFrame(
        {
            "hostname": host, "cpu": "cpu1", "usage": usage,
            "occurred_at": [START + 1000 * second for second in range(seconds)],
        }
    )  # fmt: skip


def two_hosts() -> tuple[str, str]:
    """Hosts whose readings land in different partitions."""
    topics.empty(topics.READINGS)
    topics.produce(BEGINNING)
    there = topics.read(topics.READINGS).groupby("partition")["hostname"].first()
    return str(there[0]), str(there[1])


@pytest.fixture(scope="module")
def environment(stack: Path) -> TableEnvironment:
    workshop.reset()
    return flink.connect(quiet=True)


Deploy = Callable[..., flink.Job]


@pytest.fixture
def deploy(environment: TableEnvironment) -> Iterator[Deploy]:
    """Deploys jobs of the pipeline on a new topic of readings, with these in it."""

    def do(name: str, sent: pd.DataFrame, statement: str | None = None) -> flink.Job:
        topics.empty(topics.READINGS)
        for table in ("cpu_in", "cpu_out_filter", "cpu_out_agg"):
            create(environment, table)
        if len(sent):
            topics.produce(sent)
        return flink.deploy(environment, name, statement or sql.taught(name))

    yield do
    workshop.reset()


# --- All is well, or nothing was begun ----------------------------------------------------


def test_where_nothing_was_begun_it_says_how_to_begin(environment: TableEnvironment) -> None:
    [one] = found("Data")
    assert one.well and "cpuwatch produce" in one.next
    done = cpuwatch("doctor")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_the_whole_way_when_all_is_well_and_when_parts_of_it_are_not(
    environment: TableEnvironment, stack: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workshop.catch_up("08")
    assert "no notifier is running" in await_finding("Notifier", "alerts wait").says
    slack.deliver()
    start = time.process_time()
    assert [one for one in doctor.examine() if not one.well] == []
    # What it computes; how long it waits is the machine's, which others may keep busy.
    assert time.process_time() - start < 2.0
    workshop.doctor()
    assert capsys.readouterr().out.startswith("All is well: ")
    done = cpuwatch("doctor", "--json")
    said = json.loads(done.stdout)
    assert (done.returncode, said["well"]) == (0, True), said

    # A job that somebody stopped, with others behind it.
    flink.cancel("cpu_agg")
    assert await_finding("Way cpu_agg", "the job does not run").next.startswith("Deploy it")
    assert not [one for one in found("Way cpu_filter") if not one.well]
    workshop.doctor()
    assert "Wrong: Way cpu_agg\n  the job does not run" in capsys.readouterr().out

    # A job whose table has gone fails, and --fix makes the table.
    database = workshop.database()
    thresholds.TABLE.drop(database)
    topics.produce(BEGINNING)
    assert found("Thresholds")[0].says == "the table cpu_thresholds is missing"
    fixed = cpuwatch("doctor", "--fix", "--json")
    said = json.loads(fixed.stdout)
    assert fixed.returncode == 1 and not said["well"]  # cpu_agg does not run still
    assert [one for one in said["fixed"] if "made the table cpu_thresholds" in one]
    assert thresholds.read(database)["hostname"].nunique() == len(readings.THRESHOLDS)

    with database.begin() as connection:
        connection.execute(thresholds.TABLE.delete().where(thresholds.TABLE.c.hostname == "doc"))
    assert found("Thresholds")[0].remark and "counts: doc" in found("Thresholds")[0].says
    with database.begin() as connection:
        connection.execute(thresholds.TABLE.delete())
    assert "is empty, so 80% counts for every host" in found("Thresholds")[0].says
    database.dispose()

    # A topic that somebody deleted is made again.
    topics.delete(topics.ALERTS)
    assert await_finding(f"Topic {topics.ALERTS}", "it is missing").mend is not None
    assert "made the topic cpu_alerts" in cpuwatch("doctor", "--fix").stdout
    assert topics.ALERTS in topics.names()
    workshop.reset()


# --- The first place where nothing comes out ------------------------------------------------


def test_a_topic_without_data(deploy: Deploy) -> None:
    deploy("cpu_filter", BEGINNING[:0])
    one = await_finding(f"Topic {topics.READINGS}", "first place where nothing comes out")
    assert "without data" in one.says and "cpuwatch produce" in one.next
    assert "there are no readings" in found("Way cpu_filter")[0].says


def test_records_that_are_no_readings(deploy: Deploy) -> None:
    deploy("cpu_filter", BEGINNING.assign(usage=250.0))
    assert "is a reading" in await_finding(f"Topic {topics.READINGS}", "none of the").says


@pytest.mark.parametrize(
    ("statement", "well", "says"),
    [
        (None, True, "WHERE usage > 80"),
        (sql.taught("cpu_filter").replace("> 80", "> 800"), False, "80 instead of usage > 800|800"),
    ],
    ids=["the workshop's", "one's own"],
)
def test_a_filter_that_matches_nothing(
    deploy: Deploy, statement: str | None, well: bool, says: str
) -> None:
    deploy("cpu_filter", of_host("doc", 10, 63.5), statement)
    one = await_finding("Way cpu_filter", "first place where nothing comes out.*none of the")
    assert one.well is well and re.search(says, one.says)
    assert "the highest usage among them is 63.5" in one.says


def test_a_window_that_is_not_closed_yet_and_what_closes_it(deploy: Deploy) -> None:
    deploy("cpu_agg", BEGINNING)
    one = await_finding("Way cpu_agg", "is not closed yet")
    assert "from 2026-01-05T09:00:00Z to 2026-01-05T09:00:30Z" in one.says
    assert "a reading of 2026-01-05T09:00:40Z or later" in one.next
    # And so it is.
    later = BEGINNING.assign(occurred_at=START + 40_000)
    topics.produce(later)
    until(lambda: not found("Way cpu_agg"), 60, "the window is not closed")


@pytest.mark.parametrize("seconds", [0, 3], ids=["without data", "with old data"])
def test_a_partition_that_holds_the_watermark_back(deploy: Deploy, seconds: int) -> None:
    ahead, behind = two_hosts()
    deploy("cpu_agg", pd.concat([of_host(ahead, 90), of_host(behind, seconds)]))
    says = "held back by partition 1 of cpu_load_stats_real, which has no reading"
    one = await_finding("Way cpu_agg", says)
    assert not one.well and "under keys that reach partition 1" in one.next
    if seconds:
        assert "no reading after 2026-01-05T09:00:02Z, and others reach 2026-01-05T09:01:29Z" in (
            one.says
        )


def test_a_job_that_fails_and_its_cause(deploy: Deploy) -> None:
    nonsense = sql.taught("cpu_filter").replace("cpu, usage", "cpu, CAST(hostname AS DOUBLE)")
    deploy("cpu_filter", BEGINNING[:0], nonsense)
    topics.produce(of_host("doc", 10, 95.0))
    one = await_finding("Job cpu_filter", "CAST")
    assert not one.well and "'doc'" in one.says and "Exception" not in one.says


# --- What stands, hangs or is dead -----------------------------------------------------------


@contextmanager
def frozen(stack: Path, argument: str) -> Iterator[int]:
    [process] = [one for one in processes_of(stack) if argument in one.cmdline()]
    process.send_signal(signal.SIGSTOP)
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGCONT)


def test_a_job_that_lags_behind_because_its_taskmanager_stands_still(
    deploy: Deploy, stack: Path
) -> None:
    job = deploy("cpu_filter", BEGINNING)
    flink.wait_until_settled(job, quiet=True)
    with frozen(stack, cluster.TASKMANAGER) as pid:
        topics.produce(BEGINNING)
        seen = list(doctor.examine())
    [one] = [one for one in seen if one.what == "Flink"]
    assert f"somebody has stopped process {pid}" in one.says and f"kill -CONT {pid}" in one.next
    lag = next(one for one in seen if one.what == "Way cpu_filter")
    assert not lag.well and f"it lags {len(BEGINNING):,} records behind" in lag.says


@pytest.mark.parametrize(
    ("argument", "what"), [("cpuwatch.stack.supervised", "Supervisor"), ("kafka.Kafka", "Kafka")]
)
def test_what_hangs_is_named_with_its_process(stack: Path, argument: str, what: str) -> None:
    with frozen(stack, argument) as pid:
        start = time.monotonic()
        [one] = found(what)
        assert time.monotonic() - start < 30
    assert not one.well and str(pid) in one.says and f"kill -CONT {pid}" in one.next
    until(lambda: not found(what), 60, "it does not come back")


def test_what_is_dead_is_named_and_started(stack: Path) -> None:
    Supervisor(settings().state).stop_program("slack")
    [one] = found("Slack")
    assert not one.well and "does not run (slack)" in one.says
    done = cpuwatch("doctor", "--fix")
    assert done.returncode == 0, done.stdout
    assert "fixed  Slack: started what did not run" in done.stdout
    assert found("Slack") == []
