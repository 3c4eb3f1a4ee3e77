"""A CSV file of readings: what is in it, and which of its lines are none, and why."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from cpuwatch.readings import columns as roles_of
from cpuwatch.readings import survey
from cpuwatch.readings.collectd import Named
from cpuwatch.readings.columns import Asked, listed
from cpuwatch.readings.layout import Layout, lay_out
from cpuwatch.readings.numbers import has_comma, percentage
from cpuwatch.readings.reading import END_OF_TIME, FIRST_TIME, PIPELINE_TIMES, wrong_names
from cpuwatch.readings.repeats import Repeats, telling
from cpuwatch.readings.survey import Survey
from cpuwatch.readings.table import CsvError, RejectedError, Text, header_names, readable
from cpuwatch.readings.times import UNITS
from cpuwatch.spool import Kind, Spool
from cpuwatch.words import shorten, shown

_KINDS: dict[str, Kind] = {
    "hostname": "text", "cpu": "text", "usage": "real", "occurred_at": "whole",
}  # fmt: skip

#: So many characters of a rejected line are kept: it has to fit into a record of Kafka's.
_KEPT = 10_000

#: From so many rows on that are rejected for the same reason, and such a part of all, it is no
#: accident.
_MANY, _LARGE_PART = 10, 0.1

#: What differs in the reasons of one kind.
_VALUES = re.compile(r"'.*'|[0-9][0-9.,]*", re.DOTALL)

#: A file cannot be used as readings; the message names the file, why, and what to do.
ReadingsError = CsvError


@dataclass(frozen=True)
class Use:
    """Which columns of a file were used for what, and what else people should know.

    Attributes
    ----------
    time, usage
        The columns' names; usage is a list if each column is a series.
    host, cpu
        The same; None if there is none.
    unused
        The columns that nothing is read from.
    remarks
        Sentences: how values were read, and what looks wrong.
    named
        The host and the CPU of a file that has no columns of them.
    """

    time: str
    usage: str | list[str]
    host: str | None
    cpu: str | None
    unused: list[str]
    remarks: list[str]
    named: Named

    def as_dict(self) -> dict[str, object]:
        """The columns, as `--json` prints them."""
        return {name: getattr(self, name) for name in ("time", "usage", "host", "cpu", "unused")}

    def sentences(self) -> list[str]:
        """All of it for people."""
        usage = shorten(self.usage) if isinstance(self.usage, str) else listed(self.usage, 6)
        host = (
            f"host from {shorten(self.host)}"
            if self.host
            else f"the host is {shorten(self.named.host)}"
        )
        cpu = f"CPU from {shorten(self.cpu)}" if self.cpu else f"the CPU is {self.named.cpu}"
        used = f"Columns: time from {shorten(self.time)}, usage from {usage}, {host}, {cpu}."
        unused = [f"Not used: {listed(self.unused)}."] if self.unused else []
        return [used, *unused, *self.remarks]


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
    """

    readings: Spool
    rejected: Spool
    use: Use

    @property
    def rows(self) -> int:
        """Return how many rows the file has: readings and rejected ones."""
        return len(self.readings) + len(self.rejected)


def read_csv(
    path: str | Path,
    for_pipeline: bool = False,
    columns: Mapping[str, str | Sequence[str]] | None = None,
    where: Mapping[str, str | Sequence[str]] | None = None,
) -> CsvReadings:
    """Read a CSV file of readings; keep what is wrong apart, with its line and reason.

    The header names the columns, in any case and order, by the names that monitoring exports
    use: the page docs/csv-files.md lists them. Without a host the file's name is taken, without
    a CPU cpu1. The delimiter is a comma, or else a semicolon or a tab. One line is one row, or
    one moment of all series that have a column each.

    Times are ISO 8601 (UTC unless they say otherwise) or epoch seconds, milliseconds,
    microseconds or nanoseconds; the median of the file's numbers decides which. What is smaller
    than a millisecond is cut off.

    Parameters
    ----------
    path : str or Path
        Of a file, perhaps compressed by gzip, or a pipe.
    for_pipeline : bool
        Whether to reject also what the pipeline takes for no reading: times before 1971 and
        from 2100 on, and names that are too long.
    columns : mapping, optional
        For time, usage (percent), idle (percent), ratio (usage from 0 to 1), host or cpu the
        column's name; usage may be ``"*"``, each column a series. For ignore one or several
        columns that tell no series apart.
    where : mapping, optional
        For a column the value, or values, of the rows that are wanted.

    Returns
    -------
    CsvReadings

    Raises
    ------
    ReadingsError
        If the file cannot be read, has no usable header, has not a single usable row, or could
        be read in more than one way, so that different series might be averaged together.
    """
    said = roles_of.asked(columns, where)
    text = Text(Path(path))
    layout, found = _surveyed(text, said)
    readings = of_readings()
    rejected = no_rejected()
    reader = _Reader(layout, found, said, for_pipeline, rejected)
    readings.add(reader.readings())
    text.refuse_changed()
    if not len(readings):
        raise _nothing(layout, rejected)
    reader.remarks += _partly(layout, reader.reasons, len(readings) + len(rejected))
    reader.remarks += _repeated(layout, reader, readings)
    return CsvReadings(readings, rejected, _use(layout, reader.remarks))


def of_readings(table: pd.DataFrame | None = None) -> Spool:
    """Return a place for readings, by occurred_at; with those of a table, if there is one."""
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
    found = survey.look(layout, ignored)
    if chosen := survey.choose(layout, found):
        layout = replace(layout, where=layout.where | chosen)
        found = survey.look(layout, ignored)
    return layout, found


def _ignored(layout: Layout, said: Asked) -> frozenset[int]:
    places = (roles_of.place(layout.roles.names, name) for name in said.ignored)
    return frozenset(at for at in places if at is not None)


class _Reader:
    """Makes readings of a file's rows, now that it is known how they are written."""

    def __init__(
        self, layout: Layout, found: Survey, said: Asked, for_pipeline: bool, rejected: Spool
    ) -> None:
        self._layout = layout
        self._clock, self._style = found.clock, found.style
        self._for_pipeline = for_pipeline
        self._rejected = rejected
        self._moment: tuple[str | None, int] = None, 0
        self.reasons: Counter[str] = Counter()
        self.repeats = Repeats()
        self.unused = sorted(found.others)
        self.remarks: list[str] = [*layout.named.remarks, *layout.shape.said]
        idle, remarks = survey.measured(layout, found)
        self._idle = idle or layout.roles.idle or layout.named.idle
        self._refuse_contradiction(said, idle)
        survey.refuse_rounded(layout, found)
        self.remarks += remarks
        self.remarks += survey.refuse_ratio(layout, found, "usage" in said.columns)
        self.remarks += survey.refuse_merged(layout, found)
        self.remarks += self._ways()

    def readings(self) -> Iterator[tuple[str, str, float, int]]:
        """Hostname, cpu, usage and occurred_at of each row; what is none is put aside."""
        see, reading = self.repeats.see, self._reading
        for number, line, fields, origin in self._layout.rows():
            try:
                if isinstance(fields, RejectedError):
                    raise fields
                found = reading(fields)
            except RejectedError as reason:
                self._refuse_another_table(number, line)
                why = f"{reason} (column {shorten(origin)})" if origin else str(reason)
                self.reasons[_VALUES.sub("…", why)] += 1
                self._rejected.add([(number, why, _kept(line))])
                continue
            see(found[0], found[1], found[3])
            yield found

    def _refuse_another_table(self, number: int, line: str) -> None:
        """Raise ReadingsError if a line is a header, and another than the file's own."""
        layout = self._layout
        if len(line) > _KEPT or line.strip() == layout.head.text.strip():
            return
        names = header_names(line, layout.delimiter) or []
        at = layout.time_place
        if at < len(names) and names[at].lower() == layout.names[at].lower():
            raise ReadingsError(
                f"{layout.text.path}, line {number}, begins another table, of other columns: give"
                " each table a file of its own."
            )

    def with_rest(self) -> Iterator[tuple[str, str, int, list[str]]]:
        """The same without usage, and with what the unused columns hold."""
        for _, _, fields, _ in self._layout.rows():
            try:
                if isinstance(fields, RejectedError):
                    raise fields
                hostname, cpu, _, occurred_at = self._reading(fields)
            except RejectedError:
                continue
            yield hostname, cpu, occurred_at, [fields[at].strip() for at in self.unused]

    def _reading(self, fields: list[str]) -> tuple[str, str, float, int]:
        roles = self._layout.roles
        names = roles.names
        when = fields[roles.time].strip()
        # Many series have the same moment: it is read once.
        if when != self._moment[0]:
            self._moment = when, self._time(when, names[roles.time])
        occurred_at = self._moment[1]
        usage = self._usage(fields[roles.value].strip(), names[roles.value])
        named = self._layout.named
        hostname = named.host if roles.host is None else _name(fields, names, roles.host)
        cpu = named.cpu if roles.cpu is None else _name(fields, names, roles.cpu)
        if self._for_pipeline:
            _refuse(hostname, cpu, occurred_at, when, names[roles.time])
        return hostname, cpu, usage, occurred_at

    def _time(self, text: str, column: str) -> int:
        if not text:
            raise RejectedError(f"{shorten(column)} '' is empty")
        occurred_at = self._layout.shape.time(text, self._clock)
        if occurred_at is None:
            raise RejectedError(
                f"{shorten(column)} {shown(text)} is neither ISO 8601 nor epoch seconds or"
                " milliseconds"
            )
        if not FIRST_TIME <= occurred_at < END_OF_TIME:
            raise RejectedError(f"{shorten(column)} {shown(text)} is not between 1970 and 2200")
        return occurred_at

    def _usage(self, text: str, column: str) -> float:
        if not text:
            raise RejectedError(f"{shorten(column)} '' is empty")
        found = percentage(text, self._style.comma)
        if found is None:
            mixed = self._style.points and has_comma(text)
            why = " as others are, which have a decimal point" if mixed else ""
            raise RejectedError(f"{shorten(column)} {shown(text)} is not a number{why}")
        highest = 1 if self._layout.roles.ratio else 100
        if not 0 <= found <= highest:
            raise RejectedError(f"{shorten(column)} {shorten(text)} is not between 0 and {highest}")
        if self._layout.roles.ratio:
            return 100 * found
        return 100 - found if self._idle else found

    def _refuse_contradiction(self, said: Asked, idle: bool) -> None:
        if idle and "usage" in said.columns and not self._layout.shape.series:
            name = shorten(said.columns["usage"])
            raise ReadingsError(
                f"{self._layout.text.path}: its rows are of what is idle, and '{name}' is said to"
                f" be usage: say --columns 'idle={name}', and usage is 100 - idle."
            )

    def _ways(self) -> list[str]:
        """How values are read that could have been read in another way."""
        layout, clock, style = self._layout, self._clock, self._style
        names = layout.roles.names
        time, value = shorten(names[layout.roles.time]), shorten(names[layout.roles.value])
        said = []
        if clock.numbers and clock.unit > 1:
            said.append(f"The times in {time} are read as {UNITS[clock.unit][0]} since 1970.")
        if style.comma:
            said.append(f"A comma in {value} is the decimal mark.")
        if style.percents:
            said.append(f"The percent sign in {value} is left out.")
        if layout.roles.ratio:
            said.append(f"Usage is 100 * {value}.")
        if self._idle:
            said.append(f"Usage is 100 - {value}: what is there is idle.")
        for at, values in layout.where.items():
            wanted = " or ".join(shown(one) for one in values)
            said.append(f"Only rows whose {shorten(names[at])} is {wanted} are read.")
        if layout.left_out:
            one = layout.left_out == 1
            said.append(f"{layout.left_out:,} other{' is' if one else 's are'} left out.")
        return said


def _kept(line: str) -> str:
    cut = f"… (cut off: {len(line):,} characters)" if len(line) > _KEPT else ""
    return readable(line[:_KEPT]) + cut


def _name(fields: list[str], names: list[str], at: int) -> str:
    text = fields[at]
    if not text.strip():
        raise RejectedError(f"{shorten(names[at])} '' is empty")
    return text


def _refuse(hostname: str, cpu: str, occurred_at: int, when: str, column: str) -> None:
    """Reject what the pipeline takes for no reading."""
    wrong = wrong_names(hostname, cpu)
    if wrong is not None:
        raise RejectedError(wrong)
    first, last = PIPELINE_TIMES
    if not first <= occurred_at <= last:
        raise RejectedError(f"{shorten(column)} {shown(when)} is not between 1971 and 2100")


def _nothing(layout: Layout, rejected: Spool) -> ReadingsError:
    """Why there is not a single reading."""
    path = layout.text.path
    if len(rejected):
        ((number, why),) = rejected.head(1)[["line", "reason"]].itertuples(index=False)
        return ReadingsError(
            f"{path} has no row that is a reading: the first, line {number}, is rejected"
            f" because {why}; mend its rows or give another file{_comma_hint(layout, why)}."
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
        f" results are of the others alone{_comma_hint(layout, why)}."
        for why, count in reasons.most_common(3)
        if count >= _MANY and count >= rows * _LARGE_PART
    ]


def _comma_hint(layout: Layout, reason: str) -> str:
    if layout.delimiter != "," or not reason.startswith("row has"):
        return ""
    return "; perhaps numbers have a decimal comma: save the file with semicolons between fields"


def _repeated(layout: Layout, reader: _Reader, readings: Spool) -> list[str]:
    """Refuse a file whose unused columns tell readings of one moment apart; or say it.

    Raises
    ------
    ReadingsError
        If there is such a column.
    """
    count = reader.repeats.count(readings)
    if not count:
        return []
    told = telling(reader.with_rest()) if reader.unused else None
    if told is not None:
        at = reader.unused[told]
        name = shorten(layout.roles.names[at])
        role = "host" if layout.roles.host is None else "cpu"
        raise ReadingsError(
            f"{layout.text.path}: the same time comes more than once for one series, and the column"
            f" '{name}', which nothing is read from, tells these rows apart: say"
            f" --columns '{role}={name}' if it names the {role}, or --where '{name}=…' to take one"
            f" of its values, or --columns 'ignore={name}' if it tells no series apart."
        )
    moments = "moment comes" if count == 1 else "moments come"
    return [
        f"Attention: {count:,} {moments} more than once in a series, and no column tells"
        " why: all such readings are averaged together."
    ]


def _use(layout: Layout, remarks: list[str]) -> Use:
    roles = layout.roles
    names = roles.names

    def name(at: int | None) -> str | None:
        return None if at is None else names[at]

    if layout.shape.series:
        # Here columns are series, and those that were asked for by their labels are used.
        usage: str | list[str] = [
            one for one, its in layout.shape.series.items() if layout.is_wanted(its)
        ]
        used_names = {layout.names[layout.time_place], *usage}
        unused = [one for one in layout.names if one and one not in used_names]
    else:
        usage = names[roles.value]
        used = {roles.time, roles.value, roles.host, roles.cpu, *layout.where}
        unused = [one for at, one in enumerate(names) if one and at not in used]
    return Use(
        names[roles.time], usage, name(roles.host), name(roles.cpu), unused, remarks, layout.named
    )
