"""What supervisor needs to know of a process."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Program:
    """One process of the embedded stack.

    Attributes
    ----------
    name
        Its name in supervisor, and of its log file.
    command
        The program and its arguments.
    environment
        Variables set on top of supervisor's own.
    user
        Another user to run as; only root can ask for that.
    stop_signal
        The signal by which it ends cleanly.
    order
        Started in ascending, stopped in descending order.
    autostart
        Whether it starts with supervisor, or only when asked for.
    folder
        Where it runs. What it is told by a relative path cannot be misread, whatever the
        folders above are called.
    script
        The folder in the state folder where its script lies: one that its user may enter.
    before
        A command that comes first at each start, also where supervisor starts it again. Whether it
        succeeds does not matter.
    """

    name: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    user: str | None = None
    stop_signal: str = "TERM"
    order: int = 10
    autostart: bool = True
    folder: Path | None = None
    script: str = "programs"
    before: list[str] = field(default_factory=list)
