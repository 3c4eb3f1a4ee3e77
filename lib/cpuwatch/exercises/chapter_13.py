"""Chapter 13: more than one worker, and a fleet in which one host sends nearly all."""

from __future__ import annotations

from typing import Any

import pandas as pd

from cpuwatch import flink, topics
from cpuwatch.exercises import truth
from cpuwatch.exercises.answers import number
from cpuwatch.exercises.compare import Slip, refuse_others
from cpuwatch.exercises.exercise import Chapter, Exercise, NotYetError, Prediction, Question
from cpuwatch.exercises.made import closed, in_time, slowest, written_by
from cpuwatch.flink import rest
from cpuwatch.readings import fleet

#: The warm-up: so many hosts with so many CPUs report every so many seconds.
_HOSTS, _CPUS, _EVERY = 100_000, 5, 10

#: What one worker takes, in readings a second.
_TAKES = 8_000

#: The core one: the fullest partition may hold so much.
_MOST = 8_000

#: The topics of the core and the stretch exercise.
_EVEN, _TWO = "cpu_even", "my_two"

_WIDE = "cpu_load_stats_wide"


def _workers(answer: Any) -> str:
    found = number(answer)
    sent = _HOSTS * _CPUS / _EVERY
    right = -(-sent // _TAKES)
    slips = {
        sent / _TAKES: "Nobody has a quarter of a worker: one more is needed for what is left.",
        _HOSTS / _EVERY / _TAKES: f"Each host has {_CPUS} CPUs, and each of these reports.",
        -(-_HOSTS // _EVERY // _TAKES): f"Each host has {_CPUS} CPUs, and each of these reports.",
        _HOSTS
        * _CPUS
        / _TAKES: f"That is as if they reported each second: they do every {_EVERY}.",
        -(-_HOSTS * _CPUS // _TAKES): "That is as if they reported each second: they do every"
        f" {_EVERY}.",
        sent: "So many readings come in a second. How many workers take them?",
    }
    if found == right:
        return f"{sent:,.0f} readings a second. Partitions there have to be as many, or more."
    for slip, says in slips.items():
        if abs(found - slip) < 1e-6:
            raise NotYetError(says)
    raise NotYetError(
        f"It is {'more' if found < right else 'fewer'}. How many readings come in a second, and how"
        " many does a worker take?"
    )


def skewed() -> pd.DataFrame:
    """The fleet's readings, of which `doc` sends nine in ten, as the chapter makes them."""
    found = fleet()
    busy = found.index % 10 > 0
    return found.assign(
        hostname=found["hostname"].mask(busy, "doc"),
        cpu=found["hostname"].where(busy, "") + found["cpu"],
    )


def _evenly(_answer: Any) -> str:
    parts = topics.partitions_of(_EVEN)
    if not parts:
        raise NotYetError(f"There is no topic {_EVEN}: run all of the cell, from fresh_topic on.")
    if len(parts) != 4:
        raise NotYetError(f"It has {len(parts)} partitions: four are asked for.")
    columns = ["hostname", "cpu", "usage", "occurred_at"]
    found, wanted = truth.readings(_EVEN), skewed()
    if not len(found):
        raise NotYetError(f"The topic {_EVEN} is empty: send skewed to it.")
    refuse_others(
        found[columns], wanted[columns], ["occurred_at", "hostname", "cpu"],
        [Slip(fleet, "These are the fleet's own readings: send skewed.")],
    )  # fmt: skip
    spread = found.groupby(["hostname", "cpu"])["partition"].nunique()
    if (spread > 1).any():
        hostname, cpu = next(iter(spread[spread > 1].index))
        raise NotYetError(
            f"The readings of {hostname} {cpu} lie in {spread.max()} partitions, so that their"
            " order is lost: all that belong together need the same key."
        )
    counts = found["partition"].value_counts()
    if counts.max() > _MOST:
        raise NotYetError(
            f"Partition {counts.idxmax()} holds {counts.max():,} of {len(found):,}: whose readings"
            " are these, and by what could they be told apart?"
        )
    held = ", ".join(f"{count:,}" for count in sorted(counts, reverse=True))
    return f"{held}: each CPU's readings are in one partition, in their order."


def _two_workers(_answer: Any) -> str:
    found = written_by(_TWO, _TWO)
    one = truth.readings(_WIDE)
    (job,) = (job for job in flink.jobs(running_only=True) if job.name == _TWO)
    steps = [vertex["parallelism"] for vertex in rest.ask(f"/jobs/{job.id}")["vertices"]]
    if max(steps) != 2:
        raise NotYetError(
            f"It has {max(steps)} worker{'' if max(steps) == 1 else 's'}: two are asked for, by"
            " parallelism.default, before flink.deploy."
        )
    until = slowest(one)
    key = ["window_start", "hostname"]
    columns = [*key, "window_end", "readings"]

    def counts(length: int, *by: str) -> pd.DataFrame:
        return closed(one, length, until, by)[columns]

    slips = [
        Slip(
            lambda: counts(30, "hostname"),
            "These windows are 30 seconds long: a minute is asked for.",
        ),
        Slip(
            lambda: counts(60, "hostname", "cpu"),
            "There is a row for each CPU: one for each host is asked for. What stands in GROUP BY?",
        ),
    ]
    least = closed(in_time(one, 60), 60, until, ("hostname",))[columns]
    refuse_others(found, counts(60, "hostname"), key, slips, least)
    return "Two workers, and the same numbers as one would have found."


CHAPTER = Chapter(
    exercises=(
        Exercise(
            "13-warm-up",
            task="100,000 hosts with five CPUs each report every ten seconds. A worker takes 8,000"
            " readings a second. How many workers does the job need?",
            starter='answer = None\nworkshop.check("13-warm-up", answer)',
            hints=(
                "So many readings come every ten seconds: 100,000 times 5.",
                "50,000 come in a second.",
                "50,000 / 8,000 is a little more than six.",
            ),
            solution="import math\n\n"
            "answer = math.ceil(100_000 * 5 / 10 / 8_000)\n"
            'workshop.check("13-warm-up", answer)',
            judge=_workers,
        ),
        Exercise(
            "13-core",
            task="Send all of `skewed` to a topic `cpu_even` with four partitions, so that none of"
            " them holds more than 8,000 readings, and all readings of a CPU lie in one. The cell"
            " sends them by host, which is not enough.",
            starter='workshop.fresh_topic("cpu_even", partitions=4)\n'
            'topics.produce(skewed, "cpu_even")\n'
            'workshop.check("13-core")',
            hints=(
                "The key decides in which partition a reading lands, and topics.produce takes the"
                " host.",
                "topics.Sender sends with any key: chapter 9 sent a reading with it.",
                'for one in skewed.to_dict("records"): sender.send(one, {"hostname": …, "cpu": …}),'
                " and then sender.flush().",
            ),
            solution='workshop.fresh_topic("cpu_even", partitions=4)\n'
            'sender = topics.Sender("cpu_even")\n'
            'for one in skewed.to_dict("records"):\n'
            '    sender.send(one, {"hostname": one["hostname"], "cpu": one["cpu"]})\n'
            "sender.flush()\n"
            'workshop.check("13-core")',
            judge=_evenly,
        ),
        Exercise(
            "13-stretch",
            task="A job with two workers: deploy `my_two`, which counts the readings of each"
            " host in windows of a minute, from `cpu_wide` to a topic `my_two` with the columns"
            " window_start, window_end, hostname and readings.",
            starter='# Here you say how many workers, and deploy "my_two".\n'
            'workshop.check("13-stretch")',
            hints=(
                "It is the job of 09-core from another table.",
                'env.get_config().set("parallelism.default", "2") holds for all that is deployed'
                " after it.",
                "CREATE TABLE my_two (…) WITH ('topic' = 'my_two', …); INSERT INTO my_two SELECT"
                " window_start, window_end, hostname, COUNT(*) AS readings FROM TABLE(TUMBLE(TABLE"
                " cpu_wide, …)) …; then flink.wait_until_settled(job).",
            ),
            solution='env.get_config().set("parallelism.default", "2")\n'
            "flink.create_table(\n"
            "    env,\n"
            '    """\n'
            "CREATE TABLE my_two (\n"
            "    window_start TIMESTAMP_LTZ(3),\n"
            "    window_end TIMESTAMP_LTZ(3),\n"
            "    hostname STRING,\n"
            "    readings BIGINT\n"
            ") WITH (\n"
            "    'connector' = 'kafka',\n"
            "    'topic' = 'my_two',\n"
            "    'properties.bootstrap.servers' = '${kafka}',\n"
            "    'format' = 'json',\n"
            "    'json.timestamp-format.standard' = 'ISO-8601'\n"
            ")\n"
            '""",\n'
            ")\n"
            "job = flink.deploy(\n"
            "    env,\n"
            '    "my_two",\n'
            '    """\n'
            "INSERT INTO my_two\n"
            "SELECT window_start, window_end, hostname, COUNT(*) AS readings\n"
            "FROM TABLE(\n"
            "    TUMBLE(TABLE cpu_wide, DESCRIPTOR(time_ltz), INTERVAL '60' SECOND)\n"
            ")\n"
            "WHERE time_ltz IS NOT NULL\n"
            "GROUP BY window_start, window_end, hostname\n"
            '""",\n'
            ")\n"
            "flink.wait_until_settled(job)\n"
            'workshop.check("13-stretch")',
            judge=_two_workers,
        ),
    ),
    predictions=(
        Prediction(
            "13-eight",
            asks="Seven hosts send to a topic of eight partitions, each by its name as the key. In"
            " how many of the partitions is anything?",
            explains="Two hosts may share one, as chance has it, and an empty one holds the"
            " watermark back for ever.",
        ),
        Prediction(
            "13-busiest",
            asks="Nine of ten readings are `doc`'s now. The topic has four partitions, the job four"
            " workers. How many of the 21,000 readings does the busiest worker take?",
            explains="All of `doc`'s lie in one partition, and whoever else is in it comes on top:"
            " three workers wait for the fourth.",
        ),
    ),
    questions=(
        Question(
            "A topic has two partitions. What do eight workers of one job read?",
            right=(
                "two of them a partition each, six nothing",
                "A partition is read by one worker, so that its order stays.",
            ),
            wrong=(
                ("a quarter of a partition each", "A partition cannot be shared out."),
                ("both partitions, all of them", "Then each reading would count eight times."),
                ("one after the other, in turns", "Who has which is settled when the job starts."),
            ),
            at=2,
        ),
        Question(
            "Why are the averages of four workers those of one, to the last digit?",
            right=(
                "all readings of a CPU come to one worker, in their order",
                "They lie in one partition, by their key, and are added up as they come.",
            ),
            wrong=(
                ("Flink rounds them", "It does not. Another order may give another last digit."),
                ("addition does not depend on the order", "That of numbers with a point does."),
                ("the four compare notes", "No worker knows of another's window."),
            ),
            at=0,
        ),
        Question(
            "One host sends nine of ten readings. What helps?",
            right=(
                "a key with more in it, such as host and CPU",
                "Then its readings are shared out, and each CPU's stay together.",
            ),
            wrong=(
                ("more workers", "The one that has it would still have it alone."),
                ("more partitions", "All of its readings would still be in one of them."),
                (
                    "no key at all",
                    "Then the order of each CPU is lost, and with it the last digit.",
                ),
            ),
            at=3,
        ),
        Question(
            "A TaskManager on another machine dies. What do the others need of it to go on?",
            right=(
                "its checkpoints, from a place that all machines reach",
                "A folder on the disk of the dead one would be of no use.",
            ),
            wrong=(
                ("its log", "Nobody reads state from a log."),
                ("nothing: they had shared its work", "They knew nothing of its windows."),
                ("its partitions in Kafka", "These lie on the broker, which is alive."),
            ),
            at=1,
        ),
    ),
)
