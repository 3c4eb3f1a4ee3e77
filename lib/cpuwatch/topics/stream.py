"""The fleet, live, in the background; its hosts may be made to suffer, or to be silent."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import chain

from cpuwatch.errors import CpuwatchError
from cpuwatch.readings import HOSTS, MACHINE, Reading, live_fleet, usage_now
from cpuwatch.topics.admin import create
from cpuwatch.topics.known import LIVE
from cpuwatch.topics.producer import send

#: Trouble that somebody forgets ends by itself after so many seconds.
_LONGEST = 600.0

#: This process's streams, by topic.
_STREAMS: dict[str, Stream] = {}


class Stream:
    """The fleet, live: 35 readings a second into a topic, in the background, until stopped.

    One that this process has begun before, into the same topic, is stopped: so a cell may run
    twice.

    Parameters
    ----------
    topic
        The topic's name; it is made if it is not there.
    machine
        Whether this machine reports, too, as a host called `my-machine`: a reading a second for
        each of its CPUs.
    """

    def __init__(self, topic: str = LIVE, machine: bool = False) -> None:
        self.topic = topic
        self.sent = 0
        self.hosts = (*HOSTS, MACHINE) if machine else HOSTS
        self._heard = frozenset(self.hosts)
        self._hot: dict[str, tuple[float, float]] = {}  # usage, and until when
        self._stop = threading.Event()
        self._error: Exception | None = None
        if (before := _STREAMS.get(topic)) is not None:
            with suppress(Exception):  # what ended it is told by its own `stop`
                before.stop()
        _STREAMS[topic] = self
        create(topic)
        self._thread = threading.Thread(target=self._run, name="stream", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        def count(sent: int) -> None:
            self.sent = sent

        try:
            fleet = live_fleet()
            source = replace(fleet, ticks=self._ticks(fleet.ticks))
            send(source, progress=count, stop=self._stop, topic=self.topic)
        except Exception as error:
            self._error = error

    def _ticks(self, ticks: Iterable[Iterable[Reading]]) -> Iterator[Iterator[Reading]]:
        usage_now()  # it measures from one call to the next
        for tick in ticks:
            yield self._readings(tick)

    def _readings(self, tick: Iterable[Reading]) -> Iterator[Reading]:
        """What is sent of a tick, decided when it is due: what was said just before counts."""
        for reading in chain(tick, usage_now() if MACHINE in self.hosts else ()):
            host = reading["hostname"]
            if host in self._heard:
                usage, until = self._hot.get(host, (0.0, 0.0))
                yield {**reading, "usage": usage} if time.monotonic() < until else reading

    def trouble(self, hostname: str, usage: float = 97.0, seconds: float = 60.0) -> None:
        """Let all CPUs of a host be that busy, from now on, for a while.

        Parameters
        ----------
        hostname
            One of the stream's hosts.
        usage
            In percent.
        seconds
            For how long, at most ten minutes; 0 ends it.

        Raises
        ------
        CpuwatchError
            If there is no such host, or a number is out of range.
        """
        self._require(hostname)
        if not 0 <= usage <= 100:
            raise CpuwatchError(f"A usage of {usage:g} is none: it is a percentage, 0 to 100.")
        if not 0 <= seconds <= _LONGEST:
            raise CpuwatchError(
                f"{seconds:g} seconds of trouble are not possible: 0 to {_LONGEST:g} are."
            )
        self._hot[hostname] = (usage, time.monotonic() + seconds)

    def only(self, *hostnames: str) -> None:
        """Let these hosts report from now on, and no others; without any, all of them.

        Raises
        ------
        CpuwatchError
            If there is no such host.
        """
        for one in hostnames:
            self._require(one)
        self._heard = frozenset(hostnames or self.hosts)

    def _require(self, hostname: str) -> None:
        if hostname not in self.hosts:
            raise CpuwatchError(
                f"There is no host {hostname!r} in the stream: they are {', '.join(self.hosts)}."
            )

    @property
    def running(self) -> bool:
        """Whether it still sends."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Stop it; raises what ended it early, if anything did."""
        self._stop.set()
        self._thread.join(40)
        if self._error is not None:
            raise self._error
