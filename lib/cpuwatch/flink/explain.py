"""What an error means, in one or two lines: the cause, where it is, the next step."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from confluent_kafka import KafkaException
from py4j.protocol import Py4JError, Py4JJavaError, Py4JNetworkError
from pyflink.util.exceptions import JavaException
from sqlalchemy.exc import IntegrityError, OperationalError, SQLAlchemyError

from cpuwatch.errors import CpuwatchError
from cpuwatch.flink.meanings import MEANINGS
from cpuwatch.settings import settings
from cpuwatch.stack import turnedaway
from cpuwatch.stack.refused import sentence

#: From a line and a column of what Flink was given to those of the statement as it was written.
Place: TypeAlias = Callable[[int, int], tuple[int, int]]


def trace_of(error: BaseException) -> str:
    """The Java stack trace in an exception of PyFlink's or py4j's."""
    return str(error)


def java(
    trace: str, statement: str | None = None, place: Place = lambda line, column: (line, column)
) -> str:
    """What a Java stack trace means, in one or two lines.

    Parameters
    ----------
    trace
        A stack trace with its `Caused by:` lines.
    statement
        The statement that Flink refused, if there is one: its own words help to explain.
    place
        Where in it a place is of what Flink was given, if that was not the statement itself.
    """
    trace = re.sub(
        r"\bline (\d+), column (\d+)",
        lambda found: "line {}, column {}".format(*place(int(found[1]), int(found[2]))),
        trace,
    )
    for pattern, meaning in MEANINGS:
        found = pattern.search(trace)
        if found is not None:
            text = meaning if isinstance(meaning, str) else meaning(found, statement or "")
            return _filled(text, found) + _where(trace)
    return _innermost(trace)


def refused(
    value: BaseException,
    statement: str | None = None,
    place: Place = lambda line, column: (line, column),
) -> str:
    """What an error of PyFlink's or py4j's means.

    Parameters
    ----------
    value
        A JavaException or a Py4JError.
    statement, place
        As for `java`.
    """
    trace = trace_of(value)
    if _is_silent(value):
        return (
            "The Java process of this kernel does not answer. Restart the kernel (Kernel, Restart"
            " Kernel): the jobs on the cluster run on."
        )
    call = re.search(r"(?:Method|Constructor) ([\w.$]+)\(\[(.*?)\]\) does not exist", trace)
    if call and not isinstance(value, Py4JJavaError):
        given = [one.rpartition(".")[2] for one in call[2].split(", ")]
        kinds = ", ".join(_KINDS.get(one, one) for one in given)
        return (
            f"Flink's {call[1].rpartition('.')[2]} does not take what it was given here ({kinds}):"
            " look at what stands between the parentheses."
        )
    return java(trace, statement, place)


#: What Python's values are in Java.
_KINDS = {
    "": "nothing",
    "null": "None",
    "Integer": "int",
    "Long": "int",
    "Double": "float",
    "Boolean": "bool",
    "String": "str",
    "ArrayList": "list",
    "HashMap": "dict",
    "HashSet": "set",
}


def _is_silent(value: BaseException) -> bool:
    """Whether this is what py4j raises of a Java that has gone: with no word of Java's in it."""
    return isinstance(value, Py4JNetworkError) or (
        type(value) is Py4JError
        and re.fullmatch(
            r"An error occurred while calling \S+|\S+ does not exist in the JVM", str(value).strip()
        )
        is not None
    )


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


def error(value: BaseException) -> str | None:
    """What an error that a beginner meets means; None if its own text has to speak for itself.

    Parameters
    ----------
    value
        What was raised: by Flink, Kafka, PostgreSQL or the notebook's own code.
    """
    if isinstance(value, CpuwatchError):
        return str(value)
    if isinstance(value, (JavaException, Py4JError)):
        return refused(value)
    if isinstance(value, KafkaException):
        said = turnedaway.reason(value.args[0].str())
        return f"Kafka refused or does not answer ({said}). {turnedaway.remedy(settings(), said)}"
    if isinstance(value, SQLAlchemyError):
        return _database(value)
    # A name of a function's own that has no value yet is nothing that a cell above would make.
    if isinstance(value, NameError) and value.name is not None:
        return (
            f"There is no '{value.name}' here: a cell above was not run, or the name is misspelt."
            " Choose 'Run', 'Run All Above Selected Cell', then run this cell again."
        )
    if isinstance(value, KeyboardInterrupt) or _was_interrupted(value):
        return "Stopped. The kernel is well: run this cell again whenever you like."
    return None


def _was_interrupted(value: BaseException) -> bool:
    """Whether this is what the Stop button makes of a client of Kafka's in a cell.

    These are written in C: an interrupt within them comes out as Python's word that something
    in C breaks the rules.
    """
    return isinstance(value, SystemError) and (
        isinstance(value.__cause__ or value.__context__, KeyboardInterrupt)
        or re.search(r"of 'cimpl\.\w+' objects> returned NULL", str(value)) is not None
    )


def _database(value: SQLAlchemyError) -> str:
    cause = getattr(value, "orig", None) or value
    first = (str(cause).strip().splitlines() or [""])[0]
    detail = re.search(r"DETAIL:\s*(.*)", str(cause))
    if isinstance(value, OperationalError):
        return sentence(settings(), cause)
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
