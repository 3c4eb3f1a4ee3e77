"""What is no reading, in a topic of its own: with its place and the reason."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any

from cpuwatch import words
from cpuwatch.spool import Spool
from cpuwatch.topics.admin import create, partitions_of
from cpuwatch.topics.consumer import read
from cpuwatch.topics.known import BAD_READINGS
from cpuwatch.topics.sender import Sender

#: So many characters of a text are kept with a row that is no reading: at six bytes each, as JSON
#: has them at most, all of a record is small enough.
_KEPT = 11_000


def keep_rejected(rejected: Spool, source: str) -> None:
    """Keep rows that are no readings in the dead-letter topic, with place and reason.

    Parameters
    ----------
    rejected
        Columns line, reason, text.
    source
        The name of the file that they stand in.
    """
    keep(
        {"source": source, "line": line, "reason": reason, "text": text}
        for line, reason, text in rejected.rows()
    )


def keep(rows: Iterable[dict[str, Any]]) -> None:
    """Put rows, as `keep_rejected` makes them, into the dead-letter topic.

    What is long in them is cut off, and ends in a mark that says so.

    Parameters
    ----------
    rows
        Each with the reason why it is no reading.
    """
    waiting = (
        {
            name: words.cut(value, _KEPT) if isinstance(value, str) else value
            for name, value in row.items()
        }
        for row in rows
    )
    first = next(waiting, None)
    if first is None:
        return
    create(BAD_READINGS)
    with Sender(BAD_READINGS) as sender:
        for row in chain([first], waiting):
            sender.send(row)
        sender.flush()


def rejected_rows() -> list[dict[str, Any]]:
    """The rows of files that the dead-letter topic holds, in the order of their arrival."""
    if not partitions_of(BAD_READINGS):
        return []
    found = read(BAD_READINGS)
    if "line" not in found.columns:
        return []
    rows = found.loc[found["line"].notna(), ["source", "line", "reason", "text"]]
    return [
        {"source": source, "line": int(line), "reason": reason, "text": text}
        for source, line, reason, text in rows.itertuples(index=False)
    ]
