"""How a file of readings is laid out: its header, its delimiter, its shape, its columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from cpuwatch.readings import columns
from cpuwatch.readings.collectd import Named
from cpuwatch.readings.columns import Roles
from cpuwatch.readings.joined import Joined
from cpuwatch.readings.shapes import Shape
from cpuwatch.readings.table import (
    CsvError,
    Head,
    RejectedError,
    Text,
    bare,
    has_width,
    header_names,
    split,
    splits_number,
)
from cpuwatch.words import shown

#: Influx' lines about the columns that follow.
_ANNOTATIONS = ("#group", "#datatype", "#default")

#: So many values of a column are named when no row has the one that is wanted.
_MOST_VALUES = 20

#: The number of a line, its text, its fields or why it has none, and the one column of the file
#: that they come from, if there is only one.
Row = tuple[int, str, "list[str] | RejectedError", str]


@dataclass
class Layout:
    """A file whose columns are known.

    Attributes
    ----------
    text
        Its lines.
    head
        Its header.
    delimiter, names
        What stands between the header's names, and those.
    shape, roles
        How a line becomes rows, and which of their columns is what.
    named
        What the file's own name tells.
    joined
        The columns that are the time together.
    titles
        The lines above the header.
    where
        For the place of a column the values of the rows that are wanted.
    nameless
        The places of columns that have no name in the file.
    left_out
        How many rows were not wanted, when all were last read.
    others
        Some values that such rows have in those columns.
    """

    text: Text
    head: Head
    delimiter: str
    names: list[str]
    shape: Shape
    roles: Roles
    named: Named
    joined: Joined | None = None
    titles: tuple[str, ...] = ()
    where: dict[int, tuple[str, ...]] = field(default_factory=dict)
    nameless: frozenset[int] = frozenset()
    left_out: int = 0
    others: dict[int, set[str]] = field(default_factory=dict)

    def rows(self) -> Iterator[Row]:
        """All rows that are wanted, and those that cannot be split into fields."""
        expand = self.shape.expand
        self.left_out = 0
        for number, line in _body(self.text, self.head):
            try:
                fields = _fields(self.text, self.head, line, self.delimiter, self.names)
                if len(fields) > len(self.names):
                    self._refuse_split(fields)
                if self.joined is not None:
                    fields = self.joined.fields(fields)
            except RejectedError as reason:
                yield number, line, reason, ""
                continue
            if expand is None and not self.where:
                yield number, line, fields, ""
                continue
            for its, origin in ((fields, ""),) if expand is None else expand(fields):
                if self.is_wanted(its):
                    yield number, line, its, origin
                else:
                    self._leave_out(its)

    def _refuse_split(self, fields: list[str]) -> None:
        """Raise RejectedError if a decimal comma may have made two fields of a usage."""
        usages = [self.roles.value]
        if self.shape.series:
            usages = [at for at in range(len(self.names)) if at != self.time_place]
        if any(splits_number(fields, self.head.text, self.delimiter, at) for at in usages):
            raise RejectedError(
                f"row has {len(fields)} columns, not {len(self.names)}, and perhaps a decimal comma"
            )

    def is_wanted(self, fields: list[str]) -> bool:
        """Whether a row of these fields is one that was asked for."""
        # What stands for a column that is a series has nothing of the columns beside it.
        return all(
            at >= len(fields) or bare(fields[at].strip()) in values
            for at, values in self.where.items()
        )

    def _leave_out(self, fields: list[str]) -> None:
        self.left_out += 1
        for at in self.where:
            values = self.others.setdefault(at, set())
            if len(values) < _MOST_VALUES:
                values.add(bare(fields[at].strip()))

    @property
    def time_place(self) -> int:
        """Where the time stands in a line; for what columns a shape makes, `roles` says it."""
        name = self.roles.names[self.roles.time]
        return self.names.index(name) if name in self.names else 0

    @property
    def dates(self) -> str:
        """What the column is called in the file that holds dates."""
        return self.roles.names[self.roles.time] if self.joined is None else self.joined.title


def _body(text: Text, head: Head) -> Iterator[tuple[int, str]]:
    """The lines below the header, without those that say it again or are about it."""
    if not head.marked:
        yield from text.lines(head.line)
        return
    announced = False
    for number, line in text.lines(head.line):
        mark = line.startswith("#")
        if mark and line.lower().startswith(_ANNOTATIONS):
            announced = True
        elif line.lstrip("# ") == head.text:
            announced = False
        elif mark and not _is_table(line, head):
            continue
        elif announced or mark:
            raise CsvError(
                f"{text.path}, line {number}, begins another table, of other columns: give each"
                " table a file of its own."
            )
        else:
            yield number, line


def _is_table(comment: str, head: Head) -> bool:
    """Whether a comment is a header, as the file's own is one."""
    names = (header_names(comment.lstrip("# "), one) or [] for one in head.delimiters)
    return any(columns.first(its, columns.TIME) is not None for its in names)


def body_fields(
    text: Text, head: Head, delimiter: str, names: list[str], joined: Joined | None = None
) -> Iterator[list[str]]:
    """The fields of all rows below a header, of those that can be split."""
    for _, line in _body(text, head):
        try:
            fields = _fields(text, head, line, delimiter, names)
        except RejectedError:
            continue
        yield fields if joined is None else joined.fields(fields)


def _fields(text: Text, head: Head, line: str, delimiter: str, names: list[str]) -> list[str]:
    text.refuse_damaged(line)
    fields = split(line, delimiter)
    if not has_width(fields, len(names)):
        extra = next((one for one in fields[len(names) :] if one.strip()), "")
        if head.text.rstrip().endswith(delimiter) and extra and not extra.strip().isdigit():
            raise RejectedError(
                f"column {len(names) + 1} has no name in the header, and holds {shown(extra)}"
            )
        found = "1 column" if len(fields) == 1 else f"{len(fields)} columns"
        raise RejectedError(f"row has {found}, not {len(names)}")
    return fields
