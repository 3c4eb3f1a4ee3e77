"""Chapter 3: event time, watermark, windows."""

from __future__ import annotations

from typing import Any

from cpuwatch.exercises import truth
from cpuwatch.exercises.answers import rows
from cpuwatch.exercises.compare import Slip, refuse_others
from cpuwatch.exercises.exercise import Chapter, Exercise, Prediction, Question


def _by_host(answer: Any) -> str:
    columns = ["window_start", "hostname", "usage_avg"]
    one = truth.readings()
    wanted = truth.windows(one, by=["hostname"])[columns]
    slips = [
        Slip(
            lambda: truth.windows(one)[columns],
            "There is a row for each CPU: what stands in GROUP BY decides for what there is a row"
            " of its own.",
        ),
        Slip(
            lambda: truth.windows(one, 60, by=["hostname"])[columns],
            "These are windows of a minute: 30 seconds are asked for.",
        ),
        Slip(
            lambda: truth.windows(one, by=[]).assign(hostname="")[columns],
            "There is one row for all hosts: add hostname to GROUP BY.",
        ),
    ]
    refuse_others(rows(answer), wanted, ["window_start", "hostname"], slips)
    return f"{len(wanted):,} rows: 7 hosts instead of 35 CPUs in each window."


def _by_minute(answer: Any) -> str:
    columns = ["window_start", "hostname", "cpu", "usage_max", "readings"]
    one = truth.readings()
    key = ["window_start", "hostname", "cpu"]
    wanted = truth.windows(one, 60)[columns]
    slips = [
        Slip(
            lambda: truth.windows(one, 30)[columns],
            "These are windows of 30 seconds: the length stands in INTERVAL.",
        ),
        Slip(
            lambda: truth.windows(one, 60, step=30)[columns],
            "These windows overlap, since they are made by HOP: each reading counts twice. TUMBLE"
            " cuts time into pieces.",
        ),
        Slip(
            lambda: truth.windows(one, 60).assign(usage_max=lambda its: its["usage_avg"])[columns],
            "That is the average, and the highest reading is asked for: MAX(usage).",
        ),
    ]
    refuse_others(rows(answer), wanted, key, slips)
    return f"{len(wanted):,} rows, and most windows hold 60 readings."


def _hopping(answer: Any) -> str:
    columns = ["window_start", "window_end", "hostname", "cpu", "usage_avg"]
    one = truth.readings()
    key = ["window_start", "hostname", "cpu"]
    wanted = truth.windows(one, 60, step=30)[columns]
    slips = [
        Slip(
            lambda: truth.windows(one, 60)[columns],
            "These windows do not overlap: each begins where the one before ends. HOP takes two"
            " lengths, the step first.",
        ),
        Slip(
            lambda: truth.windows(one, 30)[columns],
            "These windows are 30 seconds long: that is the step. The second length of HOP is the"
            " window's, a minute.",
        ),
        Slip(
            lambda: truth.windows(one, 60, step=10)[columns],
            "A window begins every 10 seconds: the step that is asked for is 30.",
        ),
    ]
    refuse_others(rows(answer), wanted, key, slips)
    return "Each reading counts in two windows: trouble shows sooner, and twice."


CHAPTER = Chapter(
    exercises=(
        Exercise(
            "03-warm-up",
            task="Average each host over windows of 30 seconds, all of its CPUs together:"
            " window_start, hostname, usage_avg.",
            starter='answer = """\n"""\nworkshop.check("03-warm-up", answer)',
            hints=(
                "It is the query per_window with fewer columns.",
                "One row for each window and host: so only these stand in GROUP BY.",
                "GROUP BY window_start, window_end, hostname, and without cpu.",
            ),
            solution='answer = """\n'
            "SELECT window_start, hostname, AVG(usage) AS usage_avg\n"
            "FROM TABLE(\n"
            "    TUMBLE(TABLE cpu_in, DESCRIPTOR(time_ltz), INTERVAL '30' SECOND)\n"
            ")\n"
            "WHERE time_ltz IS NOT NULL\n"
            "GROUP BY window_start, window_end, hostname\n"
            '"""\n'
            'workshop.check("03-warm-up", answer)',
            judge=_by_host,
        ),
        Exercise(
            "03-core",
            task="For each CPU and **minute**, find the highest reading and the number of"
            " readings: window_start, hostname, cpu, usage_max, readings.",
            starter='answer = """\n"""\nworkshop.check("03-core", answer)',
            hints=(
                "The length of a window stands in TUMBLE, after INTERVAL.",
                "INTERVAL '60' SECOND, or INTERVAL '1' MINUTE. MAX gives the highest, COUNT(*) the"
                " number.",
                "SELECT window_start, hostname, cpu, MAX(usage) AS usage_max, COUNT(*) AS readings"
                " FROM TABLE(TUMBLE(TABLE cpu_in, DESCRIPTOR(time_ltz), INTERVAL '1' MINUTE)) …",
            ),
            solution='answer = """\n'
            "SELECT\n"
            "    window_start,\n"
            "    hostname,\n"
            "    cpu,\n"
            "    MAX(usage) AS usage_max,\n"
            "    COUNT(*) AS readings\n"
            "FROM TABLE(\n"
            "    TUMBLE(TABLE cpu_in, DESCRIPTOR(time_ltz), INTERVAL '1' MINUTE)\n"
            ")\n"
            "WHERE time_ltz IS NOT NULL\n"
            "GROUP BY window_start, window_end, hostname, cpu\n"
            '"""\n'
            'workshop.check("03-core", answer)',
            judge=_by_minute,
        ),
        Exercise(
            "03-stretch",
            task="Windows that overlap: average each CPU over a minute, with a new window every 30"
            " seconds. Give window_start, window_end, hostname, cpu, usage_avg.",
            starter='answer = """\n"""\nworkshop.check("03-stretch", answer)',
            hints=(
                "TUMBLE has a sister for windows that overlap: HOP.",
                "HOP takes two lengths: how often a window begins, then how long it is.",
                "HOP(TABLE cpu_in, DESCRIPTOR(time_ltz), INTERVAL '30' SECOND, INTERVAL '1'"
                " MINUTE)",
            ),
            solution='answer = """\n'
            "SELECT window_start, window_end, hostname, cpu, AVG(usage) AS usage_avg\n"
            "FROM TABLE(\n"
            "    HOP(\n"
            "        TABLE cpu_in,\n"
            "        DESCRIPTOR(time_ltz),\n"
            "        INTERVAL '30' SECOND,\n"
            "        INTERVAL '1' MINUTE\n"
            "    )\n"
            ")\n"
            "WHERE time_ltz IS NOT NULL\n"
            "GROUP BY window_start, window_end, hostname, cpu\n"
            '"""\n'
            'workshop.check("03-stretch", answer)',
            judge=_hopping,
        ),
    ),
    predictions=(
        Prediction(
            "03-rows",
            asks="Ten minutes, windows of 30 seconds, 35 CPUs. How many rows will the job have"
            " written?",
            explains="19 windows of 35 CPUs: the last one is still open.",
        ),
        Prediction(
            "03-late",
            asks="Look at the picture of the 17 events. How many of them come too late for their"
            " window?",
            explains="It happened at 26 and came at 56, when the watermark had passed 30.",
        ),
    ),
    questions=(
        Question(
            "A reading happened at 09:00:29 and arrives at 09:00:33. Which window is it in?",
            right=(
                "09:00:00 to 09:00:30",
                "Windows go by event time. The watermark waits ten seconds for such readings.",
            ),
            wrong=(
                ("09:00:30 to 09:01:00", "That would be by arrival. Windows go by event time."),
                ("both", "Windows of TUMBLE do not overlap."),
                ("none: it is late", "The watermark was at 09:00:23 at most: it is in time."),
            ),
            at=1,
        ),
        Question(
            "What closes a window?",
            right=(
                "the watermark, when it passes the window's end",
                "It stays ten seconds behind the latest event.",
            ),
            wrong=(
                ("the clock, after 30 seconds", "The clock on the wall does not matter here."),
                ("the 30th reading", "A window may hold any number of readings."),
                ("the next window's first reading", "The watermark is ten seconds behind it."),
            ),
            at=3,
        ),
        Question(
            "The producer stops. What becomes of the last window?",
            right=(
                "it stays open until more readings come",
                "Without readings the watermark stands still.",
            ),
            wrong=(
                ("it closes after ten seconds", "Ten seconds of event time, which stands still."),
                ("its readings are lost", "They are kept in the job's state."),
                ("it closes at once", "Flink cannot know that nothing more will come."),
            ),
            at=0,
        ),
        Question(
            "Why can an average without a window not go to our sink?",
            right=(
                "each reading changes it, and a topic keeps what was written",
                "A window's row is final: no -U follows.",
            ),
            wrong=(
                ("it is too large", "It is one row for each CPU."),
                ("a topic takes no averages", "It takes any record. But it takes none back."),
                ("it has no hostname", "It could have one."),
            ),
            at=2,
        ),
    ),
)
