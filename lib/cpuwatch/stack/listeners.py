"""Whose program listens on a port: a secret is shown to this user's alone.

While the stack is stopped any user of the machine may listen where it did.
"""

from __future__ import annotations

import os
import socket
import sys
from itertools import chain
from pathlib import Path

from cpuwatch.settings import Settings

#: Linux' lists of connections; other systems tell only root whose another user's are.
LISTS = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))

#: How the lists say that somebody listens.
_LISTENS = "0A"


def _as_listed(family: int, address: str) -> str:
    packed = socket.inet_pton(family, address)
    words = [packed[at : at + 4] for at in range(0, len(packed), 4)]
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words)


#: Who is asked at 127.0.0.1: whoever listens just there, otherwise whoever listens everywhere.
_HERE = {
    _as_listed(socket.AF_INET, "127.0.0.1"),
    _as_listed(socket.AF_INET6, "::ffff:127.0.0.1"),
}
_EVERYWHERE = {
    _as_listed(socket.AF_INET, "0.0.0.0"),
    _as_listed(socket.AF_INET6, "::ffff:0.0.0.0"),
    _as_listed(socket.AF_INET6, "::"),
}


def may_be_ours(config: Settings, port: int) -> bool:
    """Whether it is not another user's program that would answer on a port of 127.0.0.1.

    Where the system does not say whose it is: whether anything of this stack runs.
    """
    users = users_at(port)
    if users is None:
        # The stand-in's process runs through here, too, and has no use for it.
        from cpuwatch.stack.supervisor import Supervisor

        supervisor = Supervisor(config.state)
        return supervisor.is_running() or bool(supervisor.strays())
    # Root may read our secrets anyway.
    return users <= {os.geteuid(), 0}


def users_at(port: int) -> set[int] | None:
    """Whose the programs are that may answer there; None if the system does not say."""
    found: dict[str, set[int]] = {}
    try:
        lists = [place for place in LISTS if place.exists()]  # a system may have no IPv6
        for _, local, _, state, _, _, _, user, *_ in chain.from_iterable(map(_lines, lists)):
            address, _, number = local.partition(":")
            if state == _LISTENS and int(number, 16) == port:
                found.setdefault(address, set()).add(int(user))
    except (OSError, ValueError):  # it may not be read here, or is of another form
        return None
    if not lists:
        return None
    here = set().union(*(found.get(one, set()) for one in _HERE))
    return here or set().union(*(found.get(one, set()) for one in _EVERYWHERE))


def _lines(place: Path) -> list[list[str]]:
    return [line.split() for line in place.read_text(encoding="ascii").splitlines()[1:]]
