"""All from the beginning: jars, ports, configurations, storage, and processes that answer."""

from __future__ import annotations

import json
from pathlib import Path

from cpuwatch import files, limits, waiting
from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import Settings
from cpuwatch.stack import (
    classes,
    disks,
    failures,
    flink,
    jars,
    known,
    neighbours,
    ports,
    seen,
    slack,
)
from cpuwatch.stack.logs import Watch
from cpuwatch.stack.program import Program
from cpuwatch.stack.service import Service, Tell
from cpuwatch.stack.supervisor import Supervisor

#: How long a service may take to answer, in seconds, on a slow and busy laptop.
_PATIENCE = 120.0

#: How often ports are chosen anew, where somebody outside our lock takes one.
_ATTEMPTS = 5


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
    if heavy and (drive := disks.remark(config.state)):
        tell(f"Attention: {drive}")
    if config.kafka_closed:
        tell("Kafka lets in who shows this stack's key alone: docs/security.md says how others do")
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
            tell("Preparing " + known.named(wanted))
            prepare(config, supervisor, wanted, found, elsewhere=taken)
            tell("Starting " + known.named(wanted))
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
        missing[:] = known.silent(config, missing)
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
