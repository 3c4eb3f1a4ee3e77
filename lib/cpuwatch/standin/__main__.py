"""Run the stand-in: `python -m cpuwatch.standin --folder DIR --port N`."""

from __future__ import annotations

import argparse
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
    app = StandIn(store, secrets.token, secrets.control).app()
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=given.port,
        log_level="warning",
        access_log=False,
        # A page that is open would hold the server up.
        timeout_graceful_shutdown=1,
    )


if __name__ == "__main__":
    main()
