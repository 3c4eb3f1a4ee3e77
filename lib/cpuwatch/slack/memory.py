"""The small file that keeps what was told."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import orjson

from cpuwatch import files
from cpuwatch.slack.notices import Notice


def recall(memory: Path) -> list[Notice]:
    """What the file keeps; of what is damaged the channel and the topic know the rest."""
    try:
        kept = orjson.loads(memory.read_bytes())
    except (OSError, ValueError):
        return []
    found = []
    for one in kept if isinstance(kept, list) else []:
        with suppress(ValueError):
            found.append(Notice.from_dict(one))
    return found


def keep(memory: Path, notices: Iterable[Notice]) -> None:
    """Keep these, and nothing else."""
    files.folder(memory.parent)
    files.write(memory, orjson.dumps([one.as_dict() for one in notices]))
