"""What is seen of a service of ours that does not answer, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from cpuwatch import limits
from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import Settings
from cpuwatch.stack import failures, ports, postgres, refused
from cpuwatch.stack.service import Service
from cpuwatch.stack.supervisor import Supervisor

#: All of it anew, if that is what somebody wants: nobody does it unasked.
ANEW = (
    "'cpuwatch down' and 'cpuwatch up' start everything anew: data stay, and jobs go on from their"
    " last checkpoints"
)

#: How PostgreSQL says that it knows another password than we do.
_OTHER_PASSWORD = "password authentication failed"

#: So many lines a failed start may leave in a log.
_LAST = 60


@dataclass(frozen=True)
class Seen:
    """One service that does not answer.

    Attributes
    ----------
    says
        What was seen: its processes, and what the probe said; half a sentence.
    next
        What to do; sentences, or nothing.
    log
        Where it says more, if it may.
    room
        A sentence about the disk, or the memory, that is full: nothing else helps before.
    anew
        Whether it may help to start everything anew.
    """

    says: str
    next: str
    log: Path | None = None
    room: str = ""
    anew: bool = True

    @property
    def whole(self) -> str:
        """What to do, and where to look."""
        return steps([self])


def steps(found: Sequence[Seen]) -> str:
    """What to do about several services, each thing once, and where to look."""
    logs = [one.log for one in found if one.log is not None]
    said = [*[one.room for one in found if one.room][:1], *[one.next for one in found if one.next]]
    if any(one.anew for one in found):
        said.append(f"If it stays so, {ANEW}.")
    if len(logs) == 1:
        said.append(f"Its log: {logs[0]}")
    elif logs:
        said.append(f"The logs are in {logs[0].parent}")
    return " ".join(dict.fromkeys(said))


def look(config: Settings, service: Service, programs: Mapping[str, Mapping[str, Any]]) -> Seen:
    """See what is with an embedded service that does not answer.

    Parameters
    ----------
    config
        The settings.
    service
        Which one.
    programs
        What supervisor says of its programs; empty if supervisor does not answer.
    """
    mine = {name: programs[name] for name in service.programs if name in programs}
    pids = [int(one["pid"]) for one in mine.values() if one["pid"]]
    if mine and (port := taken(config, service)):
        return Seen(
            f"cannot come back: its {port}",
            "End that program, and 'cpuwatch up' goes on; started anew, all take other ports.",
        )
    if len(pids) < len(mine):
        return _down(config, service, mine)
    who = f"{_processes(pids)} " if pids else ""
    if frozen := [pid for pid in pids if is_stopped(pid)]:
        numbers = " ".join(map(str, frozen))
        return Seen(
            f"{who}stands still: somebody has stopped {_processes(frozen)}",
            f"'kill -CONT {numbers}' lets it go on.",
        )
    reason = service.refusal(config) or _reached(config, service)
    if _OTHER_PASSWORD in reason:
        return Seen(
            f"{who}runs, but refuses the password in {config.pgpass} ({reason})",
            postgres.PUT_BACK[0].upper() + postgres.PUT_BACK[1:],
            anew=False,
        )
    silent = f"{refused.what(reason)} ({reason})"
    silent = f"{who}runs, but {silent}" if pids else silent
    if refused.is_full(reason):
        return Seen(silent, refused.step(config, reason) or "", anew=False)
    return Seen(
        silent,
        "Wait a moment: it may be busy or starting.",
        service.log(config),
        _room(config),
    )


def _down(config: Settings, service: Service, mine: Mapping[str, Mapping[str, Any]]) -> Seen:
    """A service of which a process is missing, which supervisor starts again and again."""
    names = ", ".join(name for name, one in mine.items() if not one["pid"])
    return Seen(
        f"does not run ({names}): {last_words(service, config)}",
        "'cpuwatch up' starts it.",
        service.log(config),
        _room(config),
    )


def taken(config: Settings, service: Service) -> str:
    """Which port of a service somebody else has, and who, as half a sentence; or nothing."""
    recorded = config.embedded().get("ports", {})
    held = [recorded.get(name, usual) for name, usual in service.ports.items()]
    ours = {one.pid for one in Supervisor(config.state).strays()}
    found = ((port, ports.holder(port, ours)) for port in held)
    return next((f"port {port} is taken by {who}" for port, who in found if who), "")


def _room(config: Settings) -> str:
    """What is said of the disk, or the memory, that is full."""
    if failures.is_short(config.state):
        return failures.remedy(config.state)
    free = limits.memory_left()
    if free < limits.SCARCE:
        return f"Only {free / 1024**3:.1f} GB of memory are left: close some programs."
    return ""


def _processes(pids: Iterable[int]) -> str:
    numbers = [str(pid) for pid in pids]
    return f"process{'es' if len(numbers) > 1 else ''} {', '.join(numbers)}"


def is_stopped(pid: int) -> bool:
    """Whether a process stands still because somebody has stopped it."""
    with suppress(psutil.Error):
        return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)
    return False


def _reached(config: Settings, service: Service) -> str:
    """Whether anybody listens there, where the probe itself gives no reason."""
    try:
        address = service.address(config)
        free = ports.is_free(config.port(next(iter(service.ports))))
    except CpuwatchError as error:
        return str(error)
    if free:
        return f"nobody listens at {address}"
    return f"who listens at {address} gives no answer, or is somebody else's"


def last_words(service: Service, config: Settings) -> str:
    """What a service's log says last, or why the machine did not let it run."""
    log = service.log(config)
    # What a start says, and not what an earlier one did.
    lines = log.read_text("utf-8", errors="replace").strip().splitlines() if log.exists() else []
    said = "\n".join(lines[-_LAST:])
    if failures.refused(said):
        return failures.cause(said)[:200]
    told = [one for one in lines if not one.startswith("WARNING: ")]  # Java's, of any start
    return told[-1][:200] if told else "its log does not say why"
