"""Which exercises were solved on this machine: kept through wiped stacks and new kernels."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path

from cpuwatch import files, words
from cpuwatch.settings import settings


def note(name: str) -> None:
    """Note that an exercise was solved; the first time counts."""
    there = read()
    if name in there:
        return
    there[name] = words.iso(datetime.now(timezone.utc), "seconds")
    path = _path()
    with suppress(OSError):  # a folder that cannot be written costs the note, and no more
        files.folder(path.parent)
        files.write(path, json.dumps(there, indent=2) + "\n", private=True)


def read() -> dict[str, str]:
    """When each exercise was solved, by name; what cannot be read counts as nothing."""
    try:
        found = json.loads(_path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {name: when for name, when in found.items() if isinstance(when, str)}


def _path() -> Path:
    own = settings().prefix
    return settings().cache / (f"progress-{own}.json" if own else "progress.json")
