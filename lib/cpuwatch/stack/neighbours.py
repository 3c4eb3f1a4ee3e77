"""The other stacks of this user: which ports are theirs, though nobody listens there just now.

A service that died is back in a moment. A stack that was killed as a whole, or with its machine,
goes on at its next start, and its jobs look for Kafka where it was. So ports belong to a stack from
its start until it is stopped. Each has a file in the cache that says where its folder is.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

from cpuwatch import files
from cpuwatch.settings import Settings
from cpuwatch.stack.supervisor import Supervisor


def introduce(config: Settings, supervisor: Supervisor) -> None:
    """Let others find this stack."""
    files.write(_folder(config) / supervisor.id, os.fsencode(supervisor.state))


def take_leave(config: Settings, supervisor: Supervisor) -> None:
    """Let nobody look for this stack any more."""
    (_folder(config) / supervisor.id).unlink(missing_ok=True)


def their_ports(config: Settings, supervisor: Supervisor) -> set[int]:
    """The ports of all other stacks that run, or that were not stopped."""
    found: set[int] = set()
    for file in _folder(config).iterdir():
        if file.name == supervisor.id or file.suffix:
            continue
        with suppress(OSError, ValueError, KeyError, AttributeError):  # just made, or wiped
            state = Path(os.fsdecode(file.read_bytes()))
            record = state / config.services_file.name
            if not record.exists():
                file.unlink()
            elif Supervisor(state).was_not_stopped:
                found.update(json.loads(record.read_bytes())["ports"].values())
    return found


def _folder(config: Settings) -> Path:
    return files.folder(config.cache / "stacks")
