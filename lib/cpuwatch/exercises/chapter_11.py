"""Chapter 11: readings that come late, clocks that are wrong; how long to wait, and what then."""

from __future__ import annotations

from typing import Any

import pandas as pd

from cpuwatch import topics
from cpuwatch.exercises import held, truth
from cpuwatch.exercises.answers import number
from cpuwatch.exercises.compare import Slip, refuse_others
from cpuwatch.exercises.exercise import Chapter, Exercise, NotYetError, Prediction, Question
from cpuwatch.exercises.made import BEHIND, written_by
from cpuwatch.pipeline import WORKSHOP
from cpuwatch.readings import ARRIVED

#: In the warm-up, in seconds after 09:04:00: the latest reading of each partition; and how far
#: the watermark stays behind.
_LATEST, _BEHIND = (80, 40), 15

#: In the core exercise: at most this share may be late.
_MOST = 0.01

_KEY = ["window_start", "hostname"]


def _stands(answer: Any) -> str:
    found = number(answer)
    first, second = _LATEST
    right = second - _BEHIND
    slips = {
        first - _BEHIND: "That is the watermark of partition 0. The job has the least of both.",
        second: "That is the latest reading of partition 1. The watermark stays 15 seconds behind.",
        first: "That is the latest reading of all. Which partition decides, and how far behind is"
        " the watermark?",
        (first + second) // 2 - _BEHIND: "That is the mean of both. The job has the least of them.",
    }
    if found == right:
        return f"Partition 1 decides: {second} less {_BEHIND}. It is 09:04:25."
    raise NotYetError(
        slips.get(
            int(found),
            f"It is {'later' if found < right else 'earlier'}. What is the watermark of each"
            " partition, and which of them is the job's?",
        )
    )


def _of_topic(topic: str) -> pd.DataFrame:
    """The readings that the chapter has sent, in the order in which they came."""
    if not topics.partitions_of(topic):
        raise NotYetError(f"There is no topic {topic} yet: the chapter's cells send it.")
    found = held.records(topic).sort_values(["partition", "offset"], ignore_index=True)
    if len(found) == 0 or ARRIVED not in found.columns:
        raise NotYetError(f"The topic {topic} does not hold what the chapter sends: run its cells.")
    return found


def _is_late(happened: pd.Series[Any], lateness: float) -> pd.Series[Any]:
    """Which readings come when their window is closed: by their times, in order of arrival."""
    mark = happened.cummax().shift() - 1000 * lateness
    # The last millisecond of a window is the one before its end.
    return mark + 1 >= _end(happened)


def _end(happened: pd.Series[Any]) -> pd.Series[Any]:
    length = 1000 * WORKSHOP.window
    return pd.Series((happened // length + 1) * length)


def _smallest(answer: Any) -> str:
    found = number(answer)
    came = _of_topic("cpu_arrivals")
    happened = came["occurred_at"]

    def share(lateness: float) -> float:
        return float(_is_late(happened, lateness).mean())

    if found < 0 or found != int(found):
        raise NotYetError(f"{found:g} is no number of whole seconds from 0 on.")
    if share(found) > _MOST:
        many = int(_is_late(happened, found).sum())
        raise NotYetError(
            f"With {found:g} s {many:,} of {len(came):,} readings are late, {share(found):.2%}:"
            " more than 1%."
        )
    if found > 0 and share(found - 1) <= _MOST:
        quantile = ((came[ARRIVED] - happened) / 1000).quantile(1 - _MOST)
        if abs(found - quantile) <= 1:
            raise NotYetError(
                "So long 99% of the readings are on their way, at most. But one that is on its way"
                " for longer is late only if its window is closed when it comes: less is enough."
            )
        raise NotYetError(f"{found:g} s is enough, and so is a second less.")
    return (
        f"{found:g} s: {share(found):.2%} are late, and with a second less {share(found - 1):.2%}."
        if found
        else "Nothing has to be waited for."
    )


def _counts(came: pd.DataFrame, happened: pd.Series[Any]) -> pd.DataFrame:
    """The readings in each closed window and host, without those that came too late."""
    length = 1000 * WORKSHOP.window
    closed = _end(happened) <= happened.max() - 1000 * BEHIND + 1
    taken = closed & ~_is_late(happened, BEHIND)
    start = truth.moments(happened // length * length)
    kept = pd.DataFrame({"window_start": start, "hostname": came["hostname"]})[taken]
    counts = kept.groupby(_KEY, as_index=False).size()
    return pd.DataFrame(counts.rename(columns={"size": "readings"}))


def _by_a_clock_of_ours(_answer: Any) -> str:
    found = written_by("my_clock", "my_clock", others=False)
    came = _of_topic("cpu_ahead")
    said, arrived = came["occurred_at"], came[ARRIVED]
    believed = came[said <= arrived + 5000].reset_index(drop=True)
    slips = [
        Slip(
            lambda: _counts(came, said),
            "The clock that is ahead is still believed: it closes everybody's windows. Which time"
            " does the window go by?",
        ),
        Slip(
            lambda: _counts(believed, believed["occurred_at"]),
            "Readings of the clock that is ahead are in no window: they shall count, by when they"
            " arrived.",
        ),
        Slip(
            lambda: _counts(came, arrived),
            "Here all readings count by when they arrived, so that none is late, and many are in a"
            " wrong window. Only those that say that they happened after that shall.",
        ),
    ]
    wanted = _counts(came, pd.concat([said, arrived], axis=1).min(axis=1))
    refuse_others(found, wanted, _KEY, slips)
    return f"{len(wanted)} rows: nobody loses a reading to a wrong clock, not even who has it."


_SINK = """flink.create_table(
    env,
    \"\"\"
CREATE TABLE my_counts (
    window_start TIMESTAMP_LTZ(3),
    hostname STRING,
    readings BIGINT
) WITH (
    'connector' = 'kafka',
    'topic' = 'my_clock',
    'properties.bootstrap.servers' = '${kafka}',
    'format' = 'json',
    'json.timestamp-format.standard' = 'ISO-8601'
)
\"\"\",
)
"""

_JOB = """job = flink.deploy(
    env,
    "my_clock",
    \"\"\"
INSERT INTO my_counts
SELECT window_start, hostname, COUNT(*) AS readings
FROM TABLE(
    TUMBLE(TABLE my_times, DESCRIPTOR(time_ltz), INTERVAL '30' SECOND)
)
WHERE time_ltz IS NOT NULL
GROUP BY window_start, window_end, hostname
\"\"\",
)
flink.wait_until_settled(job)
workshop.check("11-stretch")"""

CHAPTER = Chapter(
    exercises=(
        Exercise(
            "11-warm-up",
            task="A watermark stays 15 seconds behind. In partition 0 the latest reading happened"
            " at 09:05:20, in partition 1 at 09:04:40. At how many seconds after 09:04:00 does the"
            " job's watermark stand?",
            starter='answer = None\nworkshop.check("11-warm-up", answer)',
            hints=(
                "Each partition has a watermark of its own.",
                "That of partition 0 is at 09:05:05.",
                "The job has the least of them: that of partition 1, 15 seconds before 09:04:40.",
            ),
            solution='answer = 40 - 15\nworkshop.check("11-warm-up", answer)',
            judge=_stands,
        ),
        Exercise(
            "11-core",
            task="Choose: what is the smallest lateness, in whole seconds, with which at most 1% of"
            " the readings in `cpu_arrivals` come too late for their window of 30 seconds?",
            starter='answer = None\nworkshop.check("11-core", answer)',
            hints=(
                "The function late of this chapter gives the readings that are late, for any"
                " lateness.",
                "Count them for each number of seconds from 0 on, and stop at the first at which"
                " they are 1% or less.",
                "next(n for n in range(120) if len(late(came, n)) <= len(came) / 100), where came"
                ' is topics.read("cpu_arrivals")',
            ),
            solution='came = topics.read("cpu_arrivals")\n'
            'happened = came["occurred_at"]\n'
            "ends = (happened // 30_000 + 1) * 30_000\n"
            "answer = 0\n"
            "while True:\n"
            "    watermark = happened.cummax().shift() - 1000 * answer\n"
            "    if (watermark >= ends).mean() <= 0.01:\n"
            "        break\n"
            "    answer += 1\n"
            'workshop.check("11-core", answer)',
            judge=_smallest,
        ),
        Exercise(
            "11-stretch",
            task="Nobody shall lose a reading to a wrong clock, not even who has it. Deploy"
            " `my_clock`, which counts the readings of each host in windows of 30 seconds:"
            " window_start, hostname and readings, from the topic `cpu_ahead` to a topic"
            " `my_clock`. A reading that says that it happened after it arrived counts by when it"
            " arrived. The watermark stays 10 seconds behind, as in `cpu_in`.",
            starter='# Here you create the tables, and deploy "my_clock".\n'
            'workshop.check("11-stretch")',
            hints=(
                "The source is cpu_ahead with another time_ltz: CREATE TABLE … (time_ltz AS …) LIKE"
                " cpu_ahead (OVERWRITING GENERATED).",
                "LEAST(a, b) gives the earlier of two numbers.",
                "time_ltz AS TO_TIMESTAMP_LTZ(LEAST(occurred_at, arrived_at), 3). The sink has"
                " three columns, and the query is that of chapter 3, by host.",
            ),
            solution="env = flink.connect()\n"
            'flink.import_tables(env, "cpu_in", "cpu_ahead")\n'
            "flink.create_table(\n"
            "    env,\n"
            '    """\n'
            "CREATE TABLE my_times (\n"
            "    time_ltz AS TO_TIMESTAMP_LTZ(LEAST(occurred_at, arrived_at), 3)\n"
            ")\n"
            "LIKE cpu_ahead (OVERWRITING GENERATED)\n"
            '""",\n'
            ")\n" + _SINK + _JOB,
            judge=_by_a_clock_of_ours,
        ),
    ),
    predictions=(
        Prediction(
            "11-late",
            asks="The watermark stays 10 seconds behind the latest reading. How many of the 21,000"
            " readings will come too late for their window of 30 seconds?",
            explains="Many more are behind the watermark; but most of those come while their window"
            " is still open.",
        ),
        Prediction(
            "11-ahead",
            asks="From 09:05 on the clock of `happy`, one of seven hosts, is an hour ahead. How"
            " many of the 21,000 readings will come too late now?",
            explains="The watermark believes the latest reading, whoever sends it: from then on it"
            " is an hour ahead, and all windows of the other six hosts are closed.",
        ),
    ),
    questions=(
        Question(
            "Each reading takes exactly one minute, and the watermark stays 10 seconds behind. How"
            " many are late?",
            right=(
                "none",
                "None is overtaken by another, so the watermark is a minute late as well.",
            ),
            wrong=(
                ("all", "The watermark knows no clock: it follows the readings that come."),
                ("five of six", "Late is who is behind the others, not who takes long."),
                ("those at the end of a window", "They come before the watermark gets there."),
            ),
            at=2,
        ),
        Question(
            "A host's clock is an hour ahead, and its topic has two partitions. Live, whose"
            " readings are late?",
            right=(
                "nobody's, as long as the other partition has right clocks only",
                "The job's watermark is the least of both. But read at once, as a backlog, it may"
                " be otherwise.",
            ),
            wrong=(
                ("everybody's", "So it is with one partition alone."),
                ("its own", "They are in windows of their own, which stay open."),
                (
                    "nobody's: Flink looks at its own clock",
                    "It does not; event time is all it has.",
                ),
            ),
            at=0,
        ),
        Question(
            "Both partitions stand at the same time and fall silent, and the table has an idle"
            " timeout of 5 seconds. What becomes of the open windows?",
            right=(
                "they stay open until readings come",
                "The timeout leaves silent partitions out. Where all are, the watermark goes on to"
                " that of the furthest, and stops there.",
            ),
            wrong=(
                (
                    "they close after 5 seconds",
                    "The watermark gets no further than that of the furthest partition.",
                ),
                ("their readings are lost", "They are in the job's state."),
                ("they close at the next checkpoint", "A checkpoint notes them, as they are."),
            ),
            at=3,
        ),
        Question(
            "A topic holds averages that are corrected. What does its reader have to do?",
            right=(
                "take the last record of each key",
                "Each one takes the place of those before it.",
            ),
            wrong=(
                (
                    "take the mean of all records of a key",
                    "The earlier ones are not right any more.",
                ),
                ("take the first record of each key", "That is what was known first."),
                ("wait for the watermark", "It is not in the topic, and closes nothing here."),
            ),
            at=1,
        ),
    ),
)
