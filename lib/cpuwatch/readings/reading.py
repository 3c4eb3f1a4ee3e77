"""What a reading is: how busy one CPU of one host was at one moment.

A DataFrame of readings has the columns

- ``hostname`` (str),
- ``cpu`` (str),
- ``usage`` (float64, percent, 0 to 100),
- ``occurred_at`` (int64, epoch milliseconds).
"""

from __future__ import annotations

from typing import TypedDict

COLUMNS = ("hostname", "cpu", "usage", "occurred_at")

# Event times that are accepted: from 1970 on, and before 2200, in epoch milliseconds.
FIRST_TIME = 0
END_OF_TIME = 7_258_118_400_000


class Reading(TypedDict):
    """One reading, as it stands in the topic."""

    hostname: str
    cpu: str
    usage: float
    occurred_at: int
