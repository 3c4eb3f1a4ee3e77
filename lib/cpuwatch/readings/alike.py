"""Names of hosts that look the same, and are not: they are read apart, and that is said."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable

from cpuwatch.words import listed, shown

#: So many pairs are named.
_MOST = 3


def told(hosts: Iterable[str]) -> list[str]:
    """What to say of hosts whose names differ in capitals alone, or in what nobody sees."""
    looks: dict[str, list[str]] = defaultdict(list)
    for host in sorted(hosts):
        looks[_look(host)].append(host)
    alike = [" and ".join(map(shown, names)) for names in looks.values() if len(names) > 1]
    if not alike:
        return []
    return [
        f"Attention: {listed(alike, _MOST)} look alike, and are taken for different hosts: if they"
        " are not, write the name in one way."
    ]


def _look(name: str) -> str:
    if name.isascii():
        return name.lower().rstrip(".")
    seen = (char for char in name if unicodedata.category(char) != "Cf")
    return unicodedata.normalize("NFC", "".join(seen)).casefold().rstrip(".")
