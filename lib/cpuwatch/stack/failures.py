"""What a failed program said: its cause in one line, and the next step that fits it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from cpuwatch import limits

_FULL = re.compile(r"no space left|disk (is )?full|disk quota", re.IGNORECASE)

#: What programs say, Java above all, when the machine gives them no thread, or no memory. Java's
#: 'not enough space' is one of memory.
_NO_THREAD = re.compile(
    r"(create|start)( a| the)?( new)? (native )?thread|resource temporarily unavailable"
    r"|cannot fork",
    re.IGNORECASE,
)
_NO_MEMORY = re.compile(
    r"cannot allocate memory|insufficient memory|not enough space|could not reserve enough"
    r"|OutOfMemoryError: (?!Metaspace|Direct)",
    re.IGNORECASE,
)

#: With less than this, in bytes, a disk counts as full.
_LEAST_FREE = 32 * 1024**2

#: What a producer leaves of a disk, in bytes: room in which Kafka, Flink and
#: PostgreSQL bring to an end what they have, and in which the machine's user can work.
RESERVE = 256 * 1024**2

#: Lines that tell of a cause, rather than of where in the program it was.
_CAUSE = re.compile(r"\b(error|fatal|panic|exception)\b|(Error|Exception)\b", re.IGNORECASE)


def cause(output: str) -> str:
    """The line that names the cause, out of all that a program wrote.

    Parameters
    ----------
    output
        What it wrote before it failed: a Java stack trace, a usage text, or plain lines.
    """
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for one in (_FULL, _NO_THREAD, _NO_MEMORY):  # what comes after that follows from it
        if said := [line for line in lines if one.search(line)]:
            return said[-1][:300]
    told = [line for line in lines if not re.match(r"(at \S+\(|\.\.\. \d+ more)", line)]
    named = [line for line in told if _CAUSE.search(line)]
    # Of Java's chain of causes the last is the real one.
    found = (named or told or ["it gave no reason"])[-1]
    return found.removeprefix("Caused by: ")[:300]


def is_full(text: str) -> bool:
    """Whether a program failed because there was no room on the disk."""
    return _FULL.search(text) is not None


def refused(text: str) -> bool:
    """Whether a program failed because the machine had no room, no thread or no memory for it."""
    return any(one.search(text) for one in (_FULL, _NO_THREAD, _NO_MEMORY))


def free(folder: Path) -> int:
    """What is free on the disk that holds a folder, whether it exists or not; in bytes.

    Nothing is where no file can be added, however small: a disk has room for so many.
    """
    there = next(one for one in (folder, *folder.parents) if one.exists())
    found = os.statvfs(there)
    # Some file systems count no files.
    return 0 if found.f_files and not found.f_favail else found.f_bavail * found.f_frsize


def is_short(state: Path) -> bool:
    """Whether the disk that holds the state folder is as good as full."""
    return free(state) < _LEAST_FREE


def remedy(state: Path) -> str:
    """What to do about a service of ours that does not answer, as the end of an error's text.

    Parameters
    ----------
    state
        The state folder: on a full disk Kafka, Flink and PostgreSQL fall silent one by one.
    """
    if is_short(state):
        left = free(state) // 1024**2
        files = "" if left else ", or it holds as many files as it can"
        return (
            f"The disk that holds {state} is full: {left} MB are free{files}. Free some space;"
            " the services go on by themselves then."
        )
    return "See 'cpuwatch status', and start it with 'cpuwatch up'."


def theirs(service: str) -> str:
    """What to do about a service that somebody else runs, as the end of an error's text.

    Parameters
    ----------
    service
        What settings call it.
    """
    return (
        f"Somebody else runs it (CPUWATCH_{service.upper()}): start it, or take that setting out of"
        " the environment and .env to use the embedded one."
    )


def next_step(reason: str) -> str:
    """What to do about it, as the end of an error's text."""
    if is_full(reason):
        return "Free some disk space and run 'cpuwatch up' again."
    if _NO_THREAD.search(reason):
        return limits.no_thread()
    if _NO_MEMORY.search(reason):
        return limits.NO_MEMORY
    return (
        "Run 'cpuwatch up' again; if that does not help, start afresh with"
        " 'cpuwatch down --wipe' and 'cpuwatch up'."
    )
