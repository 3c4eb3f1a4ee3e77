"""Chapter 6: from alerts to episodes, in views that look at the row before."""

from __future__ import annotations

from typing import Any

import pandas as pd

from cpuwatch.exercises import held, truth
from cpuwatch.exercises.answers import rows
from cpuwatch.exercises.compare import Slip, refuse_others
from cpuwatch.exercises.exercise import Chapter, Exercise, Prediction, Question
from cpuwatch.pipeline import WORKSHOP

_KEY = ["window_start", "hostname", "cpu"]


def _averages() -> pd.DataFrame:
    """All averages, each CPU's in their order."""
    found = held.rows("cpu_out_agg")
    return found.sort_values(["hostname", "cpu", "window_start"], ignore_index=True)


def _before(answer: Any) -> str:
    found = _averages()
    one = found[(found["hostname"] == "doc") & (found["cpu"] == "cpu1")]

    def lagged(by: int) -> pd.DataFrame:
        made = one.assign(before=one["usage_avg"].shift(by))
        return made[["window_start", "usage_avg", "before"]]

    slips = [
        Slip(
            lambda: lagged(-1),
            "That is the row after, which a stream cannot know yet: LAG gives the one before.",
        ),
        Slip(
            lambda: lagged(1).iloc[1:],
            "The first average is missing: none is before it, which is NULL, and it stays.",
        ),
        Slip(lambda: lagged(2), "That is the row two before: LAG without a number gives the last."),
        Slip(
            lambda: one.assign(before=one["usage_avg"])[["window_start", "usage_avg", "before"]],
            "Both columns are the same average: LAG(usage_avg) gives that of the row before.",
        ),
    ]
    refuse_others(rows(answer), lagged(1), ["window_start"], slips)
    return "The first row has none before it: NULL."


def _jumps(answer: Any) -> str:
    found = _averages()
    by_cpu = found.groupby(["hostname", "cpu"])["usage_avg"]
    one = found.assign(jump=by_cpu.diff())
    columns = [*_KEY, "jump"]
    slips = [
        Slip(
            lambda: one.loc[one["jump"].abs() >= 20, columns],
            "Falls are among them, too: a jump is upwards.",
        ),
        Slip(
            lambda: one.loc[one["jump"] <= -20, columns],
            "These are the falls: subtract the average before from that of the window.",
        ),
        Slip(
            lambda: one.loc[one["jump"] >= 20].assign(jump=one["usage_avg"])[columns],
            "The rows are the right ones, and jump is the average itself: subtract the one before.",
        ),
        Slip(
            lambda: one.loc[one["jump"] > 0, columns],
            "These are all that went up: at least 20 points is asked for.",
        ),
    ]
    wanted = one.loc[one["jump"] >= 20, columns]
    refuse_others(rows(answer), wanted, _KEY, slips)
    hosts = ", ".join(sorted(set(wanted["hostname"])))
    alike = "" if (one["jump"] == 20).any() else " No jump is exactly 20: > gives the same."
    return f"{len(wanted)} jumps, of {hosts}: trouble that creeps makes none.{alike}"


def _second_in_a_row(answer: Any) -> str:
    found = _averages()
    top = truth.tops(found["hostname"])
    found = found[found["readings"] >= WORKSHOP.min_readings]
    over = (found["usage_avg"] > top).astype(float)
    by_cpu = over.groupby([found["hostname"], found["cpu"]])
    one, two = by_cpu.shift(1).fillna(0) > 0, by_cpu.shift(2).fillna(0) > 0
    now = over > 0
    slips = [
        Slip(
            lambda: found.loc[now & one, _KEY],
            "The third and later ones of a row are among them, too: the one before the one before"
            " may not be over.",
        ),
        Slip(
            lambda: found.loc[now & ~one, _KEY],
            "These are the first ones: the one before has to be over, too.",
        ),
        Slip(lambda: found.loc[now, _KEY], "These are all that are over: the second in a row."),
        Slip(
            lambda: found.loc[now & one & two, _KEY],
            "These are the third in a row and later: the one before the one before may not be"
            " over.",
        ),
    ]
    wanted = found.loc[now & one & ~two, _KEY]
    refuse_others(rows(answer), wanted, _KEY, slips)
    return f"{len(wanted)} of them: who waits for a second window tells of fewer, and later."


_SERIES = "PARTITION BY hostname, cpu ORDER BY looked_up_at"

CHAPTER = Chapter(
    exercises=(
        Exercise(
            "06-warm-up",
            task="For each average of `cpu1` of `doc`, give the one before it as well:"
            " window_start, usage_avg, before. The averages are in `cpu_out_agg`.",
            starter='answer = """\n"""\nworkshop.check("06-warm-up", answer)',
            hints=(
                "Step 3 does the same with times.",
                "LAG(usage_avg) OVER series AS before, with a WINDOW series after WHERE.",
                "SELECT window_start, usage_avg, LAG(…) OVER series AS before FROM … WHERE … and"
                " then the WINDOW of step 3, as it is.",
            ),
            solution='answer = """\n'
            "SELECT window_start, usage_avg, LAG(usage_avg) OVER series AS before\n"
            "FROM cpu_out_agg\n"
            "WHERE hostname = 'doc' AND cpu = 'cpu1'\n"
            f"WINDOW series AS ({_SERIES})\n"
            '"""\n'
            'workshop.check("06-warm-up", answer)',
            judge=_before,
        ),
        Exercise(
            "06-core",
            task="Find the jumps in `cpu_out_agg`: windows whose average is **at least 20 points**"
            " above the one before, of the same CPU. Give window_start, hostname, cpu, and the"
            " difference as `jump`.",
            starter='answer = """\n"""\nworkshop.check("06-core", answer)',
            hints=(
                "Two steps: first each window with the average before it, then those that jump.",
                "The first step goes into brackets: SELECT … FROM (SELECT …, LAG(usage_avg) OVER"
                " series AS before FROM cpu_out_agg WINDOW …).",
                "usage_avg - before AS jump, and WHERE usage_avg - before >= 20.",
            ),
            solution='answer = """\n'
            "SELECT window_start, hostname, cpu, usage_avg - before AS jump\n"
            "FROM (\n"
            "    SELECT *, LAG(usage_avg) OVER series AS before\n"
            "    FROM cpu_out_agg\n"
            f"    WINDOW series AS ({_SERIES})\n"
            ")\n"
            "WHERE usage_avg - before >= 20\n"
            '"""\n'
            'workshop.check("06-core", answer)',
            judge=_jumps,
        ),
        Exercise(
            "06-stretch",
            task="Who wants fewer false alarms waits for a second window. Find the windows that are"
            " over the limit for the **second time in a row**: the one before is over, too, and the"
            " one before that is not. Give window_start, hostname, cpu; begin with `cpu_judged`.",
            starter='answer = """\n"""\nworkshop.check("06-stretch", answer)',
            hints=(
                "LAG(is_over) gives the row before, LAG(is_over, 2) the one before that.",
                "At the beginning there is no row before, and both are NULL: COALESCE(…, FALSE).",
                "WHERE is_over AND one_before AND NOT two_before, around a query that makes both.",
            ),
            solution='answer = """\n'
            "SELECT window_start, hostname, cpu\n"
            "FROM (\n"
            "    SELECT\n"
            "        *,\n"
            "        COALESCE(LAG(is_over) OVER series, FALSE) AS one_before,\n"
            "        COALESCE(LAG(is_over, 2) OVER series, FALSE) AS two_before\n"
            "    FROM cpu_judged\n"
            f"    WINDOW series AS ({_SERIES})\n"
            ")\n"
            "WHERE is_over AND one_before AND NOT two_before\n"
            '"""\n'
            'workshop.check("06-stretch", answer)',
            judge=_second_in_a_row,
        ),
    ),
    predictions=(
        Prediction(
            "06-opened",
            asks="62 alerts, of 15 CPUs; `grumpy` goes up and down three times. How many episodes"
            " will open?",
            explains="One for each CPU in trouble: the pauses of grumpy are shorter than the"
            " cooldown.",
        ),
        Prediction(
            "06-closed",
            asks="And how many of them will be closed when the readings end?",
            explains="Only where a CPU was back for longer than the cooldown: of doc and bashful.",
        ),
    ),
    questions=(
        Question(
            "When does an episode close?",
            right=(
                "when the CPU was back for longer than the cooldown",
                "Until then it may go up again, and that is the same episode.",
            ),
            wrong=(
                ("with the first window under the limit", "It may go up again at once."),
                ("after 60 seconds", "It goes on as long as the trouble does."),
                ("when Slack was told", "Flink does not know about Slack."),
            ),
            at=2,
        ),
        Question(
            "What does a view store?",
            right=("nothing", "It is a query with a name: who selects from it runs that, too."),
            wrong=(
                ("its rows", "That would be a table, or a topic."),
                ("the last row of each CPU", "That is the state of LAG, in the job."),
                ("its result, until it changes", "It has no result of its own."),
            ),
            at=0,
        ),
        Question(
            "Why does a window of two readings count for nothing?",
            right=(
                "so few are no evidence, neither way",
                "They neither open nor close an episode.",
            ),
            wrong=(
                ("it is late", "It is in time: there were few readings."),
                ("its average cannot be computed", "Two numbers have an average."),
                ("Flink drops it", "cpu_agg writes it. cpu_judged leaves it out."),
            ),
            at=3,
        ),
        Question(
            "Why do the rows of one CPU come in their order?",
            right=(
                "they come from one partition",
                "Their key is the hostname, so all are in one list.",
            ),
            wrong=(
                ("Flink sorts them", "It takes them as they come: looked_up_at is the clock."),
                ("windows are always in order", "Those of different partitions are not."),
                ("PostgreSQL sorts them", "It only knows the limits."),
            ),
            at=1,
        ),
    ),
)
