"""The services: which one is dead, or hangs, and what stands in its way."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from cpuwatch import limits, words
from cpuwatch.doctor.facts import Facts
from cpuwatch.doctor.findings import Finding, remark, trouble
from cpuwatch.errors import CpuwatchError
from cpuwatch.stack import access, control, known, refused, seen
from cpuwatch.stack.service import Service
from cpuwatch.stack.supervisor import Supervisor

#: How supervisor's log says that somebody killed a program, and for how long that is of interest.
_KILLED = re.compile(r"([-0-9]+ [0-9:]+),\d+ \w+ exited: (\w+) \(terminated by SIGKILL")
_LATELY = timedelta(minutes=10)


def each(facts: Facts) -> Iterator[Finding]:
    """Whether each service answers; if not, what is seen of it."""
    for status in facts.services:
        service = next(one for one in known.SERVICES if one.name == status.name)
        frozen = [pid for pid in status.pids if seen.is_stopped(pid)]
        if status.answers and not frozen:
            yield Finding(service.title, True, "answers")
        elif status.where == "outside":
            yield outside(facts, service, status)
        else:
            yield _embedded(facts, service, status)


def closed(facts: Facts) -> Iterator[Finding]:
    """Whether the embedded Kafka is as closed as somebody has asked for."""
    config = facts.config
    try:
        access.check_closed(config)
    except CpuwatchError as error:
        says, _, step = str(error).partition(": ")
        yield trouble("Kafka's closing", says, step[0].upper() + step[1:])
    word = config.kafka_security_protocol or ""
    if config.kafka is None and word.startswith("SASL"):
        yield remark(
            "Kafka's closing",
            f"CPUWATCH_KAFKA_SECURITY_PROTOCOL={word} is for the Kafka of others, and"
            " CPUWATCH_KAFKA names none: the embedded one does not mind it",
            "Set CPUWATCH_KAFKA, or take it out; SSL closes the embedded one.",
        )


def supervisor(facts: Facts) -> Iterator[Finding]:
    """Whether somebody looks after the processes that run."""
    if not any(one.where == "embedded" and one.answers for one in facts.services):
        return  # the services' own findings say what to do
    ours = Supervisor(facts.config.state)
    process = ours.process()
    if process is None:
        yield trouble(
            "Supervisor",
            "it is dead, so nobody brings a service back that dies; the services run on",
            "When you can spare them for some seconds: 'cpuwatch up' ends what it left, and starts"
            " all anew. Jobs go on from their last checkpoints.",
        )
    elif not facts.programs:
        yield trouble(
            "Supervisor",
            f"process {process.pid} does not answer, so nobody brings a service back that dies",
            f"'kill -CONT {process.pid}' lets it go on, if somebody stopped it. Or {seen.ANEW}.",
        )


def killed(facts: Facts) -> Iterator[Finding]:
    """Which programs were killed lately, as a system without memory does it: silently."""
    log = facts.config.state / "logs" / "supervisor.log"
    since = datetime.now() - _LATELY
    times: Counter[str] = Counter()
    for line in log.read_text("utf-8", "replace").splitlines() if log.exists() else []:
        found = _KILLED.match(line)
        if found and datetime.fromisoformat(found[1]) > since:
            times[found[2]] += 1
    if times:
        names = [f"{name} ({count})" for name, count in times.most_common()]
        yield remark(
            "Killed",
            f"from outside, in the last ten minutes: {words.listed(names, 6)}; what is killed is"
            " started again",
            "If nobody did that, the system did, since there was too little memory: close some"
            f" programs; the services need about 2 GB, and {limits.memory_left() / 1024**3:.1f} GB"
            " are available.",
        )


def outside(facts: Facts, service: Service, status: known.Status) -> Finding:
    """A service that somebody else runs, and that does not let us in: why, and what to do."""
    reason = service.refusal(facts.config)
    if service.name == "slack":
        return trouble(
            service.title,
            "does not answer, or does not let the token in",
            "Look at SLACK_BOT_TOKEN in .env and at the network. Alerts wait in their topic.",
        )
    return trouble(
        service.title,
        refused.what(reason or "") + (f" ({reason})" if reason else ""),
        service.step(facts.config, reason or "")
        or f"Somebody else runs it at {status.address}: start it there, or take"
        f" CPUWATCH_{service.name.upper()} out of the environment and .env.",
    )


def _embedded(facts: Facts, service: Service, status: known.Status) -> Finding:
    listed = any(name in facts.programs for name in service.programs)
    if not listed and not status.pids and Supervisor(facts.config.state).process() is None:
        taken = seen.taken(facts.config, service)
        says = "does not run" + (f"; its usual {taken}" if taken else "")
        more = " It takes the next free port." if taken else ""
        return trouble(service.title, says, f"Start it with 'cpuwatch up'.{more}", _start)
    found = seen.look(facts.config, service, facts.programs)
    dead = listed and not all(facts.programs[one]["pid"] for one in service.programs)
    return trouble(service.title, found.says, found.whole, _start if dead else None)


def _start() -> str:
    control.up(show=False)
    return "started what did not run ('cpuwatch up')"
