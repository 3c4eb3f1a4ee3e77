"""The live stream of a notebook: trouble on request, silence on request, this machine beside it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from cpuwatch import slack, topics, waiting, workshop
from cpuwatch.errors import CpuwatchError
from cpuwatch.readings import HOSTS

TOPIC = "cpu_stream_test"


class Heard:
    """What has arrived in the topic, second by second."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ticks: dict[int, list[dict[str, Any]]] = {}

    def keep(self, record: dict[str, Any]) -> None:
        with self._lock:
            self._ticks.setdefault(record["occurred_at"], []).append(record)

    def await_tick(self, fits: Callable[[list[dict[str, Any]]], bool]) -> list[dict[str, Any]]:
        """Wait for a second, of which all has arrived, that fits."""

        def found() -> list[dict[str, Any]] | None:
            with self._lock:
                ticks = [self._ticks[moment] for moment in sorted(self._ticks)[:-1]]
            return next((one for one in reversed(ticks) if fits(one)), None)

        return waiting.until(found, 30, "no such second")


@pytest.fixture
def heard(stack: Path) -> Iterator[Heard]:
    topics.empty(TOPIC)
    one = Heard()
    with topics.follow(TOPIC, one.keep):
        yield one
    topics.delete(TOPIC)


def hosts(tick: list[dict[str, Any]]) -> set[str]:
    return {one["hostname"] for one in tick}


def test_a_host_gets_into_trouble_and_out_again(heard: Heard) -> None:
    stream = workshop.Stream(TOPIC)
    try:
        heard.await_tick(lambda tick: hosts(tick) == set(HOSTS) and len(tick) == 35)
        stream.trouble("sleepy", usage=97)

        def hot(tick: list[dict[str, Any]]) -> list[float]:
            return [one["usage"] for one in tick if one["hostname"] == "sleepy"]

        tick = heard.await_tick(lambda tick: hot(tick) == [97.0] * 5)
        assert all(one["usage"] != 97 for one in tick if one["hostname"] != "sleepy")
        stream.trouble("sleepy", seconds=0)
        heard.await_tick(lambda tick: max(hot(tick)) < 60)
    finally:
        stream.stop()


def test_hosts_fall_silent_and_come_back(heard: Heard) -> None:
    stream = workshop.Stream(TOPIC)
    try:
        stream.only("doc", "dopey")
        heard.await_tick(lambda tick: hosts(tick) == {"doc", "dopey"})
        stream.only()
        heard.await_tick(lambda tick: hosts(tick) == set(HOSTS))
    finally:
        stream.stop()


def test_this_machine_reports_beside_the_fleet(heard: Heard) -> None:
    stream = workshop.Stream(TOPIC, machine=True)
    try:
        tick = heard.await_tick(lambda tick: hosts(tick) == {*HOSTS, "my-machine"})
        mine = [one for one in tick if one["hostname"] == "my-machine"]
        assert len(mine) == psutil.cpu_count() and all(0 <= one["usage"] <= 100 for one in mine)
        assert [one["cpu"] for one in mine] == [f"cpu{n}" for n in range(1, len(mine) + 1)]
    finally:
        stream.stop()


def test_a_second_stream_into_the_same_topic_takes_the_place_of_the_first(heard: Heard) -> None:
    first = workshop.Stream(TOPIC)
    second = workshop.Stream(TOPIC)
    try:
        assert second.running and not first.running
    finally:
        second.stop()


def test_what_is_not_possible_is_answered_with_what_is(heard: Heard) -> None:
    stream = workshop.Stream(TOPIC)
    try:
        with pytest.raises(CpuwatchError, match=r"no host 'doc2' in the stream: they are doc, gr"):
            stream.trouble("doc2")
        with pytest.raises(CpuwatchError, match="no host 'my-machine'"):
            stream.only("doc", "my-machine")
        with pytest.raises(CpuwatchError, match="A usage of 101 is none"):
            stream.trouble("doc", usage=101)
        with pytest.raises(CpuwatchError, match="-1 seconds of trouble are not possible"):
            stream.trouble("doc", seconds=-1)
    finally:
        stream.stop()


def test_who_waits_for_a_message_in_vain_hears_what_to_look_at(stack: Path) -> None:
    with pytest.raises(CpuwatchError, match=r"No message with 'x is over' came in 1 s.*doctor"):
        slack.standin.await_message("x is over", seconds=1)


def test_a_program_that_is_not_there_cannot_be_killed(stack: Path) -> None:
    with pytest.raises(CpuwatchError, match=r"No flink of this stack runs.*jobmanager, kafka"):
        workshop.kill("flink")
