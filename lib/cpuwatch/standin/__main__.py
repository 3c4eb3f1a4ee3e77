"""Run the stand-in: `python -m cpuwatch.standin --folder DIR --port N`."""

from __future__ import annotations

import argparse
import socket
from pathlib import Path

import uvicorn

from cpuwatch.stack import slack
from cpuwatch.standin.server import StandIn
from cpuwatch.standin.store import Store


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="cpuwatch.standin")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("-D", help="a mark by which the stack knows its own processes")
    given = parser.parse_args()
    secrets = slack.secrets_in(given.folder)
    store = Store(given.folder / "messages.jsonl")
    standin = StandIn(store, secrets.token, secrets.control)
    config = uvicorn.Config(
        standin.app(),
        host="127.0.0.1",
        port=given.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=5,
    )
    _Server(config, standin).run()


class _Server(uvicorn.Server):
    """A server whose open pages do not hold up its end."""

    def __init__(self, config: uvicorn.Config, standin: StandIn) -> None:
        super().__init__(config)
        self._standin = standin

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let the pages go first; they come back by themselves."""
        self._standin.end_streams()
        await super().shutdown(sockets)


if __name__ == "__main__":
    main()
