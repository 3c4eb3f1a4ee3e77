"""From a row's texts to a reading, or to the reason why it is none."""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Iterator

from cpuwatch.readings import alike, busy, clocks, doubts, rivals, unsure
from cpuwatch.readings.another import refuse_header
from cpuwatch.readings.asked import Asked
from cpuwatch.readings.columns import listed
from cpuwatch.readings.dates import named_zone
from cpuwatch.readings.layout import Layout
from cpuwatch.readings.percent import Percent
from cpuwatch.readings.reading import END_OF_TIME, FIRST_TIME, PIPELINE_TIMES, wrong_names
from cpuwatch.readings.repeats import Repeats
from cpuwatch.readings.survey import Survey
from cpuwatch.readings.table import RejectedError, bare, readable
from cpuwatch.readings.times import UNITS
from cpuwatch.spool import Spool
from cpuwatch.words import cut, shorten, shown

#: So many characters of a rejected line are kept: it has to fit into a record of Kafka's.
_KEPT = 10_000

#: What the CPU is called of a row that is of all of them.
_ALL_CPUS = "all"

#: So spreadsheets show a time that has milliseconds, and so they save it.
_OF_A_SPREADSHEET = re.compile(r"[0-5][0-9]:[0-5][0-9][.,][0-9]")

#: What differs in the reasons of one kind.
_VALUES = re.compile(r"'.*'|[0-9][0-9.,]*", re.DOTALL)


class Reader:
    """Makes readings of a file's rows, now that it is known how they are written."""

    def __init__(
        self, layout: Layout, found: Survey, said: Asked, for_pipeline: bool, rejected: Spool
    ) -> None:
        self._layout = layout
        self._clock, self._style = found.clock, found.style
        self._for_pipeline = for_pipeline
        self._rejected = rejected
        self._moment: tuple[str | None, int] = None, 0
        self._of_all = 0
        self.reasons: Counter[str] = Counter()
        self.before = array("Q")
        self.repeats = Repeats()
        self.unused = sorted(found.others)
        self.remarks: list[str] = [*layout.named.remarks, *layout.shape.said]
        if layout.titles:
            self.remarks.append(f"Skipped above the header: {listed(layout.titles, 6)}.")
        if layout.joined is not None and layout.joined.said:
            self.remarks.append(layout.joined.said)
        self.remarks += _nameless(layout, found)
        rivals.refuse_two(layout, found)
        rivals.refuse_beside(layout, found, said)
        self.remarks += rivals.refuse_swapped(layout, found, said)
        idle, remarks = busy.idle(layout, found, said)
        roles = layout.roles
        self._percent = Percent(roles.names[roles.value], found.style, idle, roles.ratio)
        unsure.refuse_rounded(layout, found)
        unsure.refuse_parts(layout, found)
        self.remarks += unsure.refuse_unsure_times(layout, found)
        self.remarks += unsure.zone_above(layout, found) + clocks.local(layout, found)
        self.remarks += remarks
        self.remarks += doubts.refuse_ratio(layout, found, said, idle)
        self.remarks += doubts.refuse_merged(layout, found)
        rivals.refuse_split(layout, found, said)
        self.remarks += alike.told(found.hosts)
        self.remarks += self._ways()

    def readings(self) -> Iterator[tuple[str, str, float, int]]:
        """Hostname, cpu, usage and occurred_at of each row; what is none is put aside."""
        see, reading, count = self.repeats.see, self._reading, 0
        for number, line, fields, origin in self._layout.rows():
            try:
                if isinstance(fields, RejectedError):
                    raise fields
                found = reading(fields)
            except RejectedError as reason:
                refuse_header(self._layout, number, line)
                why = f"{reason} (column {shorten(origin)})" if origin else str(reason)
                if line.lstrip("# ") != self._layout.head.text:  # which may come again
                    self.reasons[why if "UTF" in why else _VALUES.sub("…", why)] += 1
                self._rejected.add([(number, why, readable(cut(line, _KEPT)))])
                self.before.append(count)
                continue
            see(found[0], found[1], found[3])
            count += 1
            yield found

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
        usage = self._percent.of(fields[roles.value].strip())
        named = self._layout.named
        hostname = named.host if roles.host is None else _name(fields, names, roles.host)
        cpu = named.cpu if roles.cpu is None else self._cpu(fields, roles.cpu)
        if self._for_pipeline:
            _refuse(hostname, cpu, occurred_at, when, names[roles.time])
        return hostname, cpu, usage, occurred_at

    def _cpu(self, fields: list[str], at: int) -> str:
        roles = self._layout.roles
        if roles.all_cpus and not bare(fields[at]):
            self._of_all += 1
            return _ALL_CPUS
        return _name(fields, roles.names, at)

    def _time(self, text: str, column: str) -> int:
        if not text:
            raise RejectedError(f"{shorten(column)} '' is empty")
        occurred_at = self._clock.ms(text)
        if occurred_at is None:
            zone = named_zone(text)
            why = f"is {self._clock.refusal}"
            if zone is not None:
                why = f"names the zone {shorten(zone)}, and an offset is wanted, such as +01:00"
            elif _OF_A_SPREADSHEET.fullmatch(text):
                why = (
                    "has minutes and seconds alone, as a spreadsheet shows times: format that"
                    " column there as YYYY-MM-DD HH:MM:SS"
                )
            raise RejectedError(f"{shorten(column)} {shown(text)} {why}")
        if not FIRST_TIME <= occurred_at < END_OF_TIME:
            raise RejectedError(f"{shorten(column)} {shown(text)} is not between 1970 and 2200")
        return occurred_at

    def beyond(self) -> list[str]:
        """What to say of values that are no percentage, and of no CPU's, once all were taken."""
        said = []
        if self._of_all:
            at = self._layout.roles.cpu or 0
            rows = "row is" if self._of_all == 1 else "rows are"
            said.append(
                f"{self._of_all:,} {rows} without {shorten(self._layout.roles.names[at])}, and read"
                f" as of all CPUs, '{_ALL_CPUS}'."
            )
        return said + self._percent.beyond()

    def _ways(self) -> list[str]:
        """How values are read that could have been read in another way."""
        layout, clock, style = self._layout, self._clock, self._style
        names = layout.roles.names
        time, value = shorten(names[layout.roles.time]), shorten(names[layout.roles.value])
        said = []
        if clock.numbers and clock.unit > 1 and not clock.is_days and clock.digits is None:
            said.append(f"The times in {time} are read as {UNITS[clock.unit][0]} since 1970.")
        if style.comma:
            said.append(f"A comma in {value} is the decimal mark.")
        if style.percents:
            said.append(f"The percent sign in {value} is left out.")
        said += self._percent.way()
        for at, values in layout.where.items():
            wanted = " or ".join(shown(one) for one in values)
            said.append(f"Only rows whose {shorten(names[at])} is {wanted} are read.")
        if layout.left_out:
            one = layout.left_out == 1
            said.append(f"{layout.left_out:,} other{' is' if one else 's are'} left out.")
        return said


def _nameless(layout: Layout, found: Survey) -> list[str]:
    """What to say of columns that have no name, hold something, and are not looked at."""
    held = [at for at in sorted(layout.nameless & set(found.others)) if found.others[at].values]
    places = " and ".join(f"column {at + 1}" for at in held)
    return [f"Not looked at: {places}, without a name."] if held else []


def _name(fields: list[str], names: list[str], at: int) -> str:
    text = bare(fields[at])
    if not text:
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
