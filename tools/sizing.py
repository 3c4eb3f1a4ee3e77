"""What the jobs keep of each cpu: the size of a checkpoint, by how many hosts there are.

    .venv/bin/python tools/sizing.py 1000 4000

Each host has five cpus, which report every ten seconds, for two minutes: windows are open, and some
episodes, too. The stack is one of its own, and goes afterwards.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

from cpuwatch import flink, pipeline, readings, sql, thresholds, topics
from cpuwatch.flink import rest
from cpuwatch.flink.tables import create
from cpuwatch.settings import settings
from cpuwatch.stack import control
from cpuwatch.stack.supervisor import Supervisor

CPUS, EVERY, MOMENTS = 5, 10, 12

JOBS = ("cpu_agg", "cpu_over", "cpu_notification")


def fleet(hosts: int) -> pd.DataFrame:
    """Readings of so many hosts, of which every tenth is in trouble."""
    names = np.array([f"host-{number:06}" for number in range(hosts)])
    random = np.random.RandomState(1)
    start = readings.FLEET_START.value // 1_000_000
    parts = []
    for moment in range(MOMENTS):
        busy = np.where(np.arange(hosts) % 10 == 0, 92.0, 20.0).repeat(CPUS)
        parts.append(
            pd.DataFrame(
                {
                    "hostname": names.repeat(CPUS),
                    "cpu": np.tile([f"cpu{number}" for number in range(1, CPUS + 1)], hosts),
                    "usage": (busy + random.rand(hosts * CPUS) * 5).round(2),
                    "occurred_at": start + 1000 * EVERY * moment,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def checkpoint(job: flink.Job) -> int:
    """The bytes of the latest checkpoint."""
    return int(rest.ask(f"/jobs/{job.id}/checkpoints")["latest"]["completed"]["state_size"])


def measured(hosts: int) -> Iterator[tuple[str, int]]:
    """For each job the bytes that it keeps, and the TaskManager's memory."""
    topics.empty(topics.READINGS)
    environment = flink.connect(fresh=True, quiet=True)
    chosen = [job for job in pipeline.JOBS if job.name in JOBS]
    for name in (*pipeline.tables(chosen), *(view for job in chosen for view in job.views)):
        create(environment, name)
    jobs = [flink.deploy(environment, job.name, sql.taught(job.name)) for job in chosen]
    topics.produce(fleet(hosts))
    for job in jobs:
        flink.wait_until_settled(job, timeout=600, quiet=True)
    for job in jobs:
        yield job.name, checkpoint(job)
    pid = int(Supervisor(settings().state).programs()["taskmanager"]["pid"])
    yield "TaskManager's memory", psutil.Process(pid).memory_full_info().pss
    flink.cancel(*JOBS)


def main() -> None:
    """Print a table: bytes, and by how much each cpu adds to them."""
    counts = [int(one) for one in sys.argv[1:]] or [1000, 4000]
    with tempfile.TemporaryDirectory(prefix="cpuwatch-sizing-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        os.environ["CPUWATCH_STATE"] = f"{folder}/state"
        settings.cache_clear()
        control.up(lambda _: None, show=False)
        try:
            database = thresholds.engine()
            thresholds.create(database)
            thresholds.write(database, readings.THRESHOLDS)
            database.dispose()
            found = pd.DataFrame({count: dict(measured(count)) for count in counts}).T
        finally:
            control.down(wipe=True)
    found.index.name = "hosts"
    print(found.to_string())
    slope = (found.iloc[-1] - found.iloc[0]) / ((counts[-1] - counts[0]) * CPUS)
    print("\nbytes for each cpu more:", slope.round().astype(int).to_dict())


if __name__ == "__main__":
    main()
