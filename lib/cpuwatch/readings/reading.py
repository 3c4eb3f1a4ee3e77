"""What a reading is: how busy one CPU of one host was at one moment.

A DataFrame of readings has the columns

- ``hostname`` (str, not blank, without a NUL character),
- ``cpu`` (str, the same; both together at most 300 characters),
- ``usage`` (float64, percent, 0 to 100),
- ``occurred_at`` (int64, epoch milliseconds).
"""

from __future__ import annotations

from typing import TypedDict

COLUMNS = ("hostname", "cpu", "usage", "occurred_at")

#: When a reading arrived (int64, epoch milliseconds): a column that readings may have as well.
ARRIVED = "arrived_at"

# Event times that a file may hold: from 1970 on, and before 2200, in epoch milliseconds.
FIRST_TIME = 0
END_OF_TIME = 7_258_118_400_000

# What the pipeline takes for a reading; the table `cpu_in` has the same rules, as SQL. Other
# producers write to its topic, in other units, too: a time of today in seconds would be one in
# 1970, and one in microseconds lies far beyond 2100.
PIPELINE_TIMES = (31_536_000_000, 4_102_444_799_999)  # 1971 to 2099, the last one included
LONGEST_NAMES = 300  # characters, host and cpu together


class Reading(TypedDict):
    """One reading, as it stands in the topic."""

    hostname: str
    cpu: str
    usage: float
    occurred_at: int


def wrong_names(hostname: str, cpu: str) -> str | None:
    """Why the pipeline takes no reading of such names, as a sentence; None if it does."""
    for what, name in (("hostname", hostname), ("cpu", cpu)):
        if not name.strip(" "):
            return f"{what} '' is empty"
        if "\0" in name:
            return f"{what} holds a NUL character"
    length = len(hostname + cpu)
    if length > LONGEST_NAMES:
        return f"hostname and cpu have {length:,} characters, more than {LONGEST_NAMES}"
    return None


def wrong_host(hostname: str) -> str | None:
    """Why no reading can be of such a host, whatever its CPU is called; None if one can."""
    if len(hostname) >= LONGEST_NAMES:
        return f"hostname has {len(hostname):,} characters, {LONGEST_NAMES} or more"
    return wrong_names(hostname, "-")
