"""Chapter 5: averages against limits, by a lookup join."""

from __future__ import annotations

from typing import Any

import pandas as pd

from cpuwatch.exercises import held, truth
from cpuwatch.exercises.answers import rows
from cpuwatch.exercises.compare import Slip, difference, refuse_others
from cpuwatch.exercises.exercise import Chapter, Exercise, Prediction, Question

_KEY = ["window_start", "hostname", "cpu"]


def _judged() -> pd.DataFrame:
    """All averages, with their host's limit as it is now, and how far over it they are."""
    found = held.rows("cpu_out_agg")
    top = truth.tops(found["hostname"])
    return found.assign(allowed_top=top, excess=found["usage_avg"] - top)


def _over_69(answer: Any) -> str:
    found = held.rows("cpu_out_agg")

    def counted(some: pd.DataFrame, column: str = "cpu", how: str = "size") -> pd.DataFrame:
        return some.groupby("hostname", as_index=False).agg(averages=(column, how))

    over = found[found["usage_avg"] > 69]
    slips = [
        Slip(lambda: counted(found), "These are all averages: which of them are over 69%?"),
        Slip(
            lambda: counted(found[found["usage_max"] > 69]),
            "You counted windows whose highest reading is over 69%: the average is asked for.",
        ),
        Slip(
            lambda: counted(found[found["usage_avg"] >= 69]),
            "One that is exactly 69% is among them, and 'over 69%' leaves it out: > or >=?",
        ),
        Slip(
            lambda: counted(over, "cpu", "nunique"),
            "You counted CPUs, and averages are asked for: COUNT(*) without DISTINCT.",
        ),
    ]
    given, wanted = rows(answer), counted(over)
    none = pd.DataFrame({"hostname": sorted({*found["hostname"]} - {*wanted["hostname"]})})
    every = pd.concat([wanted, none.assign(averages=0)])
    if difference(given, every, ["hostname"]) is not None:  # who counts none as 0 is right, too
        refuse_others(given, wanted, ["hostname"], slips)
    return "Busy hosts and hosts in trouble, side by side: one limit cannot tell them apart."


def _far_over(answer: Any) -> str:
    one = _judged()
    columns = [*_KEY, "excess"]
    slips = [
        Slip(
            lambda: one.loc[one["excess"] > 0, columns],
            "These are all that are over their limit: more than 10 points over is asked for.",
        ),
        Slip(
            lambda: one.loc[one["usage_avg"] > 1.1 * one["allowed_top"], columns],
            "These are 10 percent over their limit. Points are asked for: the difference of the"
            " two.",
        ),
        Slip(
            lambda: one.loc[one["excess"] > 10, [*_KEY, "usage_avg"]].rename(
                columns={"usage_avg": "excess"}
            ),
            "The rows are the right ones, and excess is the average itself: subtract the limit.",
        ),
    ]
    wanted = one.loc[one["excess"] > 10, columns]
    refuse_others(rows(answer), wanted, _KEY, slips)
    hosts = ", ".join(sorted(set(wanted["hostname"])))
    alike = "" if (one["excess"] == 10).any() else " None is over by exactly 10: >= gives the same."
    return f"{len(wanted)} averages, of {hosts}.{alike}"


def _together(answer: Any) -> str:
    one = _judged()

    def counted(some: pd.DataFrame, least: int) -> pd.DataFrame:
        key = ["window_start", "hostname"]
        found = some.groupby(key, as_index=False).agg(cpus=("cpu", "size"))
        return found[found["cpus"] >= least].reset_index(drop=True)

    over = one[one["excess"] > 0]
    slips = [
        Slip(
            lambda: counted(over, 1),
            "Windows in which fewer CPUs are over are there, too: HAVING looks at groups, as"
            " WHERE does at rows.",
        ),
        Slip(
            lambda: counted(over, 5),
            "At least four is asked for, and you took more than four: > or >=?",
        ),
        Slip(
            lambda: counted(one, 4),
            "You counted all CPUs, and only those over their limit are asked for.",
        ),
    ]
    refuse_others(rows(answer), counted(over, 4), ["window_start", "hostname"], slips)
    return "Trouble of a host shows on several CPUs at once: that is what chapter 6 makes use of."


_JOIN = (
    "FROM cpu_out_agg AS a\n"
    "LEFT JOIN cpu_thresholds FOR SYSTEM_TIME AS OF a.looked_up_at AS t\n"
    "    ON a.hostname = t.hostname\n"
)

CHAPTER = Chapter(
    exercises=(
        Exercise(
            "05-warm-up",
            task="For each host, count the averages over 69%, whatever its limit: hostname and the"
            " number. The averages are in `cpu_out_agg`.",
            starter='answer = """\n"""\nworkshop.check("05-warm-up", answer)',
            hints=(
                "The column is usage_avg, and COUNT(*) counts rows.",
                "GROUP BY hostname makes one row for each host.",
                "SELECT hostname, COUNT(*) AS averages FROM cpu_out_agg WHERE … GROUP BY hostname",
            ),
            solution='answer = """\n'
            "SELECT hostname, COUNT(*) AS averages\n"
            "FROM cpu_out_agg\n"
            "WHERE usage_avg > 69\n"
            "GROUP BY hostname\n"
            '"""\n'
            'workshop.check("05-warm-up", answer)',
            judge=_over_69,
        ),
        Exercise(
            "05-core",
            task="Find the averages that are **more than 10 points** over the limit of their host."
            " Give window_start, hostname, cpu, and as `excess` by how much they are over. A host"
            " without a limit gets 80, as above.",
            starter='answer = """\n"""\nworkshop.check("05-core", answer)',
            hints=(
                "It is over_threshold with another condition, and a column that is computed.",
                "a.usage_avg - COALESCE(t.allowed_top, 80) is by how much it is over.",
                "The same difference stands after SELECT, with AS excess, and after WHERE, with"
                " > 10.",
            ),
            solution='answer = """\n'
            "SELECT\n"
            "    a.window_start,\n"
            "    a.hostname,\n"
            "    a.cpu,\n"
            "    a.usage_avg - COALESCE(t.allowed_top, 80) AS excess\n"
            + _JOIN
            + "WHERE a.usage_avg - COALESCE(t.allowed_top, 80) > 10\n"
            '"""\n'
            'workshop.check("05-core", answer)',
            judge=_far_over,
        ),
        Exercise(
            "05-stretch",
            task="When were **at least four** CPUs of a host over its limit at once? Give"
            " window_start, hostname, and the number of those CPUs.",
            starter='answer = """\n"""\nworkshop.check("05-stretch", answer)',
            hints=(
                "First the averages over their limit, as above; then one row for each window and"
                " host.",
                "GROUP BY a.window_start, a.hostname, and COUNT(*) for the number.",
                "HAVING COUNT(*) >= 4, after GROUP BY, keeps the groups of four and more.",
            ),
            solution='answer = """\n'
            "SELECT a.window_start, a.hostname, COUNT(*) AS cpus\n"
            + _JOIN
            + "WHERE a.usage_avg > COALESCE(t.allowed_top, 80)\n"
            "GROUP BY a.window_start, a.hostname\n"
            "HAVING COUNT(*) >= 4\n"
            '"""\n'
            'workshop.check("05-stretch", answer)',
            judge=_together,
        ),
    ),
    predictions=(
        Prediction(
            "05-alerts",
            asks="665 averages, and four hosts in trouble. How many averages will be over the limit"
            " of their host?",
            explains="Each CPU of a host in trouble counts anew in every window.",
        ),
        Prediction(
            "05-at-once",
            asks="If each of them were a message: how many would come at the same moment, at most?",
            explains="Several hosts are in trouble at once, each with several CPUs.",
        ),
    ),
    questions=(
        Question(
            "When does the job look up a limit?",
            right=(
                "when an average comes by",
                "FOR SYSTEM_TIME AS OF a.looked_up_at: as it is at that moment.",
            ),
            wrong=(
                ("once, when it starts", "That is what an ordinary join does."),
                ("every 30 seconds", "An average comes when a window closes, and it asks then."),
                ("when the limit changes", "PostgreSQL tells nobody: the job asks."),
            ),
            at=1,
        ),
        Question(
            "A host has no limit. What does LEFT JOIN do with its averages?",
            right=(
                "they stay, with NULL for the limit",
                "COALESCE makes 80 of the NULL.",
            ),
            wrong=(
                ("they are dropped", "That is what JOIN alone does."),
                ("the job stops", "A row without a partner is no error."),
                ("they wait for a limit", "A lookup never waits."),
            ),
            at=3,
        ),
        Question(
            "A limit is changed. What becomes of the alerts that were written before?",
            right=("they stay as they are", "What is in a topic stays, and is not judged again."),
            wrong=(
                ("they are judged again", "Only new averages are looked up."),
                ("they are deleted", "A topic only grows."),
                ("they get the new limit", "Each keeps the limit that it was judged by."),
            ),
            at=0,
        ),
        Question(
            "Why are 62 alerts too many?",
            right=(
                "they tell of the same trouble again and again",
                "People want to know when it begins and when it is over.",
            ),
            wrong=(
                ("Flink is too slow for them", "It could do thousands a second."),
                ("most of them are wrong", "Each is right. That is not the point."),
                ("Kafka cannot keep them", "It keeps millions."),
            ),
            at=2,
        ),
    ),
)
