"""What several checks want to know, asked once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import Settings, settings
from cpuwatch.stack import known
from cpuwatch.stack.supervisor import Supervisor

if TYPE_CHECKING:
    from cpuwatch.flink.cluster import Job

Answer = TypeVar("Answer")


class _Once(Generic[Answer]):
    """A question that is asked once, however many want to know at the same time.

    An error is an answer, too, and comes for each of them.
    """

    def __init__(self, question: Callable[[], Answer]) -> None:
        self._question = question
        self._lock = threading.Lock()
        self._answers: list[Answer] = []
        self._error: CpuwatchError | OSError | None = None

    def __call__(self) -> Answer:
        with self._lock:
            if not self._answers and self._error is None:
                try:
                    self._answers.append(self._question())
                except (CpuwatchError, OSError) as error:
                    self._error = error
        if self._error is not None:
            raise self._error
        return self._answers[0]


class Facts:
    """What is there, as it was when the first check asked."""

    def __init__(self) -> None:
        self._services = _Once(lambda: known.status())
        self._programs = _Once(lambda: Supervisor(self.config.state).programs())
        self._jobs = _Once(_jobs)

    @cached_property
    def config(self) -> Settings:
        """The settings."""
        return settings()

    @property
    def services(self) -> list[known.Status]:
        """Each service, and whether it answers."""
        return self._services()

    @property
    def programs(self) -> dict[str, dict[str, Any]]:
        """What supervisor says of its programs; empty if it does not run, or hangs."""
        return self._programs()

    @property
    def jobs(self) -> list[Job]:
        """All jobs that Flink knows, oldest first.

        Raises
        ------
        CpuwatchError
            If Flink does not answer. A JobManager that takes over just now is a finding, and
            nothing to wait for.
        """
        return self._jobs()

    @property
    def running(self) -> dict[str, Job]:
        """The jobs that have not ended, by name."""
        from cpuwatch.flink.cluster import ENDED

        return {job.name: job for job in self.jobs if job.state not in ENDED}

    @property
    def all_answer(self) -> bool:
        """Whether the way of the data can be walked at all."""
        needed = [one for one in self.services if one.name in ("kafka", "postgres", "flink")]
        if not all(one.answers for one in needed):
            return False
        try:
            return self.jobs is not None
        except (CpuwatchError, OSError):
            return False


def _jobs() -> list[Job]:
    from cpuwatch.flink import cluster

    return cluster.jobs(patience=0)
