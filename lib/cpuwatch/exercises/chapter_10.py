"""Chapter 10: limits that learn, in SQL and as a function in Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from cpuwatch.exercises import held
from cpuwatch.exercises.answers import is_empty, number, rows
from cpuwatch.exercises.compare import Slip, refuse_others
from cpuwatch.exercises.exercise import Chapter, Exercise, NotYetError, Prediction, Question
from cpuwatch.exercises.patience import PATIENCE, briefly
from cpuwatch.learned import THRESHOLD, real_series

#: The warm-up's averages, and the one that comes then.
_SO_FAR, _NEXT = (20.0, 24.0, 20.0, 24.0), 30.0

#: A rule may report so often in two weeks before nobody listens any more.
_MOST = 20

#: A record counts from the sixth window of a CPU on.
_FEWEST = 5

_KEY = ["window_start", "hostname", "cpu"]


def _spreads(answer: Any) -> str:
    found = number(answer)
    before = pd.Series(_SO_FAR)
    mean, spread = before.mean(), before.std(ddof=0)
    right = (_NEXT - mean) / spread
    after = pd.Series([*_SO_FAR, _NEXT])
    slips = {
        (_NEXT - mean): f"So far it is from the mean in points. The spread is {spread:g} points.",
        (_NEXT - mean) / before.std(): "That is with STDDEV_SAMP, which divides by one less than"
        " there are: STDDEV_POP is asked for.",
        (_NEXT - after.mean()) / after.std(ddof=0): "The new average is among those that say what"
        " is usual: take the four before it.",
        _NEXT / mean: "That is how many times the mean it is. How far is it from the mean, and how"
        " far are the others?",
    }
    if abs(found - right) < 0.01:
        return f"{_NEXT:g} is {_NEXT - mean:g} points over {mean:g}, and {spread:g} are usual."
    for slip, says in slips.items():
        if abs(found - slip) < 0.01:
            raise NotYetError(says)
    raise NotYetError(
        f"It is {'more' if found < right else 'fewer'}. What is the mean of the four, how far is"
        " each from it, and how far is the new one?"
    )


def _records(answer: Any) -> str:
    found = held.rows("cpu_out_agg")
    found = found.sort_values(["hostname", "cpu", "window_start"], ignore_index=True)
    by_cpu = found.groupby(["hostname", "cpu"])["usage_avg"]
    before = by_cpu.transform(lambda one: one.cummax().shift())
    place = by_cpu.cumcount()
    columns = [*_KEY, "usage_avg"]
    higher, late = found["usage_avg"] > before, place >= _FEWEST

    slips = [
        Slip(
            lambda: found.loc[higher, columns],
            "The first windows of each CPU are among them, too, of which half are records: from the"
            " sixth one on is asked for.",
        ),
        Slip(
            lambda: found.loc[(found["usage_avg"] >= by_cpu.cummax()) & (place > _FEWEST), columns],
            "One window too late: COUNT(*) OVER is 6 at the sixth.",
        ),
        Slip(
            lambda: found.loc[higher & (place >= _FEWEST - 1), columns],
            "One window too early: COUNT(*) OVER is 6 at the sixth.",
        ),
        Slip(
            lambda: found.loc[
                (found["usage_avg"] < by_cpu.transform(lambda o: o.cummin().shift())) & late,
                columns,
            ],
            "These are the lowest so far: the highest are asked for.",
        ),
        Slip(
            lambda: found.loc[late, columns],
            "These are all averages: only those that are higher than all before.",
        ),
    ]
    wanted = found.loc[higher & late, columns]
    refuse_others(rows(answer), wanted, _KEY, slips)
    share = len(wanted) / int(late.sum())
    return f"{len(wanted)} records, {share:.0%} of the windows. Trouble is among them, and chance."


def _rule(answer: Any) -> str:
    if is_empty(answer):
        raise NotYetError("There is no answer yet: define a class Rule, and give it to the check.")
    if not callable(answer):
        raise NotYetError("Give the class itself, Rule: each series gets a fresh one.")
    series = real_series()
    moments = [time.timestamp() for time in series["time"]]
    scores = _scored(answer, moments, series["usage"].tolist())
    reports = series[[score >= THRESHOLD for score in scores]]
    found = set(reports["trouble"]) - {0}
    outside = int((reports["trouble"] == 0).sum())
    if not len(reports):
        raise NotYetError(
            f"It reports nothing: no score is {THRESHOLD:g} or more. The highest reading is"
            f" {series['usage'].max():g}, where {series['usage'].median():.0f} is usual."
        )
    if len(reports) == len(series):
        raise NotYetError("It reports each reading: most have to score less than 0.5.")
    if len(found) < 2:
        missed = {1: "first", 2: "second"}[min({1, 2} - found)]
        raise NotYetError(
            f"It makes {_times(len(reports))}, and the {missed} trouble is not among them: is it"
            " silent for too long, or has it taken the trouble before for usual?"
        )
    if len(reports) > _MOST:
        raise NotYetError(
            f"It finds both, and makes {_times(len(reports))}, {outside} of them outside: at most"
            f" {_MOST} are asked for. After a report let it be silent for a while."
        )
    return f"Both troubles with {_times(len(reports))}, {outside} of them outside."


def _scored(answer: Any, moments: Sequence[float], usage: Sequence[float]) -> list[float]:
    """What a rule says of each reading of the series."""
    at = 0

    def over() -> str:
        if not at:
            return f"Rule() takes longer than {PATIENCE:.0f} s to be made: does a loop never end?"
        return (
            f"It takes longer than {PATIENCE:.0f} s, and was stopped at reading {at} of"
            f" {len(moments):,}: does a loop never end, or look at all readings so far each time?"
        )

    try:
        with briefly(over) as check:
            rule = answer()
            found = []
            for at, (moment, value) in enumerate(zip(moments, usage, strict=True), 1):  # noqa: B007
                found.append(rule.update(moment, value))
                check()
    except NotYetError:
        raise
    except (Exception, SystemExit) as error:
        what = f"{type(error).__name__}: {error}"
        if not at:
            raise NotYetError(f"Rule() cannot be made ({what}).") from None
        raise NotYetError(
            f"At reading {at} its update stopped ({what}). It takes the time, in seconds, and the"
            " usage."
        ) from None
    odd = [one for one in found if not _is_score(one)]
    if odd:
        raise NotYetError(
            f"It gave {str(odd[0])[:40]} for a reading: update returns a number from 0 to 1, from"
            f" {THRESHOLD:g} on a report."
        )
    return [float(one) for one in found]


def _is_score(one: Any) -> bool:
    try:
        return 0 <= float(one) <= 1
    except Exception:
        return False


def _times(count: int) -> str:
    return f"{count:,} report" if count == 1 else f"{count:,} reports"


_SERIES = "PARTITION BY hostname, cpu ORDER BY looked_up_at"

CHAPTER = Chapter(
    exercises=(
        Exercise(
            "10-warm-up",
            task="A CPU has had the averages 20, 24, 20 and 24. The next one is 30. How many"
            " spreads (`STDDEV_POP`) is it away from what was usual before?",
            starter='answer = None\nworkshop.check("10-warm-up", answer)',
            hints=(
                "The mean of the four is 22.",
                "Each of them is 2 points away from that: so much is their spread.",
                "30 is 8 points away. How often do 2 go into 8?",
            ),
            solution='answer = (30 - 22) / 2\nworkshop.check("10-warm-up", answer)',
            judge=_spreads,
        ),
        Exercise(
            "10-core",
            task="Another rule, without a mean: an average is a record if it is higher than all"
            " averages of its CPU before. Find the records in `cpu_out_agg` from the sixth"
            " window of each CPU on: window_start, hostname, cpu, usage_avg.",
            starter='answer = """\n"""\nworkshop.check("10-core", answer)',
            hints=(
                "It is cpu_usual and cpu_expected with MAX in place of AVG: the highest so far, and"
                " then the one of a row earlier.",
                "SELECT *, MAX(usage_avg) OVER past AS highest, COUNT(*) OVER past AS windows FROM"
                " cpu_out_agg, and around it LAG(highest) OVER past AS before.",
                "Around both: WHERE windows > 5 AND usage_avg > before.",
            ),
            solution='answer = """\n'
            "SELECT window_start, hostname, cpu, usage_avg\n"
            "FROM (\n"
            "    SELECT *, LAG(highest) OVER past AS before\n"
            "    FROM (\n"
            "        SELECT\n"
            "            *,\n"
            "            MAX(usage_avg) OVER past AS highest,\n"
            "            COUNT(*) OVER past AS windows\n"
            "        FROM cpu_out_agg\n"
            f"        WINDOW past AS ({_SERIES})\n"
            "    )\n"
            f"    WINDOW past AS ({_SERIES})\n"
            ")\n"
            "WHERE windows > 5 AND usage_avg > before\n"
            '"""\n'
            'workshop.check("10-core", answer)',
            judge=_records,
        ),
        Exercise(
            "10-stretch",
            task="A rule of your own, for the real series: a class whose `update` takes the time of"
            " a reading, in seconds, and its usage, and returns a score from 0 to 1. With scores of"
            " 0.5 or more it reports both troubles, and makes at most 20 reports in the two weeks.",
            starter="class Rule:\n"
            "    def update(self, moment, usage):\n"
            "        return 0.0\n\n\n"
            'workshop.check("10-stretch", Rule)',
            hints=(
                "Begin with three spreads from the mean: keep the number of readings, their sum,"
                " and the sum of their squares.",
                "That reports each reading of a trouble. After a report let it be silent: for the"
                " next 100 readings return 0.",
                "Compare with what was before this reading, then take it in; and return 0 for the"
                " first 100.",
            ),
            solution="class Rule:\n"
            "    def __init__(self):\n"
            "        self.count, self.sum, self.squares = 0, 0.0, 0.0\n"
            "        self.silent = 100\n\n"
            "    def update(self, moment, usage):\n"
            "        is_new = False\n"
            "        if self.count:\n"
            "            mean = self.sum / self.count\n"
            "            spread = max(self.squares / self.count - mean**2, 1) ** 0.5\n"
            "            is_new = usage > mean + 3 * spread\n"
            "        self.count += 1\n"
            "        self.sum += usage\n"
            "        self.squares += usage**2\n"
            "        self.silent -= 1\n"
            "        if not is_new or self.silent > 0:\n"
            "            return 0.0\n"
            "        self.silent = 100\n"
            "        return 1.0\n\n\n"
            'workshop.check("10-stretch", Rule)',
            judge=_rule,
        ),
    ),
    predictions=(
        Prediction(
            "10-fixed",
            asks="A database server, two weeks, a reading every five minutes: 4,032 of them. In two"
            " places people have marked trouble. How many readings are over 80%?",
            explains="Its highest is 25%. A limit that fits one fleet says nothing of another.",
        ),
        Prediction(
            "10-spreads",
            asks="Of the 4,032 readings of the real series, how many are more than three spreads"
            " over the mean of those before?",
            explains="Each of them would be a message: the rule tells how unusual a reading is, and"
            " not that somebody knows already.",
        ),
    ),
    questions=(
        Question(
            "Why is a window compared with the mean as it was one row earlier?",
            right=(
                "it would be among those that say what is usual",
                "The higher it is, the higher the mean, and the wider the spread.",
            ),
            wrong=(
                ("the mean is not ready yet", "It is, in the same row. But it holds this one."),
                ("LAG is faster", "It is one more step."),
                ("it may come too late", "What is late is dropped long before."),
            ),
            at=0,
        ),
        Question(
            "Where is what the function in Python has learnt of a series?",
            right=(
                "in Flink's state for that key, and in each checkpoint",
                "Whoever goes on from the checkpoint goes on with what was known.",
            ),
            wrong=(
                ("in a variable of the function", "That would be one for all series, and is lost."),
                ("in PostgreSQL", "Nothing of it is written there."),
                ("in the topic cpu_scores", "There are the scores alone."),
            ),
            at=3,
        ),
        Question(
            "A CPU stays at 97% from now on. What does a limit that learns say tomorrow?",
            right=(
                "nothing: it has got used to it",
                "It tells that something is new. A limit that somebody set tells that it is bad.",
            ),
            wrong=(
                ("the same alert each minute", "That is what a fixed limit does."),
                ("that it is back to normal", "It says nothing of what is no longer new."),
                ("an error: the state is full", "Its state is bounded, whatever comes."),
            ),
            at=1,
        ),
        Question(
            "Why do the readings come to the function in the order of their times?",
            right=(
                "a count over time gives them out once the watermark has passed them",
                "So it costs ten seconds, and what comes later is dropped.",
            ),
            wrong=(
                ("Kafka keeps that order", "Within a partition it keeps the order of arrival."),
                ("the function sorts them", "It sees one reading at a time."),
                ("they do not", "The watermark holds them back until they are in order."),
            ),
            at=2,
        ),
    ),
)
