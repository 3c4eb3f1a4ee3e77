"""Chapter 12: a job is stopped with a savepoint, changed, and goes on; a second one beside it."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

from cpuwatch import flink, naming, results, topics, waiting
from cpuwatch.errors import CpuwatchError
from cpuwatch.exercises import held, truth
from cpuwatch.exercises.answers import is_empty, several
from cpuwatch.exercises.compare import Slip, difference, refuse_others
from cpuwatch.exercises.exercise import Chapter, Exercise, NotYetError
from cpuwatch.exercises.made import PATIENCE, closed, slowest
from cpuwatch.exercises.questions_12 import PREDICTIONS, QUESTIONS
from cpuwatch.flink import cluster, noted, rest
from cpuwatch.pipeline import WORKSHOP

#: What the exercises' readings are sent to.
_TOPIC = "my_readings"

#: From when on another limit counts, in epoch milliseconds: 09:05:10, in the midst of a window.
_CUT = 1767603910000

_KEY = ["window_start", "hostname"]

#: What is to be said of a change that does not fit, or is left out.
_CHANGES = {
    "a": (False, "Not a: one more aggregate keeps one more value, so Flink refuses the savepoint."),
    "b": (True, "Is b not right? A condition keeps nothing, so another one may follow it."),
    "c": (
        False,
        "Not c: Flink takes it, for what is kept of a window has the same form. But it knows only"
        " the window's end, and takes what half a minute holds for a whole one.",
    ),
    "d": (True, "Is d not right? What is kept belongs to keys, and keys can be dealt out anew."),
    "e": (
        False,
        "Not e: Flink takes it, for both keep one number. But of an open window it is the highest"
        " so far, and a lowest is made of that.",
    ),
}


def _which_fit(answer: Any) -> str:
    if is_empty(answer) or (isinstance(answer, (list, tuple, set, dict)) and not answer):
        raise NotYetError("The answer is empty: put letters into it.")
    given = answer if isinstance(answer, str) else "".join(map(str, several(answer)))
    letters = {one for one in re.sub(r"\band\b", "", given.lower()) if one.isalnum()}
    strange = sorted(letters - set(_CHANGES))
    if strange or not letters:
        raise NotYetError(f"The answer is made of letters from a to e, such as 'ace': {given!r}.")
    for letter, (fits, says) in _CHANGES.items():
        if fits != (letter in letters):
            raise NotYetError(says)
    return "Flink would refuse a. It would take c and e, and their first rows would be wrong."


def _read() -> pd.DataFrame:
    """What is in the exercises' topic; refuses one in which only the first part is."""
    if not topics.partitions_of(_TOPIC):
        raise NotYetError(f"There is no topic {_TOPIC}: the cell of 12-core makes it.")
    one = truth.readings(_TOPIC)
    if not len(one):
        raise NotYetError(f"The topic {_TOPIC} is empty: run the cell of 12-core from its start.")
    if one["occurred_at"].max() < _CUT:
        raise NotYetError(
            f'The rest of the readings is not sent yet: topics.produce(fleet[~early], "{_TOPIC}").'
        )
    return one


def _windows(one: pd.DataFrame, limit: pd.Series[Any]) -> pd.DataFrame:
    """The closed windows of those readings that are over a limit, each host's together."""
    return closed(one[one["usage"] > limit], WORKSHOP.window, slowest(one), ("hostname",))


def _limits(one: pd.DataFrame, before: float, after: float) -> pd.Series[Any]:
    """For each reading the limit that counts."""
    late = one["occurred_at"] >= _CUT
    return pd.Series(before, one.index).where(~late, after)


def _running(name: str) -> flink.Job:
    found = [one for one in flink.jobs(running_only=True) if one.name == name]
    if not found:
        raise NotYetError(
            f"No job {name} runs: flink.deploy takes its name as its second value. workshop.jobs()"
            " shows those that run."
        )
    return found[-1]


def _written(topic: str, wanted: pd.DataFrame) -> pd.DataFrame:
    """What a job has written, as soon as it is what is wanted, or after a moment."""
    if not topics.partitions_of(topic):
        raise NotYetError(f"There is no topic {topic}: the sink's table says where rows go.")

    def found() -> pd.DataFrame:
        return results.with_times(held.records(topic).drop(columns=["partition", "offset"]))

    def right() -> list[pd.DataFrame]:
        now = found()
        return [now] if len(now) and difference(now, wanted, _KEY) is None else []

    try:
        return waiting.until(right, PATIENCE, "")[0]
    except CpuwatchError:
        return found()


def _goes_on(_answer: Any) -> str:
    job = _running("my_hot")
    one = _read()
    columns = [*_KEY, "readings", "usage_max"]

    def over(before: float, after: float) -> pd.DataFrame:
        return _windows(one, _limits(one, before, after))[columns]

    if noted.begun_from(job) is None:
        raise NotYetError(
            "my_hot began afresh: its topic was emptied, and all was read anew. It goes on from"
            " where it was by flink.deploy(…, from_savepoint=…), with what flink.stop has given."
        )
    wanted = over(80, 90)
    found = _written("my_hot", wanted)
    again = int(found.duplicated(_KEY).sum()) if set(_KEY) <= set(found.columns) else 0
    if again:
        raise NotYetError(
            f"{again:,} rows come a second time: it went on from a savepoint that is older than"
            " what it had written. Which is the newest one?"
        )
    slips = [
        Slip(
            lambda: over(80, 80),
            "All its rows are made of readings over 80%: either it goes on by the statement that it"
            " had, or it had read the rest before it was stopped.",
        ),
    ]
    refuse_others(found, wanted, _KEY, slips)
    return (
        f"{len(wanted)} rows, none twice. The window of 09:05 holds both: what was over 80% before"
        " the savepoint, and what was over 90% after it."
    )


def _changed_over(_answer: Any) -> str:
    new = _running("my_range")
    one = _read()
    columns = [*_KEY, "readings", "usage_min", "usage_max"]

    def over(limit: float) -> pd.DataFrame:
        found = _windows(one, _limits(one, limit, limit))
        hot = one[one["usage"] > limit]
        start = truth.moments(hot["occurred_at"] // 30_000 * 30_000)
        lowest = hot.assign(window_start=start, usage_min=hot["usage"])
        return found.merge(lowest.groupby(_KEY)["usage_min"].min().reset_index())[columns]

    wanted = over(90)
    slips = [
        Slip(lambda: over(80), "These are the readings over 80%: those over 90% are asked for."),
        Slip(
            lambda: over(90).assign(usage_min=lambda its: its["usage_max"]),
            "usage_min is the highest reading: MIN(usage) gives the lowest.",
        ),
    ]
    refuse_others(_written("my_range", wanted), wanted, _KEY, slips)
    overview = rest.ask("/jobs/overview")["jobs"]
    old = max(
        (its for its in overview if naming.short(its["name"]) == "my_hot"),
        key=lambda its: int(its["start-time"]),
        default=None,
    )
    if old is None:  # the cluster has forgotten it: a JobManager that began anew knows no ended job
        return _CHANGED
    if old["state"] not in cluster.ENDED:
        raise NotYetError(
            "Both run, and who reads both is told twice. my_range has caught up: now stop my_hot."
        )
    if old["state"] != "FINISHED":
        raise NotYetError(
            "my_hot was stopped without a savepoint: if my_range turns out to be wrong, there is no"
            " way back. Run the cell of 12-core again, and then this one, with flink.stop."
        )
    begun = next(int(its["start-time"]) for its in overview if its["jid"] == new.id)
    if int(old["end-time"]) < begun:
        raise NotYetError(
            "my_hot was stopped before my_range began, and for a while nobody wrote anything. Let"
            " the new one catch up first: run the cell of 12-core again, and then this one."
        )
    return _CHANGED


_CHANGED = "The new one had caught up before the old one stopped, and the way back is open."

_HERE = """early = fleet["occurred_at"] < 1767603910000  # before 09:05:10
flink.cancel("my_hot", "my_range")  # from the last time
workshop.fresh_topic("my_readings")
topics.produce(fleet[early], "my_readings")
flink.create_table(
    env,
    "CREATE TABLE my_in WITH ('topic' = 'my_readings')"
    " LIKE cpu_in (OVERWRITING OPTIONS)",
)
flink.create_table(
    env,
    "CREATE TABLE my_out WITH ('topic' = 'my_hot',"
    " 'sink.transactional-id-prefix' = 'my_hot')"
    " LIKE cpu_out_hosts (OVERWRITING OPTIONS)",
)
over_80 = "INSERT INTO my_out" + (
    per_host.replace("cpu_in_change", "my_in")
    .replace("WHERE", "WHERE usage > 80 AND")
)
job = flink.deploy(env, "my_hot", over_80)
flink.wait_until_settled(job)
"""

_RANGE = '''flink.create_table(
    env,
    """
CREATE TABLE my_range (
    window_start TIMESTAMP_LTZ(3),
    hostname STRING,
    readings BIGINT,
    usage_min DOUBLE,
    usage_max DOUBLE
) WITH (
    'connector' = 'kafka',
    'topic' = 'my_range',
    'properties.bootstrap.servers' = '${kafka}',
    'format' = 'json',
    'json.timestamp-format.standard' = 'ISO-8601'
)
""",
)
job = flink.deploy(
    env,
    "my_range",
    """
INSERT INTO my_range
SELECT window_start, hostname, COUNT(*), MIN(usage), MAX(usage)
FROM TABLE(
    TUMBLE(TABLE my_in, DESCRIPTOR(time_ltz), INTERVAL '30' SECOND)
)
WHERE usage > 90 AND time_ltz IS NOT NULL
GROUP BY window_start, window_end, hostname
""",
)
flink.wait_until_settled(job)
flink.stop("my_hot")
'''

CHAPTER = Chapter(
    exercises=(
        Exercise(
            "12-warm-up",
            task="Five changes to `cpu_hosts`. a) one more column, `MIN(usage)`; b) only readings"
            " over 50%; c) windows of a minute; d) two workers in place of one; e) `MIN(usage)` in"
            " place of `MAX(usage)`. Which of them can go on from its savepoint, and use"
            " what was kept only for what it was kept for? Put their letters into the text.",
            starter='answer = ""\nworkshop.check("12-warm-up", answer)',
            hints=(
                "There are two. For each ask: which values does the step `gather windows` keep for"
                " a window that is open?",
                "Flink looks at the form of what is kept, and not at its meaning.",
                "It refuses one of the five. Of the other four, two make another meaning of a value"
                " that was kept.",
            ),
            solution='answer = "bd"\nworkshop.check("12-warm-up", answer)',
            judge=_which_fit,
        ),
        Exercise(
            "12-core",
            task="`my_hot` counts the readings over 80%, for each window and host. From 09:05:10 on"
            " only those over 90% shall count. Stop it with a savepoint, send the rest of the"
            " readings, `fleet[~early]`, and let it go on from there: no row comes twice, and none"
            " is missing.",
            starter=_HERE + "# Here you stop my_hot, send the rest, and let it go on.\n"
            'workshop.check("12-core")',
            hints=(
                "Four steps: flink.stop, topics.produce, flink.deploy, flink.wait_until_settled.",
                'The statement is over_80.replace("80", "90"); the rest of the readings goes to'
                " my_readings.",
                "What flink.stop(job) gives back goes into flink.deploy as its last value,"
                " from_savepoint.",
            ),
            solution=_HERE + "savepoint = flink.stop(job)\n"
            'topics.produce(fleet[~early], "my_readings")\n'
            'over_90 = over_80.replace("80", "90")\n'
            'job = flink.deploy(env, "my_hot", over_90, from_savepoint=savepoint)\n'
            "flink.wait_until_settled(job)\n"
            'workshop.check("12-core")',
            judge=_goes_on,
        ),
        Exercise(
            "12-stretch",
            task="`my_hot` shall tell the lowest of its readings, too, which fits no savepoint. So"
            " deploy `my_range` beside it, over the table `my_in` from its beginning:"
            " window_start, hostname, readings, usage_min and usage_max of the readings over"
            " 90%, to a topic `my_range`. Once it has caught up, stop `my_hot` with a savepoint, so"
            " that there is a way back. (First solve the core one.)",
            starter="# Here you create the sink, deploy my_range, and stop my_hot.\n"
            'workshop.check("12-stretch")',
            hints=(
                "The sink is like cpu_out_hosts, with these five columns, and a topic and a"
                " transactional-id-prefix of its own.",
                "The query is that of cpu_hosts from my_in, with MIN(usage) AS usage_min, and usage"
                " > 90 in its condition. No savepoint: it begins with the first reading.",
                "Caught up is what flink.wait_until_settled(job) waits for. Then flink.stop"
                '("my_hot"), which writes a savepoint.',
            ),
            solution=_RANGE + 'workshop.check("12-stretch")',
            judge=_changed_over,
        ),
    ),
    predictions=PREDICTIONS,
    questions=QUESTIONS,
)
