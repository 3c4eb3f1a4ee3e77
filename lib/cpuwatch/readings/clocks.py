"""A second column of times: it may show that those which are read are local ones."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice

from cpuwatch.readings.columns import LABELS, TIME, fold, say
from cpuwatch.readings.dates import moment_ms, written
from cpuwatch.readings.layout import Layout
from cpuwatch.readings.other import epoch_ms
from cpuwatch.readings.survey import Survey
from cpuwatch.readings.table import RejectedError
from cpuwatch.words import length, shorten

#: So many rows are compared.
_SAMPLE = 50

#: Clocks of two zones differ by so many quarters of an hour at most.
_QUARTER_MS, _MOST = 15 * 60_000, 14 * 4


def local(layout: Layout, found: Survey) -> list[str]:
    """What to say if times without a zone are not those of another column, which has one.

    Parameters
    ----------
    layout, found
        Of the file.
    """
    if not found.clock.writing.without_zone:
        return []
    names, time = layout.roles.names, layout.roles.time
    return [
        f"Attention: the times in {shorten(names[time])} name no zone, and are"
        f" {length(abs(apart) / 1000)} {'ahead of' if apart > 0 else 'behind'} those in"
        f" '{shorten(names[at])}', which are certain: they are perhaps local, and taken for UTC."
        f" Say --columns {say(names, 'time', at)} to read those."
        for at in found.others
        if fold(names[at]) in TIME and fold(names[at]) not in LABELS
        if (apart := _apart(layout, found, at))
    ]


def _apart(layout: Layout, found: Survey, at: int) -> int:
    """How many milliseconds the times that are read are ahead of others, if all of them are."""
    apart = set()
    # A copy, as a layout counts the rows that it leaves out.
    for _, _, fields, _ in islice(replace(layout).rows(), _SAMPLE):
        if isinstance(fields, RejectedError):
            continue
        own, its = found.clock.ms(fields[layout.roles.time].strip()), _sure_ms(fields[at].strip())
        if own is not None and its is not None:
            quarters, rest = divmod(own - its + _QUARTER_MS // 2, _QUARTER_MS)
            # A clock that is only late differs by some seconds, and not always by as many.
            apart.add(quarters if abs(rest - _QUARTER_MS // 2) < 60_000 else 0)
    least = min(apart, default=0, key=abs)
    return least * _QUARTER_MS if abs(least) <= _MOST else 0


def _sure_ms(text: str) -> int | None:
    """Epoch milliseconds of a text that certainly says when it was; None of any other."""
    its = written(text)
    if its is None:
        return epoch_ms(text)
    return None if its.minutes is None else moment_ms(its, day_first=True)
