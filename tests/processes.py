"""Services that a test starts itself: a process each, with a log, in a folder of their own."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from typing import Any


class Processes:
    """They are started one by one, and stopped together.

    Parameters
    ----------
    folder
        It is made.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def run(self, name: str, command: list[str], **more: Any) -> None:
        """Start one of them."""
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                cwd=self.folder, **more,
            )  # fmt: skip

    def log(self, name: str) -> str:
        """What it has said."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def stop(self) -> None:
        """Stop all of them."""
        for name, process in self.processes.items():
            if process.poll() is None:
                process.send_signal(signal.SIGINT if name == "postgres" else signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
