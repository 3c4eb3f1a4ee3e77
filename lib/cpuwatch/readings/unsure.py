"""Times that could be read in more than one way: refused, or said how they are read."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import datetime, timezone

from cpuwatch.readings.columns import fold
from cpuwatch.readings.dates import CERTAIN, COMPACT, DAY_MS, ORDERS, SHORT
from cpuwatch.readings.layout import Layout
from cpuwatch.readings.survey import Survey
from cpuwatch.readings.table import CsvError
from cpuwatch.readings.times import UNITS, Clock
from cpuwatch.words import iso, option, shorten, shown

#: What says that times are not UTC.
_ZONE = re.compile(
    r"\b(?:CES?T|EES?T|WES?T|[ECMP][SD]T|BST|IST|JST|MSK|AES?T)\b|(?i:\blocal\b|\btime ?zone\b)"
    r"|\b(?:UTC|GMT) ?[+-] ?0?[1-9]|\b(?:Europe|America|Asia|Africa|Australia|Pacific|Atlantic)/"
)
_UTC = re.compile(r"\b(?:UTC|GMT)\b(?! ?[+-])")

#: Since which other years machines count time, and how many days those are before 1970.
_SINCE = {1904: 24_107, 1900: 25_567}

#: Nobody has readings from before 2000.
_LONG_AGO_MS = 946_684_800_000

#: Columns of these names hold a part of a time.
_PARTS_OF_TIME = (
    "hour", "hours", "hh", "hr", "minute", "minutes", "mm", "min", "second", "ss", "ms", "msec",
    "millis", "millisecond", "milliseconds", "us", "usec", "microsecond", "microseconds", "ns",
    "nsec", "nanosecond", "nanoseconds",
)  # fmt: skip

#: Dates without marks of so many digits may be seconds as well.
_AS_SECONDS = 10

#: Where the times say plainly what they are.
_MEND = "if that is wrong, mend the times, or the clock that they are from."


def refuse_rounded(layout: Layout, found: Survey) -> None:
    """Raise CsvError if a spreadsheet rounded the times."""
    rounded = found.clock.rounded()
    if rounded is not None:
        name = shorten(layout.roles.names[layout.roles.time])
        raise CsvError(
            f"{layout.text.path}: the {name} {shown(rounded)} is a long number that a spreadsheet"
            " rounded: the moments are lost. Format that column as a whole number or as ISO 8601"
            " there, and save it again."
        )


def ahead(layout: Layout, found: Survey, last: int) -> list[str]:
    """What to say of readings that are yet to come, and of numbers that may count otherwise.

    Parameters
    ----------
    layout, found
        Of the file.
    last
        When the last of its readings was, in epoch milliseconds.
    """
    latest = time.time() * 1000 + DAY_MS
    if last < latest:
        return []
    remark = f"Attention: the last reading is of {_moment(last)}, which is yet to come"
    really = {year: last - days * DAY_MS for year, days in _SINCE.items()}
    others = [
        f"since {year}, it is of {_moment(ms)}"
        for year, ms in really.items()
        if found.clock.reads_unix and _LONG_AGO_MS < ms < latest
    ]
    if others:
        name = shorten(layout.roles.names[layout.roles.time])
        return [
            f"{remark}: the numbers in {name} are taken for times since 1970. If they count"
            f" {'; if '.join(others)}: export them as ISO 8601."
        ]
    return [f"{remark}: {_MEND}"]


def long_ago(layout: Layout, found: Survey, first: int) -> list[str]:
    """What to say of readings from before 2000, which hardly any file has.

    Parameters
    ----------
    layout, found
        Of the file.
    first
        When the first of its readings was, in epoch milliseconds.
    """
    if first >= _LONG_AGO_MS:
        return []
    remark = f"Attention: the first reading is of {_moment(first)}, before the year 2000"
    if not found.clock.reads_unix or not found.clock.numbers:
        return [f"{remark}: {_MEND}"]
    name, unit = shorten(layout.roles.names[layout.roles.time]), UNITS[found.clock.unit][0]
    return [
        f"{remark}: the numbers in {name} are taken for {unit} since 1970. If they count from"
        " another moment, or are dates without marks, export them as ISO 8601."
    ]


def _moment(ms: int) -> str:
    return iso(datetime.fromtimestamp(ms / 1000, timezone.utc))


def zone_above(layout: Layout, found: Survey) -> list[str]:
    """What to say if a header or a title names a zone that the times do not name themselves."""
    names = [layout.roles.names[layout.roles.time], *layout.titles]
    named = next((one for one in names if _ZONE.search(one) and not _UTC.search(one)), None)
    if named is None or not found.clock.writing.without_zone:
        return []
    return [
        f"Attention: '{shorten(named)}' seems to name a zone, and the times without one of their"
        " own are taken for UTC: if they are not, export them with their offset, such as +01:00."
    ]


def refuse_unsure_times(layout: Layout, found: Survey) -> list[str]:
    """Refuse times that could be read in two ways; how those are read that are no usual ones.

    Raises
    ------
    CsvError
        If the column mixes ways to write a time, or it is not certain what its numbers are.
    """
    name, path, clock = shorten(layout.dates), layout.text.path, found.clock
    mixed = clock.mixed()
    if mixed is not None:
        raise CsvError(
            f"{path}: the times in '{name}' are written in more than one way, such as"
            f" {shown(mixed[0])} and {shown(mixed[1])}, so it is not certain what all of"
            " them mean: export them again, all in one way, best as ISO 8601."
        )
    if not clock.reads_dates:
        return _days(layout, clock) if clock.is_days else _compact(layout, clock)
    if clock.numbers and clock.ticks is not None:
        raise _other_units(layout, clock.ticks)
    writing = clock.writing
    if writing.lead == CERTAIN:
        return []
    example = shown(writing.examples[writing.lead])
    mark = "/" if writing.lead == SHORT else writing.lead
    ways = {order: looks.format(mark) for order, looks in ORDERS.items()}
    if writing.may_begin_with_year:
        orders = " nor ".join(f"'{order}={name}'" for order in ways)
        raise CsvError(
            f"{path}: the first number of the {name} {example} may be its year, so that neither"
            f" {orders} is certain: export the times with a year of four digits, best as ISO 8601."
        )
    if writing.order is None:
        raise CsvError(f"{path}: {_unsure(layout, clock, ways)}.")
    proof = writing.proof(writing.order)
    why = f": {example} is one"
    if proof is not None and writing.said is None:
        why = f", as {shown(proof)} shows"
    if layout.shape.minutes is not None:
        return []
    return [f"The times in {name} are read as {ways[writing.order]}{why}."]


def is_part_of_time(name: str) -> bool:
    """Whether a column holds hours, minutes or parts of a second, by its name."""
    return fold(name) in _PARTS_OF_TIME


def part_of_time(layout: Layout, name: str) -> CsvError:
    """The refusal of a file of which another column holds a part of the time."""
    return CsvError(
        f"{layout.text.path}: the column '{shorten(name)}' seems to hold a part of the time, which"
        " nothing is read from: export the whole time in one column, such as 2026-01-05 09:00:00,"
        " or the time of day in one, such as 09:00:00."
    )


def refuse_parts(layout: Layout, found: Survey) -> None:
    """Raise CsvError if the times are days, and another column has the hour."""
    clock = found.clock
    if not clock.writing.forms or clock.numbers or clock.writing.has_clock:
        return
    for at, other in found.others.items():
        name = layout.roles.names[at]
        if is_part_of_time(name) and other.values and other.is_whole:
            raise part_of_time(layout, name)


def _unsure(layout: Layout, clock: Clock, ways: Mapping[str, str]) -> str:
    """Why it is not certain which number of a date is the day, and what to do."""
    writing, name = clock.writing, shorten(layout.dates)
    options = [f"--columns {option(f'{order}={layout.dates}')}" for order in ways]
    proofs = {order: writing.proof(order) for order in ways}
    if all(proofs.values()):
        first, second = (
            f"{shown(proofs[order] or '')} can only be {ways[order]}" for order in ways
        )
        return (
            f"in '{name}' {first}, and {second}: export it again, all in one way, best as ISO 8601"
        )
    for order, other in (tuple(ways), tuple(ways)[::-1]):
        proof = proofs[other]
        if proof is not None and order in (writing.said, writing.usual):
            means = f"is said to be {ways[order]}" if writing.said else f"looks like {ways[order]}"
            return (
                f"'{name}' {means}, and {shown(proof)} can only be {ways[other]}: if all of them"
                f" are, say --columns {option(f'{other}={layout.dates}')}"
            )
    return (
        f"the '{name}' {shown(writing.examples[writing.lead])} may be {' or '.join(ways.values())},"
        f" and no row tells which for certain: say {' or '.join(options)}"
    )


def _compact(layout: Layout, clock: Clock) -> list[str]:
    """What to say of times that are dates without marks; refuses those that may be seconds."""
    name = shorten(layout.dates)
    if clock.digits is None:
        return []
    looks = COMPACT[clock.digits]
    if clock.digits == _AS_SECONDS:
        raise CsvError(
            f"{layout.text.path}: the numbers in '{name}' may be {looks}, or seconds since 1970 of"
            " the years 2033 to 2036: export them as ISO 8601."
        )
    return [f"The times in {name} are read as {looks}."]


def _other_units(layout: Layout, ticks: str) -> CsvError:
    return CsvError(
        f"{layout.text.path}: the numbers in '{shorten(layout.dates)}' are probably {ticks}, as"
        " Windows counts them; as nanoseconds since 1970 they would be of the last century: export"
        " them as ISO 8601."
    )


def _days(layout: Layout, clock: Clock) -> list[str]:
    """What to say of times that are a spreadsheet's days; refuses those that are not certain."""
    name, path, days = shorten(layout.dates), layout.text.path, clock.days
    remedy = (
        "Format that column as date and time there, such as YYYY-MM-DD HH:MM:SS, and save it again"
    )
    if not days.are_certain:
        raise CsvError(
            f"{path}: the numbers in '{name}', such as {shown(days.first)}, may be a spreadsheet's"
            f" dates without a time of day, or count something else. {remedy}."
        )
    if days.rounded is not None:
        raise CsvError(
            f"{path}: the {name} {shown(days.rounded)} is a day and a part of it that a spreadsheet"
            f" rounded: the moments are lost. {remedy}."
        )
    return [
        f"The times in {name} are read as a spreadsheet's days: {days.first} is"
        f" {iso(datetime.fromtimestamp(days.ms(days.first) / 1000, timezone.utc))}."
    ]
