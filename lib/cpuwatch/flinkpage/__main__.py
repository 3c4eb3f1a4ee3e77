"""Run it: `python -m cpuwatch.flinkpage --port N --flink ADDRESS --keys DIR`."""

from __future__ import annotations

import argparse
from pathlib import Path

import uvicorn

from cpuwatch.flinkpage.server import FlinkPage
from cpuwatch.stack import flinkpage


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="cpuwatch.flinkpage")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--flink", required=True)
    parser.add_argument("--keys", type=Path, required=True)
    parser.add_argument("-D", help="a mark by which the stack knows its own processes")
    given = parser.parse_args()
    page = FlinkPage(given.port, given.flink, given.keys, flinkpage.token_in(given.keys))
    uvicorn.run(
        page.app(),
        host="127.0.0.1",
        port=given.port,
        log_level="warning",
        access_log=False,  # the token stands in an address
        timeout_graceful_shutdown=5,
        server_header=False,
    )


if __name__ == "__main__":
    main()
