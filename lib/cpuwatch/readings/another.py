"""Another table in the same file: its rows would be read by the wrong names."""

from __future__ import annotations

from cpuwatch.readings.columns import CLOCKS, CPU, DATES, HOST, IDLE, TIME, USAGE, fold
from cpuwatch.readings.layout import Layout
from cpuwatch.readings.numbers import number
from cpuwatch.readings.table import CsvError, header_names
from cpuwatch.readings.times import is_time

#: A longer line is no header.
_LONGEST = 10_000

_OF_TIMES = frozenset((*TIME, *DATES, *CLOCKS))
_KNOWN = _OF_TIMES | frozenset((*USAGE, *IDLE, *HOST, *CPU))


def refuse_header(layout: Layout, number: int, line: str) -> None:
    """Raise CsvError if a line that is no reading is a header, and another than the file's own.

    Parameters
    ----------
    layout
        Of the file.
    number, line
        The line's number and text.
    """
    if len(line) > _LONGEST:
        return
    own = _names(layout.head.text, layout.delimiter)
    for delimiter in layout.head.delimiters:
        names = _names(line, delimiter)
        if names != own and _is_header(names, own, layout.time_place):
            raise CsvError(
                f"{layout.text.path}, line {number}, begins another table, of other columns: give"
                " each table a file of its own."
            )


def _names(line: str, delimiter: str) -> list[str]:
    return [fold(name) for name in header_names(line.lstrip("# "), delimiter) or []]


def _is_header(names: list[str], own: list[str], time: int) -> bool:
    numbers = any(number(name) is not None for name in names)
    if time < len(names) and names[time] and (names[time] in _OF_TIMES or names[time] == own[time]):
        return not numbers or any(number(name) is not None for name in own)
    if numbers or any(map(is_time, names)):
        return False
    return sum(name in _KNOWN for name in names) > 1
