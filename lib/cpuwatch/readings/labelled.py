"""A table with a row a reading, whose series have their labels in one text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from cpuwatch.readings import columns
from cpuwatch.readings.asked import Asked
from cpuwatch.readings.columns import CPU, HOST
from cpuwatch.readings.labels import labels
from cpuwatch.readings.shapes import Shape
from cpuwatch.readings.table import CsvError
from cpuwatch.words import option, shorten, shown

#: Columns whose texts may hold a series' labels.
_HOLDERS = ("series", "metric", "name", "__name__", "labels", "tags")


def has_holder(names: list[str]) -> bool:
    """Whether a column may hold labels, by its name."""
    return any(name.lower() in _HOLDERS for name in names)


def labelled(
    path: Path, names: list[str], said: Asked, rows: Callable[[], Iterator[list[str]]]
) -> Shape:
    """The shape of a table with a row a reading; labels in one of its texts become columns.

    Parameters
    ----------
    path
        For messages.
    names
        The header's.
    said
        What people say: a column that they name stays as it is.
    rows
        Gives the fields of all rows, once more each time.

    Raises
    ------
    CsvError
        If a label and a column say different hosts or CPUs, and nobody says which is right.
    """
    named = {columns.place(names, one) for one in (*said.columns.values(), *said.where)}
    for at, name in enumerate(names):
        if name.lower() in _HOLDERS and at not in named:
            found = _all_labels(names, at, rows())
            if found:
                return _with_labels(path, names, at, found, said)
    return Shape(names)


def _all_labels(
    names: list[str], at: int, rows: Iterator[list[str]]
) -> dict[str, tuple[str, str] | None]:
    """All labels, and what a label and the column of its name say, where they differ."""
    folded = [name.lower() for name in names]
    found: dict[str, tuple[str, str] | None] = {}
    places: dict[str, int | None] = {}
    for fields in rows:
        if at >= len(fields):
            continue
        text = fields[at].strip()
        its = labels(text) if text else None
        if text and its is None:
            return {}  # not labels, but names
        for label, value in (its or {}).items():
            if label not in places:
                low = label.lower()
                places[label] = folded.index(low) if low in folded else None
                found[label] = None
            place = places[label]
            if place is not None and place < len(fields) and found[label] is None:
                other = fields[place].strip()
                if place != at and other and value and other != value:
                    found[label] = other, value
    return found


def _with_labels(
    path: Path, names: list[str], at: int, found: dict[str, tuple[str, str] | None], said: Asked
) -> Shape:
    folded = {name.lower() for name in names}
    # A label that says another thing than the column of its name stays beside it.
    new = {
        label: f"{names[at]}.{label}" if differ else label
        for label, differ in found.items()
        if differ or label.lower() not in folded
    }
    for what, accepted in (("host", HOST), ("cpu", CPU)):
        if what not in said.columns:
            _refuse_two(path, what, accepted, {label: found[label] for label in new}, new)
    renamed = list(names)
    tells = {label.lower() for label in found} & {*HOST, *CPU}
    # What the labels say is said; without a host among them the whole text names the series.
    renamed[at] = "" if tells else "series"

    def expand(fields: list[str]) -> Iterable[tuple[list[str], str]]:
        its = labels(fields[at].strip()) or {}
        return (([*fields[: len(names)], *(its.get(label, "") for label in new)], ""),)

    read = columns.listed(new.values())
    remark = f"The labels in {shorten(names[at])} are read as columns: {read}."
    return Shape([*renamed, *new.values()], expand, (remark,))


def _refuse_two(
    path: Path,
    what: str,
    accepted: Iterable[str],
    found: dict[str, tuple[str, str] | None],
    new: dict[str, str],
) -> None:
    for label, differ in found.items():
        if differ is not None and label.lower() in accepted:
            column, value = map(shown, differ)
            raise CsvError(
                f"{path}: the column '{shorten(label)}' says {column} in a row whose label of that"
                f" name says {value}: say --columns {option(f'{what}={label}')} if the column names"
                f" the {what}, or --columns {option(f'{what}={new[label]}')} if the label does."
            )
