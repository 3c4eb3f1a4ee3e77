"""Run the story on a running stack, step by step."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd

from cpuwatch import alerts, learned, words
from cpuwatch.demo.given import Input, Rule
from cpuwatch.demo.place import BY_WINDOW, Place, run_of_its_own
from cpuwatch.demo.result import Result
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink.environment import warm_up
from cpuwatch.pipeline import WORKSHOP, Parameters
from cpuwatch.settings import settings
from cpuwatch.slack.notices import count_messages
from cpuwatch.stack import failures

#: What a reading takes on the stack's disk at most, in bytes: in its topic, and in the filter's.
_ROOM = 200

#: Called with the name of a step, a sentence about it and its time in seconds.
Tell = Callable[[str, str, float], None]


def run(
    given: Input,
    parameters: Parameters = WORKSHOP,
    tell: Tell = lambda *_: None,
    rule: Rule = "thresholds",
) -> Result:
    """Run the story once on a running stack.

    Parameters
    ----------
    given
        From `read_input`.
    parameters
        The numbers that the statements take.
    tell
        Called after each step.
    rule
        By which an alert is one.

    Raises
    ------
    CpuwatchError
        If a part fails; it names the cause.
    """
    _refuse_without_room(len(given.readings))
    timer = _Timer(tell)
    warm_up()  # Java takes some seconds to start: meanwhile we produce
    with run_of_its_own() as own:
        place = Place(own, parameters, rule)
        with timer.step("produce") as say:
            say(place.produce(given))
        with timer.step("filter") as say:
            place.connect()
            place.finish("cpu_filter")
            order = ["time", "hostname", "cpu", "usage"]
            filtered = place.spooled("cpu_out_filter", order, {"time_ltz": "time"})
            say(f"{len(filtered):,} of them kept by the filter")
        with timer.step("aggregate") as say:
            place.finish("cpu_agg")
            windows = place.spooled("cpu_out_agg", BY_WINDOW)
            length = words.length(parameters.window, mixed=False, spelled=True)
            say(f"{len(windows):,} averages over windows of {length}")
        scores = None
        if rule == "learned":
            with timer.step("learn") as say:
                place.learn()
                scored = place.spooled(learned.SCORES, ["hostname", "cpu", "time_ltz"])
                scores = learned.in_order_of_arrival(given.readings, scored, given.before)
                place.finish("cpu_scored")
                say(f"{len(scored):,} readings scored by what their series has shown before")
        with timer.step("alerts") as say:
            place.write_thresholds(given.thresholds)
            if rule == "learned":
                place.finish("cpu_notification")
                found = place.over_score(learned.THRESHOLD)
            else:
                place.finish("cpu_over", "cpu_notification")
                found = place.read("cpu_out_over")
            found = found.sort_values(BY_WINDOW, ignore_index=True)
            changes = place.read("cpu_out_alerts")
            # Counted as the notifier rolls them up, not posted: nobody needs to know of a
            # fleet's made-up troubles, and a channel takes one message a second.
            # In the order of what they tell of: of several workers one may have been ahead.
            posted = count_messages(_records(changes.sort_values("as_of", kind="stable")))
            count = len(alerts.episodes(changes))
            what = "windows with something new" if rule == "learned" else "over their threshold"
            say(f"{len(found):,} {what}: {count:,} episodes, {posted:,} messages")
    timer.finish()
    return Result(
        given=given,
        parameters=parameters,
        filtered=filtered,
        windows=windows,
        alerts=found,
        transitions=changes,
        slack_messages=posted,
        seconds=timer.seconds,
        rule=rule,
        scores=scores,
    )


def _refuse_without_room(count: int) -> None:
    place = settings().state
    if settings().outside("kafka") or not place.exists():
        return
    free, needed = failures.free(place), count * _ROOM
    if free < needed:
        raise CpuwatchError(
            f"{count:,} readings need some {needed // 1024**2:,} MB on the disk that holds {place},"
            f" and {free // 1024**2:,} MB are free: free some space, or give a smaller file."
        )


class _Timer:
    """Times the steps of a run and tells of each when it is done."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._start = time.monotonic()
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[Callable[[str], None]]:
        start = time.monotonic()
        said: list[str] = []
        yield said.append
        self.seconds[name] = time.monotonic() - start
        self._tell(name, said[-1], self.seconds[name])

    def finish(self) -> None:
        self.seconds["total"] = time.monotonic() - self._start


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in one.items()} for one in table.to_dict("records")]
