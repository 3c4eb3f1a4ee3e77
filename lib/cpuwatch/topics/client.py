"""How Kafka is reached, by every client alike."""

from __future__ import annotations

from typing import Any

from confluent_kafka.admin import AdminClient

from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import settings
from cpuwatch.stack import failures
from cpuwatch.stack.kafka import QUIET

#: How long Kafka may take to answer, in seconds.
TIMEOUT = 20.0


def client_settings(**more: Any) -> dict[str, Any]:
    """What every client needs to find Kafka, and `more`."""
    return {"bootstrap.servers": settings().kafka_address, "log_level": 0, **more}


def admin() -> AdminClient:
    """A client for topics and groups."""
    return AdminClient(client_settings(), logger=QUIET)


def unreachable(error: object) -> CpuwatchError:
    """The sentence that says that Kafka does not answer, and what to do."""
    config = settings()
    return CpuwatchError(
        f"Kafka at {config.kafka_address} does not answer ({error})."
        f" {failures.remedy(config.state)}"
    )
