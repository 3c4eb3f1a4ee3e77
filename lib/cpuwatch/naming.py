"""Names on services that others use, too: with CPUWATCH_PREFIX each attendee has their own.

Topics, jobs, consumer groups, transactions and the schema in PostgreSQL are called
`<prefix>--<name>` there, and `<name>` in notebooks and in this library. The one becomes the other
where Kafka, Flink, PostgreSQL or the stand-in is spoken to, and nowhere else.
"""

from __future__ import annotations

import re

from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import settings

#: Between a prefix and a name. No prefix holds it, so a name has at most one.
BETWEEN = "--"

_PREFIXED = re.compile(rf"[a-z0-9]+(-[a-z0-9]+)*{BETWEEN}")

#: Options of a table whose values are names on Kafka.
_OPTION = re.compile(
    r"('(?P<option>topic|topic-pattern|properties\.group\.id|sink\.transactional-id-prefix)'\s*=\s*')"
    r"(?P<value>(?:[^']|'')+)'"
)


def prefix() -> str:
    """What stands before each name on the services: `anna--`, or nothing."""
    ours = settings().prefix
    return f"{ours}{BETWEEN}" if ours else ""


def full(name: str) -> str:
    """A name as the services know it; one that is full already stays as it is."""
    ours = prefix()
    return name if name.startswith(ours) else ours + name


def short(name: str) -> str | None:
    """A name as notebooks know it; None if it is somebody else's."""
    ours = prefix()
    if ours:
        return name.removeprefix(ours) if name.startswith(ours) else None
    return None if _PREFIXED.match(name) else name


def new(name: str) -> str:
    """The full name of what is made now.

    Raises
    ------
    CpuwatchError
        If it would be taken for somebody else's.
    """
    if short(full(name)) is None:
        raise CpuwatchError(
            f"{name} would be somebody else's: what stands before '{BETWEEN}' is a prefix. Choose"
            f" another name, such as {name.replace(BETWEEN, '-')}."
        )
    return full(name)


def shown(name: str) -> str:
    """The same, and somebody else's as it is."""
    return short(name) or name


def in_full(*names: str) -> str:
    """What somebody has to know who speaks to Kafka without our help; nothing without a prefix."""
    if not prefix():
        return ""
    return f" A plain client calls them by their full names here: {', '.join(map(full, names))}."


def in_options(text: str) -> str:
    """A statement whose tables' options have full names."""
    if not prefix():
        return text

    def replaced(found: re.Match[str]) -> str:
        value = found["value"]
        if found["option"] == "topic-pattern":
            own = value if value.startswith(prefix()) else f"{prefix()}(?:{value})"
        else:
            own = ";".join(full(one) for one in value.split(";"))
        return f"{found[1]}{own}'"

    return _OPTION.sub(replaced, text)
