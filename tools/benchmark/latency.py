"""From trouble to the message in Slack, live: how long each part of the way takes.

The clock starts when the reading is sent by which the watermark closes the window, so that the
watermark's own delay, which is chosen, is not in it.
"""

from __future__ import annotations

import random
import time
from collections import defaultdict

import pandas as pd

from cpuwatch import slack, topics, waiting, workshop
from cpuwatch.readings import FLEET_START
from cpuwatch.slack import standin
from cpuwatch.topics.consumer import Follower

#: So many other hosts report all the time: some in each partition.
_OTHERS = 16

_WINDOW, _BEHIND = 30, 10

#: The parts, each from the one before; in milliseconds.
PARTS = ("average in its topic", "alert in its topic", "message in Slack", "all of it")


def measure(count: int = 50) -> dict[str, list[float]]:
    """So many troubles, each of a host of its own; the milliseconds of each part."""
    workshop.catch_up("07")
    slack.start()
    waiting.until(lambda: not slack.waiting(), 120, "the notifier does not get on")
    begin = FLEET_START + pd.Timedelta("2 days")
    seen: dict[str, dict[str, float]] = defaultdict(dict)

    def note(topic: str) -> Follower:
        def noted(record: dict[str, object]) -> None:
            if str(record["hostname"]).startswith("bench-"):
                seen[topic].setdefault(str(record["hostname"]), time.perf_counter())

        return topics.follow(topic, noted, from_start=False)

    found: dict[str, list[float]] = {name: [] for name in PARTS}
    averages, alerts = note(topics.AVERAGES), note(topics.ALERTS)
    with averages, alerts, topics.Sender(topics.READINGS) as sender:

        def tick(second: int, *more: str) -> None:
            moment = (begin.value // 10**9 + second) * 1000
            hosts = [(f"quiet-{number}", 20.0) for number in range(_OTHERS)]
            for hostname, usage in [*hosts, *((one, 99.0) for one in more)]:
                value = {"hostname": hostname, "cpu": "cpu1", "usage": usage, "occurred_at": moment}
                sender.send(value, {"hostname": hostname})

        for number in range(count):
            host = f"bench-{number}-"
            first = number * 2 * _WINDOW
            for second in range(first, first + _WINDOW + _BEHIND):
                tick(second, *([host] if second < first + _WINDOW else []))
            sender.flush()
            # All is read; and the next checkpoint is as likely to be soon as late.
            time.sleep(1 + random.random())
            start = time.perf_counter()
            tick(first + _WINDOW + _BEHIND)
            sender.flush()

            def posted(host: str = host) -> bool:
                return bool(standin.messages()["text"].str.contains(host).any())

            waiting.until(posted, 60, f"no message of {host}", pause=0.01)
            end = time.perf_counter()
            places = [start, seen[topics.AVERAGES][host], seen[topics.ALERTS][host], end]
            for name, before, after in zip(PARTS, places, places[1:], strict=False):
                found[name].append(1000 * (after - before))
            found[PARTS[-1]].append(1000 * (end - start))
            standin.clear()
    slack.stop()
    return found
