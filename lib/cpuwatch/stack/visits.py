"""Who needs the services for a while: that one stops them afterwards, unless somebody else came.

A note in the state folder says so. It is there from the start of services that did not run, until
somebody else asks for them, or stops them.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from cpuwatch import files

_NOTE = "visit"


def begin(state: Path, visit: str) -> None:
    """Note that the services are started for a visit alone.

    Parameters
    ----------
    state
        The state folder, which the caller has locked.
    visit
        Any text that nobody else has.
    """
    files.write(state / _NOTE, visit, private=True)


def end(state: Path) -> None:
    """Note that the services run for somebody who does not say until when, or not at all."""
    (state / _NOTE).unlink(missing_ok=True)


def is_alone(state: Path, visit: str) -> bool:
    """Whether the services were started for a visit, and nobody else has asked for them since."""
    with suppress(OSError):
        return (state / _NOTE).read_text(encoding="utf-8") == visit
    return False
