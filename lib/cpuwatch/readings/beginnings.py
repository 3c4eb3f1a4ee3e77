"""What a file is by its first bytes: how its text is encoded, or that it is none."""

from __future__ import annotations

import codecs
import re

#: How files begin that hold tables and are no text, and what to do with them.
_OTHERS = (
    (b"PAR1", "is a Parquet file: save the table as CSV."),
    (b"\xd0\xcf\x11\xe0", "is a spreadsheet: save its sheet as CSV."),
    (b"BZh", "is compressed by bzip2: unpack it, or compress it by gzip."),
    (b"\xfd7zXZ", "is compressed by xz: unpack it, or compress it by gzip."),
    (b"\x28\xb5\x2f\xfd", "is compressed by zstd: unpack it, or compress it by gzip."),
    (b"SQLite format 3\0", "is an SQLite database: export the table as CSV."),
    (b"7z\xbc\xaf\x27\x1c", "is a 7z archive: unpack it, and give a CSV file of it."),
    (b"\x04\x22\x4d\x18", "is compressed by lz4: unpack it, or compress it by gzip."),
    (b"%PDF-", "is a PDF document: save its table as CSV."),
    (b"\xff\xfe\0\0", "is text in UTF-32: save it as UTF-8."),
    (b"\0\0\xfe\xff", "is text in UTF-32: save it as UTF-8."),
)

#: How texts begin that are no tables of fields, and what to do with them.
_TEXTS = (
    (re.compile(rb"(?:\[\s*)?\{\s*[\"}]"), "is JSON: save its readings as CSV."),
    (re.compile(rb"<(?:!doctype|html|table|\?xml|head|body)", re.IGNORECASE),
     "is HTML or XML, whatever its name ends in: save its table as CSV."),
    (re.compile(rb"[\w.-]+(?:,[\w.-]+=[^\s,=]+)* [\w.-]+=[^\s,]+(?:,[\w.-]+=[^\s,]+)*(?: \d+)?\s"),
     "is InfluxDB's line protocol: query its readings as CSV."),
)  # fmt: skip

#: What to do with a file that is in another encoding.
SAVE = "save the file as CSV UTF-8"

#: Where tar writes its name.
_TAR = slice(257, 262)
_ZIP = b"PK\x03\x04"
_SHEETS = (".xlsx", ".xlsm", ".ods")

#: So many characters of a file tell its encoding, if no mark does.
_TELLING = 8


def no_text(start: bytes, suffix: str) -> str | None:
    """Why a file is no text, and what to do with it; None if it may be one.

    Parameters
    ----------
    start
        Its first bytes.
    suffix
        What its name ends in.
    """
    for magic, remedy in _OTHERS:
        if start.startswith(magic):
            return remedy
    if start[_TAR] == b"ustar":
        return "is a tar archive: unpack it, and give a CSV file of it."
    if not start.startswith(_ZIP):
        text = start.removeprefix(codecs.BOM_UTF8).lstrip()
        return next((remedy for looks, remedy in _TEXTS if looks.match(text)), None)
    sheet = b"[Content_Types]" in start or b"xl/" in start or b"opendocument" in start
    if sheet or suffix.lower() in _SHEETS:
        return "is a spreadsheet: save its sheet as CSV."
    return "is a zip archive: unpack it, and give a CSV file of it."


def encoding(start: bytes) -> tuple[str, str]:
    """How people call a text's encoding, and how Python does, by its first bytes."""
    if start[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "UTF-16", "utf-16"
    # A header is of letters that have a byte of zero in UTF-16, the first or the second.
    first, second = start[0 : 2 * _TELLING : 2], start[1 : 2 * _TELLING : 2]
    if len(second) == _TELLING and any(first) != any(second):
        whole, codec = (first, "utf-16-le") if any(first) else (second, "utf-16-be")
        if 0 not in whole:
            return "UTF-16", codec
    return "UTF-8", "utf-8-sig"


def is_encoding(reason: str) -> bool:
    """Whether a line is rejected for its letters, as it may be for those of one host alone."""
    return reason.startswith("line is not valid")


def _keep(error: UnicodeError) -> tuple[str | bytes, int]:
    """Decode what is no UTF-16 to lone surrogates: half a pair to its own, a lone byte to one."""
    try:
        return codecs.lookup_error("surrogatepass")(error)
    except UnicodeDecodeError as still:
        return "\udc80", still.end


#: By this name Python's own reader calls `_keep`.
KEEP = "cpuwatch-keep"
codecs.register_error(KEEP, _keep)
