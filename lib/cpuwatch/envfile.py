"""The file `.env`, however an editor or a shell has written it."""

from __future__ import annotations

import codecs
import io
import re
import stat
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from cpuwatch.errors import CpuwatchError

#: What stands at the beginning of a file that says how it is written; PowerShell's `>` does. The
#: longer one first, since the other is its beginning.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

#: The names of our own settings begin so: a line of theirs has to hold a value.
_OURS = ("CPUWATCH_", "SLACK_", "POSTGRES_", "NR_")

_SAVE = "Save it as UTF-8, as every editor can, and try again"


def read(path: Path) -> dict[str, str | None]:
    """What stands in such a file: for each name its value.

    Parameters
    ----------
    path
        The file. One that is not there holds nothing, nor does a folder of that name: some keep
        their Python in one.

    Raises
    ------
    CpuwatchError
        If it cannot be read, or a line is no setting. It names the file and the line, and says
        nothing of what stands there, which may be a password.
    """
    try:
        kind = path.stat().st_mode
        if stat.S_ISDIR(kind):
            return {}
        if not stat.S_ISREG(kind):
            raise CpuwatchError(
                f"{path} is a pipe or a device, and no file: put the settings into a file of that"
                " name, or into the environment."
            )
        data = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise CpuwatchError(
            f"{path} cannot be read ({error.strerror}): make it readable for you, with"
            " 'chmod u+r', or put the settings into the environment and remove it."
        ) from error
    text = _text(path, data)
    _refuse_what_is_no_setting(path, text)
    return dict(dotenv_values(stream=io.StringIO(text)))


def _text(path: Path, data: bytes) -> str:
    marked = [encoding for mark, encoding in _MARKS if data.startswith(mark)]
    encoding = marked[0] if marked else _unmarked(data)
    if encoding == "utf-8":
        text = _utf8(path, data)
    else:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            raise CpuwatchError(
                f"{path} begins as {encoding.upper()} and goes on as something else. {_SAVE}."
            ) from None
    if "\0" in text:
        number = text[: text.index("\0")].count("\n") + 1
        raise CpuwatchError(f"{path}, line {number}, holds a NUL, so it is no text. {_SAVE}.")
    return text


def _unmarked(data: bytes) -> str:
    """UTF-16 where every other byte is a NUL, as in plain names and signs; otherwise UTF-8."""
    first, second = data[0::2].count(0), data[1::2].count(0)
    if 4 * max(first, second) < len(data):
        return "utf-8"
    return "utf-16-le" if second > first else "utf-16-be"


def _utf8(path: Path, data: bytes) -> str:
    lines = []
    for number, line in enumerate(data.split(b"\n"), 1):
        try:
            lines.append(line.decode())
        except UnicodeDecodeError:
            if not line.lstrip().startswith(b"#"):  # of a remark nothing depends
                raise CpuwatchError(
                    f"{path}, line {number}, is not UTF-8, so one of its letters is not certain."
                    f" {_SAVE}."
                ) from None
            lines.append(line.decode(errors="replace"))
    return "\n".join(lines)


def _refuse_what_is_no_setting(path: Path, text: str) -> None:
    for found in parse_stream(io.StringIO(text)):
        name = found.key
        if found.error or (
            name is not None
            and (
                not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.-]*", name)
                or (found.value is None and name.upper().startswith(_OURS))
            )
        ):
            # The line breaks before it belong to it.
            original = found.original.string
            number = found.original.line + len(original) - len(original.lstrip("\n"))
            raise CpuwatchError(
                f"{path}, line {number}, is no setting: write it as NAME=value, and a remark with"
                " a '#' before it."
            )
