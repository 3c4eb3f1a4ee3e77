"""Which line of a file is its header, and what its columns are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import islice

from cpuwatch.readings import columns, first_line, lacking, shapes, titles
from cpuwatch.readings.asked import Asked
from cpuwatch.readings.collectd import named
from cpuwatch.readings.columns import ALL_OTHERS, LABELS, Roles
from cpuwatch.readings.joined import Joined, after, join
from cpuwatch.readings.labelled import has_holder, labelled
from cpuwatch.readings.layout import Layout, body_fields
from cpuwatch.readings.numbers import Style, number, percentage
from cpuwatch.readings.table import CsvError, Head, RejectedError, Text, header_names
from cpuwatch.readings.times import is_number, is_time
from cpuwatch.words import shorten, shown

#: So many rows are looked at to tell whether columns are series.
_SAMPLE = 50


def lay_out(text: Text, said: Asked) -> Layout:
    """Find the header of a file, and what its columns are.

    Parameters
    ----------
    text
        The file's lines.
    said
        What people say of its columns.

    Raises
    ------
    CsvError
        If there is no header, or none with a time and a usage; or if it lacks a column that
        people name.
    """
    heads = list(text.heads())
    if not heads:
        raise CsvError(f"{text.path} is empty: give a CSV file with a header and readings.")
    first_line.refuse_of_sysstat(text.path, heads)
    found = _first(text, heads, said, _plain)
    if found is None:
        wide = _first(text, heads, said, _wide)
        found = wide if wide is not None and _reads(wide) else _below(text, heads, said) or wide
    if found is None:
        raise _refusal(text, heads, said)
    first_line.refuse_headless(found)
    where = {
        columns.required(text.path, found.roles.names, name): values
        for name, values in said.where.items()
    }
    return replace(found, where=where)


def _first(
    text: Text,
    heads: list[Head],
    said: Asked,
    make: Callable[[Text, Head, str, list[str], Asked], Layout | None],
) -> Layout | None:
    for head in heads:
        for delimiter in head.delimiters:
            names = header_names(head.text, delimiter)
            found = make(text, head, delimiter, names, said) if names else None
            if found is not None:
                return found
    return None


def _below(text: Text, heads: list[Head], said: Asked) -> Layout | None:
    """The layout of a file whose header has titles above it; None if there is no such header.

    Raises
    ------
    CsvError
        If a line looks like one, and what is under it is no reading.
    """
    above = [heads[-1].text]
    doubtful: Layout | None = None
    for head in titles.later(text, heads[-1]):
        found = _first(text, [head], said, _plain) or _first(text, [head], said, _wide)
        if found is not None and _reads(found):
            return replace(found, titles=tuple(above))
        doubtful = doubtful or found
        above.append(head.text)
    if doubtful is not None and doubtful.shape.series == {}:
        line = doubtful.head.line
        time = _first_time(doubtful)
        if time is not None:
            raise CsvError(
                f"{text.path}: line {line} looks like the header, and {shown(time)} under it is no"
                " time that is certain: export the times as ISO 8601."
            )
        raise CsvError(
            f"{text.path}: line {line} looks like the header, {columns.listed(doubtful.names)}, and"
            " the line under it is no reading: delete the lines above the header, and those"
            " between it and the readings."
        )
    return None


def _first_time(layout: Layout) -> str | None:
    """What the first row below the header has for its time, if that is none, and its usage is."""
    fields: list[str] | RejectedError | None = next((row[2] for row in layout.rows()), None)
    if fields is None or isinstance(fields, RejectedError):
        return None
    time, usage = fields[layout.roles.time].strip(), fields[layout.roles.value].strip()
    is_usage = percentage(usage, comma=True) is not None
    return time if is_usage and any(map(str.isdigit, time)) else None


def _reads(layout: Layout) -> bool:
    """Whether the first row below the header has a time and a usage."""
    fields: list[str] | RejectedError | None = next((row[2] for row in layout.rows()), None)
    if fields is None or isinstance(fields, RejectedError):
        return False
    time, usage = fields[layout.roles.time].strip(), fields[layout.roles.value].strip()
    return percentage(usage, comma=True) is not None and (
        is_number(time) or is_number(time.replace(",", ".")) or is_time(time)
    )


def _plain(text: Text, head: Head, delimiter: str, names: list[str], said: Asked) -> Layout | None:
    if ALL_OTHERS in said.columns.values():
        return None
    nameless = frozenset(at for at, name in enumerate(names) if not name)
    names = columns.with_places(names)
    # Of the names that people say one may be that of a label.
    of_columns = {
        what: name
        for what, name in said.columns.items()
        if columns.place(names, name) is not None or what in ("date", "time")
    }
    known = replace(said, columns=of_columns, ignored=())
    if not _has(names, known) or not (of_columns == said.columns or has_holder(names)):
        return None
    if isinstance(columns.resolve(text.path, names, known), list):
        return None
    joined = _joined(text, head, delimiter, names, said)
    if isinstance(joined, CsvError):
        raise joined
    names, said = (names if joined is None else joined.names), after(said, joined)
    shape = labelled(
        text.path, names, said, lambda: body_fields(text, head, delimiter, names, joined)
    )
    if not _has(shape.names, said):
        return None
    roles = columns.resolve(text.path, shape.names, said)
    assert isinstance(roles, Roles), "labels only add columns"
    made = Layout(text, head, delimiter, names, shape, roles, named(text, names, said), joined)
    return _unless_label(replace(made, nameless=nameless))


def _wide(text: Text, head: Head, delimiter: str, names: list[str], said: Asked) -> Layout | None:
    # Of the others one may be a label in the names of the columns.
    times = (said.columns[what] for what in ("date", "time") if what in said.columns)
    wanted = (*said.ignored, *times)
    if not all(columns.place(names, one) is not None for one in wanted):
        return None
    found = _joined(text, head, delimiter, names, said)
    joined = None if isinstance(found, CsvError) else found
    header = names
    names, said = (names if joined is None else joined.names), after(said, joined)
    shape = shapes.wide(
        text.path,
        names,
        said,
        lambda: islice(body_fields(text, head, delimiter, names, joined), _SAMPLE),
    )
    if shape is None:
        return None
    told = said.columns | {"time": shape.names[0]}
    told = {what: "value" if name == ALL_OTHERS else name for what, name in told.items()}
    roles = columns.resolve(text.path, shape.names, Asked(told, (), said.where))
    assert isinstance(roles, Roles), "a shape has a time and a value"
    made = Layout(text, head, delimiter, names, shape, roles, named(text, names, said), joined)
    if isinstance(found, CsvError):
        if _reads(made):
            raise found
        return None
    if _reads(made):
        _refuse_unclear(made, header)
    return _unless_label(made)


def _refuse_unclear(layout: Layout, header: list[str]) -> None:
    """Raise CsvError if two columns are the same series, or one that holds something has no name.

    Parameters
    ----------
    layout
        With a column a series.
    header
        The names of all columns, before some became one.
    """
    path, series = layout.text.path, layout.shape.series
    tails = [tuple(its) for its in series.values()]
    names, same = Counter(layout.names), Counter(tails)
    twice = [name for name in series if names[name] > 1]
    twice += [name for name, its in zip(series, tails, strict=True) if same[its] > 1]
    if twice:
        raise CsvError(
            f"{path} has more than one column of the series '{shorten(twice[0])}': give each a name"
            " of its own, or leave one out."
        )
    held = _unnamed(layout, header)
    if held:
        raise CsvError(
            f"{path}: its column {held[-1] + 1} has no name, and holds values: give it one, or"
            " leave it out."
        )


def _unnamed(layout: Layout, header: list[str]) -> list[int]:
    """The places of columns that have no name, and hold something; the first may count rows."""
    nameless = [at for at, name in enumerate(header) if not name]
    if not nameless:
        return []
    rows = islice(body_fields(layout.text, layout.head, layout.delimiter, layout.names), _SAMPLE)
    held = {(at, row[at].strip()) for row in rows for at in nameless if row[at].strip()}
    return sorted({at for at, text in held if at > 0 or number(text) is None})


def _unless_label(layout: Layout) -> Layout | None:
    """The layout; None if its times are in a column that names something else in most files."""
    name = columns.fold(layout.roles.names[layout.roles.time])
    return layout if name not in LABELS or _reads(layout) else None


def _joined(
    text: Text, head: Head, delimiter: str, names: list[str], said: Asked
) -> Joined | CsvError | None:
    return join(
        text.path, names, said, lambda: islice(body_fields(text, head, delimiter, names), _SAMPLE)
    )


def _has(names: list[str], said: Asked) -> bool:
    return all(columns.place(names, name) is not None for name in said.columns.values())


def _refusal(text: Text, heads: list[Head], said: Asked) -> CsvError:
    """Why no header is one: of all readings of them that with the fewest faults."""
    best: list[str] = []
    fewest = ["time", "value"]
    line, ratio = heads[-1].line, False
    naming: list[int] = []
    for head in [*heads, *titles.tables(text, heads[-1])]:
        for delimiter in head.delimiters:
            names = header_names(head.text, delimiter) or []
            if not _has(names, said):
                missing = fewest
            else:
                found = columns.resolve(text.path, names, replace(said, ignored=()))
                missing = found if isinstance(found, list) else [_unread(found)]
            if len(missing) < len(fewest) or (
                len(missing) == len(fewest) and len(names) > len(best)
            ):
                best, fewest, line = names, missing, head.line
                ratio = _may_be_ratio(text, head, delimiter, names)
                rows = islice(body_fields(text, head, delimiter, names), _SAMPLE)
                time = columns.first(names, columns.TIME)
                naming = lacking.naming(names, [at for at in range(len(names)) if at != time], rows)
    first_line.refuse_sep(text.path, best, heads[-1].delimiters)
    first_line.refuse_sadf(text.path, best)
    if best and line == heads[-1].line:
        first_line.refuse_other(text.path, best)
    for name in (*said.columns.values(), *said.ignored):
        if name != ALL_OTHERS:
            columns.required(text.path, best, name)
    first = next(at for at, _ in text.lines())
    return lacking.without(text.path, best, fewest, None if line == first else line, ratio, naming)


def _may_be_ratio(text: Text, head: Head, delimiter: str, names: list[str]) -> bool:
    """Whether a column of the first rows may hold fractions of one."""
    styles = [Style() for _ in names]
    for fields in islice(body_fields(text, head, delimiter, names), _SAMPLE):
        for style, value in zip(styles, fields, strict=False):
            style.see(value.strip())
    return any(style.is_ratio for style in styles)


def _unread(roles: Roles) -> str:
    """What a header lacks that has a time and a usage by its names, and was not taken."""
    return "time" if columns.fold(roles.names[roles.time]) in LABELS else "value"
