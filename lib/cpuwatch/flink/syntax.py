"""Where Flink's parser stops, what a beginner has written there, and what was meant."""

from __future__ import annotations

import re

from cpuwatch import sql

#: Words of SQL itself that beginners like as names of columns.
_RESERVED = frozenset(
    {
        *("date", "time", "timestamp", "year", "month", "day", "hour", "minute", "second"),
        *("start", "end", "interval", "window", "order", "position", "result", "row", "rows"),
        *("user", "value", "values"),
    }
)

#: With what the next part of a query begins, or its end.
_NEXT = frozenset({"FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "UNION", "<EOF>", ")"})

#: Of these what nobody takes for the name of a column.
_NO_NAME = frozenset({"FROM", "WHERE", ")"})

_UNITS = "(?:SECOND|MINUTE|HOUR|DAY)S?"


def stopped(found: re.Match[str], statement: str) -> str:
    """What is wrong where Flink's parser stopped."""
    token, line, column = found[1].strip(), int(found[2]), int(found[3])
    before, expected = _before(statement, line, column), found.string[found.end() :]
    word = token.split()[0] if token else ""
    if token == "<EOF>":
        return "The statement ends too early." if statement.strip() else "The statement is empty."
    if re.search(r";\s*$", before) and not re.search(r"\bBEGIN\b", before, re.IGNORECASE):
        return "A semicolon stands at the end of a statement, and nowhere else."
    behind = token.removeprefix(",").strip()
    if (word == "," and behind.upper() in _NEXT) or (
        token.upper() in _NO_NAME and re.search(r",\s*$", before)
    ):
        where = "at the end" if behind == "<EOF>" else f"before '{behind}'"
        return f"There is a comma too many {where}."
    if re.search(r"'\d+'\s*$", before) and re.fullmatch(_UNITS, word, re.IGNORECASE):
        number = re.findall(r"\d+", before)[-1]
        return f"A length of time begins with INTERVAL: write INTERVAL '{number}' {word.upper()}."
    if inside := re.search(rf"INTERVAL\s+'(\d+)\s+({_UNITS})'\s*$", before, re.IGNORECASE):
        return (
            f"The unit stands after the quotes: write INTERVAL '{inside[1]}' {inside[2].upper()}."
        )
    named = re.search(r"\bAS\s*$", before, re.IGNORECASE) and re.fullmatch(r"\w+", word)
    if named and word.upper() in _NO_NAME:
        return f"A name is missing between AS and {word}."
    if named or word.lower() in _RESERVED:
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
    found = "\n".join([*lines[: line - 1], lines[line - 1][: column - 1]])
    return sql.without_comments(found)


def _last(text: str) -> str:
    words = text.split()
    return words[-1].strip("'") if words else ""


#: Signs that books and text programs put in the place of those that SQL knows.
_QUOTES = "\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u00b4\u2032\u2033\u00ab\u00bb"
_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2212"


def sign(found: re.Match[str], _statement: str) -> str:
    """What is wrong with a sign that SQL does not know."""
    number = re.search(r"\((\d+)\),?$", found[3])
    if number is None:
        return "A quote, a backtick or a comment begins, and does not end."
    if found[4] == "!":
        return "'No' is written NOT, and unequal <>: SQL knows no !."
    character = chr(int(number[1]))
    if character in _QUOTES:
        return (
            f"{character} is no quote that SQL knows: a text stands in straight single quotes, as"
            " in 'doc'. What was copied from a page may have others."
        )
    if character in _DASHES:
        return f"{character} is no minus that SQL knows: write -."
    if character.isspace():
        return "There is a blank that SQL does not know: delete it, and type one."
    if character == "&":
        return "Both conditions at once are written with AND, not with &."
    if character == "#":
        return "A comment begins with --, not with #."
    if not character.isprintable():  # Java has two halves of some signs
        return "There is a sign that SQL does not know: texts stand in single quotes, as in 'doc'."
    return (
        f"SQL does not know what '{character}' is here: look at it, and at what stands before it."
    )


#: Of each unit the next longer one, and how many of the shorter it has.
_LONGER = {"SECOND": ("MINUTE", 60), "MINUTE": ("HOUR", 60), "HOUR": ("DAY", 24)}


def long_interval(found: re.Match[str], statement: str) -> str:
    """How a length of time is written whose number has too many digits for its unit."""
    number, unit, digits = int(found[1].replace(",", "")), found[2].upper(), found[3]
    what = f"A length in {unit} has {digits} digits at most"
    if not re.search(rf"INTERVAL\s+'0*{number}'\s+{unit}", statement, re.IGNORECASE):
        return f"{what}: write {unit}({len(str(number))}) instead of {unit}."
    longer, rest = unit, number
    while rest > 99 and longer in _LONGER and rest % _LONGER[longer][1] == 0:
        longer, size = _LONGER[longer]
        rest //= size
    written = f"'{rest}' {longer}" if rest <= 99 else f"'{number}' {unit}({len(str(number))})"
    return f"{what}: write INTERVAL {written}."
