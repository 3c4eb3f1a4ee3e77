"""Which folder may be a state folder: it is closed to everybody else, and `down --wipe` empties it.

So it is one that was empty, or that we have made: then it has our mark.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from cpuwatch import files, words
from cpuwatch.errors import CpuwatchError

#: The file that says that a folder is a state folder. It comes first, and goes last.
MARK = ".cpuwatch-state"

#: Whoever works on the folder locks this one.
LOCK = "up.lock"

#: How folders begin in which `disks` tries something, for a moment.
TRIAL = ".cpuwatch-trial-"

#: What an empty folder may hold: a disk's own, Finder's, and a lock of one that waited for a wipe.
_AS_GOOD_AS_EMPTY = {"lost+found", ".DS_Store", LOCK}

#: An earlier version left no mark. Its folder has one of these, and nothing but what follows; the
#: lock is of a notebook that began while an earlier version's services ran.
_SIGNS = (
    LOCK,
    "services.json",
    "slack/notifier.lock",
    "logs/jupyter.log",
    "logs/cpuwatch-error.log",
)
_KNOWN = {
    "begin.lock", "client", "deployed.json", "deployed.lock", "flink", "jupyter", "kafka", "keys",
    "logs", "pgpass", "postgres", "prefixes", "programs", "services.json", "slack", "supervisor",
}  # fmt: skip


def make(state: Path) -> None:
    """Make the state folder, and mark it.

    Raises
    ------
    CpuwatchError
        If there is one that is not ours.
    """
    files.folder(state)
    check(state)
    (state / MARK).touch(mode=0o600)


def check(state: Path) -> None:
    """See whether a folder that is there is this user's, and empty or made by us.

    Raises
    ------
    CpuwatchError
        If it is not: why, and what to do.
    """
    if state.stat().st_uid != os.geteuid():
        raise CpuwatchError(
            f"The state folder {state} belongs to another user. Set CPUWATCH_STATE to a folder of"
            " your own."
        )
    names = {one for one in os.listdir(state) if not one.startswith(TRIAL)} - _AS_GOOD_AS_EMPTY
    if not names or (state / MARK).exists():  # in this order: somebody may just begin
        return
    strange = sorted(name for name in names if not _is_known(name))
    if strange or not any((state / sign).exists() for sign in _SIGNS):
        found = words.listed([words.shown(name) for name in strange or sorted(names)], 3)
        raise CpuwatchError(
            f"The folder {state}, which CPUWATCH_STATE names, was not made by cpuwatch: it holds"
            f" {found}, and 'cpuwatch down --wipe' would delete that. Set CPUWATCH_STATE to a new"
            " folder, or to an empty one."
        )


def wipe(state: Path) -> None:
    """Delete what the state folder holds, and the folder itself, unless a disk is mounted there."""
    last = [MARK, LOCK]  # a wipe that is interrupted can be done again
    left = [one for one in state.iterdir() if one.name not in {*last, "lost+found"}]
    for child in left:
        if child.is_dir() and not child.is_symlink():
            with suppress(FileNotFoundError):  # a trial, which may just have ended
                shutil.rmtree(child)
        else:
            child.unlink(missing_ok=True)
    for name in last:
        (state / name).unlink(missing_ok=True)
    with suppress(OSError):
        state.rmdir()


def _is_known(name: str) -> bool:
    # Beside some there may be one that is not whole yet, such as pgpass.new.
    return any(name == one or name.startswith(f"{one}.") for one in _KNOWN)
