"""What is wrong, and the next thing to do."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import settings
from cpuwatch.stack import control

_LEAST_DISK = 2 * 1024**3
_LEAST_MEMORY = 2 * 1024**3


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    what
        What was looked at.
    well
        Whether it is as it should be.
    says
        How it is.
    next
        What to do, if it is not well.
    """

    what: str
    well: bool
    says: str
    next: str = ""


def examine() -> Iterator[Finding]:
    """Look at the machine, the services and the jobs, one after the other."""
    yield _python()
    for look in (_disk, _memory):
        yield _guarded(look)
    services = _guarded_services()
    if isinstance(services, Finding):
        yield services
        return
    for service in services:
        yield Finding(
            service.title,
            service.answers,
            "answers" if service.answers else "does not answer",
            "" if service.answers else _mend(service),
        )
    if all(service.answers for service in services):
        yield from _jobs()


def as_json(findings: list[Finding]) -> str:
    """The object that `cpuwatch doctor --json` prints."""
    return json.dumps(
        {
            "well": all(finding.well for finding in findings),
            "findings": [asdict(finding) for finding in findings],
        }
    )


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    fits = (3, 10) <= sys.version_info[:2] <= (3, 12)
    return Finding(
        "Python", fits, version, "" if fits else "Use Python 3.10, 3.11 or 3.12: see README.md."
    )


def _disk() -> Finding:
    state = settings().state
    there = next(folder for folder in (state, *state.parents) if folder.exists())
    free = shutil.disk_usage(there).free
    return Finding(
        "Disk",
        free >= _LEAST_DISK,
        f"{free / 1024**3:.1f} GB free",
        "" if free >= _LEAST_DISK else f"Free some space on the disk that holds {there}.",
    )


def _memory() -> Finding:
    import psutil

    free = psutil.virtual_memory().available
    running = any(service.answers for service in control.status())
    well = running or free >= _LEAST_MEMORY
    return Finding(
        "Memory",
        well,
        f"{free / 1024**3:.1f} GB available",
        "" if well else "Close some programs: the services need about 2 GB.",
    )


def _guarded(look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except (CpuwatchError, OSError) as error:
        return Finding(look.__name__.strip("_").title(), False, str(error), "See the text beside.")


def _guarded_services() -> list[control.Status] | Finding:
    try:
        return control.status()
    except CpuwatchError as error:
        return Finding("Services", False, str(error), "Mend that, then 'cpuwatch up'.")


def _mend(service: control.Status) -> str:
    if service.where == "outside":
        return (
            f"Somebody else runs it at {service.address}: start it there, or take"
            f" CPUWATCH_{service.name.upper()} out of the environment and .env."
        )
    if service.pids:
        return f"It is starting, or stuck: 'cpuwatch up' waits for it. Its log: {_log(service)}"
    return "Start it with 'cpuwatch up'."


def _log(service: control.Status) -> str:
    return str(next(s for s in control.SERVICES if s.name == service.name).log(settings()))


def _jobs() -> Iterator[Finding]:
    from cpuwatch.flink import cluster

    try:
        # A JobManager that takes over just now is a finding, and nothing to wait for.
        running = cluster.jobs(running_only=True, patience=0)
        why = {
            job.id: cluster.failure(job, patience=0) or "Flink gives no cause"
            for job in running
            if job.state in ("RESTARTING", "FAILING")
        }
    except (CpuwatchError, OSError) as error:
        yield Finding("Jobs", False, str(error), "Wait a moment, then 'cpuwatch up'.")
        return
    if not running:
        yield Finding("Jobs", True, "none runs")
    for job in running:
        if job.id in why:
            yield Finding(
                f"Job {job.name}", False, f"{job.state.lower()}: {why[job.id]}",
                "Run its chapter again, or 'cpuwatch reset'.",
            )  # fmt: skip
        else:
            yield Finding(f"Job {job.name}", True, job.state.lower())
