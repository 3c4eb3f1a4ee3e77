"""Chapter 8: plots and numbers, against what really happened."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from cpuwatch import alerts
from cpuwatch.exercises import held, truth
from cpuwatch.exercises.answers import is_empty, number
from cpuwatch.exercises.exercise import Chapter, Exercise, NotYetError, Prediction, Question
from cpuwatch.readings import FLEET_START, incidents

#: The incidents are known for the fleet's first ten minutes; the last window of these is open.
_KNOWN_UNTIL = FLEET_START + pd.Timedelta("570s")

_HOST = "doc"

#: In a picture a line may lie so far beside, in points: its numbers may be rounded.
_SEEN = 0.051

#: How a time may be written below a picture.
_CLOCKS = ("%H:%M:%S", "%H:%M", "%X", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ")


def _longest(answer: Any) -> str:
    over = held.rows("cpu_out_over")
    windows = over.groupby("hostname").size()
    right = windows[windows == windows.max()].index
    if is_empty(answer):
        raise NotYetError("The answer is empty: put the name of a host between the quotes.")
    answer = _named(answer)
    if not isinstance(answer, str):
        raise NotYetError("The answer is the name of a host, as a text.")
    if any(_same(answer, host) for host in right):
        return f"{windows.max()} windows, those of all of its CPUs counted."
    if answer.strip().lower() not in windows.index:
        raise NotYetError(
            f"No such host was over its limit: those are {', '.join(sorted(windows.index))}."
        )
    if _same(answer, str(over.loc[over["usage_avg"].idxmax(), "hostname"])):
        raise NotYetError("That host had the highest average. Which had the most alerts?")
    raise NotYetError(
        f"{answer} was over in {windows[answer.strip().lower()]} windows, and another host in more:"
        " count the rows of found by hostname."
    )


def _named(answer: Any) -> Any:
    """The one name that an answer holds: as a value, or beside a number, as value_counts has it."""
    if isinstance(answer, pd.Series) and pd.api.types.is_numeric_dtype(answer):
        answer = answer.index
    if isinstance(answer, pd.DataFrame):
        answer = answer.select_dtypes(exclude="number").to_numpy().ravel()
    if isinstance(answer, (pd.Series, pd.Index, np.ndarray, list, tuple, set)):
        several = list(answer)
        return several[0] if len(several) == 1 else None
    return answer


def _same(first: str, second: str) -> bool:
    """Whether two names are the same but for case, blanks and quotes."""
    return first.strip(" '\"`").lower() == second.strip().lower()


def _one_limit(answer: Any) -> str:
    limit = number(answer)
    found = held.rows("cpu_out_agg")
    known = found[found["window_end"] <= _KNOWN_UNTIL]
    if limit != int(limit) or not 0 <= limit <= 100:
        raise NotYetError("A whole number from 0 to 100 is asked for.")

    def missed(top: int) -> pd.DataFrame:
        return alerts.score(known[known["usage_avg"] > top], incidents()).missed

    lost = missed(int(limit))
    if len(lost):
        hosts = ", ".join(sorted(lost["hostname"]))
        raise NotYetError(f"With {limit:g} the trouble of {hosts} is missed: lower the limit.")
    if missed(int(limit) + 1).empty:
        raise NotYetError(
            f"With {limit:g} all four are found. With {limit + 1:g} they are, too: go higher."
        )
    precision = alerts.score(known[known["usage_avg"] > limit], incidents()).precision
    return (
        f"All four are found, and only {precision:.0%} of the alerts are right: that is the price"
        " of one limit for all."
    )


def _picture(answer: Any) -> str:
    # Half a second, which no other chapter needs.
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    if isinstance(answer, Figure) and answer.axes:
        answer = answer.axes[0]
    if not isinstance(answer, Axes):
        raise NotYetError("The answer is no picture: give the axes that plt.subplots() gives.")
    found = held.rows("cpu_out_agg")
    one = found[found["hostname"] == _HOST].sort_values("window_start")
    drawn = [np.asarray(line.get_ydata(), dtype=float) for line in answer.lines]
    over = [line.get_xdata(orig=True) for line in answer.lines]
    of_cpus = {
        str(cpu): [x for x, y in zip(over, drawn, strict=True) if _near(y, some["usage_avg"])]
        for cpu, some in one.groupby("cpu")
    }
    lacking = [cpu for cpu, those in of_cpus.items() if not those]
    if len(lacking) == one["cpu"].nunique():
        raise NotYetError(
            f"No line of the {len(drawn)} that are drawn shows the averages of a CPU of {_HOST}:"
            " one line for each CPU, window after window."
        )
    if lacking:
        raise NotYetError(f"There is no line for {', '.join(lacking)}: one for each CPU, please.")
    for cpu, some in one.groupby("cpu"):
        if not any(_shows(x, some["window_start"]) for x in of_cpus[str(cpu)]):
            if any(_shows(x, some["window_end"]) for x in of_cpus[str(cpu)]):
                raise NotYetError(
                    f"The line of {cpu} is drawn over the end of its windows: their start is asked"
                    " for."
                )
            raise NotYetError(
                f"The line of {cpu} is not drawn over the start of its windows: axes.plot takes"
                " what lies below first, window_start, and then what goes up and down."
            )
    limits = truth.limits().set_index("hostname")["allowed_top"]
    top = float(limits[_HOST])
    across = [*drawn, *_across(answer)]
    if not any(len(y) and np.allclose(y, top) for y in across):
        raise NotYetError(f"Where is the limit, {top:g}? axes.axhline draws a line across.")
    if not answer.get_ylabel().strip():
        raise NotYetError("Nobody knows what the numbers are: axes.set_ylabel says it, with unit.")
    return "Whoever sees it knows at once when doc was in trouble."


def _near(drawn: Any, averages: pd.Series[Any]) -> bool:
    """Whether these are the averages, as exactly as one sees."""
    return len(drawn) == len(averages) and np.allclose(drawn, averages, rtol=0, atol=_SEEN)


def _shows(drawn: Any, moments: pd.Series[Any]) -> bool:
    """Whether these are the moments: as times, as numbers that stand for them, or as texts."""
    if len(drawn) != len(moments):
        return False
    if all(isinstance(one, str) for one in drawn):
        return any(list(drawn) == list(moments.dt.strftime(one)) for one in _CLOCKS)
    if np.issubdtype(np.asarray(drawn).dtype, np.number):
        seconds = moments.dt.as_unit("ms").astype("int64") / 1000
        since = seconds - seconds.iloc[0]
        known = (seconds / 86_400, seconds, 1000 * seconds, since, since / 60)
        return any(np.allclose(drawn, one, rtol=1e-9) for one in known)
    try:  # pandas draws periods, each of which has a start
        times = pd.to_datetime([getattr(one, "start_time", one) for one in drawn], utc=True)
    except (TypeError, ValueError):
        return False
    return list(times) == list(moments)


def _across(axes: Any) -> list[Any]:
    """What `axes.hlines` has drawn: no lines of the axes, but segments of collections."""
    from matplotlib.collections import LineCollection

    some = [one for one in axes.collections if isinstance(one, LineCollection)]
    return [segment[:, 1] for one in some for segment in one.get_segments()]


CHAPTER = Chapter(
    exercises=(
        Exercise(
            "08-warm-up",
            task="Which host had the most alerts, those of all of its CPUs counted? The alerts are"
            " in `found`.",
            starter='answer = ""\nworkshop.check("08-warm-up", answer)',
            hints=(
                "found has a row for each alert.",
                'found["hostname"].value_counts() counts the rows of each host.',
                "Its first line is the host that is asked for.",
            ),
            solution='answer = found["hostname"].value_counts().idxmax()\n'
            'workshop.check("08-warm-up", answer)',
            judge=_longest,
        ),
        Exercise(
            "08-core",
            task="What if all hosts had the same limit, on their averages? Find the **highest**"
            " whole number with which all four incidents are still found.",
            starter='answer = None\nworkshop.check("08-core", answer)',
            hints=(
                "Try one: those of averages whose usage_avg is over it are the alerts.",
                "workshop.score(alerts, incidents).missed holds the incidents that were missed."
                " Look at the fleet's ten minutes alone: window_end <= end.",
                "A loop over range(100) tries them all: the last one for which missed.empty is"
                " True.",
            ),
            solution='known_averages = averages[averages["window_end"] <= end]\n'
            "for limit in range(100):\n"
            '    over = known_averages[known_averages["usage_avg"] > limit]\n'
            "    if workshop.score(over, incidents).missed.empty:\n"
            "        answer = limit\n"
            'workshop.check("08-core", answer)',
            judge=_one_limit,
        ),
        Exercise(
            "08-stretch",
            task="Draw the averages of `doc`: a line for each CPU over the start of its windows,"
            " and its limit as a line across. Say at the side what the numbers are.",
            starter="import matplotlib.pyplot as plt\n\n"
            "figure, axes = plt.subplots()\n"
            "# Here you draw.\n"
            "plt.close(figure)\n"
            'workshop.check("08-stretch", axes)',
            hints=(
                'averages[averages["hostname"] == "doc"].groupby("cpu") gives each CPU with its'
                " rows.",
                'axes.plot(rows["window_start"], rows["usage_avg"], label=cpu) draws one line.',
                'axes.axhline(20, linestyle="--") draws the limit, axes.set_ylabel("…") says what'
                " the numbers are. plt.close comes after you have looked: figure shows it.",
            ),
            solution="import matplotlib.pyplot as plt\n\n"
            "figure, axes = plt.subplots()\n"
            'of_doc = averages[averages["hostname"] == "doc"]\n'
            'for cpu, rows in of_doc.groupby("cpu"):\n'
            '    axes.plot(rows["window_start"], rows["usage_avg"], label=cpu)\n'
            'axes.axhline(20, linestyle="--")\n'
            'axes.set_ylabel("average usage, in percent")\n'
            "axes.legend()\n"
            "plt.close(figure)\n"
            'workshop.check("08-stretch", axes)',
            judge=_picture,
        ),
    ),
    predictions=(
        Prediction(
            "08-outside",
            asks="62 alerts. How many of them do you think lie outside of all incidents?",
            explains="Each alert lies in an incident: nothing was invented.",
        ),
        Prediction(
            "08-delay",
            asks="The load of `bashful` grows slowly. How many seconds after the incident began"
            " is it known?",
            explains="It has to pass the limit, its window has to end, and then the watermark has"
            " to pass that end.",
        ),
    ),
    questions=(
        Question(
            "A rule has a precision of 50%. What does that say?",
            right=("half of its reports are wrong", "Precision looks at the reports."),
            wrong=(
                ("half of the incidents are found", "That would be its recall."),
                ("it is right as often as chance", "Chance would be far worse here."),
                ("its alerts come half a window late", "Precision knows nothing of time."),
            ),
            at=2,
        ),
        Question(
            "Which rule has a recall of 100% for certain?",
            right=(
                "one that always reports",
                "It misses nothing. That is why precision is looked at as well.",
            ),
            wrong=(
                ("one that never reports", "It finds nothing: 0%."),
                ("one with a precision of 100%", "It may report once, and be right."),
                ("one with a limit for each host", "Ours has. Another's limits may be too high."),
            ),
            at=0,
        ),
        Question(
            "Why are the numbers taken over the fleet's first ten minutes alone?",
            right=(
                "there it is known what really happened",
                "Without the truth there is neither precision nor recall.",
            ),
            wrong=(
                ("the topic keeps no more", "It keeps all of it."),
                ("later windows are still open", "Only the last one is."),
                ("more would take too long", "It is a matter of milliseconds."),
            ),
            at=3,
        ),
        Question(
            "An alert could come sooner. How?",
            right=(
                "with shorter windows, and a watermark nearer to the readings",
                "The price: averages of fewer readings, and more late ones.",
            ),
            wrong=(
                ("with a faster computer", "It waits for the window, not for the computer."),
                ("with more partitions", "Each window still has to end."),
                ("with a higher limit", "That would be later."),
            ),
            at=1,
        ),
    ),
)
