"""Chapter 2: source table, query, sink table, job."""

from __future__ import annotations

from typing import Any

import pandas as pd

from cpuwatch import flink, topics
from cpuwatch.exercises import held, truth
from cpuwatch.exercises.answers import rows
from cpuwatch.exercises.compare import Slip, difference, refuse_others
from cpuwatch.exercises.exercise import Chapter, Exercise, NotYetError, Prediction, Question
from cpuwatch.readings.reading import PIPELINE_TIMES

#: The attendee's own job, and its topic.
MINE = "my_filter"

_KEY = ["hostname", "cpu", "time_ltz"]
_ALL = [*_KEY, "usage"]


def _one_cpu(answer: Any) -> str:
    one = truth.readings()
    doc = one[one["hostname"] == "doc"]
    wanted = doc.loc[doc["cpu"] == "cpu1", ["time_ltz", "usage"]]
    slips = [
        Slip(
            lambda: doc[["time_ltz", "usage"]],
            "These are all CPUs of doc: a second condition, joined by AND, takes one of them.",
        ),
        Slip(
            lambda: one.loc[one["cpu"] == "cpu1", ["time_ltz", "usage"]],
            "These are the first CPUs of all hosts: a second condition takes one host.",
        ),
    ]
    # What is no reading has no time. Records of that kind come in chapter 7 only.
    found = rows(answer)
    if _has_moments(found):
        good = found["occurred_at"].between(*PIPELINE_TIMES)
        good &= found["usage"].between(0, 100) if "usage" in found else True
        found = _timed(found[good])
    times = found.select_dtypes(["datetime", "datetimetz"]).columns
    refuse_others(found.dropna(subset=times), wanted, ["time_ltz"], slips)
    return f"{len(wanted):,} readings, one a second."


def _timed(found: pd.DataFrame) -> pd.DataFrame:
    """The rows of an answer, with the moment of a reading, occurred_at, as its time if need be."""
    return found.rename(columns={"occurred_at": "time_ltz"}) if _has_moments(found) else found


def _has_moments(found: pd.DataFrame) -> bool:
    return "occurred_at" in found and "time_ltz" not in found


def _at_least_90(answer: Any) -> str:
    one = truth.readings()
    wanted = one.loc[one["usage"] >= 90, _ALL]
    equal = int((one["usage"] == 90).sum())
    slips = [
        Slip(
            lambda: one.loc[one["usage"] > 90, _ALL],
            f"Missing {'is 1 row' if equal == 1 else f'are {equal} rows'} with a usage of exactly"
            " 90, and 'at least 90' includes it: > or >=?",
        ),
        Slip(
            lambda: one.loc[one["usage"] < 90, _ALL],
            "These are the readings under 90%: the other side is asked for.",
        ),
        Slip(
            lambda: one.loc[one["usage"] > 80, _ALL],
            "These are the readings over 80%, as above: this time it is at least 90%.",
        ),
    ]
    refuse_others(_timed(rows(answer)), wanted, _KEY, slips)
    return f"{len(wanted):,} readings, those with exactly 90% among them."


def _own_job(_answer: Any) -> str:
    running = [job for job in flink.jobs(running_only=True) if job.name == MINE]
    if not running:
        last = [job for job in flink.jobs() if job.name == MINE]
        if last:
            raise NotYetError(
                f"The job {MINE} does not run any more: it is {last[-1].state.title()}. Deploy it"
                " again, and let it run."
            )
        raise NotYetError(
            f'No job {MINE} runs: deploy one with flink.deploy(env, "{MINE}", …), with the'
            " INSERT INTO and your SELECT."
        )
    if MINE not in topics.names():
        raise NotYetError(
            f"The job {MINE} runs, and there is no topic {MINE}: which topic does its sink name?"
        )
    one = truth.readings()
    wanted = one.loc[(one["hostname"] == "sneezy") & (one["usage"] > 52), _ALL]
    found = held.records(MINE)
    if found.empty:
        raise NotYetError(
            f"The job runs, and its topic {MINE} is empty. If it was deployed just now, wait with"
            " flink.wait_until_settled(job), and check again; if not, which condition lets nothing"
            " through?"
        )
    slips = [
        Slip(
            lambda: one.loc[(one["hostname"] == "sneezy") & (one["usage"] >= 52), _ALL],
            f"{MINE} holds readings of exactly 52%, too, and 'over 52%' leaves them out: > or >=?",
        ),
        Slip(
            lambda: one.loc[one["usage"] > 52, _ALL],
            f"{MINE} holds readings of all hosts: a second condition takes those of sneezy.",
        ),
        Slip(
            lambda: one.loc[one["hostname"] == "sneezy", _ALL],
            f"{MINE} holds all readings of sneezy: a second condition takes those over 52%.",
        ),
    ]
    again = difference(found.drop_duplicates(_present(found)), wanted, _KEY) is None
    if again and len(found) > len(wanted):
        raise NotYetError(
            f"{MINE} holds each row more than once: two jobs wrote to it. flink.deploy stops the"
            " first and empties its topic; env.execute_sql does not."
        )
    refuse_others(found, wanted, _KEY, slips)
    return f"The job runs, and its topic holds {len(wanted):,} readings."


def _present(found: Any) -> list[str]:
    return [name for name in found.columns if name not in ("partition", "offset")]


def _chapter_query(where: str) -> str:
    return f'answer = """\nSELECT time_ltz, hostname, cpu, usage\nFROM cpu_in\n{where}\n"""\n'


CHAPTER = Chapter(
    exercises=(
        Exercise(
            "02-warm-up",
            task="Write a query for all readings of `cpu1` of `doc`: their time and their usage.",
            starter='answer = """\n"""\nworkshop.check("02-warm-up", answer)',
            hints=(
                "SELECT names columns, FROM names the table, WHERE names a condition.",
                "A text stands in single quotes: hostname = 'doc'.",
                "Two conditions are joined by AND: WHERE hostname = 'doc' AND cpu = 'cpu1'.",
            ),
            solution='answer = """\n'
            "SELECT time_ltz, usage\n"
            "FROM cpu_in\n"
            "WHERE hostname = 'doc' AND cpu = 'cpu1'\n"
            '"""\n'
            'workshop.check("02-warm-up", answer)',
            judge=_one_cpu,
        ),
        Exercise(
            "02-core",
            task="Write a query for the readings of **at least** 90%: time, hostname, cpu and"
            " usage. What is no reading stays out.",
            starter='answer = """\n"""\nworkshop.check("02-core", answer)',
            hints=(
                "It is the query over_80 with another limit. Is the limit itself in or out?",
                "Over is >, at least is >=.",
                "WHERE usage >= 90 AND time_ltz IS NOT NULL",
            ),
            solution=_chapter_query("WHERE usage >= 90 AND time_ltz IS NOT NULL")
            + 'workshop.check("02-core", answer)',
            judge=_at_least_90,
        ),
        Exercise(
            "02-stretch",
            task="Deploy a job of your own, `my_filter`: it writes the readings of `sneezy` over"
            " 52% to a topic `my_filter`. It needs a sink table of its own, with time_ltz,"
            " hostname, cpu and usage.",
            starter='# Here you create the sink and deploy the job.\nworkshop.check("02-stretch")',
            hints=(
                "Take the statement of cpu_out_filter: what has to be another name?",
                "The table's name, its topic, and its sink.transactional-id-prefix: two jobs may"
                " not share one.",
                'flink.deploy(env, "my_filter", "INSERT INTO my_out SELECT … FROM cpu_in WHERE'
                " hostname = 'sneezy' AND usage > 52 …\"), then flink.wait_until_settled(job).",
            ),
            solution='flink.create_table(\n    env,\n    """\n'
            "CREATE TABLE my_out (\n"
            "    time_ltz TIMESTAMP_LTZ(3),\n"
            "    hostname STRING,\n"
            "    cpu STRING,\n"
            "    usage DOUBLE\n"
            ") WITH (\n"
            "    'connector' = 'kafka',\n"
            "    'topic' = 'my_filter',\n"
            "    'properties.bootstrap.servers' = '${kafka}',\n"
            "    'properties.transaction.timeout.ms' = '900000',\n"
            "    'sink.delivery-guarantee' = 'exactly-once',\n"
            "    'sink.transactional-id-prefix' = 'my_filter',\n"
            "    'key.format' = 'json',\n"
            "    'key.fields' = 'hostname',\n"
            "    'value.format' = 'json',\n"
            "    'value.json.timestamp-format.standard' = 'ISO-8601'\n"
            ')\n""",\n)\n'
            'mine = """\n'
            "INSERT INTO my_out\n"
            "SELECT time_ltz, hostname, cpu, usage\n"
            "FROM cpu_in\n"
            "WHERE hostname = 'sneezy' AND usage > 52 AND time_ltz IS NOT NULL\n"
            '"""\n'
            'flink.wait_until_settled(flink.deploy(env, "my_filter", mine))\n'
            'workshop.check("02-stretch")',
            judge=_own_job,
        ),
    ),
    predictions=(
        Prediction(
            "02-over",
            asks="Of the 21,000 readings, how many do you think are over 80%?",
            explains="Two of three come from the trouble of sneezy; the others from hosts that are"
            " busy by nature, and from a short spike.",
        ),
        Prediction(
            "02-found",
            asks="Four incidents deserve an alert. How many of them will the limit of 80% find?",
            explains="The others are far above what is normal for their host, and never over 80%.",
        ),
    ),
    questions=(
        Question(
            "What does CREATE TABLE do in Flink?",
            right=(
                "it notes where the data is and how to read it",
                "A table is a description. Nothing is copied, and no job is started.",
            ),
            wrong=(
                ("it copies the topic", "Nothing is copied: a query reads the topic itself."),
                ("it makes a topic", "The topic has to be there. For a sink the helper makes it."),
                ("it starts a job", "A job is started by INSERT INTO, or by a preview."),
            ),
            at=1,
        ),
        Question(
            "When does the job cpu_filter end?",
            right=(
                "never, until somebody stops it",
                "A topic has no end, so the job waits for more.",
            ),
            wrong=(
                ("when it has read the topic", "More readings may come, so it waits."),
                ("when the notebook is closed", "It runs on the cluster, not in the notebook."),
                ("after its first checkpoint", "Checkpoints are made all the time."),
            ),
            at=0,
        ),
        Question(
            "A preview and a deployed job run the same query. What differs?",
            right=(
                "a preview ends where the topic ends now",
                "So it shows what the query makes of what is there.",
            ),
            wrong=(
                ("a preview reads a copy", "It reads the topic itself."),
                ("a preview writes to another topic", "It writes nowhere: it only shows."),
                ("a job reads only new readings", "Ours begin at the earliest offset."),
            ),
            at=3,
        ),
        Question(
            "Why does a fixed limit miss the trouble on doc?",
            right=(
                "doc is in trouble at a usage that is normal elsewhere",
                "46% is nothing for dopey, and a lot for doc.",
            ),
            wrong=(
                ("its readings are lost", "All 21,000 are there."),
                ("the trouble is too short", "It lasts for minutes."),
                ("the job was too late", "It reads from the earliest offset."),
            ),
            at=2,
        ),
    ),
)
