"""The jobs on the cluster: which one fails, and why."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cpuwatch.doctor.facts import Facts
from cpuwatch.doctor.findings import Finding, trouble
from cpuwatch.errors import CpuwatchError

if TYPE_CHECKING:
    from cpuwatch.flink.cluster import Job

#: A job that failed so lately, in seconds, may fail again: it is started after each failure.
_JUST_NOW = 10.0


def each(facts: Facts) -> Iterator[Finding]:
    """How each job is that runs, or failed for good."""
    from cpuwatch.flink import noted
    from cpuwatch.flink.cluster import PREVIEW

    if not all(one.answers for one in facts.services):
        return
    try:
        known = facts.jobs
        latest = {job.name: job for job in known if job.name != PREVIEW}
        shown = [
            job
            for job in known
            if job.id in {one.id for one in facts.running.values()}
            or (job.state == "FAILED" and job == latest.get(job.name) and noted.texts(job))
        ]
        why = {job.id: reason for job in shown if (reason := _failing(job))}
    except (CpuwatchError, OSError) as error:
        yield trouble("Jobs", str(error), "Wait a moment, then 'cpuwatch up'.")
        return
    if not shown:
        yield Finding("Jobs", True, "none runs")
    for job in shown:
        if job.id in why:
            yield trouble(
                f"Job {job.name}",
                why[job.id],
                "Mend that, and run its chapter's cell again; 'cpuwatch reset' forgets all jobs.",
            )
        else:
            yield Finding(f"Job {job.name}", True, job.state.lower())


def _failing(job: Job) -> str | None:
    """Why a job fails; also of one that runs again just now, until it fails next."""
    from cpuwatch.flink import cluster

    found = cluster.latest_failure(job, patience=0)
    if job.state in ("RESTARTING", "FAILING", "FAILED"):
        return f"{job.state.lower()}: {found[1] if found else 'Flink gives no cause'}"
    if found and time.time() - found[0] < _JUST_NOW:
        return f"it failed {time.time() - found[0]:.0f} s ago, and was started again: {found[1]}"
    return None
