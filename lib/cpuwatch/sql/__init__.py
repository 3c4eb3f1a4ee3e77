"""The statements of the workshop, one a file; the notebooks show them with their numbers in place.

Three kinds of places are filled here and nowhere else: `${kafka}` and `${postgres}`, the
addresses of this stack; `${prefix}`, what stands before each name on services that others use,
too; and the parameters of a job, such as `${window}`. A place that nothing fills, and a parameter
that finds no place, are errors.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from importlib.resources import files
from typing import NamedTuple

from cpuwatch import naming, pipeline, words
from cpuwatch.errors import CpuwatchError
from cpuwatch.pipeline import WORKSHOP, Job, Parameters
from cpuwatch.settings import settings
from cpuwatch.stack import access

#: A place with its name; or what is meant as one, and is none.
_PLACE = re.compile(r"\$\{(\w*)\}|\$\{[^'\n}]*\}|\$\{\w*")

#: A text, a quoted name, a word or number, or a sign.
_WORD = r"'(?:[^']|'')*'|`[^`]*`|[\w.]+|[^\s\w]+"

#: A text, a quoted name, a comment or a word as a whole; anything else a character at a time.
#: To Flink // begins a comment as well as --.
_PIECE = re.compile(
    r"'(?:[^']|'')*'|`(?:[^`]|``)*`|\"[^\"]*\"|(?:--|//)[^\n]*|/\*.*?\*/|\w+|.", re.DOTALL
)

#: A name, and one with its database before it.
NAME = r"(?:`(?:[^`]|``)+`|\w+)"
NAMES = rf"{NAME}(?:\s*\.\s*{NAME})*"

#: What may stand before the first word of a statement: blanks and comments.
BEFORE = r"(?:\s|(?:--|//)[^\n]*\n|/\*.*?\*/)*"

#: Which sign closes what another one opened, and the types whose < is no comparison.
_CLOSED_BY = {"(": ")", "[": "]", "<": ">"}
_TYPES = frozenset({"ARRAY", "MAP", "MULTISET", "ROW"})

#: Where a table says on which Kafka it is.
_SERVERS = re.compile(r"'properties\.bootstrap\.servers'\s*=\s*'\$\{kafka\}'")

#: What is filled in before a statement is executed; addresses are as the Flink cluster sees them.
_FILLED: dict[str, Callable[[], str]] = {
    "kafka": lambda: settings().kafka_for_flink,
    "postgres": lambda: settings().jdbc_url,
    "prefix": naming.prefix,
}


def source(name: str) -> str:
    """The text of `sql/<name>.sql` as it is, places and all.

    Raises
    ------
    CpuwatchError
        If there is no such file; it names those there are.
    """
    try:
        return files(__name__).joinpath(f"{name}.sql").read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise CpuwatchError(
            f"There is no statement {name!r} in lib/cpuwatch/sql: they are {', '.join(_names())}."
        ) from None


def _names() -> list[str]:
    there = (path.name for path in files(__name__).iterdir())
    return sorted(name.removesuffix(".sql") for name in there if name.endswith(".sql"))


def taught(name: str, parameters: Parameters = WORKSHOP) -> str:
    """A statement as the notebooks show it: its parameters filled in, its addresses not.

    Parameters
    ----------
    name
        A job's, a view's or a table's.
    parameters
        The numbers to fill in.

    Raises
    ------
    CpuwatchError
        If a place is left over, or a parameter of the job finds none.
    """
    text = source(name)
    owner = pipeline.job(name) or pipeline.owner(name)
    known = owner.parameters if owner else ()
    there = [f"${{{one}}}" for one in (*known, *_FILLED)]
    for place in [one for one in places(text) if one not in there]:
        what = f"the job {owner.name}" if owner else "a table"
        raise CpuwatchError(
            f"{name}.sql asks for {place}, which nothing fills: {what} knows {', '.join(there)}."
        )
    if owner is not None:
        _check_places(owner)
    return _PLACE.sub(
        lambda found: found[0] if found[1] in _FILLED else _written(found[1], parameters), text
    )


def _check_places(job: Job) -> None:
    """Raise if a parameter of the job stands in none of its statements."""
    text = "\n".join(_code(source(name)) for name in (*job.views, job.name))
    for name in job.parameters:
        if f"${{{name}}}" not in text:
            where = f"{job.name}.sql" + (" or its views" if job.views else "")
            raise CpuwatchError(
                f"The parameter {name} finds no place in {where}: write ${{{name}}} where it"
                " belongs, in no text and no comment, or take it from the job's entry in"
                " pipeline.py."
            )


def _written(name: str, parameters: Parameters) -> str:
    """A parameter as SQL."""
    if name == "window":
        return interval(parameters.window)
    if name == "cooldown":
        return interval(parameters.cooldown * parameters.window)
    return repr(getattr(parameters, name)).removesuffix(".0")


def places(text: str) -> list[str]:
    """The places in a statement, such as `${kafka}`, and what is meant as one: `${ kafka }`."""
    return sorted({found[0] for found in _PLACE.finditer(text)})


def statement(name: str, parameters: Parameters = WORKSHOP) -> str:
    """A statement that can be executed: as `taught`, with this stack's addresses."""
    return fill(taught(name, parameters))


def fill(text: str) -> str:
    """Replace `${kafka}` and `${postgres}` by the addresses that the Flink cluster uses.

    On services that are shared with others, topics, groups and transactions get their full names;
    `${prefix}` is what stands before these.

    Parameters
    ----------
    text
        A statement, or a part of one.

    Raises
    ------
    CpuwatchError
        If the text asks for something else.
    """

    def address(found: re.Match[str]) -> str:
        if found[1] not in _FILLED:
            raise CpuwatchError(
                f"Nothing fills {found[0]} in that statement: there are"
                f" {', '.join(f'${{{one}}}' for one in _FILLED)}."
            )
        return _FILLED[found[1]]()

    known = access.table_options(settings())
    more = "".join(f",\n    {literal(name)} = {literal(value)}" for name, value in known.items())
    text = _SERVERS.sub(lambda found: found[0] + more, text)
    return naming.in_options(_PLACE.sub(address, text))


def literal(text: str) -> str:
    """A text as SQL writes it: in quotes, and those within it twice."""
    return "'" + text.replace("'", "''") + "'"


def query(text: str) -> str:
    """The SELECT in an INSERT INTO … SELECT, or in a CREATE TEMPORARY VIEW … AS SELECT."""
    return re.sub(r"^\s*(INSERT\s+INTO\s+\S+|CREATE\s+TEMPORARY\s+VIEW\s+\S+\s+AS)\s*", "", text)


def normal(text: str) -> str:
    """A statement without what makes no difference: comments, blanks, the last semicolon."""
    found: list[str] = []
    for piece in pieces(bare(text)):
        if not piece.text.isspace():
            found.append(piece.text)
        elif found and found[-1] != " ":
            found.append(" ")
    return "".join(found)


def difference(mine: str, theirs: str) -> str | None:
    """Where two statements differ first, in a few words; None if they mean the same.

    Parameters
    ----------
    mine, theirs
        Statements.

    Returns
    -------
    str or None
        Such as `INTERVAL '10' SECOND instead of INTERVAL '30' SECOND`.
    """
    left, right = (re.findall(_WORD, normal(one)) for one in (mine, theirs))
    for kind, i, j, k, m in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        # A word on each side, so that a number alone is not all that is seen.
        start, end = min(i, k, 1), 1
        return " instead of ".join(
            words.shorten(" ".join(side[max(first - start, 0) : last + end]), 60)
            for side, first, last in ((left, i, j), (right, k, m))
        )
    return None


def bare(text: str) -> str:
    """A statement without its comments and last semicolons; each text in it stays as it is."""
    return without_comments(text).rstrip("; \t\r\n")


def without_comments(text: str) -> str:
    """The same, and what is around it stays."""
    return "".join(" " if piece.is_comment else piece.text for piece in pieces(text))


def _code(text: str) -> str:
    """A statement without its texts and comments."""
    found = pieces(text)
    return "".join(" " if one.is_comment or one.is_text else one.text for one in found)


# --- How a statement is read ----------------------------------------------------------------


class Piece(NamedTuple):
    """What belongs together in a statement: a text, a quoted name, a comment, a word, a sign.

    Attributes
    ----------
    text
        As it is written.
    at
        Where it begins.
    depth
        In how many brackets it stands.
    """

    text: str
    at: int
    depth: int

    @property
    def is_text(self) -> bool:
        """Whether it is a text in quotes."""
        return self.text.startswith("'")

    @property
    def is_comment(self) -> bool:
        """Whether it says nothing to Flink; a hint does."""
        return re.match(r"--|//|/\*(?!\+)", self.text) is not None


def pieces(text: str) -> Iterator[Piece]:
    """Read SQL piece by piece; together they are the whole text."""
    inside: list[str] = []
    before = ""
    for found in _PIECE.finditer(text):
        piece = found[0]
        if inside and piece == _CLOSED_BY[inside[-1]]:
            inside.pop()
        yield Piece(piece, found.start(), len(inside))
        if piece in ("(", "[") or (piece == "<" and before.upper() in _TYPES):
            inside.append(piece)
        if not piece.isspace():
            before = piece


def parts(text: str, separator: str = ",") -> list[str]:
    """Cut SQL where a separator stands in no brackets, texts or comments.

    Parameters
    ----------
    text
        Such as the columns of a table.
    separator
        One character.
    """
    found = [""]
    for piece in pieces(text):
        if piece.text == separator and piece.depth == 0:
            found.append("")
        else:
            found[-1] += " " if piece.is_comment else piece.text
    return [part.strip() for part in found if part.strip()]


def names_in(text: str) -> set[str]:
    """The words and quoted names in a statement; what texts and comments say is none of it."""
    found = (piece.text for piece in pieces(text))
    return {one.strip("`") for one in found if re.match(r"\w|`.", one)}


# --- What a table says of itself ------------------------------------------------------------


@dataclass(frozen=True)
class Column:
    """A column that a table's records have as a field."""

    name: str
    type: str

    @property
    def is_time(self) -> bool:
        """Whether it holds moments."""
        return self.type.startswith("TIMESTAMP")

    @property
    def is_text(self) -> bool:
        """Whether it holds text."""
        return self.type.startswith(("STRING", "VARCHAR", "CHAR"))

    @property
    def is_whole(self) -> bool:
        """Whether it holds whole numbers."""
        return self.type.startswith(("BIGINT", "INT", "SMALLINT", "TINYINT"))

    @property
    def is_number(self) -> bool:
        """Whether it holds numbers of any kind."""
        return self.is_whole or self.type.startswith(("DOUBLE", "FLOAT", "DECIMAL", "REAL"))


def columns(table: str) -> list[Column]:
    """The columns that a table's records have, in order; computed ones are none of them.

    Those of the table that it is made LIKE come first.

    Parameters
    ----------
    table
        As its file's name.
    """
    like = base(table)
    found = [] if like is None else columns(like)
    for part in parts(_body(source(table))):
        words = re.match(r"(`[^`]+`|\S+)\s*(\S*)", part)
        assert words is not None  # it is not empty
        name, kind = words[1], words[2].upper()
        if name.upper() in ("PRIMARY", "WATERMARK", "CONSTRAINT", "UNIQUE") or kind == "AS":
            continue
        if re.search(r"\bMETADATA\b.*\bVIRTUAL\b", part, re.IGNORECASE | re.DOTALL):
            continue  # Kafka's, and no field
        found.append(Column(name.strip("`"), kind))
    return found


def topic(table: str) -> str | None:
    """The topic that a table reads or writes; None if it is not on Kafka.

    Parameters
    ----------
    table
        As its file's name.
    """
    found = re.search(r"'topic'\s*=\s*'([^']*)'", without_comments(source(table)))
    return found[1] if found else None


def topics() -> list[str]:
    """The topics of all tables of the pipeline, each once."""
    found = (topic(table) for table in pipeline.tables())
    return list(dict.fromkeys(name for name in found if name is not None))


def table_of(topic_name: str) -> str | None:
    """The pipeline's first table on a topic; None if it has none."""
    return next(iter(tables_of(topic_name)), None)


def tables_of(topic_name: str) -> list[str]:
    """The pipeline's tables on a topic, also those that are like another one there."""
    there = pipeline.tables()
    return [one for one in there if topic_name == (topic(one) or topic(base(one) or one))]


def base(table: str) -> str | None:
    """The table that another one is made LIKE; None if it stands by itself."""
    return base_in(source(table))


def base_in(text: str) -> str | None:
    """The same, of a CREATE TABLE."""
    outer = "".join(piece.text for piece in pieces(_code(text)) if piece.depth == 0)
    found = re.match(
        rf"\s*CREATE\s+(?:TEMPORARY\s+)?TABLE\b(?:(?!\sAS\s).)*?\sLIKE\s+({NAMES})",
        outer.replace(")", ") "),
        re.IGNORECASE | re.DOTALL,
    )
    return re.findall(NAME, found[1])[-1].strip("`") if found else None


def bases(table: str) -> list[str]:
    """The table that another one is made LIKE, and that one's, and so on."""
    like = base(table)
    return [] if like is None else [like, *bases(like)]


def _body(text: str) -> str:
    """What stands between the parentheses of a CREATE TABLE; nothing if it has no columns."""
    head, found = "", ""
    for piece in pieces(_code(text)):
        if piece.depth:
            found += piece.text
        elif found or re.search(r"\s(WITH|LIKE)\b", head, re.IGNORECASE):
            break
        else:
            head += piece.text
    return found


# --- Lengths of time ------------------------------------------------------------------------

_UNITS = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600, "DAY": 86_400}

_INTERVAL = re.compile(
    r"INTERVAL\s+'(?:(\d+) (\d+):(\d+):(\d+)|(\d+))'\s+(SECOND|MINUTE|HOUR|DAY)", re.IGNORECASE
)


def interval(seconds: int) -> str:
    """A length of time as an SQL interval: `INTERVAL '30' SECOND`.

    A plain SECOND holds two digits only, so a longer one is written out; and so does a DAY.
    """
    if seconds < 100:
        return f"INTERVAL '{seconds}' SECOND"
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    first = "DAY" if days < 100 else f"DAY({len(str(days))})"
    return f"INTERVAL '{days} {hours:02}:{minutes:02}:{rest:02}' {first} TO SECOND"


def intervals(text: str) -> list[int]:
    """The intervals in a statement that we can read, in seconds."""
    found = []
    for days, hours, minutes, seconds, number, unit in _INTERVAL.findall(text):
        if number:
            found.append(int(number) * _UNITS[unit.upper()])
        else:
            whole = (int(days) * 24 + int(hours)) * 60 + int(minutes)
            found.append(whole * 60 + int(seconds))
    return found


def lateness(text: str) -> int:
    """How far a table's watermark stays behind the newest row, in seconds; 0 if it does not say."""
    found = re.search(r"\bWATERMARK\s+FOR\b(.*)", without_comments(text), re.IGNORECASE | re.DOTALL)
    return next(iter(intervals(found[1])), 0) if found else 0


def seconds(text: str) -> int:
    """A length of time such as '30s', '5m' or '1h', in seconds.

    Raises
    ------
    ValueError
        If it is none, or not between one second and one day.
    """
    match = re.fullmatch(r"([0-9]{1,6})\s*(s|m|h|d)", text.strip().lower())
    length = int(match[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86_400}[match[2]] if match else 0
    if not 1 <= length <= 86_400:
        raise ValueError(
            f"{text!r} is no length for a window: write for example 30s, 5m or 1h (at most 24h)"
        )
    return length
