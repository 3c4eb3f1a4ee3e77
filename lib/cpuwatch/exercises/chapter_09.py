"""Chapter 9: live; a job written alone, and one that no silent partition holds up."""

from __future__ import annotations

from typing import Any

import pandas as pd

from cpuwatch import topics, waiting
from cpuwatch.errors import CpuwatchError
from cpuwatch.exercises import truth
from cpuwatch.exercises.answers import number
from cpuwatch.exercises.compare import Slip, refuse_others
from cpuwatch.exercises.exercise import Chapter, Exercise, NotYetError, Prediction, Question
from cpuwatch.exercises.made import BEHIND, PATIENCE, closed, in_time, moment, slowest, written_by
from cpuwatch.pipeline import WORKSHOP

#: In the warm-up: so many seconds of its window have passed when the trouble begins.
_BEGINS = 5

_KEY = ["window_start", "hostname"]


def _earliest(answer: Any) -> str:
    found = number(answer)
    left = WORKSHOP.window - _BEGINS
    right = left + BEHIND
    slips = {
        left: "Then the window has ended by the clock. Flink believes it only when the watermark"
        " has passed that end.",
        WORKSHOP.window: "A window is that long; some of it has passed when the trouble begins.",
        WORKSHOP.window + BEHIND: "Some of the window has passed when the trouble begins.",
        BEHIND: "So far the watermark stays behind. When has it passed the end of the window?",
    }
    if found == right:
        return f"{left} until the window ends, and {BEHIND} for the watermark."
    raise NotYetError(
        slips.get(
            int(found),
            f"It is {'later' if found < right else 'earlier'}. When does the window end, and how"
            " far behind is the watermark?",
        )
    )


def _job_of_one_s_own(_answer: Any) -> str:
    found = written_by("cpu_counts", "my_count")
    one = truth.readings()
    until = slowest(one)
    columns = [*_KEY, "window_end", "readings"]

    def counts(length: int, *by: str) -> pd.DataFrame:
        return closed(one, length, until, by)[columns]

    wanted = counts(60, "hostname")
    # The late reading of this chapter is in the topic, and the job may have dropped it.
    least = closed(in_time(one, 60), 60, until, ("hostname",))[columns]
    slips = [
        Slip(
            lambda: counts(WORKSHOP.window, "hostname"),
            "These windows are 30 seconds long: a minute is asked for.",
        ),
        Slip(
            lambda: counts(60, "hostname", "cpu"),
            "There is a row for each CPU: one for each host is asked for. What stands in GROUP BY?",
        ),
        Slip(
            lambda: wanted.assign(readings=wanted["readings"] // 5),
            "You counted moments, or the readings of one CPU: COUNT(*) counts all of them.",
        ),
        Slip(
            lambda: wanted.assign(window_end=wanted["window_end"] - pd.Timedelta("1ms")),
            "window_end holds window_time, the last millisecond of the window: its end is asked"
            " for.",
        ),
    ]
    refuse_others(found, wanted, _KEY, slips, least)
    return f"{len(wanted)} rows, and it goes on counting. That is a job of your own."


def _not_held_up(_answer: Any) -> str:
    found = written_by("my_live", "my_live")
    one = truth.readings(topics.LIVE)
    until = slowest(one)
    if not set(_KEY) < set(found.columns):
        raise NotYetError(
            f"Its rows need window_start and hostname; they have {', '.join(found.columns)}."
        )
    newest = one["occurred_at"].max() - 1000 * BEHIND
    if len(closed(one, WORKSHOP.window, newest, ("hostname",))) == len(
        closed(one, WORKSHOP.window, until, ("hostname",))
    ):
        raise NotYetError(
            "No partition has fallen silent: send readings of dopey, grumpy and sleepy alone, for"
            " two minutes, after a pause."
        )

    def further() -> list[pd.DataFrame]:
        now = written_by("my_live", "my_live")
        end = now["window_start"].max() + pd.Timedelta(seconds=WORKSHOP.window)
        return [now] if end > moment(until) else []

    try:
        (found,) = waiting.until(further, PATIENCE, "")
    except CpuwatchError:
        raise NotYetError(
            "Its last window is the last one that all partitions have passed: the silent one holds"
            " it up. 'scan.watermark.idle-timeout' in the source's table says after how long it"
            " counts no more; let that time pass before more readings come."
        ) from None
    wanted = closed(one, WORKSHOP.window, newest, ("hostname",))[[*_KEY, "readings"]]
    # The hosts that fell silent have no windows at the end, or half of one.
    talking = one.loc[one["occurred_at"] == one["occurred_at"].max(), "hostname"].unique()
    mine = found[found["hostname"].isin(talking)]
    refuse_others(mine, wanted[wanted["hostname"].isin(talking)], _KEY)
    return "Who talks is counted, whoever is silent. Who comes back too late was counted out."


_COUNTS = """flink.create_table(
    env,
    \"\"\"
CREATE TABLE {table} (
    window_start TIMESTAMP_LTZ(3),
    window_end TIMESTAMP_LTZ(3),
    hostname STRING,
    readings BIGINT
) WITH (
    'connector' = 'kafka',
    'topic' = '{table}',
    'properties.bootstrap.servers' = '${{kafka}}',
    'format' = 'json',
    'json.timestamp-format.standard' = 'ISO-8601'
)
\"\"\",
)
job = flink.deploy(
    env,
    "{job}",
    \"\"\"
INSERT INTO {table}
SELECT window_start, window_end, hostname, COUNT(*) AS readings
FROM TABLE(
    TUMBLE(TABLE {source}, DESCRIPTOR(time_ltz), INTERVAL '{length}' SECOND)
)
WHERE time_ltz IS NOT NULL
GROUP BY window_start, window_end, hostname
\"\"\",
)
"""

_SOME = """workshop.fresh_topic("cpu_load_stats_live")
some = workshop.fleet(seed=7, ticks=180)
talks = some["hostname"].isin(["dopey", "grumpy", "sleepy"])
first = some["occurred_at"] < some["occurred_at"].min() + 60_000
topics.produce(some[first], "cpu_load_stats_live")
"""

_REST = """topics.produce(some[~first & talks], "cpu_load_stats_live")
workshop.check("09-stretch")"""

CHAPTER = Chapter(
    exercises=(
        Exercise(
            "09-warm-up",
            task="A host is in trouble from 10:00:05 on, so badly that the rest of that window is"
            " enough for its average. How many seconds later, at the earliest, can Flink write that"
            " average? The notifier, and checkpoints, shall take no time.",
            starter='answer = None\nworkshop.check("09-warm-up", answer)',
            hints=(
                "The window is 10:00:00 to 10:00:30.",
                "It closes when the watermark passes its end.",
                "The watermark passes 10:00:30 with a reading that is ten seconds later.",
            ),
            solution='answer = 25 + 10\nworkshop.check("09-warm-up", answer)',
            judge=_earliest,
        ),
        Exercise(
            "09-core",
            task="A job of your own, from the table to the topic: deploy `my_count`, which counts"
            " the readings in `cpu_in`, for each host and window of **one minute**, and writes"
            " window_start, window_end, hostname and readings to the topic `cpu_counts`.",
            starter='# Here you connect, create the tables, and deploy "my_count".\n'
            'workshop.check("09-core")',
            hints=(
                'Three steps: flink.import_tables(env, "cpu_in") for the source,'
                " flink.create_table for the sink, flink.deploy for the job.",
                "The sink is like cpu_out_agg, with four columns and the topic cpu_counts; the"
                " query is that of chapter 3 with COUNT(*), without cpu.",
                "flink.deploy(env, 'my_count', 'INSERT INTO … SELECT window_start, window_end,"
                " hostname, COUNT(*) AS readings FROM TABLE(TUMBLE(…)) …'), and then"
                " flink.wait_until_settled(job).",
            ),
            solution='env = flink.connect()\nflink.import_tables(env, "cpu_in")\n'
            + _COUNTS.format(table="cpu_counts", job="my_count", source="cpu_in", length=60)
            + 'flink.wait_until_settled(job)\nworkshop.check("09-core")',
            judge=_job_of_one_s_own,
        ),
        Exercise(
            "09-stretch",
            task="A job that no silent partition holds up: deploy `my_live`, which counts the"
            " readings of each host in windows of 30 seconds, from the topic `cpu_load_stats_live`"
            " to a topic `my_live`: window_start, hostname and readings. The cell sends a minute of"
            " all hosts; your job starts; then it sends two minutes of three hosts alone.",
            starter="import time\n\n"
            + _SOME
            + "# Here you create the tables, and deploy my_live.\n"
            + _REST,
            hints=(
                "The source is cpu_in with another topic and one more option: CREATE TABLE … WITH"
                " (…) LIKE cpu_in (OVERWRITING OPTIONS).",
                "'scan.watermark.idle-timeout' = '2 s' in its options.",
                "After flink.deploy let more than those two seconds pass: time.sleep(6). Until then"
                " the partition does not count as silent.",
            ),
            solution="import time\n\n"
            + _SOME
            + 'env = flink.connect()\nflink.import_tables(env, "cpu_in")\n'
            + "flink.create_table(\n"
            "    env,\n"
            '    """\n'
            "CREATE TABLE cpu_in_live WITH (\n"
            "    'topic' = 'cpu_load_stats_live',\n"
            "    'scan.watermark.idle-timeout' = '2 s'\n"
            ") LIKE cpu_in (OVERWRITING OPTIONS)\n"
            '""",\n'
            ")\n"
            + _COUNTS.format(table="my_live", job="my_live", source="cpu_in_live", length=30)
            + "time.sleep(6)\n"
            + _REST,
            judge=_not_held_up,
        ),
    ),
    predictions=(
        Prediction(
            "09-silent",
            asks="For two minutes the hosts of one partition report, and those of the other are"
            " silent. How many new averages will there be?",
            explains="The watermark of a job is the minimum over all partitions, and the silent one"
            " stands still.",
        ),
        Prediction(
            "09-seconds",
            asks="`sleepy` gets into trouble now. After how many seconds will Slack say so?",
            explains="The rest of the window, ten seconds for the watermark, one or two for a"
            " checkpoint, and what little the notifier takes.",
        ),
    ),
    questions=(
        Question(
            "A TaskManager dies. From where does a job go on?",
            right=(
                "from the offsets of its last checkpoint",
                "With the windows as they were then: what came after is read again.",
            ),
            wrong=(
                ("from the beginning of the topic", "That would be a job that was begun anew."),
                ("from the newest record", "Then all between would be lost."),
                ("from where it was when it died", "Nobody has noted that: only checkpoints are."),
            ),
            at=1,
        ),
        Question(
            "It reads some records twice. Why are there no double averages in the topic?",
            right=(
                "a sink's transaction is committed with the checkpoint",
                "What was written after the last one is not committed, and nobody reads it.",
            ),
            wrong=(
                ("Kafka drops equal records", "It keeps whatever it gets."),
                ("windows are written only at the end of the job", "Each is, when it closes."),
                ("the notifier removes them", "It never sees them."),
            ),
            at=3,
        ),
        Question(
            "A reading comes a minute too late. Where is it?",
            right=(
                "in the topic, and in the filter's output, and in no average",
                "The window is closed. The filter has none, and takes it.",
            ),
            wrong=(
                ("in the next window", "A window takes what happened in its time."),
                ("in cpu_bad_readings", "It is a reading like any other, only late."),
                ("nowhere", "The topic keeps it, and who reads it anew may count it."),
            ),
            at=0,
        ),
        Question(
            "What is the price of a short idle timeout?",
            right=(
                "who was silent for a moment and comes back is late",
                "Its windows were closed without it.",
            ),
            wrong=(
                ("windows become shorter", "Their length stays."),
                ("the job needs more memory", "Windows close sooner: it needs less."),
                ("alerts come later", "They come sooner."),
            ),
            at=2,
        ),
    ),
)
