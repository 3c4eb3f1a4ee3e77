"""Titles: lines above the header that are neither comments nor rows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, pairwise

from cpuwatch.readings.numbers import number
from cpuwatch.readings.table import Head, Text, header_names, readable
from cpuwatch.readings.times import is_time

#: So many lines may stand above the header.
_MOST = 30


def later(text: Text, first: Head) -> Iterator[Head]:
    """The lines below the first that may be the header, if that and others are titles."""
    for at, line in islice(text.lines(first.line), _MOST):
        marked = line.startswith("#")
        line = readable(line).lstrip("# ") if marked else readable(line)
        yield Head(at, line, first.delimiters, first.marked or marked)


def tables(text: Text, first: Head) -> Iterator[Head]:
    """The first line below titles that begins a table, by its width and that of the next."""
    lines = list(later(text, first))
    for head, under in pairwise(lines):
        for delimiter in head.delimiters:
            names = header_names(head.text, delimiter) or []
            above = header_names(first.text, delimiter) or []
            width = len(header_names(under.text, delimiter) or [])
            texts = not any(number(name) is not None or is_time(name) for name in names)
            if texts and len(above) < len(names) == width:
                yield head
                return
