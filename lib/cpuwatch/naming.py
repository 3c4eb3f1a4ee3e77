"""Names on services that others use, too: with CPUWATCH_PREFIX each attendee has their own.

Topics, jobs, consumer groups, transactions and the schema in PostgreSQL are called
`<prefix>--<name>` there, and `<name>` in notebooks and in this library. The one becomes the other
where Kafka, Flink, PostgreSQL or the stand-in is spoken to, and nowhere else.
"""

from __future__ import annotations

import re
from itertools import pairwise

from cpuwatch import words
from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import settings

#: Between a prefix and a name. No prefix holds it, so a name has at most one.
BETWEEN = "--"

_PREFIXED = re.compile(rf"[a-z0-9]+(?:-[a-z0-9]+)*{BETWEEN}")

#: Options of a table whose values are names on Kafka.
_TOPIC, _PATTERN = "topic", "topic-pattern"
_OPTIONS = {_TOPIC, _PATTERN, "properties.group.id", "sink.transactional-id-prefix"}

#: A text, a quoted name or a comment as a whole (a hint is none), or a sign.
_PIECE = re.compile(r"'(?:[^']|'')*'|`[^`]*`|(?:--|//)[^\n]*|/\*(?!\+).*?\*/|.", re.DOTALL)

_COMMENTS = ("--", "//", "/*")

#: What a topic may be called.
_TOPIC_NAME = re.compile(r"[\w.-]+", re.ASCII)
_LONGEST_TOPIC = 249

#: What begins with nobody's prefix.
_NOBODYS = rf"(?!{_PREFIXED.pattern})"


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


def possible_topic(name: object) -> str:
    """A topic's name, if Kafka can have a topic of that name.

    Raises
    ------
    CpuwatchError
        If not; it says what a name is made of.
    """
    if not isinstance(name, str):
        raise CpuwatchError(
            f"A topic's name is a text, such as 'my_topic', not {words.kind(name)}."
        )
    whole = full(name)
    if not _TOPIC_NAME.fullmatch(whole) or whole in (".", "..") or len(whole) > _LONGEST_TOPIC:
        raise CpuwatchError(
            f"No topic can be called '{words.shorten(name)}': its name has letters without accents,"
            f" digits, '.', '_' and '-', and at most {_LONGEST_TOPIC} of them."
        )
    return name


def shown(name: str) -> str:
    """The same, and somebody else's as it is."""
    return short(name) or name


def in_full(*names: str) -> str:
    """What somebody has to know who speaks to Kafka without our help; nothing without a prefix."""
    if not prefix():
        return ""
    return f" A plain client calls them by their full names here: {', '.join(map(full, names))}."


def in_options(text: str) -> str:
    """A statement whose tables' options have full names.

    Without a prefix only a pattern of topics changes: it leaves out those that have one.

    Raises
    ------
    CpuwatchError
        If that cannot be done: then it might read or write what is somebody else's.
    """
    pieces = _PIECE.findall(text)
    told = [at for at, one in enumerate(pieces) if not one.isspace() and one[:2] not in _COMMENTS]
    if prefix():
        for one, another in pairwise(told):
            _refuse_parts(pieces[one], pieces[another])
    for name, sign, value in zip(told, told[1:], told[2:], strict=False):
        option = pieces[name][1:-1]
        if _is_text(pieces[name], pieces[value]) and pieces[sign] == "=" and option in _OPTIONS:
            pieces[value] = f"'{_own(option, pieces[value][1:-1])}'"
    return "".join(pieces)


def _is_text(*pieces: str) -> bool:
    return all(one[0] == "'" and len(one) > 1 for one in pieces)


def _refuse_parts(one: str, another: str) -> None:
    """Raise if a text comes in two parts, which SQL puts together: nobody sees a name in them."""
    if _is_text(one, another):
        raise CpuwatchError(
            f"Two texts stand side by side, {one} and {another}: write them as one, or a comma"
            " between them."
        )


def _own(option: str, value: str) -> str:
    """The value of an option, by full names."""
    if option == _PATTERN:
        return _own_pattern(value)
    if not prefix() or not value:
        return value
    if option != _TOPIC:
        return full(value)
    names = [one.strip() for one in value.split(";") if one.strip()]
    for one in names:
        if not _TOPIC_NAME.fullmatch(one):
            raise CpuwatchError(
                f"'{value}' names no topic of yours: a topic has letters, digits, '.', '_' and"
                " '-', and between several stands ';'."
            )
    return ";".join(map(full, names))


def _own_pattern(value: str) -> str:
    """A pattern that fits no topic of somebody else's, whatever it says."""
    start = prefix() or _NOBODYS
    rest = value.removeprefix(start)
    if not _is_whole(rest):
        raise CpuwatchError(
            f"The 'topic-pattern' '{value}' cannot be kept to your topics: each ( needs its ), and"
            " \\ has to stand before a sign."
        )
    inner = rest[3:-1] if rest.startswith("(?:") and rest.endswith(")") else None
    wrapped = rest != value and inner is not None and _is_whole(inner)
    return value if wrapped else f"{start}(?:{rest})"


def _is_whole(pattern: str) -> bool:
    """Whether nothing in a pattern reaches beyond its end, or begins before it."""
    if re.search(r"\\Q", pattern):
        return False
    signs = re.sub(r"\\.|\[(?:\\.|[^\]])*\]", "", pattern, flags=re.DOTALL)
    depth = 0
    for sign in signs:
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if depth < 0 or sign in "\\[":
            return False
    return depth == 0
