"""The 0600 file that PostgreSQL's clients, JDBC's driver among them, take passwords from."""

from __future__ import annotations

import re
from pathlib import Path

from cpuwatch import files


def server(host: str, port: str, database: str, user: str) -> str:
    """How the file names a server: four fields, parted by ':'."""
    return ":".join(map(_field, (host, port, database, user)))


def read(pgpass: Path) -> dict[str, str]:
    """The passwords in the file, each by `host:port:database:user` as they stand there."""
    known = {}
    try:
        text = pgpass.read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return {}  # none, or damaged
    # Not splitlines: to that a form feed in a password would be an end of a line.
    for line in text.split("\n"):
        found = re.fullmatch(r"((?:(?:\\.|[^:\\])*:){3}(?:\\.|[^:\\])*):(.*)", line)
        if found:
            known[found[1]] = re.sub(r"\\(.)", r"\1", found[2])
    return known


def write(pgpass: Path, known: dict[str, str]) -> None:
    """Write the file anew with these passwords, by the names that `server` gives."""
    # The first line that fits counts: an exact one must come before one with a star.
    order = sorted(known, key=lambda one: one.split(":").count("*"))
    lines = [f"{one}:{_field(known[one])}\n" for one in order]
    files.write(pgpass, "".join(lines), private=True)


def _field(text: str) -> str:
    # What is no end of a field stands behind a backslash.
    return re.sub(r"([\\:])", r"\\\1", text)
