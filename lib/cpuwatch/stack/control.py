"""The stack as a whole: up, down, status."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cpuwatch import files, limits, waiting
from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import ROOTS_HOME, Settings, settings
from cpuwatch.stack import (
    claims,
    classes,
    failures,
    flink,
    flinkpage,
    jars,
    kafka,
    neighbours,
    passwords,
    place,
    ports,
    postgres,
    refused,
    seen,
    slack,
    visits,
)
from cpuwatch.stack.logs import Watch
from cpuwatch.stack.program import Program
from cpuwatch.stack.service import Service
from cpuwatch.stack.supervisor import Supervisor

#: The services, in the order in which they are prepared and shown.
SERVICES = (kafka.SERVICE, postgres.SERVICE, flink.SERVICE, flinkpage.SERVICE, slack.SERVICE)

#: How long a service may take to answer, in seconds, on a slow and busy laptop.
_PATIENCE = 120.0

#: How long a running supervisor may need to bring a killed service back.
RECOVERY = 60.0

#: How long a process that was killed may stay on the list of processes, in seconds.
LAST_MOMENTS = 3.0

#: How often ports are chosen anew, where somebody outside our lock takes one.
_ATTEMPTS = 5

_LEAST_DISK = 500 * 1024**2

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Status:
    """The state of one service, as `cpuwatch status` shows it."""

    name: str
    title: str
    where: str  #: 'embedded' or 'outside'
    address: str | None
    answers: bool
    pids: list[int]


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
        write_passwords(config)
        supervisor = Supervisor(config.state)
        visits.end(config.state)
        if visit is not None and not supervisor.strays():
            visits.begin(config.state, visit)
        wanted = [service for service in SERVICES if not config.outside(service.name)]
        # First, so that nobody waits for the embedded ones in vain.
        for service in SERVICES:
            outside = config.outside(service.name)
            if outside and service.needed and not service.answers(config):
                raise CpuwatchError(outside_silent(config, service))
        has_to_start = must_start(config, supervisor, wanted)
        if not has_to_start:
            if not config.client_folder.exists():
                prepare_clients(config, wanted, tell, show)
            has_to_start = not revive(config, supervisor, wanted, tell)
        if has_to_start:
            start_anew(config, supervisor, wanted, tell, show)
        claims.claim(config, take_over)
        return status()


def outside_silent(config: Settings, service: Service) -> str:
    """That a service which somebody else runs lets us not in, why, and what to do."""
    reason = service.refusal(config) or ""
    step = service.step(config, reason) or failures.theirs(service.name)
    why = f" ({reason})" if reason else ""
    return f"{service.title} at {service.address(config)} {refused.what(reason)}{why}. {step}"


@contextmanager
def locked(config: Settings) -> Iterator[None]:
    """Have the state folder for oneself."""
    make_state(config)
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


def status() -> list[Status]:
    """What each service is, where, and whether it answers its own protocol now."""
    config = settings()

    def programs() -> dict[str, Any]:
        return Supervisor(config.state).programs() if config.state.exists() else {}

    def one(service: Service) -> Status:
        outside = config.outside(service.name)
        try:
            address: str | None = service.address(config)
        except CpuwatchError:
            address = None  # never started
        # Asked itself, also where supervisor hangs and knows of nothing.
        answering = bool(address and service.answers(config))
        known = run.result()
        pids = [int(known[p]["pid"]) for p in service.programs if p in known]
        return Status(
            service.name,
            service.title,
            "outside" if outside else "embedded",
            address,
            answering,
            [] if outside else [pid for pid in pids if pid],
        )

    # All at the same time: each may take its seconds to find that nobody answers.
    there = [each for each in SERVICES if not (each.ours_alone and config.outside(each.name))]
    with ThreadPoolExecutor(len(there) + 1) as pool:
        run = pool.submit(programs)
        return list(pool.map(one, there))


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
    service = next((one for one in SERVICES if name in one.programs), None)
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


def as_json(services: list[Status]) -> str:
    """The object that `cpuwatch status --json` prints."""
    return json.dumps(
        {
            "running": all(service.answers for service in services),
            "state": str(settings().state),
            "cache": str(settings().cache),
            "services": {service.name: asdict(service) for service in services},
        }
    )


def make_state(config: Settings) -> None:
    """Make the state folder, or say why it cannot be."""
    try:
        above = [one for one in config.state.parents if not one.exists()]
        place.make(config.state)
        if os.geteuid() == 0:
            # PostgreSQL, which runs as another user, has to pass through what is ours above.
            home = config.state.parent
            for one in {*above, *([home] if home == ROOTS_HOME else [])}:
                one.chmod(0o711)
        if config.state.stat().st_mode & 0o067:
            # As an earlier version left it, or somebody else made it.
            files.close(config.state)
        free = failures.free(config.state)
    except OSError as error:
        also = "" if files.may_write(config.cache) else ", and CPUWATCH_CACHE to another"
        raise CpuwatchError(
            f"The state folder {config.state} cannot be made ({error.strerror}). Set CPUWATCH_STATE"
            f" to a folder that you may write to{also}."
        ) from error
    if free < _LEAST_DISK:
        raise CpuwatchError(
            f"The disk that holds {config.state} is nearly full: {free // 1024**2} MB are free, and"
            f" the services need {_LEAST_DISK // 1024**2} MB. Free some space and try again."
        )


def write_passwords(config: Settings) -> None:
    """Put the passwords of PostgreSQL, ours and an outside one's, where its clients look."""
    secret = config.postgres_password
    if config.postgres is None:
        postgres.password(config.pgpass)
    servers = set()
    if secret is not None:
        url = config.postgres_url
        for place in (config.postgres_place, config.postgres_for_flink):
            host, _, port = place.rpartition(":")
            servers.add(passwords.server(host, port, url.database or "", url.username or ""))
    postgres.set_outside_passwords(config.pgpass, dict.fromkeys(servers, secret or ""))
    postgres.write_key(config)


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
    while missing := silent(config, wanted):
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
            tell(f"Waiting for {_names(missing)} to come back")
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
    steps = " ".join(dict.fromkeys(one.next for _, one in found))
    return f"{said}. What runs was left as it is. {steps}"


def start_anew(
    config: Settings, supervisor: Supervisor, wanted: list[Service], tell: Tell, show: bool
) -> None:
    """End what an earlier supervisor left, start what is wanted, and wait until all answer."""
    limits.make_room()
    supervisor.stop()  # whatever an earlier one left
    heavy = any(service.needed for service in wanted)  # the stand-in alone takes little
    if heavy and (free := limits.memory_left()) < limits.MEMORY:
        tell(
            f"Attention: {free / 1024**3:.1f} GB of memory are available, and the services need"
            " about 2 GB: close some programs, or they may be killed"
        )
    found, shared = prepare_clients(config, wanted, tell, show)
    for service in wanted:
        if service.name in shared:
            classes.link(config.state / service.name, shared[service.name])
    if not wanted:
        return
    # Two checkouts that start at once must not choose the same ports: the other
    # chooses when ours are taken.
    with files.only_one(config.cache / "ports.lock"):
        taken = forgotten = False
        for _ in range(_ATTEMPTS):
            tell("Preparing " + _names(wanted))
            prepare(config, supervisor, wanted, found, elsewhere=taken)
            tell("Starting " + _names(wanted))
            logs = [log for service in wanted for log in service.logs(config)]
            collisions, damage = Watch(logs, ports.TAKEN), Watch(logs, flink.DAMAGED)
            supervisor.start()
            if _wait(config, supervisor, wanted, [collisions, damage]):
                return
            supervisor.stop()
            if collisions.saw():  # which ends ZooKeeper as damage does
                taken = True
                tell("Somebody else has taken a port meanwhile: another is chosen")
            elif forgotten:
                raise CpuwatchError(
                    f"Flink does not start. Its logs are in {config.state / 'logs'}; if that does"
                    " not help, start afresh with 'cpuwatch down --wipe' and 'cpuwatch up'."
                )
            else:
                forgotten = True
                tell("What Flink has kept of its jobs cannot be read: it begins without them")
                flink.forget_jobs(config.state / "flink")
    raise CpuwatchError(
        f"{_ATTEMPTS} times somebody else took a port between its choice and its use. Run"
        " 'cpuwatch up' again when fewer programs start at once."
    )


def prepare_clients(
    config: Settings, wanted: list[Service], tell: Tell, show: bool
) -> tuple[dict[str, list[Path]], dict[str, Path | None]]:
    """Fetch the jars, and write what kernels need to submit jobs.

    Returns
    -------
    dict
        For each part of the stack its class path.
    dict
        For each part the archive of its classes; None where none could be made.
    """
    # Flink's connectors are needed for submitting jobs to an outside cluster, too.
    found = jars.fetch(config.cache, {"flink", *(service.name for service in wanted)}, show=show)
    found["flink"] = flink.class_path(config.cache, found["flink"])
    flink.prepare_client(config.client_folder, found["flink"])
    shared = classes.archives(
        config.cache, found, lambda: tell("Preparing Java's classes, once: that takes a moment")
    )
    classes.link(config.client_folder, shared["flink"])
    return found, shared


def prepare(
    config: Settings,
    supervisor: Supervisor,
    wanted: list[Service],
    found: dict[str, list[Path]],
    elsewhere: bool = False,
) -> None:
    """Choose ports, write every configuration, make storage and database; start nothing.

    With `elsewhere`, on ports far from the usual and the recorded ones.
    """
    usual = {port: number for service in wanted for port, number in service.ports.items()}
    if elsewhere:
        usual = ports.elsewhere(usual)
    recorded = {} if elsewhere else config.embedded().get("ports", {})
    chosen = ports.choose(usual, recorded, neighbours.their_ports(config, supervisor))
    record_ports(config, chosen)
    neighbours.introduce(config, supervisor)
    marker = supervisor.marker
    programs: list[Program] = []
    for service in wanted:
        programs += service.prepare(config, chosen, found.get(service.name, []), marker)
    programs.append(slack.notifier(config, marker))
    supervisor.write(programs)


def record_ports(config: Settings, chosen: dict[str, int]) -> None:
    """Write down on which ports the embedded services listen."""
    files.write(config.services_file, json.dumps({"ports": chosen}, indent=2) + "\n")


def _wait(
    config: Settings,
    supervisor: Supervisor,
    wanted: list[Service],
    in_vain: list[Watch],
) -> bool:
    """Wait until all answer; False once a log says that this is in vain."""
    missing = list(wanted)

    def all_answer_or_cannot() -> bool:
        missing[:] = silent(config, missing)
        return not missing or any(watch.saw() for watch in in_vain)

    def sentence() -> str:
        reason = seen.last_words(missing[0], config)
        if failures.refused(reason):
            following = failures.next_step(reason)
        else:
            following = (
                f"Its log is in {config.state / 'logs'}; if that does not help, start afresh with"
                " 'cpuwatch down --wipe' and 'cpuwatch up'."
            )
        said = f"{missing[0].title} does not answer after {_PATIENCE:.0f} seconds ({reason})."
        return f"{said} {following}"

    def check_supervisor() -> None:
        if not supervisor.is_running():
            raise CpuwatchError(
                "Supervisor, which runs the services, ended while they were starting. Its log is"
                f" {config.state / 'logs' / 'supervisor.log'}; run 'cpuwatch up' again."
            )

    waiting.until(all_answer_or_cannot, _PATIENCE, sentence, 0.1, check_supervisor)
    return not missing


def silent(config: Settings, services: list[Service]) -> list[Service]:
    """Those of these services that do not answer."""
    return [service for service in services if not service.answers(config)]


def _names(services: list[Service]) -> str:
    titles = [service.title for service in services]
    return titles[0] if len(titles) == 1 else ", ".join(titles[:-1]) + " and " + titles[-1]
