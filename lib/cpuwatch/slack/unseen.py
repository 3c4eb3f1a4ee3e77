"""What a message carries unseen, by which a restarted notifier recognises it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson

from cpuwatch.settings import settings
from cpuwatch.slack.notices import Notice
from cpuwatch.slack.wording import text

#: By this type a message's metadata is recognised as the notifier's own.
EVENT_TYPE = "cpu_alert"

#: So many bytes of memory go into a message's metadata; Slack has a limit, and names it nowhere.
_MOST_REMEMBERED = 3000


def metadata(notice: Notice, sign: str | None = None) -> dict[str, Any]:
    """What the message carries unseen, so that a restarted notifier recognises it.

    Parameters
    ----------
    notice
        What the message tells of.
    sign
        Whose it is, where no prefix says that.
    """
    # The newest are the likeliest to come again.
    remembered = replace(notice, ts=None, said=None).as_dict(_MOST_REMEMBERED)
    del remembered["ts"], remembered["said"]
    ours = settings().prefix
    return {
        "event_type": EVENT_TYPE,
        "event_payload": {
            # Others may tell the same channel of hosts of the same names, at the same times.
            **({"prefix": ours} if ours else {}),
            **({"sign": sign} if sign else {}),
            "id": notice.id,
            "state": "open" if notice.is_open else "closed",
            "notice": orjson.dumps(remembered).decode(),
        },
    }


def recognise(message: dict[str, Any], sign: str | None = None) -> Notice | None:
    """The notice that a message of the channel tells of; None if it is none of ours.

    One without a sign, as earlier versions posted them, may be anybody's, and counts as ours.
    """
    try:
        found = message.get("metadata") or {}
        if found.get("event_type") != EVENT_TYPE:
            return None
        carried = found["event_payload"]
        if carried.get("prefix") != settings().prefix or carried.get("sign", sign) != sign:
            return None
        notice = Notice.from_dict({**orjson.loads(carried["notice"]), "ts": message["ts"]})
        notice.said = text(notice)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None  # whoever wrote it
    return notice
