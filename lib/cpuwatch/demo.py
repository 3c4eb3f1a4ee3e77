"""The whole story once: readings, filter, averages, thresholds, alerts.

It works on topics, jobs and a schema of its own, so that what an attendee has
running on the same stack stays as it was.
"""

from __future__ import annotations

import csv
import os
import re
import secrets
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

import pandas as pd
from pyflink.table import TableEnvironment

from cpuwatch import (
    alerts,
    figures,
    flink,
    learned,
    pipeline,
    readings,
    results,
    sql,
    thresholds,
    topics,
    words,
)
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink.environment import execute, warm_up
from cpuwatch.flink.tables import create, keep_apart, may_chain, options, refuse_hints
from cpuwatch.pipeline import WORKSHOP, Parameters, Run
from cpuwatch.readings import Use
from cpuwatch.settings import settings
from cpuwatch.slack.notices import count_messages
from cpuwatch.spool import Spool
from cpuwatch.stack import failures

#: What a run that was killed leaves behind is swept by the next, after this many seconds.
_SWEEP_AFTER = 3600

#: Topics and schemas of runs, as `run_of_its_own` calls them, with the second in which one began.
RUNS = re.compile(r"(?:.+-demo-([0-9]{10})-|demo_([0-9]{10})_)[0-9a-f]{6}")

#: What a reading takes on the stack's disk at most, in bytes: in its topic, and in the filter's.
_ROOM = 200

#: Where each table of the results comes from.
_TABLES: dict[str, Callable[[Result], Spool | pd.DataFrame]] = {
    "filtered.csv": lambda result: result.filtered,
    "windows.csv": lambda result: result.windows,
    "alerts.csv": lambda result: result.alerts,
    "episodes.csv": lambda result: result.episodes,
    "rejected.csv": lambda result: result.given.rejected,
}

#: And what the rule that learns adds.
_SCORES = "scores.csv"

#: By which an alert is one: each host's own threshold, or how new a reading is for its series.
Rule: TypeAlias = Literal["thresholds", "learned"]
_PLOT = "alerts.png"

#: What the smallest results take on a disk, in bytes.
_TRIAL = 256 * 1024

#: The order of windows.
BY_WINDOW = ["window_start", "hostname", "cpu"]

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
        In order of event time, on the disk.
    rejected
        Rows that are no readings: line, reason, text; on the disk, too.
    incidents
        What really happened, where that is known.
    thresholds
        For each hostname the highest average that is allowed, in percent.
    use
        Which columns of the CSV file were used for what.
    remarks
        What else people should know of the files, in sentences.
    before
        For each rejected row how many readings stand before it in the file.
    """

    source: str
    readings: Spool
    rejected: Spool
    incidents: pd.DataFrame | None
    thresholds: dict[str, float]
    use: Use | None = None
    remarks: list[str] = field(default_factory=list)
    before: Sequence[int] = ()

    def sentences(self) -> list[str]:
        """What people should know of the files that were read."""
        return [*(self.use.sentences() if self.use else []), *self.remarks]


@dataclass
class Result:
    """What one run found.

    What there is of each reading or window lies on the disk; what was found is in memory.

    Attributes
    ----------
    given
        What it worked on.
    parameters
        The numbers that its statements took.
    filtered
        What cpu_filter kept: time, hostname, cpu, usage.
    windows
        window_start, window_end, hostname, cpu, usage_avg, usage_max, readings.
    alerts
        The windows over their host's threshold, and allowed_top.
    transitions
        When episodes opened and closed, as the topic of alerts holds them.
    slack_messages
        How many messages the notifier makes of them: as many as it would post; an
        update of one that stands there is none.
    seconds
        How long each step took.
    rule
        By which an alert is one.
    scores
        For the rule that learns, in the order of the file: time, hostname, cpu, usage,
        anomaly_score. Of a rejected row only the score is known: 0.
    """

    given: Input
    parameters: Parameters
    filtered: Spool
    windows: Spool
    alerts: pd.DataFrame
    transitions: pd.DataFrame
    slack_messages: int
    seconds: dict[str, float] = field(default_factory=dict)
    rule: Rule = "thresholds"
    scores: Spool | None = None

    @property
    def episodes(self) -> pd.DataFrame:
        """What the transitions make: one row an episode."""
        least = 1 if self.rule == "learned" else self.parameters.min_readings
        enough = self.alerts[self.alerts["readings"] >= least]
        return alerts.episodes(self.transitions, enough)

    @property
    def unknown_hosts(self) -> list[str]:
        """Hosts without a threshold of their own, where thresholds count."""
        if self.rule == "learned":
            return []
        return sorted(set(self.hosts) - set(self.given.thresholds))

    @property
    def hosts(self) -> list[str]:
        """All hosts that have a window."""
        return [host for (host,) in self.windows.ask("SELECT DISTINCT hostname FROM rows")]

    @property
    def late(self) -> int:
        """Readings that came too late for their window: sent, but in no window."""
        ((used,),) = self.windows.ask("SELECT COALESCE(SUM(readings), 0) FROM rows")
        return len(self.given.readings) - int(used)

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
            "rule": self.rule,
            **({"learned_threshold": learned.THRESHOLD} if self.rule == "learned" else {}),
            "columns": self.given.use.as_dict() if self.given.use else None,
            "remarks": [
                *(self.given.use.remarks if self.given.use else []),
                *self.given.remarks,
            ],
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
        }


def read_input(
    csv: Path | None = None,
    seed: int = 7,
    thresholds_file: Path | None = None,
    columns: Mapping[str, str | Sequence[str]] | None = None,
    where: Mapping[str, str | Sequence[str]] | None = None,
    rule: Rule = "thresholds",
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
    columns, where
        What they say of the CSV, `cpuwatch.readings.read_csv` explains.
    rule
        For which it is. One that learns asks for no unit: values that may be fractions of one are
        no reason to refuse the file.

    Raises
    ------
    CpuwatchError
        If a file cannot be used; it names the file, the cause and the remedy.
    """
    limits, remarks = thresholds.load_and_tell(thresholds_file or thresholds.FILE)
    if csv is None:
        fleet = readings.of_readings(readings.fleet(seed))
        none = readings.no_rejected()
        return Input("fleet", fleet, none, readings.incidents(seed), limits, remarks=remarks)
    found = readings.read_csv(csv, True, columns, where, as_percent=rule == "learned")
    return Input(
        csv.name, found.readings, found.rejected, None, limits, found.use, remarks, found.before
    )


def run(
    given: Input,
    parameters: Parameters = WORKSHOP,
    tell: Tell = lambda *_: None,
    rule: Rule = "thresholds",
) -> Result:
    """Run the story once on a running stack.

    Parameters
    ----------
    given
        From `read_input`.
    parameters
        The numbers that the statements take.
    tell
        Called after each step.
    rule
        By which an alert is one.

    Raises
    ------
    CpuwatchError
        If a part fails; it names the cause.
    """
    _refuse_without_room(len(given.readings))
    timer = _Timer(tell)
    warm_up()  # Java takes some seconds to start: meanwhile we produce
    with run_of_its_own() as own:
        place = Place(own, parameters, rule)
        with timer.step("produce") as say:
            say(place.produce(given))
        with timer.step("filter") as say:
            place.connect()
            place.finish("cpu_filter")
            order = ["time", "hostname", "cpu", "usage"]
            filtered = place.spooled("cpu_out_filter", order, {"time_ltz": "time"})
            say(f"{len(filtered):,} of them kept by the filter")
        with timer.step("aggregate") as say:
            place.finish("cpu_agg")
            windows = place.spooled("cpu_out_agg", BY_WINDOW)
            length = words.length(parameters.window, mixed=False, spelled=True)
            say(f"{len(windows):,} averages over windows of {length}")
        scores = None
        if rule == "learned":
            with timer.step("learn") as say:
                place.learn()
                scored = place.spooled(learned.SCORES, ["hostname", "cpu", "time_ltz"])
                scores = learned.in_order_of_arrival(given.readings, scored, given.before)
                place.finish("cpu_scored")
                say(f"{len(scored):,} readings scored by what their series has shown before")
        with timer.step("alerts") as say:
            place.write_thresholds(given.thresholds)
            if rule == "learned":
                place.finish("cpu_notification")
                found = place.over_score(learned.THRESHOLD)
            else:
                place.finish("cpu_over", "cpu_notification")
                found = place.read("cpu_out_over")
            found = found.sort_values(BY_WINDOW, ignore_index=True)
            changes = place.read("cpu_out_alerts")
            # Counted as the notifier rolls them up, not posted: nobody needs to know of a
            # fleet's made-up troubles, and a channel takes one message a second.
            # In the order of what they tell of: of several workers one may have been ahead.
            posted = count_messages(_records(changes.sort_values("as_of", kind="stable")))
            count = len(alerts.episodes(changes))
            what = "windows with something new" if rule == "learned" else "over their threshold"
            say(f"{len(found):,} {what}: {count:,} episodes, {posted:,} messages")
    timer.finish()
    return Result(
        given=given,
        parameters=parameters,
        filtered=filtered,
        windows=windows,
        alerts=found,
        transitions=changes,
        slack_messages=posted,
        seconds=timer.seconds,
        rule=rule,
        scores=scores,
    )


def _refuse_without_room(count: int) -> None:
    place = settings().state
    if settings().outside("kafka") or not place.exists():
        return
    free, needed = failures.free(place), count * _ROOM
    if free < needed:
        raise CpuwatchError(
            f"{count:,} readings need some {needed // 1024**2:,} MB on the disk that holds {place},"
            f" and {free // 1024**2:,} MB are free: free some space, or give a smaller file."
        )


def make_folder(folder: Path) -> None:
    """See to it that results can be written into a folder, before anything is begun.

    Parameters
    ----------
    folder
        Made, with those above it, if it is not there.

    Raises
    ------
    CpuwatchError
        If it cannot be written to, or a file of an earlier run's cannot be replaced.
    """
    with _results_in(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as trial:
            trial.write(bytes(_TRIAL))
            trial.flush()
            os.fsync(trial.fileno())  # only then a full disk is noticed
        for name in (*_TABLES, _SCORES, _PLOT):
            if (folder / name).exists():
                (folder / name).open("ab").close()


def write(result: Result, folder: Path) -> list[Path]:
    """Write the tables and the plot into `folder`; returns the files' paths.

    Raises
    ------
    CpuwatchError
        If the folder cannot be written to.
    """
    with _results_in(folder):
        folder.mkdir(parents=True, exist_ok=True)
        written = []
        for name, rows in _TABLES.items():
            table = rows(result)
            write_csv(folder / name, table.parts() if isinstance(table, Spool) else [table])
            written.append(folder / name)
        if result.scores is None:
            (folder / _SCORES).unlink(missing_ok=True)  # of another rule's run
        else:
            parts = (part.drop(columns="place") for part in result.scores.parts())
            write_csv(folder / _SCORES, parts)
            written.append(folder / _SCORES)
        hosts = figures.in_order_of_panels(result.hosts, result.alerts)
        figure = figures.alerts_figure(
            result.windows.table(hostname=hosts[: figures.MOST_PANELS]),
            result.alerts,
            None if result.rule == "learned" else result.given.thresholds,
            result.parameters.default_top,
            result.given.incidents,
            pd.Timedelta(seconds=result.parameters.window),
            len(result.given.rejected),
            result.late,
            hosts,
        )
        figures.save(figure, folder / _PLOT)
    return [*written, folder / _PLOT]


@contextmanager
def _results_in(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        what = "" if error.filename in (None, str(folder)) else f"{error.filename}: "
        raise CpuwatchError(
            f"The results cannot be written into {folder} ({what}{error.strerror}): name another"
            " folder with --out."
        ) from error


def write_csv(path: Path, parts: Iterable[pd.DataFrame]) -> None:
    """Write a table that comes in parts, so that no cell of it is run as a formula."""
    with path.open("w", encoding="utf-8", newline="") as file:
        for number, part in enumerate(parts):
            text = _harmless(_with_iso_times(part))
            text.to_csv(file, index=False, header=number == 0, quoting=_quoting(text))


def _quoting(table: pd.DataFrame) -> Literal[0, 2]:
    """How cells are quoted: those with a bare CR, which ends a row, are not of themselves."""
    for column in table.select_dtypes("object"):
        if any("\r" in text for text in table[column].unique() if isinstance(text, str)):
            return csv.QUOTE_NONNUMERIC
    return csv.QUOTE_MINIMAL


def _with_iso_times(table: pd.DataFrame) -> pd.DataFrame:
    text = table.copy()
    for column in text.select_dtypes("datetimetz"):
        # Milliseconds only where there are any, so that 09:00:30 reads as such.
        whole = text[column].dt.strftime("%Y-%m-%dT%H:%M:%S")
        part = text[column].dt.microsecond.fillna(0).astype(int) // 1000
        text[column] = whole + part.map(lambda ms: f".{ms:03}Z" if ms else "Z")
    return text


#: How a cell begins that a spreadsheet would take for a formula: also in the wide letters of East
#: Asia, and behind quotes of ours.
_FORMULA = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


def _harmless(table: pd.DataFrame) -> pd.DataFrame:
    """The same, a quote before each text that a spreadsheet would run as a formula."""
    safe = table.copy()
    for column in safe.select_dtypes("object"):
        quoted = {
            text: f"'{text}"
            for text in safe[column].unique()
            if isinstance(text, str) and _FORMULA.match(text)
        }
        if quoted:
            safe[column] = [quoted.get(cell, cell) for cell in safe[column]]
    return safe


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


@contextmanager
def run_of_its_own() -> Iterator[Run]:
    """Names for one run; jobs, topics and schema of these names are gone afterwards."""
    sweep()
    run = Run(f"demo-{int(time.time())}-{secrets.token_hex(3)}")
    thresholds.create_schema(run.schema)
    try:
        yield run
    finally:
        ours = [job.name for job in pipeline.EVERY]
        flink.cancel(*map(run.job, [*ours, learned.JOB]))
        topics.delete(*(name for name in topics.names() if name.endswith(f"-{run.id}")))
        thresholds.drop_schema(run.schema)


def sweep() -> None:
    """Forget the topics and schemas of runs that were killed long ago."""
    now = time.time()

    def is_old(name: str) -> bool:
        found = RUNS.fullmatch(name)
        return found is not None and now - int(found[1] or found[2]) > _SWEEP_AFTER

    topics.delete(*filter(is_old, topics.names()))
    for schema in thresholds.schemas("demo_"):
        if is_old(schema):
            thresholds.drop_schema(schema)


class Place:
    """The pipeline on topics and a schema of one run's own."""

    def __init__(self, run: Run, parameters: Parameters, rule: Rule) -> None:
        self._run = run
        self._parameters = parameters
        self._learns = rule == "learned"
        self._jobs = (*pipeline.JOBS, *pipeline.LEARNED) if self._learns else pipeline.JOBS
        self._environment: TableEnvironment | None = None

    def produce(self, given: Input) -> str:
        """Make the topics, and send the readings; what was done, in words."""
        for topic in self._topics():
            topics.create(topic, whole=True)
        topics.produce(given.readings, self._run.topic(topics.READINGS))
        topics.keep_rejected(given.rejected, given.source)
        said = f"{len(given.readings):,} readings into Kafka"
        return said + (f", {len(given.rejected):,} rejected" if len(given.rejected) else "")

    def connect(self) -> None:
        """Create all tables and views, and put them on the run's own topics."""
        self._environment = flink.connect(fresh=True, quiet=True)
        for table in pipeline.tables(self._jobs):
            create(self._environment, table)
        keep_apart(self._environment, self._run)
        for job in self._jobs:
            for view in job.views:
                text = learned.JUDGED if self._learns and view == "cpu_judged" else view
                create(self._environment, view, self._text(text))

    def finish(self, *names: str) -> None:
        """Run jobs side by side, each to the end of its input."""
        environment = self._environment
        assert environment is not None, "connect first"
        jobs = []
        for job in (one for one in self._jobs if one.name in names):
            chained = may_chain(options(environment, table) for table in job.reads)
            text = self._text(job.name)
            jobs.append(
                flink.submit(
                    environment,
                    self._run.job(job.name),
                    text,
                    chained,
                    workers=1 if job.in_order else None,
                )
            )
        self._await_end(*jobs)

    def learn(self) -> None:
        """Score each reading."""
        assert self._environment is not None, "connect first"
        environment = flink.streams(self._environment)
        for table in (*learned.TABLES, learned.IN_ORDER):
            create(environment, table)
        keep_apart(environment, self._run)
        scored = flink.submit(environment, self._run.job(learned.JOB), learned.score(environment))
        self._await_end(scored)
        self.wait_for_all_scores(self._environment)

    def wait_for_all_scores(self, environment: TableEnvironment) -> None:
        """Let who makes windows of the scores wait so long that none comes too late for its own.

        However many workers wrote them, and however far apart the times of the hosts were: the
        scores are all there by now, and how far out of order they are can be seen.
        """
        parts = topics.read_parts(self._run.topic(sql.topic(learned.SCORES) or learned.SCORES))
        seconds = learned.seconds_out_of_order(
            results.typed(part, learned.SCORES).assign(partition=part["partition"])
            for part in parts
        )
        usual = sql.lateness(sql.taught(learned.SCORES))
        wait = sql.interval(max(usual, seconds))
        execute(
            environment,
            f"ALTER TABLE `{learned.SCORES}` MODIFY WATERMARK FOR time_ltz AS time_ltz - {wait}",
        )

    def over_score(self, threshold: float) -> pd.DataFrame:
        """The windows in which a reading has at least this score."""
        return pd.concat(
            [
                part[part["anomaly_score"] >= threshold]
                for part in self.spooled("cpu_out_scored", BY_WINDOW).parts()
            ],
            ignore_index=True,
        )

    def _await_end(self, *jobs: flink.Job) -> None:
        """Wait until jobs have read all, and what they wrote can be read."""
        for started in jobs:
            flink.wait_until_finished(started)
        topics.await_committed(*self._topics())

    def _topics(self) -> list[str]:
        wanted = {sql.topic(table) for table in pipeline.tables(self._jobs)}
        return sorted(self._run.topic(one) for one in wanted if one is not None)

    def _text(self, name: str) -> str:
        text = sql.taught(name, self._parameters)
        refuse_hints(name, text)
        return text

    def read(self, table: str) -> pd.DataFrame:
        """What the run's topic of a table holds."""
        return results.read(table, self._run.topic(sql.topic(table) or table))

    def spooled(self, table: str, order: list[str], renamed: dict[str, str] | None = None) -> Spool:
        """The same, on the disk, by these columns."""
        return results.spooled(table, order, self._run.topic(sql.topic(table) or table), renamed)

    def write_thresholds(self, wanted: dict[str, float]) -> None:
        """Write them into the run's own schema."""
        database = thresholds.engine(self._run.schema)
        try:
            thresholds.create(database)
            thresholds.write(database, wanted)
        finally:
            database.dispose()


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in one.items()} for one in table.to_dict("records")]
