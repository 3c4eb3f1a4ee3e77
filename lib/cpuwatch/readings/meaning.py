"""What the name of a metric says of what was measured: what was idle, or a part of the rest."""

from __future__ import annotations

import re
from functools import lru_cache

#: Words for a part of what a CPU did, which is not its usage.
PARTS = frozenset(
    (
        "user", "system", "nice", "iowait", "wait", "steal", "irq", "softirq", "interrupt", "guest",
        "guest_nice", "kernel", "usr", "sys", "privileged", "stolen", "wai", "hiq", "siq", "stl",
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

#: Words for what is measured of a machine beside its CPUs.
_OTHERS = frozenset(
    (
        "mem", "memory", "ram", "swap", "disk", "disks", "fs", "filesystem", "filesystems",
        "volume", "storage", "space", "load", "net", "network", "eth", "gpu", "temperature",
        "battery",
    )
)  # fmt: skip
_AT_END = _OTHERS - {"net", "load", "space", "storage", "network"}

#: The same in one word, as sysstat has it.
_OTHER_IN_ONE = re.compile(r"(?:kb)?(mem|swp)(?:used|free|avail|cad)")

#: Words for what is measured of a CPU, and is not its usage, but perhaps if it is in percent.
_OF_NO_USAGE = frozenset(
    (
        "temperature", "temp", "celsius", "frequency", "freq", "hertz", "hz", "mhz", "ghz", "speed",
        "count", "cores", "millicores", "nanocores", "limit", "limits", "request", "requests",
        "quota", "capacity", "credit", "credits", "ready", "throttled", "throttling", "jiffies",
        "ticks", "watts", "power", "voltage", "fan", "counter", "ncpu", "ncpus", "vcpus", "shares",
        "pressure", "psi", "cycles", "instructions", "interrupts",
    )
)  # fmt: skip

#: Units of time, if one is what a name ends with: `cpu_seconds`, or `cpu_seconds_total`. After a
#: number it is a length of time, as in `cpu usage of the last 30 seconds`.
_TIME = r"(?:milli|micro|nano)?seconds|secs?|[mun]secs?|ms|(?<=time[ _.-])[un]s"
_OF_TIME = re.compile(rf"(?<![a-z\d])(?<!\d[ _-])({_TIME})(?:[ _.-]*(?:total|sum))?\W*$")

#: A count of something, at the beginning: `num_cpus`, `number of CPUs`.
_HOW_MANY = re.compile(r"(num|number)(?: of|_of)?[ _.-]*(?:cpu|core|processor)")

#: What makes usage of a counter.
_RATE = re.compile(r"\b(?:i?rate|increase|deriv)\s*\(", re.IGNORECASE)
_OF_PERCENT = frozenset(("percent", "percentage", "pct", "perc"))

#: Words that the name of a metric has, and that of a host hardly.
_OF_METRICS = frozenset(
    (
        "usage", "used", "util", "utilization", "utilisation", "percent", "percentage", "pct",
        "perc", "free", "available", "size", "average", "avg", "bytes",
    )
)  # fmt: skip

#: What stands before or after a word without a mark between them, as in `cpuidle`.
_GLUED = r"(?:cpu|core|pct|percent|perc|time|usage)*"
_IDLE = re.compile(rf"{_GLUED}(idle|idl){_GLUED}")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_BETWEEN = re.compile(r"[^a-z]+")
_FROM = ("system", "cpu")


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


def says_cpu(name: str) -> bool:
    """Whether a name says that something of a CPU was measured."""
    return any(word in name.lower() for word in ("cpu", "processor"))


def is_idle_cpu(name: str) -> bool:
    """The same as `is_idle` of a text that may be no metric's name: it has to say CPU, or usage."""
    return is_idle(name) and (says_cpu(name) or "usage" in words_of(name))


def is_of_metric(name: str) -> bool:
    """Whether a text that may be any is most probably the name of a metric."""
    return says_cpu(name) or bool(_OF_METRICS & set(words_of(name)))


@lru_cache(maxsize=65_536)
def other_thing(name: str) -> str | None:
    """The word of a metric's name that is something else than a CPU's usage, or None."""
    words = words_of(name)
    if says_cpu(name):
        if "%" in name or _OF_PERCENT & set(words) or _RATE.search(name):
            return None
        plain = _HUMP.sub(" ", name).lower()
        if found := _OF_TIME.search(plain) or _HOW_MANY.match(name.lower()):
            return found[1]
        return next((one for one in words if one in _OF_NO_USAGE), None)
    in_one = next(filter(None, map(_OTHER_IN_ONE.fullmatch, words)), None)
    return in_one[1] if in_one else next((one for one in words if one in _OTHERS), None)


@lru_cache(maxsize=65_536)
def other_series(name: str) -> str | None:
    """The same of a series' name, such as `Memory usage` or `web01 mem`; hosts have many words."""
    if says_cpu(name):
        return None
    if _OF_METRICS & set(words_of(name)) or _OTHER_IN_ONE.search(name):
        return other_thing(name)
    last = _last_word(name)
    return last if last in _AT_END else None


@lru_cache(maxsize=65_536)
def part(name: str) -> str | None:
    """The word of a metric's name that is a part of what a CPU did; None if there is none."""
    words = words_of(name)
    # In `system.cpu` that is where the metric is from, and not what it measures.
    pairs = zip(words, [*words[1:], ""], strict=False)
    return next((word for word, after in pairs if word in PARTS and (word, after) != _FROM), None)


@lru_cache(maxsize=65_536)
def part_at_end(name: str) -> str | None:
    """The same of a series' name that ends with it, as in `web01 user`; hosts have many words."""
    last = _last_word(name.partition("{")[0])
    return last if last in PARTS else None


def _last_word(name: str) -> str | None:
    """The word with which a name ends that has others before it, in small letters."""
    *front, last = re.split(r"[ .:/\\]+", name.strip()) or [""]
    return last.lower() if front else None
