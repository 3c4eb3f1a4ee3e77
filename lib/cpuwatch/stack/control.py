"""The stack as a whole: up and down."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from cpuwatch import files
from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import Settings, settings
from cpuwatch.stack import (
    access,
    claims,
    failures,
    known,
    neighbours,
    place,
    refused,
    reviving,
    starting,
    statefolder,
    visits,
)
from cpuwatch.stack.known import Status
from cpuwatch.stack.service import Service, Tell
from cpuwatch.stack.supervisor import Supervisor


def up(
    tell: Tell = lambda _: None,
    show: bool = True,
    take_over: bool = False,
    visit: str | None = None,
) -> list[Status]:
    """Start what is embedded and not running, and wait until every service answers.

    What runs is never ended unasked, whatever its probe says: jobs and a class's work hang on
    it, and the fault may lie with the probe. So:

    - With supervisor alive, what has died is started, and what lives is left alone. What still
      does not answer after a minute is named, with its processes, what its probe said, and what
      to do. `down` and `up` is how somebody asks for all of it anew.
    - Without supervisor nobody looks after what it left: that is ended, and all is started.
    - Settings that make other services embedded than those that run ask for these, too.

    Parameters
    ----------
    tell
        Called with a short sentence at each step of a start.
    show
        Whether downloads may draw a progress bar.
    take_over
        Whether to take the prefix, if one is set, from whoever uses it.
    visit
        A text of the caller's own, who needs the services for a while: `down` takes it.

    Returns
    -------
    list of Status
        All of them, each answering its own protocol; only an outside Slack may not.

    Raises
    ------
    CpuwatchError
        If a service cannot be brought up, an outside one does not answer, or somebody else uses
        the prefix.
    """
    config = settings()
    with files.owner_only(), locked(config):
        statefolder.write_passwords(config)
        supervisor = Supervisor(config.state)
        visits.end(config.state)
        if visit is not None and not supervisor.strays():
            visits.begin(config.state, visit)
        wanted = [service for service in known.SERVICES if not config.outside(service.name)]
        access.check_closed(config)
        # First, so that nobody waits for the embedded ones in vain.
        for service in known.SERVICES:
            outside = config.outside(service.name)
            if outside and service.needed and not service.answers(config):
                raise CpuwatchError(outside_silent(config, service))
        has_to_start = reviving.must_start(config, supervisor, wanted)
        if not has_to_start:
            if not config.client_folder.exists():
                starting.prepare_clients(config, wanted, tell, show)
            has_to_start = not reviving.revive(config, supervisor, wanted, tell)
        if has_to_start:
            starting.start_anew(config, supervisor, wanted, tell, show)
        claims.claim(config, take_over)
        return known.status()


def outside_silent(config: Settings, service: Service) -> str:
    """That a service which somebody else runs lets us not in, why, and what to do."""
    reason = service.refusal(config) or ""
    step = service.step(config, reason) or failures.theirs(service.name)
    why = f" ({reason})" if reason else ""
    return f"{service.title} at {service.address(config)} {refused.what(reason)}{why}. {step}"


@contextmanager
def locked(config: Settings) -> Iterator[None]:
    """Have the state folder for oneself."""
    statefolder.make_state(config)
    with files.only_one(config.state / place.LOCK):
        place.make(config.state)  # somebody may have wiped it while we waited
        yield


def down(wipe: bool = False, visit: str | None = None) -> bool:
    """Stop the embedded services; with `wipe`, forget their data as well.

    Parameters
    ----------
    wipe
        Whether to forget their data.
    visit
        Stop them only if `up` has started them for this, and nobody else has called it since.

    Returns
    -------
    bool
        Whether there was anything to stop.

    Raises
    ------
    CpuwatchError
        If what `CPUWATCH_STATE` names is no state folder of ours.
    """
    config = settings()
    supervisor = Supervisor(config.state)
    if visit is not None and not visits.is_alone(config.state, visit):
        return False
    # Somebody may have deleted the folder under what runs.
    was_there = config.state.exists()
    if not was_there and not supervisor.strays():
        return False
    if was_there:
        place.check(config.state)
    with files.only_one(config.state / place.LOCK):
        if visit is not None and not visits.is_alone(config.state, visit):
            return False  # somebody came while we waited
        visits.end(config.state)
        had = supervisor.is_running() or bool(supervisor.strays())
        supervisor.stop()
        if wipe or not was_there:
            place.wipe(config.state)
            neighbours.take_leave(config, supervisor)
    return had


def kill(name: str) -> None:
    """Kill one of the stack's programs, as a fault would: without a warning.

    Supervisor starts it again.

    Parameters
    ----------
    name
        The program's: 'taskmanager', 'kafka' and so on.

    Raises
    ------
    CpuwatchError
        If no such program of this stack runs; it names those that do, or whose it is.
    """
    config = settings()
    service = next((one for one in known.SERVICES if name in one.programs), None)
    if service is not None and config.outside(service.name):
        raise CpuwatchError(
            f"{name} is not of this stack: somebody else runs {service.title}, at"
            f" {service.address(config)}. Only they can kill it, so ask them to."
        )
    programs = {one: it for one, it in Supervisor(config.state).programs().items() if it["pid"]}
    if name not in programs:
        there = ", ".join(sorted(programs)) or "none"
        no_such_name = service is None and programs
        step = "Name one of these." if no_such_name else failures.remedy(config.state)
        raise CpuwatchError(f"No {name} of this stack runs. Those that do: {there}. {step}")
    with suppress(ProcessLookupError):  # it is dead already
        os.kill(int(programs[name]["pid"]), signal.SIGKILL)
