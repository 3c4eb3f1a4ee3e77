"""What the channel is told: a host's episodes rolled up into one message, and how it is worded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson

from cpuwatch.settings import settings
from cpuwatch.words import iso, length, moment, printable

#: By this type a message's metadata is recognised as the notifier's own.
EVENT_TYPE = "cpu_alert"

#: A message names at most so many cpus; a host with more is told of with their number.
_MOST_CPUS = 16

#: So many bytes of memory go into a message's metadata; Slack has a limit, and names it nowhere.
_MOST_REMEMBERED = 3000

_LONGEST_NAME = 80


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


def text(notice: Notice) -> str:
    """What a notice says, in one line that needs no colour, icon or block to be understood."""
    host, top = _name(notice.hostname), f"{notice.allowed_top:g}%"
    since, until, length = _span(notice)
    peak = max(episode.peak_avg for episode in notice.episodes.values())
    if not notice.is_open:
        return (
            f"✔ {host} is back under its threshold of {top}: {_cpus(notice, False)} had averages"
            f" of up to {peak:.1f}%, from {since} to {until} UTC ({length})."
        )
    back = _cpus(notice, False)
    return (
        f"▲ {host} is over its threshold of {top}: {_cpus(notice, True)} with averages of up to"
        f" {peak:.1f}%, since {since} UTC, for {length} so far."
        + (f" Back already: {back}." if back else "")
    )


def blocks(notice: Notice) -> list[dict[str, Any]]:
    """The same as a table for the eye; `text` alone says it all."""
    since, until, length = _span(notice)
    peak = max(episode.peak_avg for episode in notice.episodes.values())
    still = _cpus(notice, True)
    rows = {
        "Host": _name(notice.hostname),
        "CPUs": still or _cpus(notice, False),
        "Highest average": f"{peak:.1f}%",
        "Threshold": f"{notice.allowed_top:g}%",
        "Since": f"{since} UTC",
        "For": f"{length} so far" if notice.is_open else f"{length}, until {until} UTC",
    }
    fields = [_mrkdwn(f"*{name}*\n{value}") for name, value in rows.items()]
    return [
        {"type": "section", "text": _mrkdwn(text(notice))},
        {"type": "section", "fields": fields},
    ]


def metadata(notice: Notice) -> dict[str, Any]:
    """What the message carries unseen, so that a restarted notifier recognises it."""
    remembered = notice.as_dict()
    del remembered["ts"], remembered["said"]
    # The newest are the likeliest to come again.
    while len(orjson.dumps(remembered)) > _MOST_REMEMBERED and len(remembered["episodes"]) > 1:
        del remembered["episodes"][0]
    ours = settings().prefix
    return {
        "event_type": EVENT_TYPE,
        "event_payload": {
            # Others may tell the same channel of hosts of the same names.
            **({"prefix": ours} if ours else {}),
            "id": notice.id,
            "state": "open" if notice.is_open else "closed",
            "notice": orjson.dumps(remembered).decode(),
        },
    }


def recognise(message: dict[str, Any]) -> Notice | None:
    """The notice that a message of the channel tells of; None if it is none of ours."""
    found = message.get("metadata") or {}
    if found.get("event_type") != EVENT_TYPE:
        return None
    try:
        if found["event_payload"].get("prefix") != settings().prefix:
            return None
        notice = Notice.from_dict(orjson.loads(found["event_payload"]["notice"]))
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    notice.ts = str(message["ts"])
    notice.said = text(notice)
    return notice


def escape(value: str) -> str:
    """Escape the three characters by which Slack's markup begins, so that a name pings nobody."""
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _name(value: str) -> str:
    more = "…" if len(value) > _LONGEST_NAME else ""
    return escape(printable(value[:_LONGEST_NAME]) + more)


def _cpus(notice: Notice, still: bool) -> str:
    chosen = [one for one in notice.episodes.values() if (one.closed is None) == still]
    over = {one.cpu for one in notice.episodes.values() if one.closed is None}
    # A cpu that is over again is not back.
    names = sorted({one.cpu for one in chosen} if still else {one.cpu for one in chosen} - over)
    shown = ", ".join(_name(name) for name in names[:_MOST_CPUS])
    more = len(names) - _MOST_CPUS
    return shown + (f" and {more} more" if more > 0 else "")


def _span(notice: Notice) -> tuple[str, str, str]:
    """Since when, until when, and for how long; the date of the end only if it is another."""
    episodes = notice.episodes.values()
    start = min(moment(one.opened) for one in episodes)
    end = max(moment(one.closed or one.as_of) for one in episodes)
    same_day = start.date() == end.date()
    return (
        f"{start:%Y-%m-%d %H:%M:%S}",
        f"{end:%H:%M:%S}" if same_day else f"{end:%Y-%m-%d %H:%M:%S}",
        length(int((end - start).total_seconds())),
    )


def _mrkdwn(value: str) -> dict[str, Any]:
    # Verbatim: Slack makes no links of names that look like addresses.
    return {"type": "mrkdwn", "text": value, "verbatim": True}


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is no text")
    return value
