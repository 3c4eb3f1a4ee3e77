"""A file of comma-separated values: its lines, and the fields of each."""

from __future__ import annotations

import csv
import gzip
import io
import os
import re
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple, cast

from cpuwatch.errors import CpuwatchError
from cpuwatch.readings import beginnings, pipes
from cpuwatch.words import shorten

DELIMITERS = (",", ";", "\t")

#: What stands for bytes that are no text.
DAMAGED = re.compile("[\ud800-\udfff]")

#: A NUL character among the first ones tells a binary file; a later one damages its line alone.
_TELLING = 8192

#: A spreadsheet's first line may name the delimiter of the others.
_SEP_LINE = re.compile(r'"?sep=(.)"?', re.IGNORECASE)

#: What may stand around a name and is not seen.
_UNSEEN = " \t\u00a0\u202f\u2007\u3000\ufeff\u200b\u200c\u200d\u2060"


class CsvError(CpuwatchError, ValueError):
    """A CSV file cannot be used; the message names the file, why, and what to do."""


class RejectedError(Exception):
    """A row is none that can be used; the message is the reason."""


class Head(NamedTuple):
    """A line that may be a file's header.

    Attributes
    ----------
    line
        Its number, from 1.
    text
        What it says, without a mark that makes a comment of it.
    delimiters
        Those that it may have.
    marked
        Whether lines that begin with '#' are no rows in this file.
    """

    line: int
    text: str
    delimiters: tuple[str, ...]
    marked: bool


class Text:
    """A file's physical lines, as often as they are wanted.

    What can be read only once, such as a pipe, is kept on the disk for as long as that takes;
    what is compressed by gzip is unpacked on the way. Bytes that are not valid stand in the lines
    as lone surrogates, which `DAMAGED` finds.

    Parameters
    ----------
    path
        Of a file, a pipe or a device.

    Raises
    ------
    CsvError
        If it cannot be read, or is no text.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._copy: IO[bytes] | None = None
        self._zipped = False
        with self._readable():
            file = pipes.opened(path)
            if file is None:
                raise CsvError(f"{path} is a pipe that no program writes to: start that first.")
            with file:
                found = os.fstat(file.fileno())
                self._state = _state(found)
                if not stat.S_ISREG(found.st_mode):
                    self._copy = pipes.kept(file, path)
            with self._bytes() as raw:
                self._zipped = raw.read(2) == b"\x1f\x8b"
            with self._bytes() as raw:
                start = raw.read(_TELLING)
        other = beginnings.no_text(start, path.suffix)
        if other is not None:
            raise CsvError(f"{path} {other}")
        self.encoding, self._codec = beginnings.encoding(start)
        with self._readable(), self._open(newline="") as text:
            if "\0" in text.read(_TELLING):
                raise CsvError(f"{path} is a binary file, not text: give a CSV file.")

    @property
    def stem(self) -> str:
        """The file's name without what it ends in; characters that are none are replaced."""
        name = self.path.name
        if self._zipped and name.lower().endswith(".gz"):
            name = name[:-3]
        return readable(Path(name).stem)

    def lines(self, after: int = 0) -> Iterator[tuple[int, str]]:
        """The lines that hold anything, with their numbers, those after a line alone."""
        # Not str.splitlines, which also splits at characters that a field may hold.
        with self._readable(), self._open() as file:
            for number, line in enumerate(file, 1):
                # Files that were put together have a mark wherever one of them begins.
                line = line.rstrip("\n").lstrip("\ufeff")
                if number > after and line and not line.isspace():
                    yield number, line

    def heads(self) -> Iterator[Head]:
        """The lines that may be the header: comments at the beginning, and the first after them."""
        delimiters: tuple[str, ...] = DELIMITERS
        marked = False
        for number, line in self.lines():
            line = readable(line)
            named = _SEP_LINE.fullmatch(line.strip()) if line.strip() != "sep=" else None
            if named is None and line.lower().startswith("sep=\t"):
                named = _SEP_LINE.match(line)
            if named is not None and delimiters is DELIMITERS:
                delimiters = (named.group(1),)
            elif line.startswith("#"):
                marked = True
                yield Head(number, line.lstrip("# "), delimiters, marked)
            else:
                yield Head(number, line, delimiters, marked)
                return

    def refuse_changed(self) -> None:
        """Raise CsvError if another program wrote to the file since it was opened."""
        with self._readable():
            if self._copy is None and _state(self.path.stat()) != self._state:
                raise CsvError(
                    f"{self.path} changed while it was read: another program writes to it. Make a"
                    " copy, and give that."
                )

    def refuse_damaged(self, line: str) -> None:
        """Raise RejectedError if a line is no text."""
        if "\0" in line:
            raise RejectedError("line holds a NUL byte, which no text does")
        if not line.isascii() and DAMAGED.search(line):
            raise RejectedError(f"line is not valid {self.encoding}")

    def _bytes(self) -> IO[bytes]:
        if self._copy is None:
            raw: IO[bytes] = self.path.open("rb")
        else:
            self._copy.seek(0)
            raw = os.fdopen(os.dup(self._copy.fileno()), "rb")
        return cast("IO[bytes]", _Unpacked(raw)) if self._zipped else raw

    def _open(self, newline: str | None = None) -> io.TextIOWrapper:
        errors = "surrogateescape" if self.encoding == "UTF-8" else beginnings.KEEP
        return io.TextIOWrapper(self._bytes(), self._codec, errors, newline)

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """Say what is wrong with a file that cannot be read."""
        path = self.path
        try:
            yield
        except CsvError:
            raise
        except FileNotFoundError:
            raise CsvError(f"{path} does not exist: check the name of the file.") from None
        except IsADirectoryError:
            raise CsvError(f"{path} is a directory: give a CSV file inside it.") from None
        except PermissionError:
            raise CsvError(f"{path} may not be read: give yourself read permission.") from None
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise CsvError(
                f"{path} is compressed by gzip, and damaged or cut off: compress it again."
            ) from None
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise CsvError(
                f"{shorten(str(path), 200)} cannot be read ({why}): give another file."
            ) from None


class _Unpacked(gzip.GzipFile):
    """What a gzip file holds; closing it closes the file below, too."""

    def __init__(self, raw: IO[bytes]) -> None:
        super().__init__(fileobj=raw, mode="rb")
        self._raw = raw

    def close(self) -> None:
        super().close()
        self._raw.close()


def _state(found: os.stat_result) -> tuple[int, int, int]:
    return found.st_ino, found.st_size, found.st_mtime_ns


def readable(text: str) -> str:
    """The text with a mark for each byte that is none."""
    return DAMAGED.sub("\ufffd", text)


def bare(name: str) -> str:
    """A name without what nobody sees around it: blanks, hard blanks, marks without a width."""
    return name.strip(_UNSEEN)


def split(line: str, delimiter: str) -> list[str]:
    """The fields of a line; raises RejectedError if its quotes are wrong."""
    if '"' not in line:
        return line.split(delimiter)
    # One line at a time, so a quote that is not closed cannot swallow the lines after it.
    try:
        return next(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error as error:
        if "unexpected end" in str(error):
            raise RejectedError("a quote is not closed") from None
        if "field limit" in str(error):
            raise RejectedError("a quoted field is too long") from None
        raise RejectedError("a quoted field goes on after its closing quote") from None


def header_names(line: str, delimiter: str) -> list[str] | None:
    """The columns that a header names, without blanks around them; None if it names none."""
    try:
        names = [bare(name.strip()) for name in split(line, delimiter)]
    except RejectedError:
        return None
    while names and not names[-1]:
        names.pop()  # a delimiter at the end of the line
    return names or None


def splits_number(fields: list[str], header: str, delimiter: str, at: int) -> bool:
    """Whether a number and the field after it may be one, which has a decimal comma.

    Parameters
    ----------
    fields
        Of a row that has at least as many as the header names.
    header
        The header's line: as it ends with a delimiter, so may the row.
    delimiter
        What stands between fields.
    at
        The number's place.
    """
    if delimiter != "," or at + 1 >= len(fields) or len(fields) <= header.count(delimiter) + 1:
        return False
    return fields[at].strip().lstrip("+-").isdigit() and fields[at + 1].strip().isdigit()


def may_be_split(fields: list[str], at: int, shifted: bool = False) -> bool:
    """Whether a number and the field after it may be one, though the row is as wide as its header.

    Parameters
    ----------
    fields
        Of a row.
    at
        The number's place.
    shifted
        Whether the field after that one has to hold something as well.
    """
    if at + 1 + shifted >= len(fields) or (shifted and not fields[at + 2].strip()):
        return False
    return fields[at].strip().lstrip("+-").isdigit() and fields[at + 1].strip().isdigit()


def has_width(fields: list[str], wanted: int) -> bool:
    """Whether a row has as many fields as its header; empty ones may follow."""
    return len(fields) == wanted or (
        len(fields) > wanted and not any(extra.strip() for extra in fields[wanted:])
    )
