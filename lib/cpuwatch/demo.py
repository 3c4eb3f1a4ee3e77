"""The whole story once: readings, filter, averages, thresholds, alerts.

It works on topics, jobs and a schema of its own, so that what an attendee has
running on the same stack stays as it was.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from pyflink.table import TableEnvironment

from cpuwatch import (
    alerts,
    figures,
    flink,
    readings,
    slack,
    sql,
    thresholds,
    topics,
)
from cpuwatch.errors import CpuwatchError

#: What a run that was killed leaves behind is swept by the next, after this many seconds.
_SWEEP_AFTER = 3600

_FILTER_COLUMNS = ["time", "hostname", "cpu", "usage"]
_WINDOW_COLUMNS = [
    "window_start",
    "window_end",
    "hostname",
    "cpu",
    "usage_avg",
    "usage_max",
    "readings",
]
_ALERT_COLUMNS = [*_WINDOW_COLUMNS, "allowed_top"]

#: Called with the name of a step, a sentence about it and its time in seconds.
Tell = Callable[[str, str, float], None]


@dataclass(frozen=True)
class Input:
    """What a run works on.

    Attributes
    ----------
    source
        'fleet', or the CSV file's name.
    readings
        In order of event time.
    rejected
        Rows that are no readings: line, reason, text.
    incidents
        What really happened, where that is known.
    thresholds
        For each hostname the highest average that is allowed, in percent.
    """

    source: str
    readings: pd.DataFrame
    rejected: pd.DataFrame
    incidents: pd.DataFrame | None
    thresholds: dict[str, float]


@dataclass
class Result:
    """What one run found.

    Attributes
    ----------
    given
        What it worked on.
    window
        The length of a window, in seconds.
    filtered
        Readings over 80%: time, hostname, cpu, usage.
    windows
        window_start, window_end, hostname, cpu, usage_avg, usage_max, readings.
    alerts
        The windows over their host's threshold, and allowed_top.
    transitions
        When episodes opened and closed, as the topic of alerts holds them.
    slack_messages
        How many messages the notifier makes of them: as many as it would post; an
        update of one that stands there is none.
    min_readings
        A window of fewer readings opened no episode.
    seconds
        How long each step took.
    """

    given: Input
    window: int
    filtered: pd.DataFrame
    windows: pd.DataFrame
    alerts: pd.DataFrame
    transitions: pd.DataFrame
    slack_messages: int
    min_readings: int
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def episodes(self) -> pd.DataFrame:
        """What the transitions make: one row an episode."""
        enough = self.alerts[self.alerts["readings"] >= self.min_readings]
        return alerts.episodes(self.transitions, enough)

    @property
    def unknown_hosts(self) -> list[str]:
        """Hosts without a threshold of their own."""
        return sorted(set(self.windows["hostname"]) - set(self.given.thresholds))

    @property
    def late(self) -> int:
        """Readings that came too late for their window: sent, but in no window."""
        return len(self.given.readings) - int(self.windows["readings"].sum())

    def as_dict(self) -> dict[str, object]:
        """The object that `cpuwatch demo --json` prints."""
        return {
            "source": self.given.source,
            "readings": len(self.given.readings),
            "filtered": len(self.filtered),
            "windows": len(self.windows),
            "alerts": len(self.alerts),
            "rejected": len(self.given.rejected),
            "late": self.late,
            "alerted_hosts": sorted(set(self.alerts["hostname"])),
            "episodes": len(self.episodes),
            "slack_messages": self.slack_messages,
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
        }


def read_input(
    csv: Path | None = None, seed: int = 7, thresholds_file: Path | None = None
) -> Input:
    """Read what a run needs, before anything is started.

    Parameters
    ----------
    csv
        A CSV of readings; by default the seeded fleet.
    seed
        The fleet's seed.
    thresholds_file
        A CSV of thresholds; by default the workshop's.

    Raises
    ------
    CpuwatchError
        If a file cannot be used; it names the file, the cause and the remedy.
    """
    limits = thresholds.load(thresholds_file or thresholds.FILE)
    if csv is None:
        none = pd.DataFrame(columns=["line", "reason", "text"])
        return Input("fleet", readings.fleet(seed), none, readings.incidents(seed), limits)
    found = readings.read_csv(csv)
    return Input(csv.name, found.readings, found.rejected, None, limits)


def run(
    given: Input,
    window: int = 30,
    tell: Tell = lambda *_: None,
    cooldown: int = alerts.COOLDOWN,
    min_readings: int = alerts.MIN_READINGS,
) -> Result:
    """Run the story once on a running stack.

    Parameters
    ----------
    given
        From `read_input`.
    window
        The length of a window, in seconds.
    tell
        Called after each step.
    cooldown
        For how many windows an episode goes on after its last one over the threshold.
    min_readings
        A window of fewer readings neither opens nor closes an episode.

    Raises
    ------
    CpuwatchError
        If a part fails; it names the cause.
    """
    data, rejected = given.readings, given.rejected
    timer = _Timer(tell)
    flink.warm_up()  # Java takes some seconds to start: meanwhile we produce
    with _own_names() as names:
        with timer.step("produce") as say:
            for topic in names.topics:
                topics.create(topic)
            topics.produce(data, names.readings)
            topics.keep_rejected(rejected, given.source)
            say(
                f"{len(data):,} readings into Kafka, {len(rejected):,} rejected"
                if len(rejected)
                else f"{len(data):,} readings into Kafka"
            )
        with timer.step("filter") as say:
            environment = flink.connect()
            _tables(environment, names)
            _run_job(environment, "cpu_filter", names, window)
            filtered = _filtered(names)
            say(f"{len(filtered):,} of them over 80%")
        with timer.step("aggregate") as say:
            _run_job(environment, "cpu_agg", names, window)
            windows = _windows(names.averages, _WINDOW_COLUMNS)
            say(f"{len(windows):,} averages over windows of {_length(window)}")
        with timer.step("alerts") as say:
            database = thresholds.engine(names.schema)
            thresholds.create(database)
            thresholds.write(database, given.thresholds)
            database.dispose()
            jobs = [
                flink.submit(
                    environment,
                    names.job(name),
                    sql.statement(name, window, cooldown, min_readings),
                )
                for name in ("cpu_over", "cpu_notification")
            ]
            for job in jobs:
                flink.wait_until_finished(job)
            found = _windows(names.over, _ALERT_COLUMNS)
            changes = alerts.typed(topics.read(names.alerts))
            posted = _messages(names)
            count = len(alerts.episodes(changes))
            say(f"{len(found):,} over their threshold: {count:,} episodes, {posted:,} messages")
    timer.finish()
    return Result(
        given=given,
        window=window,
        filtered=filtered,
        windows=windows,
        alerts=found,
        transitions=changes,
        slack_messages=posted,
        min_readings=min_readings,
        seconds=timer.seconds,
    )


def write(result: Result, folder: Path) -> list[Path]:
    """Write the tables and the plot into `folder`; returns the files' paths.

    Raises
    ------
    CpuwatchError
        If the folder cannot be written to.
    """
    tables = {
        "filtered.csv": result.filtered,
        "windows.csv": result.windows,
        "alerts.csv": result.alerts,
        "episodes.csv": result.episodes,
        "rejected.csv": result.given.rejected,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        written = []
        for name, table in tables.items():
            _with_iso_times(table).to_csv(folder / name, index=False)
            written.append(folder / name)
        figure = figures.alerts_figure(
            result.windows,
            result.alerts,
            result.given.thresholds,
            thresholds.DEFAULT,
            result.given.incidents,
            pd.Timedelta(seconds=result.window),
        )
        figures.save(figure, folder / "alerts.png")
    except OSError as error:
        raise CpuwatchError(
            f"The results cannot be written into {folder} ({error.strerror}): name another folder"
            " with --out."
        ) from error
    return [*written, folder / "alerts.png"]


def _with_iso_times(table: pd.DataFrame) -> pd.DataFrame:
    text = table.copy()
    for column in text.select_dtypes("datetimetz"):
        # Milliseconds only where there are any, so that 09:00:30 reads as such.
        whole = text[column].dt.strftime("%Y-%m-%dT%H:%M:%S")
        part = text[column].dt.microsecond // 1000
        text[column] = whole + part.map(lambda ms: f".{ms:03}Z" if ms else "Z")
    return text


class _Timer:
    """Times the steps of a run and tells of each when it is done."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._start = time.monotonic()
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[Callable[[str], None]]:
        start = time.monotonic()
        said: list[str] = []
        yield said.append
        self.seconds[name] = time.monotonic() - start
        self._tell(name, said[-1], self.seconds[name])

    def finish(self) -> None:
        self.seconds["total"] = time.monotonic() - self._start


@dataclass(frozen=True)
class _Names:
    """The topics, job names and schema of one run."""

    run: str

    @property
    def readings(self) -> str:
        return f"{topics.READINGS}-{self.run}"

    @property
    def filtered(self) -> str:
        return f"{topics.FILTERED}-{self.run}"

    @property
    def averages(self) -> str:
        return f"{topics.AVERAGES}-{self.run}"

    @property
    def over(self) -> str:
        return f"{topics.OVER}-{self.run}"

    @property
    def alerts(self) -> str:
        return f"{topics.ALERTS}-{self.run}"

    @property
    def topics(self) -> tuple[str, ...]:
        return (self.readings, self.filtered, self.averages, self.over, self.alerts)

    @property
    def schema(self) -> str:
        return self.run.replace("-", "_")

    def job(self, name: str) -> str:
        return f"{name}-{self.run}"


@contextmanager
def _own_names() -> Iterator[_Names]:
    _sweep()
    names = _Names(f"demo-{int(time.time())}-{secrets.token_hex(3)}")
    thresholds.create_schema(names.schema)
    try:
        yield names
    finally:
        for job in ("cpu_filter", "cpu_agg", "cpu_over", "cpu_notification"):
            flink.cancel(names.job(job))
        topics.delete(*names.topics)
        thresholds.drop_schema(names.schema)


def _sweep() -> None:
    """Forget the topics and schemas of runs that were killed long ago."""
    now = time.time()

    def is_old(name: str) -> bool:
        stamp = name.replace("_", "-").rpartition("demo-")[2].split("-")[0]
        return stamp.isdigit() and now - int(stamp) > _SWEEP_AFTER

    topics.delete(*(name for name in topics.names() if "-demo-" in name and is_old(name)))
    for schema in thresholds.schemas("demo_"):
        if is_old(schema):
            thresholds.drop_schema(schema)


def _tables(environment: TableEnvironment, names: _Names) -> None:
    for name in sql.TABLES:
        flink.execute(environment, f"DROP TABLE IF EXISTS {name}")
        flink.execute(environment, sql.statement(name))
    # The workshop's tables, on this run's topics, and ending where they end now.
    url = sql.fill("${postgres}") + f"&currentSchema={names.schema}"
    changes = {
        "cpu_in": {"topic": names.readings, "scan.bounded.mode": "latest-offset"},
        "cpu_out_filter": {
            "topic": names.filtered,
            "sink.transactional-id-prefix": names.job("cpu_filter"),
        },
        "cpu_out_agg": {
            "topic": names.averages,
            "sink.transactional-id-prefix": names.job("cpu_agg"),
            "scan.bounded.mode": "latest-offset",
        },
        "cpu_out_over": {
            "topic": names.over,
            "sink.transactional-id-prefix": names.job("cpu_over"),
        },
        "cpu_out_alerts": {
            "topic": names.alerts,
            "sink.transactional-id-prefix": names.job("cpu_notification"),
        },
        "cpu_thresholds": {"url": url},
    }
    for table, options in changes.items():
        pairs = ", ".join(f"'{name}' = '{value}'" for name, value in options.items())
        flink.execute(environment, f"ALTER TABLE {table} SET ({pairs})")


def _run_job(environment: TableEnvironment, name: str, names: _Names, window: int) -> None:
    job = flink.submit(environment, names.job(name), sql.statement(name, window))
    flink.wait_until_finished(job)


def _messages(names: _Names) -> int:
    """How many messages the notifier would post for this run: it rolls alerts up in this way.

    They are counted, not posted: nobody needs to know of a fleet's made-up troubles, and a
    channel takes one message a second.
    """
    records = topics.read(names.alerts).to_dict("records")
    return slack.count_messages({str(k): v for k, v in one.items()} for one in records)


def _filtered(names: _Names) -> pd.DataFrame:
    found = topics.read(names.filtered).rename(columns={"time_ltz": "time"})
    found = _typed(found, _FILTER_COLUMNS, ["time"])
    return found.sort_values(_FILTER_COLUMNS, ignore_index=True)


def _windows(topic: str, columns: list[str]) -> pd.DataFrame:
    found = _typed(topics.read(topic), columns, ["window_start", "window_end"])
    return found.sort_values(["window_start", "hostname", "cpu"], ignore_index=True)


def _typed(found: pd.DataFrame, columns: list[str], times: list[str]) -> pd.DataFrame:
    """The wanted columns with their types, also where the topic is empty."""
    found = found.reindex(columns=columns)
    for name in columns:
        if name in times:
            found[name] = pd.to_datetime(found[name], format="ISO8601", utc=True)
        elif name in ("hostname", "cpu"):
            found[name] = found[name].astype(object)
        else:
            found[name] = found[name].astype("int64" if name == "readings" else "float64")
    return found


def _length(window: int) -> str:
    for size, unit in ((3600, "hour"), (60, "minute")):
        if window % size == 0:
            count = window // size
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{window} seconds"
