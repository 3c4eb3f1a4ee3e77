"""What is wrong, and the next thing to do."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module

from cpuwatch.doctor import alerting, jobs, machine, services
from cpuwatch.doctor.facts import Facts
from cpuwatch.doctor.findings import Finding, trouble
from cpuwatch.errors import CpuwatchError

__all__ = ["Finding", "as_json", "examine", "mend"]

Check = Callable[[Facts], Iterable[Finding]]


def _way(facts: Facts) -> Iterator[Finding]:
    # Only where there is a way to walk: what it needs takes a second to import.
    if facts.all_answer:
        from cpuwatch.doctor import way

        yield from way.walk(facts)


#: Every check, by what it is called if it cannot be made, in the order in which they are told.
CHECKS: dict[str, Check] = {
    "Python": machine.python,
    "Clock": machine.clock,
    "Packages": machine.packages,
    "Kernel": machine.kernel,
    "Variables": machine.variables,
    "Jars": machine.downloads,
    "Disk": machine.disk,
    "Memory": machine.memory,
    "Services": services.each,
    "Closing": services.closed,
    "Supervisor": services.supervisor,
    "Killed": services.killed,
    "Jobs": jobs.each,
    "Way": _way,
    "Thresholds": alerting.limits,
    "Slack channel": alerting.channel,
    "Notifier": alerting.notifier,
}


def examine() -> Iterator[Finding]:
    """Look at the machine, the services, the jobs and the data's way; nothing is changed.

    The checks are made at the same time, since most of them wait for somebody's answer.

    Yields
    ------
    Finding
        One after the other, in the order of `CHECKS`.
    """
    facts = Facts()
    try:
        facts.config  # noqa: B018
    except CpuwatchError as error:
        yield from machine.python(facts)
        yield trouble("Settings", str(error), "Mend that, then run 'cpuwatch doctor' again.")
        return
    with ThreadPoolExecutor(len(CHECKS)) as pool:
        pool.submit(_prepare)
        asked = [pool.submit(_guarded, what, check, facts) for what, check in CHECKS.items()]
        for one in asked:
            yield from one.result()


def _prepare() -> None:
    """Import, while the services think about their answers, what the jobs' checks need."""
    import_module("cpuwatch.flink.cluster")


def _guarded(what: str, check: Check, facts: Facts) -> list[Finding]:
    try:
        return list(check(facts))
    except (CpuwatchError, OSError) as error:
        return [trouble(what, str(error), "Mend that, then run 'cpuwatch doctor' again.")]


def mend(findings: Iterable[Finding]) -> list[str]:
    """Do the safe remedies of what was found: start, fetch, make; nothing is deleted.

    Parameters
    ----------
    findings
        From `examine`.

    Returns
    -------
    list of str
        What was done, and what could not be, a sentence each.
    """
    said: dict[Callable[[], str], str] = {}
    for finding in findings:
        if finding.mend is None or finding.mend in said:
            continue
        try:
            done = finding.mend()
        except (CpuwatchError, OSError) as error:
            done = f"this could not be mended: {error}"
        said[finding.mend] = f"{finding.what}: {done}"
    return list(said.values())


def as_json(findings: list[Finding], fixed: list[str] | None = None) -> str:
    """The object that `cpuwatch doctor --json` prints.

    Parameters
    ----------
    findings
        From `examine`.
    fixed
        From `mend`, if that was asked for.
    """
    found: dict[str, object] = {
        "well": all(finding.well for finding in findings),
        "findings": [
            {
                "what": one.what,
                "well": one.well,
                "remark": one.remark,
                "says": one.says,
                "next": one.next,
            }
            for one in findings
        ],
    }
    return json.dumps(found if fixed is None else {**found, "fixed": fixed})
