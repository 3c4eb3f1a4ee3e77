"""Kafka topics: create, produce, read into a DataFrame, follow in the background."""

from cpuwatch.topics.admin import (
    PARTITIONS,
    State,
    clear,
    create,
    delete,
    empty,
    names,
    partitions_of,
    states,
)
from cpuwatch.topics.client import admin, client_settings, unreachable
from cpuwatch.topics.consumer import Follower, count, decode, follow, messages, read
from cpuwatch.topics.known import (
    ALERTS,
    AVERAGES,
    BAD_READINGS,
    FILTERED,
    LIVE,
    OVER,
    READINGS,
    UNDELIVERED,
)
from cpuwatch.topics.producer import Sender, Stream, keep_rejected, produce, send

__all__ = [
    "ALERTS",
    "AVERAGES",
    "BAD_READINGS",
    "FILTERED",
    "LIVE",
    "OVER",
    "PARTITIONS",
    "READINGS",
    "UNDELIVERED",
    "Follower",
    "Sender",
    "State",
    "Stream",
    "admin",
    "clear",
    "client_settings",
    "count",
    "create",
    "decode",
    "delete",
    "empty",
    "follow",
    "keep_rejected",
    "messages",
    "names",
    "partitions_of",
    "produce",
    "read",
    "send",
    "states",
    "unreachable",
]
