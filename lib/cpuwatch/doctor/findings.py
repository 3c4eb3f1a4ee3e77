"""What a check says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    what
        What was looked at.
    well
        Whether it is as it should be.
    says
        How it is, and if it is not well, why.
    next
        What to do, if there is something to do.
    remark
        Whether it is well, and worth a word all the same.
    mend
        Does the safe remedy, and says what it did; None if there is none.
    """

    what: str
    well: bool
    says: str
    next: str = ""
    remark: bool = False
    mend: Callable[[], str] | None = field(default=None, compare=False, repr=False)


def trouble(what: str, says: str, next_step: str, mend: Callable[[], str] | None = None) -> Finding:
    """Something that is not as it should be."""
    return Finding(what, False, says, next_step, mend=mend)


def remark(what: str, says: str, next_step: str = "") -> Finding:
    """Something that is well, or may be, and worth a word."""
    return Finding(what, True, says, next_step, remark=True)
