"""The product: its producer, and its jobs as a demo runs them, each to the end of its input."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cpuwatch import flink, pipeline, sql, topics
from cpuwatch.flink import metrics, rest
from cpuwatch.flink.apart import keep_apart
from cpuwatch.flink.catalog import may_chain, options
from cpuwatch.flink.tables import create
from cpuwatch.pipeline import Run
from cpuwatch.readings import FLEET_START

_NUMBERS = itertools.count()

#: How often a job is asked how far it is, in seconds.
_LOOK = 0.5


@dataclass(frozen=True)
class Done:
    """What a job took.

    Attributes
    ----------
    seconds
        From its submission to its end, by Flink's own clock.
    steady
        Readings a second in between: of those between a fifth and four fifths of all. None if
        it was over too soon.
    """

    seconds: float
    steady: float | None


#: Hosts and cpus of the readings; all report each second.
HOSTS, CPUS = 100, 5


def readings(count: int, hosts: int = HOSTS) -> pd.DataFrame:
    """So many readings, of which one in five is over 80%."""
    random = np.random.RandomState(1)
    series = hosts * CPUS
    place = np.arange(count)
    return pd.DataFrame(
        {
            "hostname": np.char.add("host-", (place // CPUS % hosts).astype(str)),
            "cpu": np.char.add("cpu", (place % CPUS + 1).astype(str)),
            "usage": random.uniform(0, 100, count).round(3),
            "occurred_at": FLEET_START.value // 1_000_000 + place // series * 1000,
        }
    )


def send(readings: pd.DataFrame, topic: str) -> int:
    """Send readings by the product's own producer."""
    return topics.produce(readings, topic)


def start(name: str, topic: str, run: Run) -> tuple[flink.Job, str]:
    """Submit a job of the pipeline that ends with a topic, and the topic that it writes."""
    one = pipeline.job(name)
    assert one is not None, name
    environment = flink.connect(fresh=True, quiet=True)
    tables = pipeline.tables([one])
    for table in tables:
        create(environment, table)
    keep_apart(environment, run)
    for table in tables:
        if options(environment, table).get("topic") == run.topic(topics.READINGS):
            environment.execute_sql(f"ALTER TABLE `{table}` SET ('topic' = '{topic}')")
    out = run.topic(sql.topic(one.writes) or "")
    topics.create(out, whole=True)
    chained = may_chain(options(environment, table) for table in one.reads)
    return flink.submit(environment, run.job(name), sql.taught(name), chained), out


def together(names: Sequence[str], topic: str) -> float:
    """The seconds that several jobs take that are submitted one after the other."""
    run = Run(f"bench-{next(_NUMBERS)}")
    started = [start(name, topic, run) for name in names]
    times = []
    for one, _ in started:
        flink.wait_until_finished(one, timeout=3600)
        found = rest.ask(f"/jobs/{one.id}")
        times.append((found["start-time"], found["end-time"]))
    topics.delete(*(out for _, out in started))
    return (max(end for _, end in times) - min(begin for begin, _ in times)) / 1000


def job(name: str, topic: str, count: int) -> tuple[Done, str]:
    """Run a job of the pipeline on a topic, to its end; what it took, and the topic it wrote."""
    started, out = start(name, topic, Run(f"bench-{next(_NUMBERS)}"))
    looks: list[tuple[float, int]] = []
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(_LOOK):
            found = rest.ask(f"/jobs/{started.id}")
            looks.append((found["now"] / 1000, metrics.records_read(started)))

    watching = threading.Thread(target=look, daemon=True)
    watching.start()
    flink.wait_until_finished(started, timeout=3600)
    ended.set()
    watching.join()
    seconds = rest.ask(f"/jobs/{started.id}")["duration"] / 1000
    return Done(seconds, _steady(looks, count)), out


def _steady(looks: list[tuple[float, int]], count: int) -> float | None:
    middle = [(when, read) for when, read in looks if 0.2 * count <= read <= 0.8 * count]
    if len(middle) < 2 or middle[-1][0] <= middle[0][0]:
        return None
    return (middle[-1][1] - middle[0][1]) / (middle[-1][0] - middle[0][0])
