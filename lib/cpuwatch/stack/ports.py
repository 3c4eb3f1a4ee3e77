"""Which ports the embedded services listen on: the usual ones, or the next free."""

from __future__ import annotations

import socket

#: Where each service listens by default, always on 127.0.0.1.
USUAL = {
    "kafka": 9092,
    "kafka_controller": 9093,
    "postgres": 5432,
    "flink_rest": 8081,
    "flink_rpc": 6123,
    "flink_blob": 6124,
    "flink_taskmanager_rpc": 6122,
    "flink_taskmanager_data": 6121,
    "slack": 8090,
}


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


def choose(wanted: tuple[str, ...], recorded: dict[str, int]) -> dict[str, int]:
    """A free port for each name: the one recorded last time, the usual one, or the next.

    Parameters
    ----------
    wanted
        Names out of `USUAL`.
    recorded
        What an earlier call chose; kept where it is still free, so that addresses
        stay the same from day to day.
    """
    chosen: dict[str, int] = {}
    for name in wanted:
        port = recorded.get(name, USUAL[name])
        if port in chosen.values() or not is_free(port):
            port = USUAL[name]
        while port in chosen.values() or not is_free(port):
            port += 1
        chosen[name] = port
    return chosen
