"""A file of thresholds: read as one of readings is, but that each of its lines counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from cpuwatch.errors import CpuwatchError
from cpuwatch.readings import alike, beginnings, columns, first_line, titles
from cpuwatch.readings.columns import HOST, fold, listed
from cpuwatch.readings.numbers import Style, has_comma, percentage
from cpuwatch.readings.other import holds_numbers
from cpuwatch.readings.reading import wrong_host
from cpuwatch.readings.table import (
    CsvError,
    Head,
    RejectedError,
    Text,
    bare,
    has_width,
    header_names,
    may_be_split,
    split,
    splits_number,
)
from cpuwatch.words import shown

#: The names that are recommended.
_WANTED = ("hostname", "allowed_top")


class _Header(NamedTuple):
    """Where the columns are: the header, its names, and the lines above it that are titles."""

    head: Head
    delimiter: str
    names: list[str]
    host: int
    top: int
    titles: tuple[str, ...] = ()


def load_and_tell(path: Path) -> tuple[dict[str, float], list[str]]:
    """For each hostname the highest average that is allowed, and what people should know of it.

    Parameters
    ----------
    path
        Of a CSV file with the columns hostname and allowed_top, in percent.

    Raises
    ------
    CpuwatchError
        If the file cannot be read, lacks a column, names a host twice or has a threshold that is
        not between 0 and 100; it names the line.
    """
    text = Text(path)
    header = _header(text)
    rows = [
        (number, _fields(text, number, line, header))
        for number, line in text.lines(header.head.line)
    ]
    text.refuse_changed()
    _refuse_split(path, header, [fields for _, fields in rows])
    style = Style()
    for _, fields in rows:
        style.see(fields[header.top].strip())
    found: dict[str, float] = {}
    small: list[str] = []
    for number, fields in rows:
        host, value = _host(fields[header.host], found, path, number), fields[header.top].strip()
        found[host] = _percentage(value, style, path, number)
        if 0 < found[host] < 1 and not value.endswith("%"):
            small.append(host)
    doubts = [*_doubts(path, style, found, small), *alike.told(found)]
    return found, [*_ways(path, header), *doubts]


def _ways(path: Path, header: _Header) -> Iterator[str]:
    """What to say of the lines and columns that nothing is read from."""
    if header.titles:
        yield f"Skipped above the header of {path.name}: {listed(header.titles, 6)}."
    names = header.names
    others = [one for at, one in enumerate(names) if at != header.host and fold(one) in HOST]
    if others:
        yield (
            f"The hosts in {path.name} are those of {shown(names[header.host])}, and not of"
            f" {listed(others, 4)}."
        )


def _doubts(path: Path, style: Style, found: dict[str, float], small: list[str]) -> Iterator[str]:
    """What to say of numbers that could have been read in another way, or that are not there."""
    if style.comma:
        yield f"A comma in {path.name} is the decimal mark."
    if style.is_ratio:
        yield (
            f"Attention: all thresholds in {path.name} are from {style.lowest:g} to"
            f" {style.highest:g}: they are taken for percent."
        )
    elif small:
        yield (
            f"Attention: {len(small):,} of {len(found):,} thresholds in {path.name}"
            f" {'is' if len(small) == 1 else 'are'} between 0 and 1, as fractions are, and taken"
            f" for percent: {listed(small, 4)}."
        )
    if not found:
        yield f"Attention: {path.name} holds no threshold: add lines below its header."


def _header(text: Text) -> _Header:
    heads = list(text.heads())
    if not heads:
        raise CsvError(f"{text.path} is empty: give a CSV file with a header and thresholds.")
    found = next(_headers(text, heads), None)
    if found is not None:
        return found
    above = [heads[-1]]
    for head in titles.later(text, heads[-1]):
        found = next(_headers(text, [head]), None)
        if found is not None:
            for one in above:
                _refuse_above(text.path, one, found)
            return found._replace(titles=tuple(one.text for one in above))
        above.append(head)
    raise _refusal(text, heads)


def _headers(text: Text, heads: Iterable[Head]) -> Iterator[_Header]:
    """Each way to read some lines as a header."""
    for head in heads:
        for delimiter in head.delimiters:
            names = header_names(head.text, delimiter) or []
            host, top = columns.first(names, HOST), columns.first(names, _WANTED[1:])
            if host is not None and top is not None:
                _refuse_twice(text.path, names, (host, top))
                yield _Header(head, delimiter, names, host, top)


def _refuse_twice(path: Path, names: list[str], used: Iterable[int]) -> None:
    folded = [fold(name) for name in names]
    for at in used:
        if folded.count(folded[at]) > 1:
            raise columns.double(path, names[at])


def _refuse_above(path: Path, line: Head, header: _Header) -> None:
    """Raise CpuwatchError if a line above the header is a threshold, which would be lost."""
    fields = header_names(line.text, header.delimiter) or []
    if len(fields) == len(header.names) and percentage(fields[header.top], comma=True) is not None:
        raise CpuwatchError(
            f"{path}, line {line.line}, may be a threshold, and stands above the header: put it"
            " below, or delete it."
        )


def _refusal(text: Text, heads: list[Head]) -> CsvError:
    """Why no line is a header, by that which names most columns."""
    path, first = text.path, heads[-1]
    names: list[str] = []
    line = first.line
    for head in [*heads, *titles.tables(text, first)]:
        for delimiter in head.delimiters:
            found = header_names(head.text, delimiter) or []
            if len(found) > len(names):
                names, line = found, head.line
    first_line.refuse_sep(path, names, first.delimiters)
    lacks = [
        what
        for what, accepted in (("hosts", HOST), ("thresholds", _WANTED[1:]))
        if columns.first(names, accepted) is None
    ]
    if line == first.line:
        first_line.refuse_mark(path, names)
        value = next((one for one in names if percentage(one, comma=True) is not None), None)
        if value is not None and len(lacks) == len(_WANTED):
            return first_line.headless(path, value, _WANTED)
    where = "its first line" if line == next(at for at, _ in text.lines()) else f"line {line}"
    missing = " and ".join(f"no column of {what}" for what in lacks)
    wanted = {"hosts": "'hostname'", "thresholds": "'allowed_top'"}
    named = " and ".join(wanted[what] for what in lacks)
    return CsvError(
        f"{path} has {missing} in {where}, which is {listed(names)}: name"
        f" {'them' if len(lacks) > 1 else 'it'} {named}."
    )


def _host(field: str, found: dict[str, float], path: Path, line: int) -> str:
    name = bare(field)
    if not name or name in found:
        what = f"names {shown(name)} a second time" if name else "names no host"
        raise CpuwatchError(f"{path}, line {line}, {what}: mend that line.")
    if (wrong := wrong_host(name)) is not None:
        raise CpuwatchError(f"{path}, line {line}: {wrong}; mend that line.")
    return name


def _fields(text: Text, number: int, line: str, header: _Header) -> list[str]:
    if line.lstrip().startswith("#"):
        raise CpuwatchError(
            f"{text.path}, line {number}, begins with '#', which makes no remark of a line below"
            " the header: delete that line."
        )
    delimiter, names = header.delimiter, header.names
    try:
        text.refuse_damaged(line)
        fields = split(line, delimiter)
    except RejectedError as error:
        why = str(error)
        remedy = beginnings.SAVE if beginnings.is_encoding(why) else "mend that line"
        raise CpuwatchError(f"{text.path}, line {number}: {why}; {remedy}.") from None
    width = has_width(fields, len(names))
    if not width or splits_number(fields, header.head.text, delimiter, header.top):
        comma = len(fields) > len(names) and delimiter == ","
        hint = ", perhaps by a decimal comma: write a decimal point there" if comma else ""
        raise CpuwatchError(
            f"{text.path}, line {number}: {_count(len(names))} fields expected,"
            f" {_count(len(fields))} found{hint or '; mend that line'}."
        )
    return fields


def _refuse_split(path: Path, header: _Header, rows: list[list[str]]) -> None:
    """Raise CpuwatchError if a decimal comma may have made two fields of each threshold."""
    names, top = header.names, header.top
    if header.delimiter != "," or top + 1 >= len(names) or not rows:
        return
    if holds_numbers(names[top + 1]):
        return
    shifted = header.host == top + 1
    if all(may_be_split(fields, top, shifted) for fields in rows):
        raise CpuwatchError(
            f"{path}: each threshold is a whole number, and so is what follows it in"
            f" {shown(names[top + 1])}: both may be one number with a decimal comma. Write a"
            f" decimal point there, or put that column before {shown(names[top])}."
        )


def _count(number: int) -> str:
    words = ("no", "one", "two", "three", "four", "five", "six")
    return words[number] if number < len(words) else f"{number:,}"


def _percentage(value: str, style: Style, path: Path, line: int) -> float:
    found = percentage(value, style.comma)
    if found is None or not 0 <= found <= 100:
        mixed = style.points and has_comma(value)
        raise CpuwatchError(
            f"{path}, line {line}: the threshold {shown(value)} is not between 0 and 100;"
            + (" other lines have a decimal point:" if mixed else "")
            + " mend that line."
        )
    return found
