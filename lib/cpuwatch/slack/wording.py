"""How a notice is worded: in one line, and as a table for the eye."""

from __future__ import annotations

from typing import Any

from cpuwatch.slack.notices import Notice
from cpuwatch.words import length, moment, printable

#: A message names at most so many cpus; a host with more is told of with their number.
_MOST_CPUS = 16

_LONGEST_NAME = 80

#: So many characters Slack takes in a section, and in a field of one. A name may become five times
#: as long when it is escaped.
_LONGEST_SECTION, _LONGEST_FIELD = 3000, 2000


def text(notice: Notice) -> str:
    """What a notice says, in one line that needs no colour, icon or block to be understood."""
    still, back = _cpus(notice, True), _cpus(notice, False)
    room = _LONGEST_SECTION - len(_sentence(notice, "-", "-"))
    shown = _listed(still, room // 2 if back else room)
    return _sentence(notice, shown, _listed(back, room - len(shown)))


def _sentence(notice: Notice, still: str, back: str) -> str:
    host, top = _name(notice.hostname), f"{notice.allowed_top:g}%"
    since, until, length = _span(notice)
    peak = max(episode.peak_avg for episode in notice.episodes.values())
    if not notice.is_open:
        return (
            f"✔ {host} is back under its threshold of {top}: {back} had averages"
            f" of up to {peak:.1f}%, from {since} to {until} UTC ({length})."
        )
    return (
        f"▲ {host} is over its threshold of {top}: {still} with averages of up to"
        f" {peak:.1f}%, since {since} UTC, for {length} so far."
        + (f" Back already: {back}." if back else "")
    )


def blocks(notice: Notice) -> list[dict[str, Any]]:
    """The same as a table for the eye; `text` alone says it all."""
    since, until, length = _span(notice)
    peak = max(episode.peak_avg for episode in notice.episodes.values())
    cpus = _cpus(notice, True) or _cpus(notice, False)
    rows = {
        "Host": _name(notice.hostname),
        "CPUs": _listed(cpus, _LONGEST_FIELD - len(_field("CPUs", ""))),
        "Highest average": f"{peak:.1f}%",
        "Threshold": f"{notice.allowed_top:g}%",
        "Since": f"{since} UTC",
        "For": f"{length} so far" if notice.is_open else f"{length}, until {until} UTC",
    }
    fields = [_mrkdwn(_field(name, value)) for name, value in rows.items()]
    return [
        {"type": "section", "text": _mrkdwn(text(notice))},
        {"type": "section", "fields": fields},
    ]


def escape(value: str) -> str:
    """Escape the three characters by which Slack's markup begins, so that a name pings nobody."""
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _name(value: str) -> str:
    more = "…" if len(value) > _LONGEST_NAME else ""
    return escape(printable(value[:_LONGEST_NAME]) + more)


def _cpus(notice: Notice, still: bool) -> list[str]:
    """The names of the cpus that are still over, or of those that are back."""
    chosen = {one.cpu for one in notice.episodes.values() if (one.closed is None) == still}
    over = {one.cpu for one in notice.episodes.values() if one.closed is None}
    # A cpu that is over again is not back.
    return sorted(chosen if still else chosen - over)


def _listed(names: list[str], room: int) -> str:
    """The first of some names in so many characters, and how many more there are."""
    most = min(len(names), _MOST_CPUS)
    escaped = [_name(name) for name in names[:most]]
    while True:
        more = len(names) - most
        found = ", ".join(escaped[:most]) + (f" and {more} more" if more else "")
        if len(found) <= room or most <= 1:
            return found
        most -= 1


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


def _field(name: str, value: str) -> str:
    return f"*{name}*\n{value}"


def _mrkdwn(value: str) -> dict[str, Any]:
    # Verbatim: Slack makes no links of names that look like addresses.
    return {"type": "mrkdwn", "text": value, "verbatim": True}
