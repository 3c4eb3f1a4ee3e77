"""Readings on their way: each arrives some time after it happened, and not in that order."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cpuwatch.readings.reading import ARRIVED

#: How long a reading is on its way: on average, in milliseconds.
_WAY = 1200

#: So many of them get lost on it, and are sent again after a while, in milliseconds.
_LOST = 0.02
_AGAIN = (5_000, 25_000)

#: The host whose line breaks, and from when to when after the first reading, in milliseconds. It
#: is in trouble just then, as hosts are.
_BROKEN = "doc"
_DOWN, _BACK = 220_000, 290_000


def delayed(readings: pd.DataFrame, seed: int = 7) -> pd.DataFrame:
    """Send readings on their way, and give them in the order in which they arrive.

    Most arrive after a second or so. One in fifty gets lost and is sent again after 5 to 25
    seconds. The line of `doc` is down for 70 seconds; what it measures meanwhile comes at once,
    when the line is back.

    Parameters
    ----------
    readings : pandas.DataFrame
        hostname, cpu, usage (percent), occurred_at (epoch milliseconds).
    seed : int
        0 to 2**32 - 1. The same seed gives the same delays.

    Returns
    -------
    pandas.DataFrame
        The same readings by their arrival, with one more column: arrived_at (epoch
        milliseconds).
    """
    random = np.random.RandomState([seed, 2])  # see `seeded`: its numbers never change
    count = len(readings)
    way = random.exponential(_WAY, count)
    again = random.random_sample(count) < _LOST
    way += again * random.uniform(*_AGAIN, count)
    happened = readings["occurred_at"].to_numpy(np.int64)
    arrived = happened + way.astype(np.int64)
    if count:
        begin = int(happened.min())
        down, back = begin + _DOWN, begin + _BACK
        held = (readings["hostname"] == _BROKEN).to_numpy() & (arrived >= down) & (arrived < back)
        # In the order in which they happened, a millisecond for each second.
        arrived = np.where(held, back + (happened - begin) // 1000, arrived)
    found = readings.assign(**{ARRIVED: arrived})
    return found.sort_values(ARRIVED, kind="stable", ignore_index=True)
