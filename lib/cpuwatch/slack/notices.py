"""What the channel is told: a host's episodes rolled up into one message."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from cpuwatch.words import iso, moment


@dataclass
class Episode:
    """One cpu's episode, as far as it is known; times are ISO 8601 in UTC."""

    id: str
    cpu: str
    opened: str
    closed: str | None
    peak_avg: float
    as_of: str


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

    def as_dict(self) -> dict[str, Any]:
        """Itself as JSON can hold it; see `from_dict`."""
        return {
            "id": self.id,
            "hostname": self.hostname,
            "allowed_top": self.allowed_top,
            "episodes": [vars(episode) for episode in self.episodes.values()],
            "ts": self.ts,
            "said": self.said,
            "topic": self.topic,
        }

    @classmethod
    def from_dict(cls, found: dict[str, Any]) -> Notice:
        """A notice from what `as_dict` made of it."""
        episodes = {one["id"]: Episode(**one) for one in found["episodes"]}
        return cls(
            found["id"], found["hostname"], float(found["allowed_top"]), episodes,
            found.get("ts"), found.get("said"), topic=found.get("topic", ""),
        )  # fmt: skip


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
        until = record.get("closed")
        if until != until:
            until = None  # pandas has NaT for nothing
        try:
            episode = Episode(
                id=_text(record["id"]),
                cpu=_text(record["cpu"]),
                opened=iso(moment(record["opened"])),
                closed=None if until is None else iso(moment(until)),
                peak_avg=float(record["peak_avg"]),
                as_of=iso(moment(record.get("as_of") or record["opened"])),
            )
            hostname, allowed_top = _text(record["hostname"]), float(record["allowed_top"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"no transition: {error!r}") from None
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
    """How many messages the notifier makes of these transitions."""
    rolled = RollUp()
    for record in records:
        rolled.apply(record)
    return len(rolled.notices)


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is no text")
    return value
