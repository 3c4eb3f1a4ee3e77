"""What a job of an attendee's own may have dropped as late."""

from __future__ import annotations

import pandas as pd

from cpuwatch.exercises.made import in_time


def test_late_is_what_comes_when_its_own_partition_has_closed_its_window() -> None:
    seconds = {
        # The watermark stays ten seconds behind, and closes a window in its last millisecond.
        0: [0, 30, 69.998, 59, 69.999, 59, 60, 5],
        1: [0, 5, 0, 29],
    }
    one = pd.DataFrame(
        [
            {"partition": partition, "occurred_at": int(1000 * second)}
            for partition, some in seconds.items()
            for second in some
        ]
    )
    late = one.drop(in_time(one, 60).index)
    assert list(late.itertuples(index=False)) == [(0, 59_000), (0, 5_000)]
    assert len(in_time(one, 3600)) == len(one)
