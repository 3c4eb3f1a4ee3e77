"""A time that stands in several columns: the date, the time of day, the zone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cpuwatch.readings import columns
from cpuwatch.readings.asked import Asked
from cpuwatch.readings.columns import CLOCKS, CPU, DATES, HOST, MEASURE, TIME, ZONES
from cpuwatch.readings.dates import is_clock, is_zone, moment_ms, written
from cpuwatch.readings.days import may_be_day
from cpuwatch.readings.numbers import number
from cpuwatch.readings.table import CsvError
from cpuwatch.readings.times import is_number, iso_ms
from cpuwatch.words import option, shorten, shown

#: What a column of times holds.
_DATE, _CLOCK, _MOMENT, _DAY, _PART = "date", "clock", "moment", "day", "part of a day"
_DIGITS = "clock without marks"

#: A time of day without marks, HHMM or HHMMSS.
_DIGITS_OF_CLOCK = re.compile(r"(?:[01][0-9]|2[0-3])[0-5][0-9](?:[0-5][0-9])?")
_TWO = re.compile("..")

_HALVES = frozenset(("am", "pm", ""))


@dataclass(frozen=True)
class Joined:
    """Columns that are one time together; it stands in the place of the first of them.

    Attributes
    ----------
    date, clock, half, zone
        Their places; half is where AM and PM stand. Without a clock the date has one.
    names
        All columns of the file, with one name for these.
    title
        What the date's column is called.
    said
        What people are told of it.
    """

    date: int
    clock: int | None
    half: int | None
    zone: int | None
    names: list[str]
    title: str
    said: str

    def fields(self, fields: list[str]) -> list[str]:
        """The fields of a row, with one for the time."""
        places = (self.date, self.clock, self.half, self.zone)
        parts = [fields[at].strip() for at in places if at is not None]
        whole = _together(parts, self.clock is not None) if all(parts) else ""
        return [whole if at == self.date else text for at, text in enumerate(fields)]


def _together(parts: list[str], has_clock: bool) -> str:
    date, rest = parts[0], parts[1:]
    if has_clock:
        part = number(rest[0].replace(",", "."))
        if part is not None and 0 <= part < 1 and _is_day(date):
            return date + rest[0].lstrip("0")  # a spreadsheet's day, and a part of one
        rest[0] = _with_marks(rest[0])
        its = written(date)
        if its is not None and its.has_clock and its.clock == 0:
            date = date.replace("T", " ").split(" ")[0].rstrip(",")
    return " ".join([date, *rest])


def _with_marks(clock: str) -> str:
    return ":".join(_TWO.findall(clock)) if _DIGITS_OF_CLOCK.fullmatch(clock) else clock


def _is_day(text: str) -> bool:
    return is_number(text) and may_be_day(float(text))


def join(
    path: Path, names: list[str], said: Asked, sample: Callable[[], Iterator[list[str]]]
) -> Joined | CsvError | None:
    """The columns that are the time together; None if one of them is, and why there is no time.

    Parameters
    ----------
    path
        For messages.
    names
        The header's.
    said
        What people say.
    sample
        Gives the fields of the first rows.
    """
    told = {
        what: columns.required(path, names, said.columns[what])
        for what in ("date", "time")
        if what in said.columns
    }
    others = _places(names, [name for what, name in said.columns.items() if what not in told])
    ignored = _places(names, said.ignored)
    main = told.get("time", told.get("date", columns.first(names, TIME, others)))
    if main is None:
        return None
    rows = list(sample())

    def kind(at: int) -> str | None:
        return _kind([row[at].strip() for row in rows if at < len(row)])

    lacks_date = columns.first(names, list(filter(_is_utc, DATES)), [main]) is None
    if not told and _is_utc(names[main]) and kind(main) == _CLOCK and lacks_date:
        other = columns.first(names, TIME, [*others, main])
        main = other if other is not None and kind(other) == _CLOCK else main
    # The date and the time of day are of one zone.
    dates = sorted(DATES, key=lambda name: _is_utc(name) != _is_utc(names[main]))

    def named(accepted: Sequence[str], wanted: str) -> int | None:
        found = (columns.first(names, [name], [*others, main]) for name in accepted)
        return next((at for at in found if at is not None and kind(at) == wanted), None)

    def of_kind(wanted: str) -> str | None:
        free = (at for at, name in enumerate(names) if name and at not in [*others, *ignored, main])
        return next((names[at] for at in free if kind(at) == wanted), None)

    if len(told) == 2:
        return _made(path, names, said, rows, told["date"], told["time"])
    has = kind(main)
    if has == _DIGITS and (day := named(dates, _DATE)) is not None:
        return _made(path, names, said, rows, day, main)
    if has == _CLOCK:
        date = named(dates, _DATE)
        if date is None and "time" not in told:
            whole = named(TIME, _MOMENT)
            if whole is not None:
                return _made(path, names, said, rows, whole, None)
        if date is None:
            return _no_date(path, names[main], of_kind(_DATE))
        return _made(path, names, said, rows, date, main)
    if has == _PART and (day := named(dates, _DAY)) is not None:
        return _made(path, names, said, rows, day, main)
    clock = named(CLOCKS, _CLOCK if has == _DATE else _PART) if has in (_DATE, _DAY) else None
    if has == _DATE and clock is None:
        clock = named(CLOCKS, _DIGITS)
    if has == _DATE and clock is None and (unknown := of_kind(_CLOCK)) is not None:
        return _no_clock(path, names[main], unknown)
    return _made(path, names, said, rows, main, clock)


def _is_utc(name: str) -> bool:
    return columns.fold(name).endswith("_utc")


def _places(names: list[str], wanted: Iterable[str]) -> list[int]:
    """Where those of these columns are that the file has."""
    found = (columns.place(names, name) for name in wanted)
    return [at for at in found if at is not None]


def _kind(texts: list[str]) -> str | None:
    """What a column holds, as far as its first texts tell."""
    kinds = {found for text in texts if text and (found := _kind_of(text)) is not None}
    if kinds == {_DAY, _PART}:
        return _MOMENT
    return kinds.pop() if len(kinds) == 1 else (_MOMENT if kinds else None)


def _kind_of(text: str) -> str | None:
    if is_clock(text):
        return _CLOCK
    its = written(text)
    if its is not None:
        return _MOMENT if its.clock else _DATE
    bare = text.replace(",", ".")
    if is_number(bare):
        if len(text) == 8 and (its := written(f"{text} 00:00")) and moment_ms(its, True):
            return _DATE
        if _DIGITS_OF_CLOCK.fullmatch(text):
            return _DIGITS
        if 0 <= float(bare) < 1:
            return _PART
        return _DAY if may_be_day(float(bare)) and bare.isdigit() else _MOMENT
    return _MOMENT if iso_ms(text) is not None else None


def _no_date(path: Path, name: str, dates: str | None) -> CsvError:
    say = option(f"date={dates or 'NAME'}")
    where = "no column holds their dates" if dates is None else "perhaps another has their dates"
    return CsvError(
        f"{path}: the column '{shorten(name)}' holds times of day alone, and {where}, so no moment"
        f" is certain: say which does by --columns {say}, or export"
        " the date as well."
    )


def _no_clock(path: Path, name: str, clocks: str) -> CsvError:
    both, ignore = option(f"date={name},time={clocks}"), option(f"ignore={clocks}")
    return CsvError(
        f"{path}: the column '{shorten(name)}' holds dates alone, and '{shorten(clocks)}' times of"
        f" day: say --columns {both} if both together are"
        f" the time, or --columns {ignore} if not."
    )


def _made(
    path: Path, names: list[str], said: Asked, rows: list[list[str]], date: int, clock: int | None
) -> Joined | CsvError | None:
    """The time of these columns, and of one with a zone, if the times name none themselves."""
    if date == clock:
        return CsvError(
            f"{path}: the column '{shorten(names[date])}' is said to be both date and time; say"
            " two columns, or time alone."
        )
    if clock is not None:
        _refuse_digits(path, names[clock], rows, date, clock)
    last = date if clock is None else clock
    texts = [_with_marks(row[last].strip()) for row in rows if last < len(row)]
    half = _halves(names, said, rows) if any(map(_lacks_half, texts)) else None
    zone = _zone(path, names, said, rows) if any(map(_lacks_zone, texts)) else None
    if isinstance(zone, CsvError):
        return zone
    used = [at for at in (date, clock, half, zone) if at is not None]
    if used == [columns.place(names, said.columns.get("time", ""))]:
        return None
    if used == [columns.first(names, TIME)] and not {"date", "time"} & set(said.columns):
        return None
    title = " and ".join(names[at] for at in used)
    new = [title if at == date else "" if at in used else name for at, name in enumerate(names)]
    told = [f"'{shorten(names[at])}'" for at in used]
    remark = f"{' and '.join(told)} together are the time." if len(told) > 1 else ""
    return Joined(date, clock, half, zone, new, names[date], remark)


def _refuse_digits(path: Path, name: str, rows: list[list[str]], date: int, clock: int) -> None:
    """Raise CsvError if a time of day is a number, and it is not certain which one it is."""
    for row in rows:
        day, text = (row[at].strip() if at < len(row) else "" for at in (date, clock))
        if is_number(text) and not _is_day(day) and not _DIGITS_OF_CLOCK.fullmatch(text):
            raise CsvError(
                f"{path}: the time of day {shown(text)} in '{shorten(name)}' is a number, of which"
                " it is not certain what it means: write it as 09:30 or 09:30:00."
            )


def _lacks_half(text: str) -> bool:
    its = written(f"2000-01-01 {text}" if is_clock(text) else text)
    return its is not None and its.has_clock and not its.half


def _halves(names: list[str], said: Asked, rows: list[list[str]]) -> int | None:
    """The column that holds AM and PM and nothing else."""
    used = _places(names, (*said.columns.values(), *said.ignored))
    for at, name in enumerate(names):
        values = {row[at].strip().lower().replace(".", "") for row in rows if at < len(row)}
        is_other = at in used or columns.fold(name) in (*HOST, *CPU, *MEASURE)
        if not is_other and values - {""} and values <= _HALVES:
            return at
    return None


def _lacks_zone(text: str) -> bool:
    if is_clock(text):
        return text[-1:] not in "Zz" and not any(mark in text for mark in ("+", "-", "UTC", "GMT"))
    its = written(text)
    return its is not None and its.has_clock and its.minutes is None


def _zone(
    path: Path, names: list[str], said: Asked, rows: list[list[str]]
) -> int | CsvError | None:
    """The column of zones; why there is none that can be used."""
    at = columns.first(names, ZONES, _places(names, (*said.columns.values(), *said.ignored)))
    if at is None:
        return None
    values = {row[at].strip() for row in rows if at < len(row)} - {""}
    if values and all(map(is_zone, values)):
        return at
    if not values or columns.fold(names[at]) in ("zone", "offset"):
        return None  # perhaps of a data centre, or in a topic
    odd = sorted(value for value in values if not is_zone(value))[0]
    name, ignore = shorten(names[at]), option(f"ignore={names[at]}")
    return CsvError(
        f"{path}: the column '{name}' says {shown(odd)}, which is no offset from UTC: write one"
        f" there, such as +01:00, or say --columns {ignore} if the times are UTC."
    )


def after(said: Asked, its: Joined | None) -> Asked:
    """What people say, once the columns of the time are one."""
    if its is None:
        return said
    left = {what: name for what, name in said.columns.items() if what != "date"}
    return replace(said, columns=left | {"time": its.names[its.date]})
