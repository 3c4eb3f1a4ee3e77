"""What the channel is told: a host's episodes rolled up into one message."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from cpuwatch.words import iso, moment, shorten, shown

#: No name is longer, in characters: the pipeline's own have at most 300, and an id holds two.
_LONGEST = 1000

#: What is raised by what is not as it should be; a number may be too large for a float, and a
#: moment too early or too late for a year that Python knows.
_ODD = (AttributeError, KeyError, OverflowError, TypeError, ValueError)


@dataclass
class Episode:
    """One cpu's episode, as far as it is known; times are ISO 8601 in UTC."""

    id: str
    cpu: str
    opened: str
    closed: str | None
    peak_avg: float
    as_of: str

    @classmethod
    def from_dict(cls, found: dict[str, Any]) -> Episode:
        """An episode from a transition, or from what is kept; any of `_ODD` if it is none."""
        until = found.get("closed")
        if until != until:
            until = None  # pandas has NaT for nothing
        return cls(
            id=_text(found["id"]),
            cpu=_text(found["cpu"]),
            opened=_moment(found["opened"]),
            closed=None if until is None else _moment(until),
            peak_avg=_number(found["peak_avg"]),
            as_of=_moment(found.get("as_of") or found["opened"]),
        )


@dataclass
class Notice:
    """One message: the episodes of one host that belong together.

    Attributes
    ----------
    id
        The id of its first episode: the message's own, by which a repeat is recognised.
    hostname
        The host.
    allowed_top
        Its threshold when the first episode opened, in percent.
    episodes
        By id, in the order of their opening.
    ts
        Slack's name for the message, once it is posted.
    said
        What it says in Slack now; None if unknown.
    doubtful
        Whether Slack may have taken it although it did not say so.
    topic
        Kafka's id of the topic that its episodes were in.
    """

    id: str
    hostname: str
    allowed_top: float
    episodes: dict[str, Episode] = field(default_factory=dict)
    ts: str | None = None
    said: str | None = None
    doubtful: bool = False
    topic: str = ""

    @property
    def is_open(self) -> bool:
        """Whether a cpu is still over the threshold."""
        return any(episode.closed is None for episode in self.episodes.values())

    def as_dict(self, most: int | None = None) -> dict[str, Any]:
        """Itself as JSON can hold it; see `from_dict`.

        Parameters
        ----------
        most
            So many bytes it has as JSON at most: the oldest episodes are left out, and the newest
            never. By default it has all.
        """
        found: dict[str, Any] = {
            "id": self.id,
            "hostname": self.hostname,
            "allowed_top": self.allowed_top,
            "episodes": [vars(episode) for episode in self.episodes.values()],
            "ts": self.ts,
            "said": self.said,
            "topic": self.topic,
        }
        if most is not None:
            room = most - len(orjson.dumps({**found, "episodes": []}))
            found["episodes"] = _newest(found["episodes"], room)
        return found

    @classmethod
    def from_dict(cls, found: Any) -> Notice:
        """A notice from what `as_dict` made of it.

        Raises
        ------
        ValueError
            If it is none.
        """
        try:
            episodes = [Episode.from_dict(one) for one in found["episodes"]]
            if not episodes:
                raise ValueError("it has no episode")
            ts, said = found.get("ts"), found.get("said")
            if ts is not None:
                _number(_text(ts))
            if not isinstance(said, (str, type(None))):
                raise ValueError(f"{shown(said)} is no text")
            return cls(
                _text(found["id"]), _text(found["hostname"]), _number(found["allowed_top"]),
                {one.id: one for one in episodes}, ts, said,
                topic=str(found.get("topic") or ""),
            )  # fmt: skip
        except _ODD as error:
            raise ValueError(f"no notice: {_reason(error)}") from None


class RollUp:
    """Transitions of the topic cpu_alerts, rolled up host by host.

    A cpu that goes over while another cpu of its host is still over joins that one's
    message. When all are back the message is finished, and the next opening makes another.
    So it is with a message of a topic that was deleted: nobody will say any more that it is over.

    Parameters
    ----------
    notices
        What was told before, oldest first.
    topic
        Kafka's id of the topic that is read; a topic that was made anew has another.
    """

    def __init__(self, notices: Iterable[Notice] = (), topic: str = "") -> None:
        self.topic = topic
        self.notices: dict[str, Notice] = {}
        self._by_episode: dict[str, Notice] = {}
        self._latest: dict[str, Notice] = {}
        for notice in notices:
            self._keep(notice)

    def _keep(self, notice: Notice) -> None:
        self.notices[notice.id] = notice
        self._latest[notice.hostname] = notice
        for episode in notice.episodes:
            self._by_episode[episode] = notice

    def apply(self, record: dict[str, Any]) -> Notice:
        """Take in a transition; returns the notice that it belongs to, changed or not.

        Raises
        ------
        ValueError
            If the record is no transition.
        """
        try:
            episode = Episode.from_dict(record)
            hostname, allowed_top = _text(record["hostname"]), _number(record["allowed_top"])
        except _ODD as error:
            raise ValueError(f"no transition: {_reason(error)}") from None
        notice = self._by_episode.get(episode.id)
        if notice is None:
            notice = self._latest.get(hostname)
            if notice is None or self._is_finished(notice):
                notice = Notice(episode.id, hostname, allowed_top)
        notice.topic = self.topic  # that of an episode that is told anew is this one now
        known = notice.episodes.get(episode.id)
        # A repeat says nothing new; least of all is a closed episode open again.
        if known is None or (known.closed is None and episode.closed is not None):
            notice.episodes[episode.id] = episode
            self._keep(notice)
        return notice

    def forget_old(self, keep: int) -> None:
        """Forget all but the latest `keep` notices, of those that are finished."""
        finished = [notice for notice in self.notices.values() if self._is_finished(notice)]
        for notice in finished[: max(0, len(self.notices) - keep)]:
            del self.notices[notice.id]
            for episode in notice.episodes:
                self._by_episode.pop(episode, None)
            if self._latest.get(notice.hostname) is notice:
                del self._latest[notice.hostname]

    def _is_finished(self, notice: Notice) -> bool:
        return not notice.is_open or notice.topic != self.topic


def count_messages(records: Iterable[dict[str, Any]]) -> int:
    """How many messages the notifier makes of these transitions.

    Parameters
    ----------
    records
        Records of the topic of alerts, in order.
    """
    rolled = RollUp()
    for record in records:
        # A rule that learns has no limit, and their number does not hang on it.
        rolled.apply({**record, "allowed_top": 0.0})
    return len(rolled.notices)


def _newest(episodes: list[dict[str, Any]], room: int) -> list[dict[str, Any]]:
    """The last of some episodes, at least one, and as many as fit into so many bytes of JSON."""
    for count, one in enumerate(reversed(episodes)):
        room -= len(orjson.dumps(one)) + 1  # a comma
        if room < 0 and count:
            return episodes[-count:]
    return episodes


def _reason(error: Exception) -> str:
    return shorten(repr(error), 200)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{shown(value)} is no text")
    if len(value) > _LONGEST:
        raise ValueError(f"{shown(value)} has more than {_LONGEST:,} characters")
    return value


def _number(value: Any) -> float:
    number = float(value)
    if isinstance(value, bool) or not math.isfinite(number):
        raise ValueError(f"{shown(value)} is no number")
    return number


def _moment(value: object) -> str:
    if not isinstance(value, (str, datetime)):
        raise ValueError(f"{shown(value)} is no moment")
    return iso(moment(value))
