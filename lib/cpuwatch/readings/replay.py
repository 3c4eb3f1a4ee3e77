"""A CSV file of readings: what is in it, and which of its lines are none, and why."""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from cpuwatch.readings import columns as roles_of
from cpuwatch.readings import doubts, rivals, survey, unsure
from cpuwatch.readings.asked import Asked, asked
from cpuwatch.readings.beginnings import SAVE, is_encoding
from cpuwatch.readings.columns import listed
from cpuwatch.readings.finding import lay_out
from cpuwatch.readings.layout import Layout
from cpuwatch.readings.repeats import telling
from cpuwatch.readings.rows import Reader
from cpuwatch.readings.survey import Survey
from cpuwatch.readings.table import CsvError, Text
from cpuwatch.readings.use import Use, use_of
from cpuwatch.spool import Kind, Spool
from cpuwatch.words import shorten, shown

_KINDS: dict[str, Kind] = {
    "hostname": "text", "cpu": "text", "usage": "real", "occurred_at": "whole",
}  # fmt: skip

#: From so many rows on that are rejected for the same reason, and such a part of all, it is no
#: accident.
_NO_ACCIDENT = ((10, 0.1), (2, 0.25))

#: What a decimal comma may have made of a number.
_TWO_NUMBERS = re.compile(r"[0-9],[0-9]")

#: A file cannot be used as readings; the message names the file, why, and what to do.
ReadingsError = CsvError


@dataclass(frozen=True, eq=False)
class CsvReadings:
    """What a CSV file held; it lies on the disk, whatever its size.

    Attributes
    ----------
    readings : Spool
        The readings, by occurred_at; those of the same moment in the order of the file.
    rejected : Spool
        The rows that are no reading: line (int, counted from 1), reason (str), text (str, cut
        off after 10,000 characters).
    use : Use
        Which columns were used for what.
    before : array
        For each rejected row how many readings stand before it in the file.
    """

    readings: Spool
    rejected: Spool
    use: Use
    before: array[int]

    @property
    def rows(self) -> int:
        """Return how many rows the file has: readings and rejected ones."""
        return len(self.readings) + len(self.rejected)


def read_csv(
    path: str | Path,
    for_pipeline: bool = False,
    columns: Mapping[str, str | Sequence[str]] | None = None,
    where: Mapping[str, str | Sequence[str]] | None = None,
    as_percent: bool = False,
) -> CsvReadings:
    """Read a CSV file of readings; keep what is wrong apart, with its line and reason.

    The header names the columns, in any case and order, by the names that monitoring exports
    use: the page docs/csv-files.md lists them. Without a host the file's name is taken, without
    a CPU cpu1. The delimiter is a comma, or else a semicolon or a tab. One line is one row, or
    one moment of all series that have a column each.

    Times are ISO 8601 (UTC unless they say otherwise) or epoch seconds, milliseconds,
    microseconds or nanoseconds; the median of the file's numbers decides which. What is smaller
    than a millisecond is cut off. Dates of other forms, spreadsheets' days, and dates and times
    of day in two columns are read where the whole file makes them certain.

    Parameters
    ----------
    path : str or Path
        Of a file, perhaps compressed by gzip, or a pipe.
    for_pipeline : bool
        Whether to reject also what the pipeline takes for no reading: times before 1971 and
        from 2100 on, and names that are too long.
    columns : mapping, optional
        For time, usage (percent), idle (percent), ratio (usage from 0 to 1), host or cpu the
        column's name; usage may be ``"*"``, each column a series. For date a column of dates,
        if time has none. For day_first or month_first the column of dates in that order. For
        ignore one or several columns that tell no series apart.
    where : mapping, optional
        For a column the value, or values, of the rows that are wanted.
    as_percent : bool
        Whether many values between 0 and 1, which may be fractions, are taken for percent with a
        remark, and not refused: for a rule that asks for no unit.

    Returns
    -------
    CsvReadings

    Raises
    ------
    ReadingsError
        If the file cannot be read, has no usable header, has not a single usable row, or could
        be read in more than one way, so that different series might be averaged together.
    """
    said = replace(asked(columns, where), as_percent=as_percent)
    text = Text(Path(path))
    layout, found = _surveyed(text, said)
    readings = of_readings()
    rejected = no_rejected()
    reader = Reader(layout, found, said, for_pipeline, rejected)
    readings.add(reader.readings())
    text.refuse_changed()
    if not len(readings):
        raise _nothing(layout, rejected)
    reader.remarks += _partly(layout, reader.reasons, len(readings) + len(rejected))
    reader.remarks += reader.beyond()
    reader.remarks += _repeated(layout, found, reader, readings)
    ((first, last),) = readings.ask("SELECT MIN(occurred_at), MAX(occurred_at) FROM rows")
    reader.remarks += unsure.long_ago(layout, found, first)
    reader.remarks += unsure.ahead(layout, found, last)
    return CsvReadings(readings, rejected, use_of(layout, reader.remarks), reader.before)


def of_readings(table: pd.DataFrame | None = None) -> Spool:
    """Return a place for readings, by occurred_at; with those of a table, if there is one.

    Parameters
    ----------
    table
        Readings with the columns of `COLUMNS`; by default none.
    """
    made = Spool(_KINDS, ["occurred_at"])
    if table is not None:
        made.add_table(table)
    return made


def no_rejected() -> Spool:
    """Return a place for rows that are no readings, in the order in which they come."""
    return Spool({"line": "whole", "reason": "text", "text": "text"})


def _surveyed(text: Text, said: Asked) -> tuple[Layout, Survey]:
    """The file's layout, and what its rows hold: those of one certain thing, if there are more."""
    layout = lay_out(text, said)
    ignored = _ignored(layout, said)
    usages = [at for at in roles_of.rivals(layout.roles, said) if at not in ignored]
    found = survey.look(layout, ignored, said.order, usages)
    if chosen := doubts.choose(layout, found):
        layout = replace(layout, where=layout.where | chosen)
        found = survey.look(layout, ignored, said.order, usages)
    if roles := rivals.of_cpus(layout, found, said):
        layout = replace(layout, roles=roles)
        found = survey.look(layout, ignored, said.order, usages)
    return layout, found


def _ignored(layout: Layout, said: Asked) -> frozenset[int]:
    places = (roles_of.place(layout.roles.names, name) for name in said.ignored)
    return frozenset(at for at in places if at is not None)


def _nothing(layout: Layout, rejected: Spool) -> ReadingsError:
    """Why there is not a single reading."""
    path = layout.text.path
    if len(rejected):
        ((number, why, row),) = rejected.head(1).itertuples(index=False)
        hint = _hint(layout, why) if _TWO_NUMBERS.search(row) or is_encoding(why) else ""
        return ReadingsError(
            f"{path} has no row that is a reading: the first, line {number}, is rejected"
            f" because {why}; mend its rows or give another file{hint}."
        )
    if layout.left_out:
        names = layout.roles.names
        wanted = "; ".join(
            f"{shorten(names[at])} is to be {' or '.join(map(shown, values))}, and is"
            f" {listed(sorted(layout.others[at]), 6)}"
            for at, values in layout.where.items()
        )
        return ReadingsError(f"{path} has no row that is wanted: {wanted}; want one of those.")
    return ReadingsError(f"{path} has a header but no rows: add readings below the header.")


def _partly(layout: Layout, reasons: Counter[str], rows: int) -> list[str]:
    """What to say if a large part of a file is rejected for one reason."""
    return [
        f"Attention: {count:,} of {rows:,} rows are rejected because {shorten(why, 200)}. The"
        f" results are of the others alone{_hint(layout, why)}."
        for why, count in reasons.most_common(3)
        if any(count >= many and count >= rows * part for many, part in _NO_ACCIDENT)
        or is_encoding(why)
    ]


def _hint(layout: Layout, reason: str) -> str:
    if is_encoding(reason):
        return f"; {SAVE}"
    if layout.delimiter != "," or not reason.startswith("row has"):
        return ""
    return "; perhaps numbers have a decimal comma: save the file with semicolons between fields"


def _repeated(layout: Layout, found: Survey, reader: Reader, readings: Spool) -> list[str]:
    """Refuse a file whose unused columns tell readings of one moment apart; or say it.

    Raises
    ------
    ReadingsError
        If there is such a column.
    """
    count = reader.repeats.count(readings)
    if not count:
        return []
    told, differ = telling(reader.with_rest()) if reader.unused else (None, [])
    if told is not None:
        raise doubts.telling(layout, found, reader.unused[told])
    moments = "moment comes" if count == 1 else "moments come"
    why = "no column that is looked at tells why"
    if differ:
        names = layout.roles.names
        at = reader.unused[differ[0]]
        why = (
            f"its rows differ in {listed((names[reader.unused[one]] for one in differ), 4)}, which"
            f" may be measured; if '{shorten(names[at])}' names something, say --columns"
            f" {roles_of.say(names, 'cpu', at)}"
        )
    return [
        f"Attention: {count:,} {moments} more than once in a series, and {why}: all such readings"
        " are averaged together."
    ]
