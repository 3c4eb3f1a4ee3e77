"""What the name of a metric says of what was measured: what was idle, or a part of the rest."""

from __future__ import annotations

import re
from functools import lru_cache

#: Words for a part of what a CPU did, which is not its usage.
PARTS = frozenset(
    (
        "user", "system", "nice", "iowait", "wait", "steal", "irq", "softirq", "interrupt", "guest",
        "guest_nice", "kernel", "usr", "sys", "privileged", "stolen",
    )
)  # fmt: skip

#: Words that leave it certain that what was idle was a CPU.
_OF_A_CPU = frozenset(
    (
        "cpu", "cpus", "core", "processor", "system", "node", "time", "percent", "percentage",
        "pct", "perc", "usage", "util", "utilization", "utilisation", "total", "norm", "avg",
        "average", "mean", "value", "information", "all", "in", "of", "the", "",
    )
)  # fmt: skip

#: What stands before or after a word without a mark between them, as in `cpuidle`.
_GLUED = r"(?:cpu|core|pct|percent|perc|time|usage)*"
_IDLE = re.compile(rf"{_GLUED}(idle|idl){_GLUED}")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_BETWEEN = re.compile(r"[^a-z]+")


def words_of(name: str) -> list[str]:
    """The words of a name, in small letters: of `system.cpuIdle` they are system, cpu, idle."""
    return [word for word in _BETWEEN.split(_HUMP.sub(" ", name).lower()) if word]


@lru_cache(maxsize=65_536)
def says_idle(name: str) -> bool:
    """Whether a word of a name says that something was idle."""
    return any(_IDLE.fullmatch(word) for word in words_of(name))


def is_idle(name: str) -> bool:
    """Whether a name says for certain that it is what a CPU did not do."""
    return says_idle(name) and all(
        word in _OF_A_CPU or _IDLE.fullmatch(word) for word in words_of(name)
    )


@lru_cache(maxsize=65_536)
def part(name: str) -> str | None:
    """The word of a metric's name that is a part of what a CPU did; None if there is none."""
    words = words_of(name)
    if words[:2] == ["system", "cpu"]:
        words = words[1:]  # where the metric is from, and not what it measures
    return next((word for word in words if word in PARTS), None)


@lru_cache(maxsize=65_536)
def part_at_end(name: str) -> str | None:
    """The same of a series' name that ends with it, as in `web01 user`; hosts have many words."""
    *front, last = re.split(r"[ .:/\\]+", name.strip()) or [""]
    return last.lower() if front and last.lower() in PARTS else None
