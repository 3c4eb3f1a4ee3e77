"""What runs already: left alone, and what of it has died is started."""

from __future__ import annotations

import time
from typing import Any

from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import Settings
from cpuwatch.stack import known, seen, slack
from cpuwatch.stack.service import Service, Tell
from cpuwatch.stack.supervisor import Supervisor

#: How long a running supervisor may need to bring a killed service back.
RECOVERY = 60.0

#: How long a process that was killed may stay on the list of processes, in seconds.
LAST_MOMENTS = 3.0


def must_start(config: Settings, supervisor: Supervisor, wanted: list[Service]) -> bool:
    """Whether nothing runs that is to be left alone."""
    expected = {program for service in wanted for program in service.programs}
    # Without the record of ports somebody has deleted the state folder under what runs.
    programs = _programs(supervisor) if config.services_file.exists() else None
    if programs is None:
        return bool(expected or supervisor.strays())
    # One that hangs says nothing of its programs, which may be well.
    return bool(programs) and set(programs) - {slack.NOTIFIER} != expected


def _programs(supervisor: Supervisor) -> dict[str, dict[str, Any]] | None:
    """What supervisor says of its programs: nothing if it hangs; None if there is none.

    One that was killed stays on the list of processes for a moment, and says nothing either.
    """
    deadline = time.monotonic() + LAST_MOMENTS
    while True:
        programs = supervisor.programs()
        if programs:
            return programs
        if supervisor.process() is None:
            return None
        if time.monotonic() > deadline:
            return {}
        time.sleep(0.05)


def revive(config: Settings, supervisor: Supervisor, wanted: list[Service], tell: Tell) -> bool:
    """Start what has died, leave alone what lives, and wait until all answer.

    Returns
    -------
    bool
        Whether supervisor is still there, who has to look after all that.
    """
    deadline = time.monotonic() + RECOVERY
    told = False
    while missing := known.silent(config, wanted):
        programs = _programs(supervisor)
        if programs is None:
            return False
        for program, info in programs.items():
            stands_still = info["statename"] in ("FATAL", "EXITED", "STOPPED")
            if stands_still and program != slack.NOTIFIER:
                supervisor.restart(program)
        if time.monotonic() > deadline:
            raise CpuwatchError(_what_is_silent(config, supervisor, missing, programs))
        if not told:
            tell(f"Waiting for {known.named(missing)} to come back")
            told = True
        time.sleep(0.2)
    hangs = _programs(supervisor) == {}
    process = supervisor.process()
    if process is not None and hangs:
        tell(
            f"Supervisor (process {process.pid}) does not answer, but all that it runs does: it is"
            f" left as it is. {seen.ANEW[0].upper()}{seen.ANEW[1:]}."
        )
    return process is not None


def _what_is_silent(
    config: Settings,
    supervisor: Supervisor,
    missing: list[Service],
    programs: dict[str, dict[str, Any]],
) -> str:
    found = [(service.title, seen.look(config, service, programs)) for service in missing]
    said = ". ".join(f"{title}: {one.says}" for title, one in found)
    process = supervisor.process()
    if process is not None and not programs:
        said += (
            f". Supervisor (process {process.pid}), which would start what died, does not answer"
        )
    steps = seen.steps([one for _, one in found])
    return f"{said}. What runs was left as it is. {steps}"
