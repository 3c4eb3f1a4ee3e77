"""What runs and what is there: jobs, services, results; and how to stop and forget it."""

from __future__ import annotations

import textwrap
from html import escape
from typing import Any

import pandas as pd
from sqlalchemy import Engine

from cpuwatch import flink, pipeline, results, slack, sql, thresholds, topics, words
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink import checkpoints, cluster, metrics, noted, savepoints
from cpuwatch.flink.deployment import is_own, renew
from cpuwatch.progress import LINE
from cpuwatch.settings import settings
from cpuwatch.stack import claims, control, known


def fresh_topic(name: str, partitions: int | None = None) -> None:
    """An empty topic of that name; jobs that read what was in it before are stopped.

    Parameters
    ----------
    name
        The topic's name.
    partitions
        How many it has; by default as many as the workshop's other topics.
    """
    own = [job for job in renew(name, partitions=partitions) if is_own(job)]
    if own:
        print(f"{' and '.join(own)} read it, and was stopped: deploy it again.")


def reset() -> dict[str, list[str]]:
    """Forget what was made: stop the jobs, delete topics and table; the stack stays up.

    On a Kafka or a Flink that is not this stack's own, only what is the workshop's; or, with a
    prefix, what is the prefix's. Topics that we could not make again are emptied, and stay.

    Returns
    -------
    dict
        The names of what has gone: `jobs` and `topics`.
    """
    stopped = _stop()
    slack.stop()
    ours = {*sql.topics(), topics.BAD_READINGS, topics.LIVE}
    there = {name for name in topics.names() if not name.startswith("__")}
    all_ours = settings().prefix is not None or not settings().outside("kafka")
    gone = sorted(there if all_ours else there & ours)
    topics.discard(*gone)
    savepoints.forget()
    noted.forget()
    engine = database()
    try:
        thresholds.TABLE.drop(engine, checkfirst=True)
    finally:
        engine.dispose()
    return {"jobs": stopped, "topics": gone}


def database() -> Engine:
    """An SQLAlchemy engine for the workshop's PostgreSQL."""
    return thresholds.engine()


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
    return cluster.running(name)


def link(job: flink.Job | str) -> Any:
    """A link to a job's page in Flink's own web interface.

    In the workshop's JupyterLab it leads there by way of JupyterLab, which knows who is let in;
    elsewhere the page says how to get in.

    Parameters
    ----------
    job
        From `flink.deploy`, or its name.
    """
    from IPython.display import HTML

    one = cluster.meant(job)
    address = escape(flink.page(one), quote=True)
    style = "font-size: 1.3em"
    text = f'<a href="{address}" target="_blank" style="{style}">{escape(one.name)} in Flink</a>'
    return HTML(text)  # type: ignore[no-untyped-call]


def services() -> pd.DataFrame:
    """The services and their state: columns service and state."""
    found = [
        (service.title, "answers" if service.answers else "does not answer")
        for service in known.status()
    ]
    return pd.DataFrame(found, columns=["service", "state"])


def kill(name: str) -> None:
    """Kill one of the stack's programs without a warning, to see what becomes of the pipeline.

    It is started again by itself.

    Parameters
    ----------
    name
        'kafka', 'jobmanager', 'taskmanager', 'zookeeper', 'postgres' or 'slack'.

    Raises
    ------
    CpuwatchError
        If no such program of this stack runs; it names those that do, or whose it is.
    """
    control.kill(name)
    print(f"{name} is dead. Supervisor, which watches over all services, starts it again.")


def late(job: flink.Job | str) -> int:
    """How many readings came too late for their window, since the job began or began anew.

    Parameters
    ----------
    job
        From `flink.deploy`, or its name.
    """
    one = cluster.meant(job)
    return metrics.refreshed(lambda: metrics.late(one))


def workers(job: flink.Job | str) -> pd.DataFrame:
    """How the readings are shared out among a job's workers.

    Parameters
    ----------
    job
        From `flink.deploy`, or its name; it has read all that there is: see
        `flink.wait_until_settled`.

    Returns
    -------
    pandas.DataFrame
        A row for each worker that reads, by its first partition: partitions, and readings, the
        number of records up to the last one that it has read of them.
    """
    found = [
        {
            "partitions": ", ".join(str(number) for _, number in sorted(read)),
            "readings": sum(last + 1 for last in read.values()),
        }
        for read in sorted(metrics.offsets_by_worker(cluster.meant(job)).values(), key=min)
    ]
    return pd.DataFrame(found, columns=["partitions", "readings"]).rename_axis("worker")


def checkpoint(job: flink.Job | str) -> pd.DataFrame:
    """What a job remembers: what its newest checkpoint, or savepoint, holds of each step.

    Parameters
    ----------
    job
        One that runs, or that was stopped a moment ago; of one that runs its name will do.

    Returns
    -------
    pandas.DataFrame
        For each step of its work, in the order of the data: step, workers, bytes.

    Raises
    ------
    CpuwatchError
        If it has made none yet.
    """
    return checkpoints.held(cluster.meant(job))


def doctor() -> None:
    """Say what is wrong, why an output is empty, and the next thing to do.

    The same as `cpuwatch doctor`, in a terminal; what is well is counted, and not told one by one.
    """
    from cpuwatch import doctor as checks

    found = list(checks.examine())
    wrong = sum(not one.well for one in found)
    if wrong:
        print(f"{wrong} of {len(found)} things are not well. Begin with the first of them.")
    else:
        print(f"All is well: {len(found)} things were looked at.")
    for one in found:
        if one.well and not one.remark:
            continue
        said = [one.says, *([f"Next: {one.next}"] if one.next else [])]
        print(f"\n{'Note' if one.well else 'Wrong'}: {one.what}")
        for text in said:
            text = words.printable(text)
            print(textwrap.fill(text, LINE, initial_indent="  ", subsequent_indent="  "))


def first_record(topic: str) -> Any:
    """The oldest record of a topic's partition 0, with its key and value as bytes.

    Parameters
    ----------
    topic
        Its name.

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
    table = sql.table_of(topic)
    if table is not None:
        found = results.as_written(table)
    else:
        found = results.with_times(topics.read(topic).drop(columns=["partition", "offset"]))
    times = list(found.select_dtypes("datetimetz").columns)
    # A transition counts from when it was seen, a window from its start.
    order = ["as_of"] if "as_of" in times else times
    order += [name for name in ("hostname", "cpu") if name in found.columns]
    return found.sort_values(order, kind="stable", ignore_index=True) if order else found


def bad() -> pd.DataFrame:
    """What came and is no reading, with its place and the reason; see `results.bad`.

    Returns
    -------
    pandas.DataFrame
        source, partition, offset, line, reason, text: only those columns in which something
        stands.
    """
    found = results.bad()
    return found.loc[:, found.notna().any() | found.columns.isin(["source", "reason", "text"])]


def stop_jobs(*names: str) -> pd.DataFrame:
    """Stop jobs.

    Parameters
    ----------
    *names
        Which ones; without any, all that run: yours, the workshop's, and previews. On a
        Flink that is not this stack's own, only the workshop's and previews, unless a prefix
        says which are yours.

    Returns
    -------
    pandas.DataFrame
        The jobs that still run; see `jobs`.

    Raises
    ------
    CpuwatchError
        If one neither runs nor is the workshop's; it names those that run. Then none is stopped.
    """
    running = {one.name for one in flink.jobs(running_only=True)}
    for name in names:
        if name not in running and pipeline.job(name) is None:
            there = ", ".join(sorted(running)) or "none"
            raise CpuwatchError(f"No job {name} runs. Those that do: {there}.")
    from IPython.core.getipython import get_ipython

    stopped = _stop(*names)
    # In a notebook the empty table alone would not say what was there.
    if stopped and not names and get_ipython() is not None:
        print(textwrap.fill(f"Stopped: {', '.join(stopped)}.", LINE))
    return jobs()


def _stop(*names: str) -> list[str]:
    """Stop jobs, by default all; returns their names."""
    claims.once(settings())
    running = flink.jobs(running_only=True)
    if names:
        running = [job for job in running if job.name in names]
    elif settings().outside("flink") and settings().prefix is None:
        running = [job for job in running if not is_own(job.name)]
    cluster.cancel_all(running)
    return sorted({job.name for job in running})
