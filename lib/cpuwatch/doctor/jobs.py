"""The jobs on the cluster: which one fails, and why."""

from __future__ import annotations

from collections.abc import Iterator

from cpuwatch.doctor.facts import Facts
from cpuwatch.doctor.findings import Finding, trouble
from cpuwatch.errors import CpuwatchError


def each(facts: Facts) -> Iterator[Finding]:
    """How each job is that runs, or failed for good."""
    from cpuwatch.flink import cluster, noted
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
        why = {
            job.id: cluster.failure(job, patience=0) or "Flink gives no cause"
            for job in shown
            if job.state in ("RESTARTING", "FAILING", "FAILED")
        }
    except (CpuwatchError, OSError) as error:
        yield trouble("Jobs", str(error), "Wait a moment, then 'cpuwatch up'.")
        return
    if not shown:
        yield Finding("Jobs", True, "none runs")
    for job in shown:
        if job.id in why:
            yield trouble(
                f"Job {job.name}",
                f"{job.state.lower()}: {why[job.id]}",
                "Mend that, and run its chapter's cell again; 'cpuwatch reset' forgets all jobs.",
            )
        else:
            yield Finding(f"Job {job.name}", True, job.state.lower())
