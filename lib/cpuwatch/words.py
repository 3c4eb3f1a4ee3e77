"""Text for people, and times as text."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import datetime, timezone

_UNITS = ((86_400, "d", "day"), (3600, "h", "hour"), (60, "min", "minute"), (1, "s", "second"))


def printable(text: str) -> str:
    """The text on one line, with a mark for each character that cannot be shown."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


def shorten(text: str, length: int = 40) -> str:
    """The text printable, and cut to a length."""
    # Only the beginning is looked at: a field may be megabytes long.
    shown = printable(text[: length + 1])
    return shown if len(text) <= length else shown[: length - 1] + "…"


def kind(value: object) -> str:
    """What a value is, for who gave another one than was asked for: 'None', 'a list', 'an int'."""
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def cut(text: str, length: int) -> str:
    """The text, or its beginning and a mark that says how long it was."""
    if len(text) <= length:
        return text
    return f"{text[:length]}… (cut off: {len(text):,} characters)"


def option(text: str) -> str:
    """The text, whole, as a shell takes it for one word."""
    quoted = shlex.quote(printable(text))
    return quoted if quoted.startswith("'") else f"'{quoted}'"


def listed(texts: Sequence[str], most: int) -> str:
    """The first of some texts, and how many more there are."""
    more = len(texts) - most
    return ", ".join(texts[:most]) + (f" and {more:,} more" if more > 0 else "")


def shown(value: object) -> str:
    """Any value for a message: on one line, and short."""
    if isinstance(value, str):
        return f"'{shorten(value)}'"
    if isinstance(value, int) and abs(value) >= 10**40:
        return "with more than 40 digits"  # Python may refuse to print it
    if isinstance(value, (int, float)):
        return str(value)
    return f"({type(value).__name__})"


def length(seconds: float, mixed: bool = True, spelled: bool = False) -> str:
    """A length of time in words: '2 min 30 s', '1 h 5 min'.

    Parameters
    ----------
    seconds
        What is less than a second is said only if nothing is mixed.
    mixed
        Whether a second unit may say the rest. Otherwise it is the one unit that says it
        exactly: '1 min', but '90 s'.
    spelled
        Whether it is for a sentence: '5 minutes'.
    """
    found: list[tuple[str, str, str]] = []
    if mixed:
        rest = int(seconds)
        for size, short, long in _UNITS:
            count, rest = divmod(rest, size)
            if count and len(found) < 2:
                found.append((str(count), short, long))
    else:
        exact = (one for one in _UNITS if seconds >= one[0] and seconds % one[0] == 0)
        size, short, long = next(exact, _UNITS[-1])
        found.append((f"{seconds / size:g}", short, long))
    return " ".join(
        f"{count} {long}{'' if count == '1' else 's'}" if spelled else f"{count} {short}"
        for count, short, long in found or [("0", *_UNITS[-1][1:])]
    )


def iso(moment: datetime, timespec: str = "auto") -> str:
    """A moment as ISO 8601 in UTC, with a Z.

    Parameters
    ----------
    moment
        With a time zone; a pandas.Timestamp is one, too.
    timespec
        How exactly, as `datetime.isoformat` takes it.
    """
    return moment.astimezone(timezone.utc).isoformat(timespec=timespec).replace("+00:00", "Z")


def moment(value: object) -> datetime:
    """The moment, in UTC, that ISO 8601 names; UTC as well if it says no zone.

    Raises
    ------
    ValueError
        If it is none.
    """
    # Python 3.10 does not read the Z.
    found = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    return found.replace(tzinfo=found.tzinfo or timezone.utc).astimezone(timezone.utc)
