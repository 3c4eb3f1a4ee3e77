"""What an error means, in one or two lines: the cause, where it is, the next step."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from confluent_kafka import KafkaException
from py4j.protocol import Py4JError, Py4JJavaError
from pyflink.util.exceptions import JavaException
from sqlalchemy.exc import IntegrityError, OperationalError, SQLAlchemyError

from cpuwatch.errors import CpuwatchError

#: Words of SQL itself that beginners like as names of columns.
_RESERVED = frozenset(
    {
        *("date", "time", "timestamp", "year", "month", "day", "hour", "minute", "second"),
        *("start", "end", "interval", "window", "order", "position", "result", "row", "rows"),
        *("user", "value", "values"),
    }
)


def trace_of(error: BaseException) -> str:
    """The Java stack trace in an exception of PyFlink's or py4j's."""
    return str(error)


def java(trace: str, statement: str | None = None) -> str:
    """What a Java stack trace means, in one or two lines.

    Parameters
    ----------
    trace
        A stack trace with its `Caused by:` lines.
    statement
        The statement that Flink refused, if there is one: its own words help to explain.
    """
    for pattern, meaning in _MEANINGS:
        found = pattern.search(trace)
        if found is not None:
            text = meaning if isinstance(meaning, str) else meaning(found, statement or "")
            return _filled(text, found) + _where(trace)
    return _innermost(trace)


def _filled(text: str, found: re.Match[str]) -> str:
    for number, group in enumerate(found.groups(), 1):
        text = text.replace(f"{{{number}}}", group or "")
    return text


def _where(trace: str) -> str:
    """Where in the statement it is, if Flink says so."""
    found = re.search(r"(?:at|From) line (\d+), column (\d+)", trace)
    return f" It is in line {found[1]}, column {found[2]}." if found and found[1] != "0" else ""


def _innermost(trace: str) -> str:
    lines = [line.strip() for line in trace.strip().splitlines() if line.strip()]
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    # py4j's own first line names the call, and the next one the exception.
    own = [line for line in lines if not line.startswith("An error occurred while calling")]
    last = causes[-1] if causes else (own or ["no cause is given"])[0]
    # 'org.apache.flink.table.api.ValidationException: text' says no more than 'text'.
    short = re.sub(r"^(: )?([a-z]\w*\.)+[\w$]+(Exception|Error)?: ", "", last)
    return (short or last).rstrip(".")


def _syntax(found: re.Match[str], statement: str) -> str:
    """What is wrong where Flink's parser stopped."""
    token, line, column = found[1].strip(), int(found[2]), int(found[3])
    before, expected = _before(statement, line, column), found.string[found.end() :]
    word = token.split()[0] if token else ""
    if token == "<EOF>":
        return "The statement ends too early." if statement.strip() else "The statement is empty."
    if word.lower() in _RESERVED:
        return (
            f"'{word}' is a word of SQL itself. As the name of a column it needs backticks:"
            f" `{word}`."
        )
    if word == "=" and re.search(r"=\s*$", token.removeprefix("=")):
        return "Equal is written with one =, not with two."
    if '"' in token:
        return "A text stands in single quotes, as in 'doc'; double quotes are something else."
    if "QUOTED_STRING" in expected and "IDENTIFIER" not in expected:
        if word == "=" or re.search(r"'\s*$", before):
            return f"There is a comma missing before '{word if word != '=' else _last(before)}'."
        return f"'{word}' needs single quotes: both sides of an option are quoted, 'like' = 'this'."
    if re.search(r"INTERVAL\s+\d+\s*$|[\s,]\d+\s*$", before) and word.lower().startswith(
        ("sec", "min", "hour", "day")
    ):
        return f"Flink does not know '{word}' here: write INTERVAL '30' SECOND."
    if re.fullmatch(r"\w+", word) and re.search(r"[\w)'`]\s*$", before):
        return f"Flink stopped at '{word}': is there a comma missing before it, or a word misspelt?"
    return f"Flink stopped at '{token}': look at it, and at what stands before it."


def _before(statement: str, line: int, column: int) -> str:
    lines = statement.strip().splitlines()
    if not 0 < line <= len(lines):
        return ""
    return "\n".join([*lines[: line - 1], lines[line - 1][: column - 1]])


def _last(text: str) -> str:
    words = text.split()
    return words[-1].strip("'") if words else ""


def _operands(found: re.Match[str], _statement: str) -> str:
    kinds = re.findall(r"<([^<>]+)>", found[2])
    plain = " and ".join(re.sub(r" \*\w+\*|\(\d+\)", "", kind) for kind in kinds)
    return f"'{found[1]}' does not work on {plain}: their types do not fit together."


def _factory(found: re.Match[str], _statement: str) -> str:
    if "Format" in found[2]:
        return f"There is no format '{found[1]}': this workshop writes 'format' = 'json'."
    return f"There is no connector '{found[1]}': this workshop uses 'kafka' and 'jdbc'."


def _columns(found: re.Match[str], _statement: str) -> str:
    table, cause, query, sink = found.groups()
    if "number" in cause:
        counts = [text.count(": ") for text in (query, sink)]
        what = f"The SELECT gives {counts[0]} columns, and {table} has {counts[1]}."
    else:
        name = re.search(r"column '(\w+)'", cause)
        what = f"The SELECT's types do not fit {table}" + (
            f", first at its column {name[1]}." if name else "."
        )
    names = re.findall(r"(\w+): ", sink)
    return f"{what} Columns go by their order, and the table's is: {', '.join(names)}."


Meaning: TypeAlias = str | Callable[[re.Match[str], str], str]

#: The first that fits counts.
_TABLE: list[tuple[str, Meaning]] = [
    (r"Encountered \"(.*?)\" at line (\d+), column (\d+)", _syntax),
    (
        r"Column '([^']+)' not found in",
        "There is no column '{1}': compare its spelling with the table's columns.",
    ),
    (
        r"Column '([^']+)' is ambiguous",
        "Both tables have a column '{1}': write which one you mean, as in a.{1}.",
    ),
    (
        r"Object '([^']+)' not found|Cannot find table '(?:`\w+`\.)*`(\w+)`'",
        "There is no table '{1}{2}' in this notebook: check its spelling, or run the cell that"
        " creates it.",
    ),
    (
        r"Non-query expression encountered",
        "That is no query: is its first word, SELECT, misspelt?",
    ),
    (r"Cannot apply '([^']+)' to arguments of type '(.*?)'\.", _operands),
    (
        r"Expression '([^']+)' is not being grouped",
        "'{1}' is neither inside AVG, MAX or another aggregate, nor in GROUP BY: add it to"
        " GROUP BY.",
    ),
    (
        r"No match found for function signature (\w+)\(",
        "There is no function {1} for such values: is it misspelt? The average is AVG.",
    ),
    (
        r"Aggregate expression is illegal in WHERE",
        "WHERE looks at single rows, before there is an average: use HAVING after GROUP BY.",
    ),
    (
        r"requires the timecol to be .*?, but is (\w+)",
        "A window needs a column with event time and a watermark, and that column is a {1}:"
        " use time_ltz.",
    ),
    (
        r"requires the timecol is a time attribute type",
        "A window needs a watermark to know when it is over, and that table has none: add"
        " WATERMARK FOR … to its CREATE TABLE.",
    ),
    (
        r"doesn't support consuming update",
        "That result changes with every reading, and this sink takes final rows only: group"
        " by window_start and window_end, so that each window gives one.",
    ),
    (
        r"Column types of query result and sink for '(?:\w+\.)*(\w+)' do not match\.\s*"
        r"Cause: (.*?)\.\s*Query schema: \[(.*?)\]\s*Sink schema:\s*\[(.*?)\]",
        _columns,
    ),
    (
        r"Could not find any factory for identifier '([^']+)' that implements '([^']+)'",
        _factory,
    ),
    (
        r"Unsupported options:\s+(\S+)",
        "There is no option '{1}': check its spelling.",
    ),
    (
        r"Invalid value for option '([^']+)'.*?Could not parse value '([^']*)'.*?"
        r"Expected one of: \[\[(.*?)\]\]",
        "The option '{1}' cannot be '{2}': it is one of {3}.",
    ),
    (
        r"Invalid value for option '([^']+)'",
        "The option '{1}' has a value that it cannot have: check its spelling.",
    ),
    (
        r"Either 'topic' or 'topic-pattern' must be set",
        "The option 'topic' is missing: a table on Kafka has to name its topic.",
    ),
    (
        r"One or more required options are missing:\s*(?:Missing required options are:\s*)?"
        r"([\w.-]+)|Missing required options are:\s+([\w.-]+)",
        "The option '{1}{2}' is missing.",
    ),
    (
        r"(?:\w+\.)?(\w+) already exists in Catalog",
        "There is a table '{1}' already: flink.create_table replaces it.",
    ),
    (
        r"only single statement supported",
        "These are two statements: give one at a time, and put a semicolon only at the end.",
    ),
    (
        r"UnknownTopicOrPartition|does not host this topic",
        "A topic that the job reads or writes does not exist (any more): see topics.names().",
    ),
    (
        r"relation \"([^\"]+)\" does not exist",
        "PostgreSQL has no table '{1}': check 'table-name', or run chapter 04, which makes it",
    ),
    (
        r"PSQLException: (Connection to \S+ refused)|PSQLException: (The connection attempt)",
        "Flink does not reach PostgreSQL: start it with 'cpuwatch up'",
    ),
    (
        r"RestClientException|Could not (?:connect|submit).*Connection refused",
        "Flink does not answer: start it with 'cpuwatch up'.",
    ),
]
_MEANINGS = [(re.compile(pattern, re.DOTALL), meaning) for pattern, meaning in _TABLE]


def error(value: BaseException) -> str | None:
    """What an error that a beginner meets means; None if its own text has to speak for itself.

    Parameters
    ----------
    value
        What was raised: by Flink, Kafka, PostgreSQL or the notebook's own code.
    """
    if isinstance(value, CpuwatchError):
        return str(value)
    if isinstance(value, (JavaException, Py4JJavaError)):
        return java(trace_of(value))
    if isinstance(value, Py4JError):
        return (
            "The Java process of this kernel does not answer. Restart the kernel (Kernel, Restart"
            " Kernel): the jobs on the cluster run on."
        )
    if isinstance(value, KafkaException):
        return (
            f"Kafka refused or does not answer ({value.args[0].str()}). See 'cpuwatch status',"
            " and start it with 'cpuwatch up'."
        )
    if isinstance(value, SQLAlchemyError):
        return _database(value)
    if isinstance(value, NameError):
        name = getattr(value, "name", None) or str(value)
        return (
            f"There is no '{name}' here: a cell above was not run, or the name is misspelt."
            " Choose 'Run', 'Run All Above Selected Cell', then run this cell again."
        )
    if isinstance(value, KeyboardInterrupt):
        return "Stopped. The kernel is well: run this cell again whenever you like."
    return None


def _database(value: SQLAlchemyError) -> str:
    cause = getattr(value, "orig", None) or value
    first = (str(cause).strip().splitlines() or [""])[0]
    detail = re.search(r"DETAIL:\s*(.*)", str(cause))
    if isinstance(value, OperationalError):
        return (
            f"PostgreSQL does not answer ({first}). See 'cpuwatch status', and start it with"
            " 'cpuwatch up'."
        )
    if isinstance(value, IntegrityError):
        check = re.search(r'check constraint "(\w+)"', first)
        row = detail[1].removeprefix("Failing row contains ").rstrip(".") if detail else "the row"
        if check:
            return f"PostgreSQL refused {row}: it breaks the rule {check[1]}. Nothing was written."
        if "duplicate key" in first and detail:
            key = detail[1].rstrip(".")
            return f"PostgreSQL refused the row: {key}. Change that row instead, with UPDATE."
    missing = re.search(r'(relation|column) "([^"]+)" does not exist', first)
    if missing:
        what = {"relation": "table", "column": "column"}[missing[1]]
        return f"PostgreSQL has no {what} '{missing[2]}': check its spelling."
    return f"PostgreSQL refused that: {first}."
