"""A CSV file of readings: what is in it, and which of its lines are none, and why."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_FLOOR, Context, Decimal
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple, TextIO

import pandas as pd

from cpuwatch.errors import CpuwatchError
from cpuwatch.readings.reading import END_OF_TIME, FIRST_TIME, PIPELINE_TIMES, wrong_names
from cpuwatch.spool import Kind, Spool
from cpuwatch.words import shorten, shown

_TIME_NAMES = ("occurred_at", "timestamp", "time")
_VALUE_NAMES = ("usage", "value", "cpu_usage")
_HOST_NAMES = ("hostname", "host", "instance")
_CPU_NAMES = ("cpu", "core")

_KINDS: dict[str, Kind] = {
    "hostname": "text", "cpu": "text", "usage": "real", "occurred_at": "whole",
}  # fmt: skip

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?")
_ISO = re.compile(
    r"([+-]?[0-9]{4,6})-([0-9]{2})-([0-9]{2})"
    r"(?:[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]+))?)?"
    r" ?(?:([Zz]|UTC)|([+-])([0-9]{2}):?([0-9]{2})?)?)?"
)
_BASIC_ISO = re.compile(
    r"([0-9]{4})([0-9]{2})([0-9]{2})"
    r"[Tt]([0-9]{2})([0-9]{2})(?:([0-9]{2})(?:[.,]([0-9]+))?)?"
    r"(?:([Zz])|([+-])([0-9]{2}):?([0-9]{2})?)?"
)
_DAMAGED = re.compile("[\ud800-\udfff]")
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_DAY_MS = 86_400_000
# Numeric times are seconds if their median is less than this, milliseconds otherwise.
_SECONDS_END = 1e11
# Enough digits for any time text that is looked at, so nothing is ever rounded up.
_EXACT = Context(prec=200, rounding=ROUND_FLOOR)
_LONGEST_TIME = 64
# A NUL character among the first ones tells a binary file; a later one damages its line alone.
_TELLING = 8192


class ReadingsError(CpuwatchError, ValueError):
    """A file cannot be used as readings; the message names the file, why, and what to do."""


@dataclass(frozen=True, eq=False)
class CsvReadings:
    """What a CSV file held; it lies on the disk, whatever its size.

    Attributes
    ----------
    readings : Spool
        The readings, by occurred_at; those of the same moment in the order of the file.
    rejected : Spool
        The rows that are no reading: line (int, counted from 1), reason (str), text (str).
    """

    readings: Spool
    rejected: Spool

    @property
    def rows(self) -> int:
        """Return how many rows the file has: readings and rejected ones."""
        return len(self.readings) + len(self.rejected)


class _Header(NamedTuple):
    """Where the columns are. Without a host or cpu column the index is None."""

    delimiter: str
    names: list[str]
    time: int
    value: int
    host: int | None
    cpu: int | None


class _RejectedError(Exception):
    """A row is no reading; the message is the reason."""


def read_csv(path: str | Path, for_pipeline: bool = False) -> CsvReadings:
    """Read a CSV file of readings; keep what is wrong apart, with its line and reason.

    The header names the columns, in any case and order: the time (occurred_at, timestamp or
    time), the value (usage, value or cpu_usage), the host (hostname, host or instance;
    otherwise the name of the file) and the cpu (cpu or core; otherwise cpu1). The delimiter
    is a comma, or else a semicolon or a tab. One line is one row.

    Times are ISO 8601 (UTC unless they say otherwise) or epoch seconds or milliseconds; the
    median of the file's numbers decides which. What is smaller than a millisecond is cut off.

    Parameters
    ----------
    path : str or Path
    for_pipeline : bool
        Whether to reject also what the pipeline takes for no reading: times before 1971 and
        from 2100 on, and names that are too long.

    Returns
    -------
    CsvReadings

    Raises
    ------
    ReadingsError
        If the file cannot be read, has no usable header, or has not a single usable row.
    """
    path = Path(path)
    text = _Text(path)
    start, header = _first_line(text)
    unit = _Unit(text, start, header)
    stem = _shown_stem(path)
    rejected = no_rejected()

    def kept() -> Iterator[tuple[str, str, float, int]]:
        for number, line in text.lines(start):
            try:
                _refuse_damaged(line, text.encoding)
                fields = _fields(line, header)
                reading = _reading(fields, header, unit, stem)
                if for_pipeline:
                    _refuse(reading, fields[header.time].strip(), header)
                yield reading
            except _RejectedError as reason:
                shown = _DAMAGED.sub("\ufffd", line)
                rejected.add([(number, str(reason), shown)])

    found = of_readings()
    found.add(kept())
    if not len(found):
        if not len(rejected):
            raise ReadingsError(f"{path} has a header but no rows: add readings below the header.")
        ((number, why),) = rejected.head(1)[["line", "reason"]].itertuples(index=False)
        raise ReadingsError(
            f"{path} has no row that is a reading: the first, line {number}, is rejected "
            f"because {why}; mend its rows or give another file."
        )
    return CsvReadings(found, rejected)


def of_readings(table: pd.DataFrame | None = None) -> Spool:
    """Return a place for readings, by occurred_at; with those of a table, if there is one."""
    made = Spool(_KINDS, ["occurred_at"])
    if table is not None:
        made.add_table(table)
    return made


def no_rejected() -> Spool:
    """Return a place for rows that are no readings, in the order in which they come."""
    return Spool({"line": "whole", "reason": "text", "text": "text"})


def _shown_stem(path: Path) -> str:
    # A file name may hold bytes that are no text; a host name may not.
    return _DAMAGED.sub("\ufffd", path.stem)


class _Text:
    """A file's physical lines, as often as they are wanted.

    Bytes that are not valid stand in the lines as lone surrogates, which `_DAMAGED` finds.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._readable(), path.open("rb") as file:
            start = file.read(2)
        self.encoding = "UTF-16" if start in (b"\xff\xfe", b"\xfe\xff") else "UTF-8"
        with self._readable(), self._open(newline="") as file:
            if "\0" in file.read(_TELLING):
                raise ReadingsError(f"{path} is a binary file, not text: give a CSV file.")

    def _open(self, newline: str | None = None) -> TextIO:
        codec = "utf-8-sig" if self.encoding == "UTF-8" else "utf-16"
        errors = "surrogateescape" if self.encoding == "UTF-8" else _KEEP
        return self.path.open(encoding=codec, errors=errors, newline=newline)

    def lines(self, after: int = 0) -> Iterator[tuple[int, str]]:
        """The lines that hold anything, with their numbers, those after a line alone."""
        # Not str.splitlines, which also splits at characters that a field may hold.
        with self._readable(), self._open() as file:
            for number, line in enumerate(file, 1):
                if number > after and line.strip():
                    yield number, line.rstrip("\n")

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """Say what is wrong with a file that cannot be read."""
        path = self.path
        try:
            yield
        except ReadingsError:
            raise
        except FileNotFoundError:
            raise ReadingsError(f"{path} does not exist: check the name of the file.") from None
        except IsADirectoryError:
            raise ReadingsError(f"{path} is a directory: give a CSV file inside it.") from None
        except PermissionError:
            raise ReadingsError(f"{path} may not be read: give yourself read permission.") from None
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise ReadingsError(
                f"{shorten(str(path), 200)} cannot be read ({why}): give another file."
            ) from None


def _keep(error: UnicodeError) -> tuple[str | bytes, int]:
    """Decode what is no UTF-16 to lone surrogates: half a pair to its own, a lone byte to one."""
    try:
        return codecs.lookup_error("surrogatepass")(error)
    except UnicodeDecodeError as still:
        return "\udc80", still.end


#: By this name Python's own reader calls `_keep`.
_KEEP = "cpuwatch-keep"
codecs.register_error(_KEEP, _keep)


def _refuse_damaged(line: str, encoding: str) -> None:
    if "\0" in line:
        raise _RejectedError("line holds a NUL byte, which no text does")
    if not line.isascii() and _DAMAGED.search(line):
        raise _RejectedError(f"line is not valid {encoding}")


def _first_line(text: _Text) -> tuple[int, _Header]:
    """Return where the header stands, and what it says."""
    for number, line in text.lines():
        return number, _header(text.path, _DAMAGED.sub("\ufffd", line))
    raise ReadingsError(f"{text.path} is empty: give a CSV file with a header and readings.")


def _header(path: Path, line: str) -> _Header:
    wanted = {"time": _TIME_NAMES, "value": _VALUE_NAMES}
    fewest_missing = list(wanted)
    for delimiter in (",", ";", "\t"):
        try:
            names = [name.strip() for name in _split(line, delimiter)]
        except _RejectedError:
            continue
        while names and not names[-1]:
            names.pop()  # a delimiter at the end of the line
        folded = [name.lower() for name in names]

        def column(accepted: tuple[str, ...], folded: list[str] = folded) -> int | None:
            return next((folded.index(name) for name in accepted if name in folded), None)

        found = {what: column(accepted) for what, accepted in wanted.items()}
        when, value = found["time"], found["value"]
        if when is not None and value is not None:
            return _Header(delimiter, names, when, value, column(_HOST_NAMES), column(_CPU_NAMES))
        missing = [what for what, index in found.items() if index is None]
        if len(missing) < len(fewest_missing):
            fewest_missing = missing
    lacks = " and ".join(f"no {what} column" for what in fewest_missing)
    names_it = " and ".join(
        f"the {what} {', '.join(wanted[what][:-1])} or {wanted[what][-1]}"
        for what in fewest_missing
    )
    raise ReadingsError(f"{path} has {lacks} in its first line: name {names_it}.")


def _split(line: str, delimiter: str) -> list[str]:
    if '"' not in line:
        return line.split(delimiter)
    # One line at a time, so a quote that is not closed cannot swallow the lines after it.
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error as error:
        if "unexpected end" in str(error):
            raise _RejectedError("a quote is not closed") from None
        if "field limit" in str(error):
            raise _RejectedError("a quoted field is too long") from None
        raise _RejectedError("a quoted field goes on after its closing quote") from None


def _fields(line: str, header: _Header) -> list[str]:
    fields = _split(line, header.delimiter)
    wanted = len(header.names)
    if len(fields) < wanted or any(extra.strip() for extra in fields[wanted:]):
        columns = "1 column" if len(fields) == 1 else f"{len(fields)} columns"
        raise _RejectedError(f"row has {columns}, not {wanted}")
    return fields


class _Unit:
    """What to multiply a file's numeric times with to get milliseconds: all have the same unit."""

    def __init__(self, text: _Text, start: int, header: _Header) -> None:
        self._text, self._start, self._header = text, start, header

    @cached_property
    def to_ms(self) -> int:
        """Found out once the first number is met: that needs all of them."""
        return 1000 if (middle := self._median()) is not None and middle < _SECONDS_END else 1

    def _median(self) -> float | None:
        """The median, or what is on the same side of `_SECONDS_END`; None without numbers.

        The numbers themselves are not kept: there may be very many.
        """
        below, above = 0, 0
        highest, lowest = 0.0, float("inf")
        for _, line in self._text.lines(self._start):
            try:
                _refuse_damaged(line, self._text.encoding)
                text = _fields(line, self._header)[self._header.time].strip()
            except _RejectedError:
                continue
            if not _is_number(text):
                continue
            number = float(text)
            if number < _SECONDS_END:
                below, highest = below + 1, max(highest, number) if below else number
            else:
                above, lowest = above + 1, min(lowest, number)
        if not below and not above:
            return None
        if below == above:
            return (highest + lowest) / 2
        return highest if below > above else lowest


def _is_number(text: str) -> bool:
    return len(text) <= _LONGEST_TIME and _NUMBER.fullmatch(text) is not None


def _reading(
    fields: list[str], header: _Header, unit: _Unit, stem: str
) -> tuple[str, str, float, int]:
    occurred_at = _time(fields[header.time].strip(), header.names[header.time], unit)
    usage = _usage(fields[header.value].strip(), header.names[header.value])
    hostname = stem if header.host is None else _name(fields, header, header.host)
    cpu = "cpu1" if header.cpu is None else _name(fields, header, header.cpu)
    return hostname, cpu, usage, occurred_at


def _refuse(reading: tuple[str, str, float, int], when: str, header: _Header) -> None:
    """Reject what the pipeline takes for no reading."""
    hostname, cpu, _, occurred_at = reading
    wrong = wrong_names(hostname, cpu)
    if wrong is not None:
        raise _RejectedError(wrong)
    first, last = PIPELINE_TIMES
    if not first <= occurred_at <= last:
        column_name = shorten(header.names[header.time])
        raise _RejectedError(f"{column_name} {shown(when)} is not between 1971 and 2100")


def _name(fields: list[str], header: _Header, index: int) -> str:
    text = fields[index]
    if not text.strip():
        raise _RejectedError(f"{shorten(header.names[index])} '' is empty")
    return text


def _usage(text: str, column: str) -> float:
    if not text:
        raise _RejectedError(f"{shorten(column)} '' is empty")
    try:
        usage = float(text)
    except ValueError:
        usage = float("nan")
    # float() also takes 1_000, digits of other scripts, nan and inf, which are no usage.
    if usage != usage or abs(usage) == float("inf") or "_" in text or not text.isascii():
        raise _RejectedError(f"{shorten(column)} {shown(text)} is not a number")
    if not 0 <= usage <= 100:
        raise _RejectedError(f"{shorten(column)} {shorten(text)} is not between 0 and 100")
    return usage


def _time(text: str, column: str, unit: _Unit) -> int:
    if not text:
        raise _RejectedError(f"{shorten(column)} '' is empty")
    occurred_at: int | None
    if _is_number(text):
        # Decimal, not float: 1700000000.123 s must not become 1700000000122 ms.
        exact = _EXACT.multiply(Decimal(text), unit.to_ms)
        occurred_at = int(exact.to_integral_value(ROUND_FLOOR, _EXACT))
    else:
        occurred_at = _iso_ms(text)
    if occurred_at is None:
        raise _RejectedError(
            f"{shorten(column)} {shown(text)} is neither ISO 8601 nor epoch seconds or milliseconds"
        )
    if not FIRST_TIME <= occurred_at < END_OF_TIME:
        raise _RejectedError(f"{shorten(column)} {shown(text)} is not between 1970 and 2200")
    return occurred_at


@lru_cache(maxsize=4096)
def _day_ms(year: str, month: str, day: str) -> int | None:
    """Return the first millisecond of a day, or None if there is no such day."""
    try:
        return (date(int(year), int(month), int(day)).toordinal() - _EPOCH_DAY) * _DAY_MS
    except ValueError:
        if int(year) < 1 and 1 <= int(month) <= 12 and 1 <= int(day) <= 31:
            return -(10**15)  # before anything that `date` knows
        if int(year) > 9999 and 1 <= int(month) <= 12 and 1 <= int(day) <= 31:
            return 10**15  # after it
        return None


def _iso_ms(text: str) -> int | None:
    """Return epoch milliseconds of an ISO 8601 time, or None if it is none."""
    if len(text) > _LONGEST_TIME:
        return None
    # datetime.fromisoformat reads less in Python 3.10 than later; this is the same in each.
    match = _ISO.fullmatch(text) or _BASIC_ISO.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, _, sign, zone_h, zone_m = match.groups("0")
    start_of_day = _day_ms(year, month, day)
    if start_of_day is None:
        return None
    h, m, s, zh, zm = int(hour), int(minute), int(second), int(zone_h), int(zone_m)
    if h > 23 or m > 59 or s > 59 or zh > 23 or zm > 59:
        return None
    offset = (zh * 60 + zm) * 60_000 * (-1 if sign == "-" else 1)
    millis = int((fraction + "00")[:3])
    return start_of_day + ((h * 60 + m) * 60 + s) * 1000 + millis - offset
