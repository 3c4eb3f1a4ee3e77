"""What a notebook asks of the workshop: begin a chapter, see the jobs, a hint, the whole trace.

`begin` brings about what the chapters before would have left, so that any notebook may be
run first. It looks at what is there, keeps what is right, and makes anew what is not.
"""

from __future__ import annotations

import textwrap
import threading
import time
import traceback
from collections.abc import Callable
from html import escape
from typing import Any

import numpy as np
import pandas as pd
from confluent_kafka import KafkaException
from py4j.protocol import Py4JError
from pyflink.table import TableEnvironment
from pyflink.util.exceptions import JavaException
from sqlalchemy import inspect
from sqlalchemy.exc import SQLAlchemyError

from cpuwatch import alerts, flink, readings, slack, sql, thresholds, topics
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink import explain
from cpuwatch.progress import Line
from cpuwatch.stack import control

CHAPTERS = ("00", "01", "02", "03", "04", "05", "06")

#: The jobs in the order of the workshop, each with the topic of its output.
JOBS = {
    "cpu_filter": topics.FILTERED,
    "cpu_agg": topics.AVERAGES,
    "cpu_over": topics.OVER,
    "cpu_notification": topics.ALERTS,
}

#: The topic of the endless stream in chapter 01; not the one that the jobs read, so that the
#: results of the other chapters stay what they are.
LIVE = "cpu_load_stats_live"

#: The chapter after the one in which a job is deployed.
_AFTER = {"cpu_filter": "03", "cpu_agg": "04", "cpu_over": "06", "cpu_notification": "06"}

#: The columns of the topics that hold times.
_TIMES = ("time_ltz", "window_start", "window_end", "opened", "closed", "as_of")

#: A job closes a window when the watermark, ten seconds behind, has passed its end.
_LATENESS = pd.Timedelta("10s")
_WINDOW = pd.Timedelta("30s")

_UP = "Kafka, PostgreSQL and Flink are up."
_LEFT = {
    "02": "21,000 readings",
    "03": "cpu_filter",
    "04": "cpu_agg",
    "05": "thresholds",
    "06": "both alert jobs",
}

#: Characters of a line of an error.
_LINE = 88

Tell = Callable[[str], None]


def begin(chapter: str) -> None:
    """Begin a chapter: the stack is up, and all is as the chapters before leave it.

    Errors of Flink, Kafka and PostgreSQL are shown in a line or two from now on; `trace`
    shows the rest.

    Parameters
    ----------
    chapter
        '00' to '06'.

    Raises
    ------
    CpuwatchError
        If that cannot be done: the cause, and what to do.
    """
    _explain_errors()
    _check(chapter)
    line = Line(_summary(chapter))
    start = time.monotonic()
    done = catch_up(chapter, line.show, _reached())
    took = time.monotonic() - start
    line.end(f"(Done just now, in {took:.0f} s: {', '.join(done)}.)" if done else "")


def _check(chapter: str) -> None:
    if chapter not in CHAPTERS:
        raise CpuwatchError(f"There is no chapter {chapter!r}: they are {', '.join(CHAPTERS)}.")


def _summary(chapter: str) -> str:
    left = [text for number, text in _LEFT.items() if number <= chapter]
    return _UP + (f"\nThere from before: {', '.join(left)}." if left else "")


def catch_up(chapter: str, tell: Tell = lambda _: None, environment: Any = None) -> list[str]:
    """Bring about what the chapters before this one leave behind.

    Parameters
    ----------
    chapter
        '00' to '06'.
    tell
        Called with a line about the state of the work.
    environment
        Gives a TableEnvironment; one is made if none is given.

    Returns
    -------
    list of str
        What had to be done; empty if all was right.
    """
    _check(chapter)
    done = []
    if not all(service.answers for service in control.status()):
        tell("Starting Kafka, PostgreSQL and Flink: this takes some ten seconds")
        control.up(lambda text: tell(f"{text} …"), show=False)
        done.append("the stack was started")
    make = environment or _reached()
    if chapter >= "02":
        # Java takes some seconds to start; meanwhile we look at the topics.
        flink.warm_up()
    if chapter >= "02" and not _topic_holds(topics.READINGS, readings.fleet()):
        tell(f"Sending the fleet's readings to {topics.READINGS}")
        fresh_topic(topics.READINGS)
        topics.produce(readings.fleet())
        done.append("the readings were sent")
    if chapter >= "05" and _restore_thresholds():
        done.append("the thresholds were written")
    jobs_wanted = [name for name in JOBS if chapter >= _AFTER[name]]
    done += _catch_up_jobs(jobs_wanted, make, tell)
    return done


def _catch_up_jobs(names: list[str], make: Callable[[], TableEnvironment], tell: Tell) -> list[str]:
    done = []
    unsettled: list[flink.Job] = []
    for name in names:
        tell(f"Looking at {name}")
        if _runs(name) and _topic_holds(JOBS[name], expected(name)):
            continue
        if name in ("cpu_over", "cpu_notification"):  # they read what cpu_agg writes
            _settle(unsettled, tell)
        environment = make()
        tell(f"Deploying {name}")
        flink.cancel(name)
        fresh_topic(JOBS[name])
        unsettled.append(flink.submit(environment, name, sql.source(name)))
        done.append(f"{name} was deployed")
    _settle(unsettled, tell)
    return done


def _settle(unsettled: list[flink.Job], tell: Tell) -> None:
    while unsettled:
        tell(f"Waiting until {unsettled[0].name} has read its input")
        flink.wait_until_settled(unsettled[0], quiet=True)
        unsettled.pop(0)


def _runs(name: str) -> bool:
    running = [job for job in flink.jobs(running_only=True) if job.name == name]
    return len(running) == 1 and running[0].state == "RUNNING"


def _reached() -> Callable[[], TableEnvironment]:
    """A function that gives a TableEnvironment with all tables, apart from the attendee's own."""
    made: list[TableEnvironment] = []

    def environment() -> TableEnvironment:
        if not made:
            one = flink.connect()
            for name in sql.TABLES:
                flink.execute(one, sql.source(name))
            made.append(one)
        return made[0]

    return environment


def _topic_holds(topic: str, expected: pd.DataFrame) -> bool:
    """Whether a topic holds exactly these records, in whatever order."""
    if topic not in topics.names():
        return False
    found = topics.read(topic)
    if len(found) != len(expected) or not set(expected.columns) <= set(found.columns):
        return False
    left, right = (_sorted(table[list(expected.columns)]) for table in (found, expected))
    for name in expected.columns:
        if expected[name].dtype.kind == "f":
            if not np.allclose(left[name].astype(float), right[name], rtol=0, atol=1e-6):
                return False
        elif left[name].astype(str).tolist() != right[name].astype(str).tolist():
            return False
    return True


def _sorted(table: pd.DataFrame) -> pd.DataFrame:
    table = table.copy()
    for name in _TIMES:
        if name in table.columns:
            table[name] = pd.to_datetime(table[name], format="ISO8601", utc=True)
    keys = [name for name in table.columns if table[name].dtype.kind != "f"]
    return table.sort_values(keys, ignore_index=True)


def expected(job: str) -> pd.DataFrame:
    """What a job that has read the fleet has written, computed without Flink.

    Parameters
    ----------
    job
        One of `JOBS`.
    """
    fleet = readings.fleet()
    at = pd.to_datetime(fleet["occurred_at"], unit="ms", utc=True)
    if job == "cpu_filter":
        hot = fleet.assign(time_ltz=at)[fleet["usage"] > 80]
        return hot[["time_ltz", "hostname", "cpu", "usage"]]
    windows = (
        fleet.assign(window_start=at.dt.floor("30s"))
        .groupby(["window_start", "hostname", "cpu"], as_index=False)
        .agg(usage_avg=("usage", "mean"), usage_max=("usage", "max"), readings=("usage", "size"))
    )
    windows.insert(1, "window_end", windows["window_start"] + _WINDOW)
    windows = windows[windows["window_end"] <= at.max() - _LATENESS]
    if job == "cpu_agg":
        return windows
    windows = windows.assign(allowed_top=windows["hostname"].map(readings.THRESHOLDS))
    if job == "cpu_notification":
        return alerts.transitions(windows, alerts.COOLDOWN * _WINDOW)
    return windows[windows["usage_avg"] > windows["allowed_top"]]


def _restore_thresholds() -> bool:
    """Make the thresholds what the workshop's file says; whether anything was to do."""
    database = thresholds.engine()
    try:
        wanted = thresholds.load()
        there: dict[str, float] | None = (
            dict(thresholds.read(database).itertuples(index=False))
            if inspect(database).has_table(thresholds.TABLE.name)
            else None
        )
        if there == wanted:
            return False
        thresholds.create(database)
        if set(there or {}) - set(wanted):
            with database.begin() as connection:
                connection.execute(
                    thresholds.TABLE.delete().where(thresholds.TABLE.c.hostname.not_in(wanted))
                )
        thresholds.write(database, wanted)
        return True
    finally:
        database.dispose()


def fresh_topic(name: str) -> None:
    """An empty topic of that name; jobs that read what was in it before are stopped.

    Parameters
    ----------
    name
        The topic's name.
    """
    flink.stop_readers(name)
    topics.empty(name)


def reset() -> None:
    """Forget what the chapters made: stop the jobs, delete topics and table; the stack stays up."""
    stop_jobs()
    slack.stop()
    topics.delete(*JOBS.values(), topics.READINGS, topics.BAD_READINGS, LIVE)
    database = thresholds.engine()
    try:
        thresholds.TABLE.drop(database, checkfirst=True)
    finally:
        database.dispose()


def jobs() -> pd.DataFrame:
    """The jobs that run on the cluster, whoever started them.

    Returns
    -------
    pandas.DataFrame
        Columns job and state, sorted by name.
    """
    running = sorted((job.name, job.state.title()) for job in flink.jobs(running_only=True))
    return pd.DataFrame(running, columns=["job", "state"])


def job(name: str) -> flink.Job:
    """A running job, whoever submitted it.

    Parameters
    ----------
    name
        The job's name on the cluster.

    Raises
    ------
    CpuwatchError
        If no such job runs; it names those that do.
    """
    running = flink.jobs(running_only=True)
    found = [one for one in running if one.name == name]
    if not found:
        others = ", ".join(sorted({one.name for one in running})) or "none"
        raise CpuwatchError(f"No job {name} runs. Those that do: {others}.")
    return found[-1]


def link(job: flink.Job) -> Any:
    """A link to a job's page in Flink's own web interface."""
    from IPython.display import HTML

    address = escape(flink.page(job), quote=True)
    style = "font-size: 1.3em"
    text = f'<a href="{address}" target="_blank" style="{style}">{escape(job.name)} in Flink</a>'
    return HTML(text)  # type: ignore[no-untyped-call]


def services() -> pd.DataFrame:
    """The services and their state: columns service and state."""
    found = [
        (service.title, "answers" if service.answers else "does not answer")
        for service in control.status()
    ]
    return pd.DataFrame(found, columns=["service", "state"])


def first_record(topic: str) -> Any:
    """The oldest record of a topic's partition 0, with its key and value as bytes.

    Raises
    ------
    CpuwatchError
        If there is no such topic, or nothing in it.
    """
    for message in topics.messages(topic):
        if message.partition() == 0:
            return message
    raise CpuwatchError(f"The topic {topic} is empty: send readings to it first.")


def result(topic: str) -> pd.DataFrame:
    """What a job has written: the topic as a table, by time, hostname and cpu.

    Parameters
    ----------
    topic
        The topic's name.

    Returns
    -------
    pandas.DataFrame
        The records' fields; times are times, in UTC.
    """
    found = topics.read(topic).drop(columns=["partition", "offset"])
    times = [name for name in _TIMES if name in found.columns]
    for name in times:
        found[name] = pd.to_datetime(found[name], format="ISO8601", utc=True)
    # A transition counts from when it was seen, a window from its start.
    order = ["as_of"] if "as_of" in times else times
    order += [name for name in ("hostname", "cpu") if name in found.columns]
    return found.sort_values(order, kind="stable", ignore_index=True) if order else found


def stop_jobs(*names: str) -> pd.DataFrame:
    """Stop jobs.

    Parameters
    ----------
    *names
        Which ones; without any, all of the workshop's and all previews.

    Returns
    -------
    pandas.DataFrame
        The jobs that still run; see `jobs`.
    """
    for name in names or (*JOBS, "preview"):
        flink.cancel(name)
    return jobs()


# --- An endless stream -----------------------------------------------------------------------


class Stream:
    """The fleet, live: 35 readings a second into a topic, in the background, until stopped.

    Parameters
    ----------
    topic
        The topic's name; it is made if it is not there.
    """

    def __init__(self, topic: str = LIVE) -> None:
        self.topic = topic
        self.sent = 0
        self._stop = threading.Event()
        self._error: Exception | None = None
        topics.create(topic)
        self._thread = threading.Thread(target=self._run, name="stream", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        sender = topics.Sender(self.topic)
        try:
            for tick in readings.live():
                now = int(time.time() * 1000)
                for reading in tick:
                    sender.send({**reading, "occurred_at": now}, {"hostname": reading["hostname"]})
                self.sent = sender.flush()
                if self._stop.wait(1.0):
                    return
        except Exception as error:
            self._error = error

    @property
    def running(self) -> bool:
        """Whether it still sends."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Stop it; raises what ended it early, if anything did."""
        self._stop.set()
        self._thread.join(40)
        if self._error is not None:
            raise self._error


# --- Hints and errors ------------------------------------------------------------------------

_HINTS = {
    "cpu_filter": "Every row of cpu_in, four of its columns, and one condition: WHERE usage > …",
    "cpu_agg": "FROM TABLE(TUMBLE(TABLE cpu_in, DESCRIPTOR(…), INTERVAL '…' SECOND)), and GROUP"
    " BY window_start, window_end and what else you want an average for.",
    "cpu_over": "cpu_out_agg LEFT JOIN cpu_thresholds FOR SYSTEM_TIME AS OF"
    " a.looked_up_at: it looks a host's threshold up when its average comes by.",
    "cpu_notification": "Step by step: is this window over, until when was the cpu over before"
    " it, and is that longer ago than the cooldown? LAG looks at the row before.",
}


def hint(job: str) -> None:
    """Print a hint for a job's statement.

    Parameters
    ----------
    job
        One of `JOBS`.
    """
    print(_HINTS[_known(job)])


def solution(job: str) -> None:
    """Print a job's statement; `job` as for `hint`."""
    print(sql.source(_known(job)))


def _known(job: str) -> str:
    if job not in _HINTS:
        raise CpuwatchError(f"There is no job {job!r}: they are {', '.join(_HINTS)}.")
    return job


_last_error: list[BaseException] = []


def trace() -> None:
    """Print the whole stack trace of the last error that was shown in a line."""
    if not _last_error:
        print("There was no error in this notebook yet.")
        return
    print("".join(traceback.format_exception(_last_error[-1])))


def _explain_errors() -> None:
    """From now on the notebook shows errors of the workshop's parts in a line or two."""
    from IPython.core.getipython import get_ipython

    shell: Any = get_ipython()
    if shell is not None:
        kinds = (CpuwatchError, JavaException, Py4JError, KafkaException, SQLAlchemyError,
                 NameError, KeyboardInterrupt)  # fmt: skip
        shell.set_custom_exc(kinds, _show)


def _show(shell: Any, kind: type, value: BaseException, tb: Any, tb_offset: Any = None) -> None:
    text = explain.error(value)
    if text is None:
        shell.showtraceback((kind, value, tb), tb_offset=tb_offset)
        return
    _last_error[:] = [value]
    if not isinstance(value, (KeyboardInterrupt, NameError)):
        text += "\nThe whole trace: workshop.trace()"
    # JupyterLab would break a long line in the middle of a word.
    lines = [part for line in text.splitlines() for part in textwrap.wrap(line, _LINE)]
    shell._showtraceback(kind, text, ["\n".join(lines)])
