"""Chaos: the live pipeline, whose parts are killed and frozen, and what has become of each reading.

A producer sends readings by the clock, all jobs of the workshop run, the notifier stays, and the
stand-in takes what it posts. Something dies; once output flows again, the next. In the end every
reading that the topic holds has to be in one window, as pandas finds it, and every episode in
Slack, once. Each reading carries the number of its tick, and each producer notes how many were
confirmed, so that none that was sent is missed without a word.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import twin
from confluent_kafka import TopicPartition
from disks import SmallDisk

from cpuwatch import alerts, flink, pipeline, results, slack, sql, thresholds, topics, waiting
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink import cluster, metrics, rest
from cpuwatch.flink.tables import create
from cpuwatch.readings import Reading, Source
from cpuwatch.settings import settings
from cpuwatch.slack.notices import RollUp
from cpuwatch.stack import control, known
from cpuwatch.stack.slack import NOTIFIER
from cpuwatch.stack.supervisor import Supervisor
from cpuwatch.topics import producer

#: What dies, one at a time: supervisor's programs, it itself, and two processes of ours. With a
#: kernel dies its Java.
VICTIMS = (
    "kafka",
    "taskmanager",
    "jobmanager",
    "zookeeper",
    "postgres",
    NOTIFIER,
    "slack",
    "producer",
    "kernel",
    "supervisor",
)

#: Two of them at once, and one that stands still for a while.
PAIR, FROZEN = "two at once", "frozen"

#: The disk under the stack has no room for as long.
FULL = "disk full"

#: A producer whose clock is an hour behind; its readings, so many, have this for their cpu.
CLOCK = "clock set back"
BEHIND = 100

#: All that is done to it, in the order of the table.
KINDS = (*VICTIMS, PAIR, FROZEN, FULL, CLOCK)

#: How long something stands still, or the disk is full, in seconds.
FREEZE = 20.0

#: How large such a disk is, in bytes, for some minutes or for hours.
SMALL, LARGE = 1200 * 1024**2, 4 * 1024**3

#: How long output may stay away, in seconds, on a slow and busy machine.
PATIENCE = 240.0

HOSTS = tuple(f"host-{number}" for number in range(10))
CPUS = tuple(f"cpu{number}" for number in range(5))

#: A host is hot for three windows, and cool for as long, in seconds: that is more than the
#: cooldown, so that an episode closes before the next one opens.
SPELL = 90

#: Metrics of a job are its own again so long after it began anew, in seconds.
STALE = 5.0

#: Below its thousandths a usage has the number of its tick, of so many, since its producer began: a
#: reading that is not there leaves a gap.
TICKS = 10**6


def ticks() -> Iterator[list[Reading]]:
    """All series at one moment, for ever: half of the hosts are in trouble, by turns."""
    chance = random.Random()
    for tick in itertools.count():
        spell = int(time.time()) // SPELL
        yield [
            Reading(
                hostname=host,
                cpu=cpu,
                usage=usage_of(tick, chance.uniform(85, 99) if (spell + place) % 2 else 30.0),
                occurred_at=0,  # when it is sent
            )
            for place, host in enumerate(HOSTS)
            for cpu in CPUS
        ]


def usage_of(tick: int, usage: float) -> float:
    """A usage to a thousandth, in percent, which carries the number of its tick."""
    return (round(1000 * usage) * TICKS + tick % TICKS) / (1000 * TICKS)


def ticks_of(usage: pd.Series) -> pd.Series:
    """The numbers that usages carry."""
    return (1000 * TICKS * usage).round().astype("int64") % TICKS


def deploy_all(settled: bool = False) -> list[flink.Job]:
    """All jobs of the workshop, as an attendee deploys them.

    Parameters
    ----------
    settled
        Whether each has read what is there before the next one is deployed.
    """
    environment = flink.connect()
    for table in pipeline.tables(pipeline.JOBS):
        create(environment, table)
    jobs = []
    for job in pipeline.JOBS:
        for view in job.views:
            flink.create_view(environment, view, sql.query(sql.taught(view)))
        jobs.append(flink.deploy(environment, job.name, sql.taught(job.name)))
        if settled:
            flink.wait_until_settled(jobs[-1], quiet=True)
    return jobs


@dataclass
class Life:
    """One life of a producer.

    Attributes
    ----------
    began, ended
        When, in seconds since the epoch.
    confirmed
        So many readings Kafka had confirmed to it, as it knew itself.
    """

    began: float
    ended: float = float("inf")
    confirmed: int = 0


class Child:
    """A process of ours: this file, called with a word, and with the file that it counts in."""

    def __init__(self, *words: str) -> None:
        self._words = words
        # Not on the stack's disk, which may be full.
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - for all its lives
        self._count = tempfile.TemporaryFile()  # noqa: SIM115
        self.lives: list[Life] = []
        self.start()

    def start(self) -> None:
        """Begin another life."""
        count = self._count.fileno()
        os.pwrite(count, _COUNT.pack(0), 0)
        self.process = subprocess.Popen(
            [sys.executable, __file__, *self._words, str(count)], start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, pass_fds=(count,),
        )  # fmt: skip
        self.lives.append(Life(time.time()))

    @property
    def processes(self) -> list[psutil.Process]:
        """Itself and what it has started."""
        one = psutil.Process(self.process.pid)
        return [*one.children(recursive=True), one]

    @property
    def said(self) -> str:
        """What it has printed, in all its lives."""
        size = os.fstat(self._log.fileno()).st_size
        return os.pread(self._log.fileno(), size, 0).decode("utf-8", "replace")

    def bury(self) -> None:
        """After its death."""
        self.process.wait(20)
        self._note_end()

    def stop(self) -> None:
        """End it as Ctrl-C does; it lets go what it has still to do."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(60) == 0
        self._note_end()

    def _note_end(self) -> None:
        self.lives[-1].ended = time.time()
        found = os.pread(self._count.fileno(), _COUNT.size, 0)
        (self.lives[-1].confirmed,) = _COUNT.unpack(found)


class Flow(threading.Thread):
    """Follows what cpu_filter lets through, as committed."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.newest = 0.0  #: when the newest reading was measured, in seconds since the epoch
        self._over = threading.Event()
        self.start()

    def run(self) -> None:
        reader = topics.PatientConsumer(f"chaos-{uuid.uuid4().hex}")
        places = range(topics.usual_partitions())
        reader.assign([TopicPartition(topics.FILTERED, number, 0) for number in places])
        while not self._over.is_set():
            for message in reader.consume(10_000, 0.1):
                if message.error() is None:
                    found = pd.Timestamp((topics.decode(message.value()) or {})["time_ltz"])
                    self.newest = max(self.newest, found.timestamp())
        reader.close()

    def end(self) -> None:
        self._over.set()
        self.join(20)


@dataclass(frozen=True)
class Fault:
    """Something that was done to the pipeline.

    Attributes
    ----------
    kind
        One of `KINDS`.
    victims
        Who it was.
    at
        When it was over: killed, or let go on, or with room again; in seconds since the epoch.
    seconds
        From then until a reading that was measured later had come through, and all answered.
    """

    kind: str
    victims: tuple[str, ...]
    at: float
    seconds: float


@dataclass(frozen=True)
class Seen:
    """What lies where after a run.

    Attributes
    ----------
    readings, windows, transitions
        As the topics hold them.
    notices
        The ids of the episodes that Slack should tell of.
    messages
        The ids of the episodes that it tells of, one for each message.
    lives
        The producers', one after the other.
    """

    readings: pd.DataFrame
    windows: pd.DataFrame
    transitions: pd.DataFrame
    notices: tuple[str, ...]
    messages: tuple[str, ...]
    lives: tuple[Life, ...]


@dataclass(frozen=True)
class Judgement:
    """What has become of the readings.

    Attributes
    ----------
    readings, windows, episodes, messages
        How many there were; messages are the stand-in's.
    lost, doubled
        What is missing, and what is there twice, each with the moment that it belongs to.
    wrong
        Windows and transitions that are not as pandas has them, in words.
    """

    readings: int
    windows: int
    episodes: int
    messages: int
    lost: list[tuple[float, str]]
    doubled: list[tuple[float, str]]
    wrong: list[str]


class Chaos:
    """The live pipeline on the stack of the settings, and what is done to it.

    Parameters
    ----------
    disk
        What the stack lies on; None if it is the machine's, which nobody may fill.
    rate
        Readings a second.
    tell
        Called with a line for each fault that is over.
    """

    def __init__(
        self, disk: SmallDisk | None, rate: float = 2000.0, tell: Callable[[str], None] = print
    ) -> None:
        self._disk = disk
        #: What can be done to it.
        self.kinds = tuple(kind for kind in KINDS if kind != FULL or disk is not None)
        self._tell = tell
        self.faults: list[Fault] = []
        database = thresholds.engine()
        thresholds.create(database)
        thresholds.write(database, {HOSTS[0]: pipeline.WORKSHOP.default_top})
        topics.empty(topics.READINGS)
        topics.keep_whole(topics.READINGS)  # in the end each reading is asked for
        topics.delete(topics.BAD_READINGS)
        self._jobs = deploy_all()
        slack.start()
        self._flow = Flow()
        self._producer = Child("produce", str(rate))
        self._kernel = Child("kernel")
        self._wait(time.time())

    # --- Faults -------------------------------------------------------------------------------

    def inject(self, kind: str, chance: random.Random) -> Fault:
        """Let something die, or stand still, and wait until all is well again."""
        if kind == FROZEN:
            victims: tuple[str, ...] = (chance.choice(VICTIMS),)
        elif kind == PAIR:
            victims = tuple(chance.sample(VICTIMS, 2))
        else:
            victims = (kind,)
        if kind == CLOCK:
            return self._set_clock_back()
        if kind == FULL:
            return self._fill_disk()
        # Not the processes that supervisor has just begun after the last fault, half of a start.
        time.sleep(chance.uniform(0, 2))
        processes = [one for victim in victims for one in self._processes(victim)]
        assert processes, victims
        if kind == FROZEN:
            self._send(processes, signal.SIGSTOP)
            time.sleep(FREEZE)
            self._send(processes, signal.SIGCONT)
        else:
            self._send(processes, signal.SIGKILL)
        at = time.time()
        if kind != FROZEN:
            self._replace(victims)
        fault = Fault(kind, victims, at, self._wait(at) - at)
        self.faults.append(fault)
        self._tell(f"{kind} ({', '.join(victims)}): {fault.seconds:.1f} s")
        return fault

    def _set_clock_back(self) -> Fault:
        """Let a producer send readings of an hour ago: they are late, and counted as that."""
        (job,) = (one for one in self._jobs if one.name == "cpu_agg")
        # After the last fault it may have begun anew just now, and for a while its metrics tell of
        # the time before: then it counts from 0 again.
        waiting.until(
            lambda: cluster.changed(job) / 1000 < time.time() - STALE, 60,
            "cpu_agg begins anew all the time",
        )  # fmt: skip
        before = metrics.late(job)
        at = time.time()
        first = int(1000 * (at - 3600))
        moments = range(first, first + BEHIND)
        topics.produce(
            pd.DataFrame(
                {"hostname": HOSTS[0], "cpu": CLOCK, "usage": 99.0, "occurred_at": moments}
            )
        )
        fault = Fault(CLOCK, ("producer",), at, self._wait(at) - at)
        waiting.until(
            lambda: metrics.late(job) == before + BEHIND, 30,
            lambda: f"{metrics.late(job) - before} of {BEHIND} late readings are counted",
        )  # fmt: skip
        self.faults.append(fault)
        self._tell(f"{CLOCK}: {fault.seconds:.1f} s")
        return fault

    def _fill_disk(self) -> Fault:
        """Let no part of the stack write anything for a while."""
        assert self._disk is not None
        self._disk.fill()
        time.sleep(FREEZE)
        self._disk.free()
        at = time.time()
        fault = Fault(FULL, (), at, self._wait(at) - at)
        self.faults.append(fault)
        self._tell(f"{FULL}: {fault.seconds:.1f} s")
        return fault

    def _send(self, processes: list[psutil.Process], what: signal.Signals) -> None:
        for process in processes:
            try:
                process.send_signal(what)
            except psutil.NoSuchProcess:
                pass  # with its parent

    def _processes(self, victim: str) -> list[psutil.Process]:
        if victim == "producer":
            return self._producer.processes
        if victim == "kernel":
            return self._kernel.processes
        supervisor = Supervisor(settings().state)
        if victim == "supervisor":
            return [
                one for one in supervisor.strays() if "cpuwatch.stack.supervised" in one.cmdline()
            ]
        pid = int(supervisor.programs()[victim]["pid"])
        return [psutil.Process(pid)] if pid else []

    def _replace(self, victims: tuple[str, ...]) -> None:
        """What nobody brings back by itself."""
        for name, child in (("producer", self._producer), ("kernel", self._kernel)):
            if name in victims:
                child.bury()
                child.start()
        if "supervisor" in victims:
            control.up()

    def _wait(self, at: float) -> float:
        """Wait for output of later readings, and for all services; when that was."""
        deadline = time.monotonic() + PATIENCE
        while not (self._flow.newest > at and slack.is_running() and self._all_answer()):
            if time.monotonic() > deadline:
                where = f"the newest is {at - self._flow.newest:.0f} s older"
                raise AssertionError(f"no output after {PATIENCE:.0f} s: {where}, {self._state()}")
            time.sleep(0.1)
        return time.time()

    @staticmethod
    def _all_answer() -> bool:
        return all(one.answers for one in known.status())

    def _state(self) -> str:
        """What there is to know of a pipeline that does not come back: its logs are soon gone."""
        state = settings().state
        lines = [", ".join(f"{one.name} {one.answers}" for one in known.status())]
        for job in self._jobs:
            try:
                counts = rest.ask(f"/jobs/{job.id}/checkpoints")["counts"]
                now = rest.ask(f"/jobs/{job.id}")["state"]
                lines.append(f"{job.name}: {now}, checkpoints {counts}")
            except (CpuwatchError, OSError) as error:
                lines.append(f"{job.name}: {error}")
        for name, child in (("produce", self._producer), ("kernel", self._kernel)):
            lines += [f"--- {name}: ended with {child.process.poll()}"]
            lines += child.said.splitlines()[-5:]
        for name, info in Supervisor(state).programs().items():
            log = (state / "logs" / f"{name}.log").read_text("utf-8", "replace")
            warned = [line for line in log.splitlines() if "Name collision" not in line]
            lines += [f"--- {name}: {info['statename']}, {info['description']}", *warned[-12:]]
        return "\n".join(lines)

    # --- What came of it -------------------------------------------------------------------------

    def end(self) -> Judgement:
        """Let the last windows but one close, stop, and judge."""
        while not 14 < time.time() % pipeline.WORKSHOP.window < 25:
            time.sleep(0.2)
        self._producer.stop()
        for job in self._jobs:
            flink.wait_until_settled(job, quiet=True)
        deadline = time.monotonic() + 60
        while slack.waiting():
            assert time.monotonic() < deadline, "the notifier does not deliver"
            time.sleep(0.5)
        self.stop()
        self.seen = self._seen()
        return judge(self.seen)

    def stop(self) -> None:
        """End what was begun here."""
        self._flow.end()
        for child in (self._producer, self._kernel):
            if child.process.poll() is None:
                self._send(child.processes, signal.SIGKILL)
                child.bury()
        slack.stop()
        flink.cancel(*(job.name for job in self._jobs))

    def _seen(self) -> Seen:
        rolled = RollUp()
        for message in topics.messages(topics.ALERTS):
            rolled.apply(topics.decode(message.value()) or {})
        answer = slack.standin.control(read="cpu-alerts")
        return Seen(
            _read_compactly(topics.READINGS),
            results.read("cpu_out_agg"),
            results.read(alerts.TRANSITIONS),
            tuple(rolled.notices),
            tuple(str(one["metadata"]["event_payload"]["id"]) for one in answer["messages"]),
            tuple(self._producer.lives),
        )

    def table(self, judged: Judgement) -> str:
        """A line for each kind of fault, in Markdown."""
        kinds = [kind for kind in KINDS if self._of(kind)]
        blamed = [
            Counter(self._blamed(moment) for moment, _ in some)
            for some in (judged.lost, judged.doubled)
        ]
        lines = [
            "| what | times | back after, median | at worst | lost | doubled |",
            "|---|---|---|---|---|---|",
        ]
        for kind in kinds:
            seconds = pd.Series(self._of(kind))
            lines.append(
                f"| {kind} | {len(seconds)} | {seconds.median():.1f} s | {seconds.max():.1f} s"
                f" | {blamed[0][kind]} | {blamed[1][kind]} |"
            )
        return "\n".join(lines)

    def _of(self, kind: str) -> list[float]:
        return [fault.seconds for fault in self.faults if fault.kind == kind]

    def _blamed(self, moment: float) -> str:
        """The kind of the last fault before; what is read in may be some seconds old by then."""
        before = [fault for fault in self.faults if fault.at - FREEZE <= moment]
        return before[-1].kind if before else "nothing"


def _read_compactly(topic: str) -> pd.DataFrame:
    """What `topics.read` gives, in a tenth of the memory: hours make millions of readings."""
    names: dict[tuple[str, str], int] = {}
    columns = {name: array(kind) for name, kind in _COLUMNS.items()}
    for message in topics.messages(topic, timeout=1200):
        found = topics.decode(message.value()) or {}
        series = found["hostname"], found["cpu"]
        columns["series"].append(names.setdefault(series, len(names)))
        columns["usage"].append(found["usage"])
        columns["occurred_at"].append(found["occurred_at"])
        columns["partition"].append(message.partition())
        columns["offset"].append(message.offset())
    table = pd.DataFrame({name: np.asarray(values) for name, values in columns.items()})
    series = table.pop("series").to_numpy()
    for place, name in enumerate(("hostname", "cpu")):
        values = [one[place] for one in names]
        kinds = sorted(set(values))
        codes = np.array([kinds.index(one) for one in values], dtype="int16")
        table[name] = pd.Categorical.from_codes(codes[series], kinds)
    return table


#: What `_read_compactly` keeps of a reading, by the kind of its array.
_COLUMNS = {"series": "h", "usage": "d", "occurred_at": "q", "partition": "b", "offset": "q"}


def in_order_of_arrival(readings: pd.DataFrame, window: int) -> pd.Series:
    """Averages to the last float: as Flink does it, one added after the other.

    Indexed by window_start, hostname and cpu. Not by pandas' sum, whose order is another one.
    """
    start = pd.to_datetime(
        readings["occurred_at"] // (1000 * window) * (1000 * window), unit="ms", utc=True
    )
    arrived = readings.assign(window_start=start).sort_values(["partition", "offset"])
    series = arrived.groupby(["window_start", "hostname", "cpu"], observed=True)["usage"]
    return series.agg(lambda usage: reduce(add, usage.tolist()) / len(usage))


def judge(seen: Seen) -> Judgement:
    """Compare what the pipeline has made of the readings with what pandas makes of them."""
    # Who is an hour behind is late: not in a window, though a job that has just begun anew, and
    # knows no time yet, may take such a reading in.
    readings = seen.readings[seen.readings["cpu"] != CLOCK]
    lost, doubled = _sent(readings, seen.lives)
    wrong: list[str] = []
    place = ["window_start", "hostname", "cpu"]
    wanted = twin.averages(readings, pipeline.WORKSHOP.window).astype({"hostname": str, "cpu": str})
    closed = wanted[wanted["window_end"] < wanted["window_end"].max()].reset_index(drop=True)
    found = seen.windows[seen.windows["cpu"] != CLOCK].sort_values(place, ignore_index=True)
    both = closed.merge(found, on=place, how="outer", indicator=True, suffixes=("", "_found"))
    for row in both[both["_merge"] == "left_only"].to_dict("records"):
        lost.append((row["window_start"].timestamp(), f"window {row['hostname']}"))
    for row in found[found.duplicated(place)].to_dict("records"):
        doubled.append((row["window_start"].timestamp(), f"window {row['hostname']}"))
    for row in both[both["_merge"] == "right_only"].to_dict("records"):
        wrong.append(f"pandas knows of no window {row['window_start']} {row['hostname']}")
    if not (lost or doubled or wrong):
        try:
            twin.assert_equal(found, closed)
        except AssertionError as error:
            wrong.append(f"averages: {error}")
        averages = found.set_index(place)["usage_avg"]
        exact = in_order_of_arrival(readings, pipeline.WORKSHOP.window).reindex(averages.index)
        for one in averages[averages != exact].index:
            wrong.append(f"the average of {one} is {averages[one]!r}, and not {exact[one]!r}")
    _compare_transitions(seen, found, lost, doubled, wrong)
    told = Counter(seen.messages)
    moments = {id: pd.Timestamp(id.rsplit("/", 1)[1]).timestamp() for id in seen.notices}
    lost += [(moments[id], f"message {id}") for id in moments if id not in told]
    doubled += [(moments.get(id, 0.0), f"message {id}") for id, times in told.items() if times > 1]
    wrong += [f"Slack tells of {id}, which nobody knows" for id in told if id not in moments]
    opened = int((seen.transitions["event"] == "opened").sum())
    return Judgement(
        len(seen.readings), len(found), opened, len(seen.messages), lost, doubled, wrong
    )


def _sent(
    readings: pd.DataFrame, lives: tuple[Life, ...]
) -> tuple[list[tuple[float, str]], list[tuple[float, str]]]:
    """What is missing of the readings that the producers had sent, and what is twice."""
    readings = readings.assign(tick=ticks_of(readings["usage"]))
    hosts = readings.groupby("partition")["hostname"].unique()
    lost, doubled = [], []
    for life in lives:
        own = readings[readings["occurred_at"].between(1000 * life.began, 1000 * life.ended)]
        twice = own[own.duplicated(["hostname", "cpu", "tick"])]
        doubled += [(row["occurred_at"] / 1000, "reading") for row in twice.to_dict("records")]
        missing = 0
        for partition, here in own.groupby("partition"):
            # A partition takes the ticks in their order. Who was killed had sent the last one to
            # some partitions alone, or half of it.
            due = range(int(here["tick"].max()))
            series = len(hosts[partition]) * len(CPUS)
            left = series - here.groupby("tick").size().reindex(due, fill_value=0)
            moments = here.drop_duplicates("tick").set_index("tick")["occurred_at"]
            for tick, count in left[left > 0].items():
                moment = moments[moments.index >= tick].sort_index().iloc[0] / 1000
                lost += [(moment, "reading")] * int(count)
                missing += int(count)
        # Nor may the last ones be missing that were confirmed.
        unseen = life.confirmed - (len(own) - len(twice)) - missing
        lost += [(life.ended, "reading at a producer's end")] * max(0, unseen)
    return lost, doubled


def _compare_transitions(
    seen: Seen,
    windows: pd.DataFrame,
    lost: list[tuple[float, str]],
    doubled: list[tuple[float, str]],
    wrong: list[str],
) -> None:
    length = pd.Timedelta(seconds=pipeline.WORKSHOP.window)
    judged = windows.assign(allowed_top=pipeline.WORKSHOP.default_top)
    wanted = alerts.transitions(judged, pipeline.WORKSHOP.cooldown * length)
    found = seen.transitions
    place = ["id", "event"]
    for row in found[found.duplicated(place)].to_dict("records"):
        doubled.append((row["as_of"].timestamp(), f"{row['event']} {row['id']}"))
    # The last window's may wait for a later one.
    due = wanted[wanted["as_of"] < windows["window_end"].max()]
    known = set(map(tuple, found[place].to_numpy()))
    for row in due.to_dict("records"):
        if (row["id"], row["event"]) not in known:
            lost.append((row["as_of"].timestamp(), f"{row['event']} {row['id']}"))
    unknown = known - set(map(tuple, wanted[place].to_numpy()))
    wrong += [f"pandas knows of no {event} {id}" for id, event in sorted(unknown)]


#: How a producer notes what was confirmed: in place, so that it is there whenever it is killed.
_COUNT = struct.Struct("q")


def _produce(rate: float, count: int) -> None:
    class Counted(producer.Sender):
        """Notes how many were confirmed."""

        def send_encoded(self, *records: Sequence[bytes | None]) -> None:
            super().send_encoded(*records)
            os.pwrite(count, _COUNT.pack(self.delivered), 0)

        def close(self) -> None:
            super().close()
            os.pwrite(count, _COUNT.pack(self.delivered), 0)

    producer.Sender = Counted
    source = Source("chaos", ticks(), endless=True, live=True)
    print(topics.send(source, rate=rate, tell=lambda line: print(line, flush=True)))


def _kernel() -> None:
    environment = None
    while True:
        try:
            if environment is None:
                environment = flink.connect()
                for table in pipeline.tables(pipeline.JOBS):
                    create(environment, table)
            flink.preview(environment, "SELECT * FROM cpu_out_agg", rows=1)
        except CpuwatchError as error:
            print(error, flush=True)  # something else is dead just now
        time.sleep(10)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    if sys.argv[1] == "produce":
        _produce(float(sys.argv[2]), int(sys.argv[3]))
    else:
        _kernel()
