"""For how long a job has been failing, which Flink starts again and again.

Two failures with an hour between them are two that were mended, and no job that cannot run.
"""

from __future__ import annotations

import time
from collections.abc import Callable

#: The states of a job that has failed and is started again.
FAILING = frozenset({"FAILING", "RESTARTING"})

#: How long a job has to run without failing, in seconds, to count as well again.
WELL = 30.0


class Failing:
    """What is known of a job's failures by who looks at its state now and then.

    Parameters
    ----------
    failed_at
        When the job failed last, by the cluster's clock: a failure may come and go between two
        looks.
    """

    def __init__(self, failed_at: Callable[[], float]) -> None:
        self._failed_at = failed_at
        self._since: float | None = None
        self._runs_since = 0.0
        self._failure = 0.0

    @property
    def seconds(self) -> float | None:
        """For how long it has been failing, again and again; None if it is well."""
        return None if self._since is None else time.monotonic() - self._since

    def look(self, state: str) -> None:
        """Take note of the job's state now."""
        now = time.monotonic()
        if state in FAILING:
            self._since = now if self._since is None else self._since
            self._runs_since = 0.0
        elif state != "RUNNING":
            self._runs_since = 0.0
        elif self._since is not None and not self._runs_since:
            self._runs_since, self._failure = now, self._failed_at()
        elif self._since is not None and now - self._runs_since >= WELL:
            if self._failed_at() == self._failure:
                self._since = None
            self._runs_since = 0.0
