"""The services that there are, and whether each answers."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import Settings, settings
from cpuwatch.stack import flink, flinkpage, kafka, postgres, slack
from cpuwatch.stack.service import Service
from cpuwatch.stack.supervisor import Supervisor

#: The services, in the order in which they are prepared and shown.
SERVICES = (kafka.SERVICE, postgres.SERVICE, flink.SERVICE, flinkpage.SERVICE, slack.SERVICE)


@dataclass(frozen=True)
class Status:
    """The state of one service, as `cpuwatch status` shows it."""

    name: str
    title: str
    where: str  #: 'embedded' or 'outside'
    address: str | None
    answers: bool
    pids: list[int]


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


def silent(config: Settings, services: list[Service]) -> list[Service]:
    """Those of these services that do not answer."""
    return [service for service in services if not service.answers(config)]


def named(services: list[Service]) -> str:
    """Their titles, as a sentence has them."""
    titles = [service.title for service in services]
    return titles[0] if len(titles) == 1 else ", ".join(titles[:-1]) + " and " + titles[-1]
