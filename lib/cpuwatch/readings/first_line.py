"""Files whose first line is no header, or one that has to be read in another way."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from cpuwatch.readings.columns import listed
from cpuwatch.readings.layout import Layout
from cpuwatch.readings.numbers import number
from cpuwatch.readings.table import DELIMITERS, CsvError, Head, header_names
from cpuwatch.readings.times import is_time
from cpuwatch.words import shorten, shown

#: What else may stand between fields.
_DELIMITERS = "|^~!"

#: Numbers from here on are times.
_EPOCH = 1e8

#: How that begins which sar prints.
_SAR = re.compile(r"Linux \S+ \(.*\(\d+ CPU\)")

#: How what other programs write begins that is no table, or none of readings.
_NO_TABLES = {
    "vmstat": re.compile(r"procs -+|\s*r +b +swpd "),
    "top": re.compile(r"top - [0-9]"),
    "pidstat": re.compile(r"Time +UID +PID "),
    "nmon": re.compile(r"AAA,"),
}

#: How `sadf -d` begins each of its headers.
_OF_SADF = ["hostname", "interval", "timestamp"]

#: How a header of `sadf -h` ends: the columns come again for each CPU.
_AGAIN = "[...]"


def refuse_of_sysstat(path: Path, heads: Sequence[Head]) -> None:
    """Raise CsvError if sysstat wrote a file for people, or all CPUs of a moment into one line."""
    if _SAR.match(heads[-1].text):
        raise CsvError(f"{path} is what sar prints for people: export its data by sadf -d.")
    for program, beginning in _NO_TABLES.items():
        if any(beginning.match(head.text) for head in heads):
            raise CsvError(
                f"{path} is what {program} writes, and no table of readings: record with sar, and"
                " export that by sadf -d."
            )
    if any(head.text.rstrip().endswith(_AGAIN) for head in heads):
        raise CsvError(
            f"{path} has all CPUs of a moment in one line, as sadf -h writes them: export it"
            " without -h."
        )


def refuse_sadf(path: Path, names: Sequence[str]) -> None:
    """Raise CsvError if sysstat wrote a file, and what is in it is memory or the like.

    Parameters
    ----------
    path, names
        As for `refuse_other`.
    """
    if list(names[:3]) == _OF_SADF and "%idle" not in names:
        raise CsvError(
            f"{path} is what sadf -d writes, and has no usage of a CPU: export that by"
            " sadf -d -- -u -P ALL."
        )


def refuse_other(path: Path, names: Sequence[str]) -> None:
    """Raise CsvError if a line that was looked at as the header is none, or has other delimiters.

    Parameters
    ----------
    path
        For messages.
    names
        The fields of that line.
    """
    value = next((name for name in names if _is_of_a_row(name)), None)
    if value is not None:
        raise headless(path, value)
    if any(name.count('"') % 2 for name in names):
        raise CsvError(
            f"{path} has a quote in its first line that is not closed there: write each column's"
            " name without a line end."
        )
    refuse_mark(path, names)


def refuse_mark(path: Path, names: Sequence[str]) -> None:
    """Raise CsvError if another mark than those that are known seems to stand between fields.

    Parameters
    ----------
    path, names
        As for `refuse_other`.
    """
    mark = next((one for one in _DELIMITERS if one in names[0]), None) if len(names) == 1 else None
    if mark is not None:
        raise CsvError(
            f"{path} has one column in its first line, '{shorten(names[0])}': if '{mark}' stands"
            f" between its fields, write 'sep={mark}' in a line above it."
        )


def refuse_sep(path: Path, names: Sequence[str], delimiters: Sequence[str]) -> None:
    """Raise CsvError if a line above the header names a delimiter that the header does not have.

    Parameters
    ----------
    path, names
        As for `refuse_other`.
    delimiters
        Those that the header may have.
    """
    if len(names) != 1 or len(delimiters) != 1:
        return
    mark = next((one for one in DELIMITERS if one in names[0]), None)
    if mark is not None:
        between = "a tab" if mark == "\t" else f"'{mark}'"
        raise CsvError(
            f"{path} says 'sep={delimiters[0]}' above its header, which has {between} between its"
            " names: delete that line."
        )


def refuse_headless(layout: Layout) -> None:
    """Raise CsvError if columns that people name are a row's values, so that it would be lost."""
    names = header_names(layout.head.text, layout.delimiter) or []
    used = [layout.time_place]
    if not layout.shape.series:
        used.append(layout.roles.value)
    for at in used:
        if at < len(names) and _is_of_a_row(names[at]):
            raise headless(layout.text.path, names[at])


def _is_of_a_row(name: str) -> bool:
    found = number(name)
    if found is None:
        return is_time(name)
    return found >= _EPOCH or found % 1 != 0


def headless(
    path: Path, value: str, wanted: Sequence[str] = ("timestamp", "hostname", "usage")
) -> CsvError:
    """The refusal of a file whose first line is a row.

    Parameters
    ----------
    path
        Of the file.
    value
        What in that line no header holds.
    wanted
        What a header may hold.
    """
    return CsvError(
        f"{path} has no header: its first line holds {shown(value)}. Write a line above it that"
        f" names each column, such as {listed(wanted)}."
    )
