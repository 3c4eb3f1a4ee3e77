"""The story on four machines, of which one is cut off for a while: nothing is lost.

Each is a network namespace: a broker with PostgreSQL, a JobManager, and two TaskManagers. The
client is this process, on a fifth address.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import twin
from chaos import deploy_all
from conftest import PLACE, PREFIX, cpuwatch
from machines import Machines
from outside import Outside
from story import assert_results, write_thresholds

from cpuwatch import demo, flink, readings, topics, waiting
from cpuwatch.flink import rest
from cpuwatch.settings import settings

#: On which machine each service is.
WHERE = {
    "kafka": "data",
    "postgres": "data",
    "jobmanager": "manager",
    "taskmanager-1": "worker1",
    "taskmanager-2": "worker2",
}

#: So that the workers of a job are on both TaskManagers.
SPREAD = "taskmanager.load-balance.mode: SLOTS\n"


@pytest.fixture(scope="module")
def machines() -> Iterator[Machines]:
    try:
        made = Machines(list(dict.fromkeys(WHERE.values())))
    except OSError as error:
        pytest.skip(f"machines need root, and a kernel that lets us make networks: {error}")
    yield made
    made.end()
    assert made.left() == []


@pytest.fixture(scope="module")
def outside(machines: Machines) -> Iterator[Outside]:
    """The services on their machines; settings point to them."""
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}machines-", dir=PLACE))
    folder.chmod(0o755)  # PostgreSQL's user has to reach its own below
    services = Outside(
        folder / "services",
        at={service: machines.at[machine] for service, machine in WHERE.items()},
        within=lambda service: machines.within(WHERE[service]),
        properties=SPREAD,
    )
    with pytest.MonkeyPatch.context() as patch:
        for name, value in services.variables().items():
            patch.setenv(name, value)
        patch.setenv("CPUWATCH_STATE", str(folder / "state"))
        patch.setenv("CPUWATCH_PARALLELISM", "2")
        patch.setenv("NO_PROXY", ",".join([os.environ["NO_PROXY"], *machines.at.values()]))
        settings.cache_clear()
        try:
            services.start()
            started = cpuwatch("up")
            assert started.returncode == 0, started.stderr
            yield services
        finally:
            stopped = cpuwatch("down", "--wipe")
            services.stop()
    settings.cache_clear()
    shutil.rmtree(folder)
    assert stopped.returncode == 0, stopped.stderr


def test_the_demo_finds_what_it_finds_on_one(outside: Outside) -> None:
    found = demo.run(demo.read_input())
    fleet = readings.fleet()
    averages = twin.averages(fleet, 30)
    twin.assert_equal(found.filtered.table(), twin.filtered(fleet))
    twin.assert_equal(found.windows.table(), averages)
    twin.assert_equal(found.alerts, twin.alerts(averages, readings.THRESHOLDS))
    assert found.slack_messages == 4


def where(jobs: list[flink.Job]) -> set[str]:
    """On which machines the workers of these jobs run, by their addresses."""
    found = set()
    for job in jobs:
        for vertex in rest.ask(f"/jobs/{job.id}")["vertices"]:
            path = f"/jobs/{job.id}/vertices/{vertex['id']}"
            for one in rest.ask(path)["subtasks"]:
                place = one.get("endpoint") or one["host"]
                found.add(f"{place.rpartition(':')[0] or place}:{one['status']}")
    return found


def await_(condition: Callable[[], object], what: str) -> None:
    waiting.until(lambda: bool(condition()), 120, f"Waited 120 s for {what}.", pause=0.3)


def test_a_machine_is_cut_off_and_comes_back_and_nothing_is_lost(
    outside: Outside, machines: Machines
) -> None:
    first, second = (f"{outside.at[name]}:RUNNING" for name in ("taskmanager-1", "taskmanager-2"))
    write_thresholds()
    topics.empty(topics.READINGS)
    jobs = deploy_all()
    fleet = readings.fleet()
    parts = [fleet[: 35 * 200], fleet[35 * 200 : 35 * 400], fleet[35 * 400 :]]

    topics.produce(parts[0])
    for job in jobs:
        flink.wait_until_settled(job, quiet=True)
    assert where(jobs) == {first, second}

    machines.cut("worker2")
    topics.produce(parts[1])
    await_(lambda: len(rest.ask("/taskmanagers")["taskmanagers"]) == 1, "it to be missed")
    await_(lambda: where(jobs) == {first}, "the other machine to have taken all over")
    for job in jobs:
        flink.wait_until_settled(job, quiet=True)

    machines.heal("worker2")
    await_(lambda: len(rest.ask("/taskmanagers")["taskmanagers"]) == 2, "it to come back")
    topics.produce(parts[2])
    for job in jobs:
        flink.wait_until_settled(job, quiet=True)

    assert_results(fleet, twin.averages(fleet, 30)[: 19 * 35])
    flink.cancel(*(job.name for job in jobs))
