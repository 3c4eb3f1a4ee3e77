"""Which ports the embedded services listen on: the usual ones, or the next free."""

from __future__ import annotations

import re
import secrets
import socket
from collections.abc import Collection, Iterable

import psutil

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


def holder(port: int, ours: Collection[int] = ()) -> str | None:
    """Who listens on this port of this machine: a program's name and its process id.

    Parameters
    ----------
    port
        The port.
    ours
        Ids of processes that do not count.

    Returns
    -------
    str or None
        Such as 'nginx (process 812)'; None if nobody does. The system does not say everywhere
        whose another user's process is.
    """
    if is_free(port):
        return None
    try:
        found = [
            one.pid
            for one in psutil.net_connections("tcp")
            if one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port
        ]
    except psutil.Error:
        found = []
    known = [pid for pid in found if pid]
    if any(pid in ours for pid in known):
        return None
    for pid in known:
        try:
            return f"{psutil.Process(pid).name()} (process {pid})"
        except psutil.Error:
            continue
    return "a program that the system does not name: it may be another user's"


def choose(
    usual: dict[str, int], recorded: dict[str, int], others: Collection[int] = ()
) -> dict[str, int]:
    """A free port for each name: the one recorded last time, the usual one, or the next.

    Parameters
    ----------
    usual
        Where each listens if nobody else does.
    recorded
        What an earlier call chose; kept where it is still free, so that addresses
        stay the same from day to day.
    others
        Those that belong to somebody, even if nobody listens there just now.
    """
    chosen: dict[str, int] = {}

    def can_be_ours(port: int) -> bool:
        return port not in others and port not in chosen.values() and is_free(port)

    for name in usual:
        port = recorded.get(name, usual[name])
        if not can_be_ours(port):
            port = usual[name]
        while not can_be_ours(port):
            port += 1
        chosen[name] = port
    return chosen


def elsewhere(usual: Iterable[str]) -> dict[str, int]:
    """Other usual ports for these names, at random: where nobody else is looking just now.

    Two programs that step round each other both take the next port, and meet there again.
    """
    first = secrets.randbelow(_ROOM) + _FIRST
    return {name: first + number for number, name in enumerate(usual)}


#: What a service says whose port was taken by somebody else, between our choice of it and its use:
#: as Java, PostgreSQL and Python say it.
TAKEN = re.compile(rb"address (is )?already in use|BindException|could not bind", re.IGNORECASE)
