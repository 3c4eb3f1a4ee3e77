"""Who uses a prefix: a name for people, and an id that nobody else has.

Two machines that are copies of one image have the same user and the same name, and a container
has another name each time. So the id counts, and the name is what others recognise.
"""

from __future__ import annotations

import getpass
import os
import re
import secrets
import socket
from dataclasses import dataclass

from cpuwatch import files
from cpuwatch.settings import default_state

_ID = re.compile(r"[0-9a-f]{16}")
_WRITTEN = re.compile(rf"(?P<name>.*) \((?P<id>{_ID.pattern})\)", re.DOTALL)


@dataclass(frozen=True)
class Person:
    """Somebody, as the comment of a schema has them.

    Attributes
    ----------
    name
        `user@machine`.
    id
        Theirs alone; None if they keep none, or an earlier version wrote the comment.
    """

    name: str
    id: str | None

    def __str__(self) -> str:
        return self.name if self.id is None else f"{self.name} ({self.id})"

    def is_same(self, other: Person) -> bool:
        """Whether both are one: by their ids, and where one has none, by their names."""
        if self.id is None or other.id is None:
            return self.name == other.name
        return self.id == other.id


def read(written: str) -> Person:
    """Somebody whom a comment names."""
    found = _WRITTEN.fullmatch(written)
    return Person(found["name"], found["id"]) if found else Person(written, None)


def ours() -> Person:
    """Who we are: the same in all checkouts, and on every machine with the same home."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = str(os.getuid())
    return Person(f"{user}@{socket.gethostname()}", _id())


def _id() -> str | None:
    # Beside the state folders, which may be wiped, and not in a cache, which anybody may empty.
    path = default_state().with_name("person")
    try:
        return files.secret(path, lambda: secrets.token_hex(8), _ID.fullmatch)
    except OSError:  # a home that cannot be written to costs the id, and no more
        return None
