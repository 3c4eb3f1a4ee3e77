"""What Flink's own words mean to a beginner: each a line that names the cause and the next step."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from cpuwatch import sql
from cpuwatch.flink import syntax
from cpuwatch.settings import settings
from cpuwatch.stack import failures


def _again(service: str) -> str:
    if settings().outside(service):
        return failures.theirs(service)
    return "Start it with 'cpuwatch up'."


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


def _updates(_found: re.Match[str], statement: str) -> str:
    what = "That result changes with every reading, and this sink takes final rows only: "
    if re.search(r"GROUP\s+BY[^)]*window_end", statement, re.IGNORECASE):
        # The planner gives up the window for an aggregate in Python.
        return (
            f"{what}with an aggregate in Python Flink sees no end of the window in"
            " TABLE(TUMBLE(…)). Write GROUP BY TUMBLE(time_ltz, INTERVAL '30' SECOND) instead, and"
            " TUMBLE_START(…) for its start."
        )
    return f"{what}group by window_start and window_end, so that each window gives one."


def _window_sizes(found: re.Match[str], _statement: str) -> str:
    kind, whole, part = found[1], int(found[3]) / 1000, int(found[4]) / 1000
    if whole < part:
        return (
            f"{kind} takes the shorter length first, then the window's: exchange"
            f" INTERVAL '{part:g}' SECOND and INTERVAL '{whole:g}' SECOND."
        )
    return (
        f"In {kind} the window's length, {whole:g} s, has to be a multiple of its step, {part:g} s."
    )


_WINDOWS = "TUMBLE|HOP|CUMULATE|SESSION"
_FORM = "TUMBLE(TABLE cpu_in, DESCRIPTOR(time_ltz), INTERVAL '30' SECOND)"


def _in_window(pattern: str, statement: str) -> str | None:
    """The name of the window function in whose brackets a pattern is; None if in none."""
    found = re.search(rf"\b({_WINDOWS})\s*\(\s*{pattern}", statement, re.IGNORECASE)
    return found[1].upper() if found else None


def _no_such_column(found: re.Match[str], statement: str) -> str:
    name = found[1]
    written = rf"`?{re.escape(name)}(?!\w)"
    if kind := _in_window(written, statement):
        return f"{kind} needs the word TABLE before its table, as in {kind}(TABLE {name}, …)."
    if kind := _in_window("DESCRIPTOR", statement):
        return f"{kind} takes the table first, as in {_FORM}."
    if kind := _in_window(rf"TABLE\s+[^,()]+,\s*{written}", statement):
        return f"{kind} needs its column of time in DESCRIPTOR, as in DESCRIPTOR({name})."
    return f"There is no column '{name}': compare its spelling with the table's columns."


def _quoted_column(_found: re.Match[str], statement: str) -> str:
    name = re.search(r"DESCRIPTOR\s*\(\s*'([^']*)'", statement, re.IGNORECASE)
    if name:
        return f"A column's name stands without quotes: write DESCRIPTOR({name[1]})."
    return "A text stands where a name should: names have no quotes."


def _unknown(found: re.Match[str], statement: str) -> str:
    # A type stands behind the name of its column, and nothing else does.
    place = rf"(?:[(,]\s*`?\w+`?\s+|<\s*|\bAS\s+(?=\w+\s*\))){re.escape(found[1])}\b"
    text = sql.bare(statement)
    of_a_table = re.match(r"\s*CREATE\s.*?\bTABLE\b", text, re.IGNORECASE | re.DOTALL)
    if of_a_table and re.search(place, text, re.IGNORECASE):
        return (
            f"Flink knows no type '{found[1]}': this workshop uses STRING, DOUBLE, BIGINT and"
            " TIMESTAMP_LTZ(3)."
        )
    return _no_such_column(found, statement)


def _no_window(_found: re.Match[str], statement: str) -> str:
    name = re.search(r"TABLE\s*\(\s*(\w+)\s*\(", statement, re.IGNORECASE)
    what = f"no window function '{name[1]}'" if name else "no such function"
    return f"There is {what}: they are TUMBLE, HOP, CUMULATE and SESSION."


def _python(found: re.Match[str], _statement: str) -> str:
    """What a function in Python raised, of all that Java says about it."""
    raised = re.findall(r"^([A-Za-z_][\w.]*): (.*)$", found[1], re.MULTILINE)
    lines = re.findall(r"line (\d+), in (\w+)", found[1])
    if not raised:
        return "A function in Python failed."
    what = f"A function in Python failed ({raised[-1][0]}: {raised[-1][1].rstrip('.')})"
    if raised[-1][0] == "ModuleNotFoundError":
        return f"{what}: a file of your own has to go to the cluster by env.add_python_file(…)."
    return f"{what}, in line {lines[-1][0]} of {lines[-1][1]}." if lines else f"{what}."


Meaning: TypeAlias = str | Callable[[re.Match[str], str], str]

#: The first that fits counts.
_TABLE: list[tuple[str, Meaning]] = [
    (
        r"Error received from SDK harness[^\n]*(Traceback.*?)(?=\n\s+at org\.|\nCaused by|\Z)",
        _python,
    ),
    (
        r"Found duplicate transactionalIdPrefix|Writable backchannel already exists|ProducerFenced|"
        r"newer producer with the same transactionalId",
        "Another job writes with the same 'sink.transactional-id-prefix': give this table one of"
        " its own.",
    ),
    (r"Encountered \"(.*?)\" at line (\d+), column (\d+)", syntax.stopped),
    (r"Incorrect syntax near the keyword '(\w+)' at line (\d+), column (\d+)", syntax.stopped),
    (
        r"Lexical error at line (\d+), column (\d+)\.\s+Encountered: (.*?) ?after : \"([^\"]*)",
        syntax.sign,
    ),
    (r"Bang equal '!=' is not allowed", "Unequal is written <>, not !=."),
    (
        r"Interval field value ([\d,]+) exceeds precision of (\w+)\((\d+)\) field",
        syntax.long_interval,
    ),
    (r"SqlCharStringLiteral cannot be cast to class \S*SqlIdentifier", _quoted_column),
    (r"Column '([^']+)' not found in", _no_such_column),
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
    (
        r"sqlQuery\(\) only accepts a single SQL query",
        "A preview takes a query, which begins with SELECT: an INSERT becomes a job by"
        " flink.deploy.",
    ),
    (r"Cannot apply '\$SCALAR_QUERY' to arguments", _no_window),
    (
        r"Cannot apply '(TUMBLE|HOP|CUMULATE|SESSION)' to arguments|"
        r"Invalid number of arguments to function '(TUMBLE|CUMULATE|SESSION)'",
        f"{{1}}{{2}} takes a table, a column of time and a length, as in {_FORM}.",
    ),
    (
        r"Invalid number of arguments to function 'HOP'",
        "HOP takes a table, a column of time and two lengths: HOP(TABLE cpu_in,"
        " DESCRIPTOR(time_ltz), INTERVAL '10' SECOND, INTERVAL '30' SECOND).",
    ),
    (
        r"table function based aggregate requires \w+ to be positive",
        "A window's length has to be more than nothing.",
    ),
    (r"Cannot apply '([^']+)' to arguments of type '(.*?)'\.", _operands),
    (
        r"implicit type conversion between (\w+) and (\w+) is not supported",
        "A {1} is compared with a {2}, and Flink does not guess which of them is meant: numbers"
        " stand without quotes, texts in single quotes.",
    ),
    (r"Unknown identifier '([^']+)'", _unknown),
    (
        r"The rowtime attribute field '([^']+)' is not defined",
        "There is no column '{1}' for the watermark: compare its spelling with the columns above.",
    ),
    (
        r"Invalid data type of time field for watermark definition.*?time field type is (\w+)",
        "A watermark needs a column of time, and that one is a {1}: use time_ltz.",
    ),
    (
        r"Could not find required (?:scan|sink) format '(?:value\.)?format'",
        "The option 'format' is missing: this workshop writes 'format' = 'json'.",
    ),
    (
        r"do not contain an option key 'connector'",
        "The option 'connector' is missing: this workshop uses 'kafka' and 'jdbc'.",
    ),
    (
        r"(?:ClassNotFoundException|NoClassDefFoundError|Could not load.*?class):? ([\w.$/]+)",
        "The cluster lacks the class {1}, which this notebook has: a jar is in one place only."
        " Restart the stack ('cpuwatch down', 'cpuwatch up'), or put the jar on the cluster, too.",
    ),
    (
        r"Property group\.id is required",
        "A table that is read has to say where reading begins: write 'scan.startup.mode' ="
        " 'earliest-offset' into its WITH (…). A table that was made for writing says nothing of"
        " it: its topic may have another table, under another name, for reading.",
    ),
    (
        r"RowTime field should not be null",
        "A record has no time, and a window needs one. Leave such records out: add WHERE time_ltz"
        " IS NOT NULL, or whatever your column of time is called.",
    ),
    (
        r"ArithmeticException: (?:/|Division) by zero",
        "Some row divides by zero. NULLIF(x, 0) makes NULL of the divisor 0, and the result NULL,"
        " too.",
    ),
    (
        r"Cannot run program \"([^\"]*python[^\"]*)\"",
        "The cluster has no Python at {1}, which a function in Python needs: run it on the embedded"
        " Flink, or install Python there",
    ),
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
    (r"doesn't support consuming update", _updates),
    (
        r"Only constant window (?:TVF )?descriptors are supported",
        "A window's length is a text in quotes: write INTERVAL '30' SECOND.",
    ),
    (
        r"(HOP|CUMULATE) table function based aggregate requires (\w+) must be an integral multiple"
        r" of \w+, but got \w+ (\d+) ms and \w+ (\d+) ms",
        _window_sizes,
    ),
    (
        r"HOP table function based aggregate requires (\w+)",
        "HOP takes the shorter length first, the step, and then the window's, a multiple of it.",
    ),
    (
        r"Sort on a non-time-attribute field is not supported",
        "A stream has no end, so Flink cannot sort all of it: order by a time first, or add a LIMIT"
        " for the first ones.",
    ),
    (
        r"Pandas UDAFs are not supported in streaming mode",
        "An aggregate of pandas needs all its rows at once. A preview has them, and so has a"
        " window: GROUP BY TUMBLE(time_ltz, INTERVAL '30' SECOND).",
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
        r"Could not find a 'KafkaClient' entry in the JAAS configuration",
        "Flink was started before Kafka's name and password were set: 'cpuwatch down', then"
        " 'cpuwatch up', and it knows them",
    ),
    (
        r"Cannot map checkpoint/savepoint state for operator|operator is not available in the new",
        "What the savepoint holds has no place in this statement, which works in other steps than"
        " the one that was stopped: a change may alter what a step computes, and no more",
    ),
    (
        r"StateMigrationException|state serializer[^\n]* must not be incompatible",
        "What the savepoint holds has another form now: the statement keeps other values than the"
        " one that was stopped, such as one more aggregate, or a column of another type",
    ),
    (
        r"Cannot find checkpoint or savepoint file/directory '([^']+)'",
        "There is no savepoint at {1}",
    ),
    (
        r"UnknownTopicOrPartition|does not host this topic",
        "A topic that the job reads or writes does not exist (any more): see topics.names().",
    ),
    (
        r"OutOfMemoryError: (Java heap space|GC overhead limit exceeded)",
        "It needs more memory than Flink has here ({1}): let it read less, join fewer rows, show"
        " fewer of them, or group by a window, after which all is forgotten",
    ),
    (
        r"Could not acquire the minimum required resources",
        "There is no room for it: each job takes a slot of the cluster, and all are taken. See"
        " workshop.jobs(), and stop what you need no more, as by workshop.stop_jobs('NAME')",
    ),
    (
        r"relation \"([^\"]+)\" does not exist",
        "PostgreSQL has no table '{1}': check 'table-name', or run chapter 04, which makes it",
    ),
    (
        r"PSQLException: (Connection to \S+ refused)|PSQLException: (The connection attempt)",
        lambda _, __: f"Flink does not reach PostgreSQL. {_again('postgres')}",
    ),
    (
        r"RestClientException|Could not (?:connect|submit).*Connection refused",
        lambda _, __: f"Flink does not answer. {_again('flink')}",
    ),
    (
        r"For input string: ['\"]([^'\"\n]*)['\"]",
        "CAST fails on '{1}', which is no number. TRY_CAST makes NULL of what it cannot read.",
    ),
]
#: The first whose pattern fits a Java stack trace counts; a meaning is a text, in which {1} is
#: the pattern's first group, or a function of the match and the statement.
MEANINGS = [(re.compile(pattern, re.DOTALL), meaning) for pattern, meaning in _TABLE]
