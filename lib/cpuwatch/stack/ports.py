"""Which ports the embedded services listen on: the usual ones, or the next free."""

from __future__ import annotations

import re
import secrets
import socket
from collections.abc import Iterable
from pathlib import Path

#: Where ports at random begin, and how many beginnings there are: above those that are known for
#: something, and below those that systems give to outgoing connections.
_FIRST, _ROOM = 20_000, 10_000


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 now."""
    # The wildcard address too: a server there answers for 127.0.0.1 as well.
    for address in ("127.0.0.1", "0.0.0.0"):
        with socket.socket() as probe:
            # As servers do: a connection that was closed a moment ago does no harm.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError:
                return False
    return True


def choose(usual: dict[str, int], recorded: dict[str, int]) -> dict[str, int]:
    """A free port for each name: the one recorded last time, the usual one, or the next.

    Parameters
    ----------
    usual
        Where each listens if nobody else does.
    recorded
        What an earlier call chose; kept where it is still free, so that addresses
        stay the same from day to day.
    """
    chosen: dict[str, int] = {}
    for name in usual:
        port = recorded.get(name, usual[name])
        if port in chosen.values() or not is_free(port):
            port = usual[name]
        while port in chosen.values() or not is_free(port):
            port += 1
        chosen[name] = port
    return chosen


def elsewhere(usual: Iterable[str]) -> dict[str, int]:
    """Other usual ports for these names, at random: where nobody else is looking just now.

    Two programs that step round each other both take the next port, and meet there again.
    """
    first = secrets.randbelow(_ROOM) + _FIRST
    return {name: first + number for number, name in enumerate(usual)}


#: As Java, PostgreSQL and Python say it.
TAKEN = re.compile(rb"address (is )?already in use|BindException|could not bind", re.IGNORECASE)


class Collisions:
    """Sees in logs whether a service found its port taken by somebody else.

    Between the choice of a port and its use another program may take it, such as one that
    another user of the machine starts.

    Parameters
    ----------
    logs
        The logs, as they are before the services start.
    """

    def __init__(self, logs: Iterable[Path]) -> None:
        self._read = {log: log.stat().st_size if log.exists() else 0 for log in logs}

    def happened(self) -> bool:
        """Whether a log has come to speak of it since."""
        return any(TAKEN.search(self._new(log)) for log in self._read)

    def _new(self, log: Path) -> bytes:
        if not log.exists():
            return b""
        content = log.read_bytes()
        # A log that is shorter than before was begun anew.
        return content[self._read[log] if len(content) >= self._read[log] else 0 :]
