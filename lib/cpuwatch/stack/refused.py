"""PostgreSQL lets us not in, or refuses what it is asked: why, in its own words, and what to do."""

from __future__ import annotations

import re

from cpuwatch.settings import Settings
from cpuwatch.stack import failures

#: In its own words, or in those of a pool before it.
_FULL = re.compile(
    r"too many (clients|connections)|remaining connection slots|no more connections allowed",
    re.IGNORECASE,
)

#: It starts, ends or recovers.
_PASSING = "the database system is"

#: How the codes begin of errors by which a connection ends; others are answers to a statement.
_ENDS = ("08", "57P")


def reason(error: BaseException) -> str:
    """What it says, on one line."""
    first = (str(error).strip() or "no reason given").splitlines()[0]
    return first.rpartition(" failed: ")[2].removeprefix("FATAL:").strip()


def is_full(said: str) -> bool:
    """Whether others have all its connections."""
    return _FULL.search(said) is not None


def what(said: str) -> str:
    """What is the matter, as the middle of a sentence."""
    return "takes no more connections" if is_full(said) else "does not answer"


def step(config: Settings, said: str) -> str | None:
    """What to do, as a sentence; None where nothing is known but that it does not answer."""
    if is_full(said):
        more = (
            "ask whoever runs it for more (max_connections)"
            if config.outside("postgres")
            else "close notebooks and programs that use it"
        )
        return f"Try again in a moment; if it stays so, {more}."
    if _PASSING in said:
        return "It is just starting or ending: try again in a moment."
    return None


def sentence(config: Settings, error: BaseException) -> str:
    """All of it, for who needs PostgreSQL now."""
    said = reason(error)
    code = getattr(error, "pgcode", None)
    if code is not None and not code.startswith(_ENDS) and step(config, said) is None:
        return f"PostgreSQL answers, and refuses this ({said}): mend what it names, then try again."
    return (
        f"PostgreSQL {what(said)} ({said}). {step(config, said) or failures.remedy(config.state)}"
    )
