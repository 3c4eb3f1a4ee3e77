"""Jars that only the bench needs; they come as those of the lock do."""

from __future__ import annotations

from pathlib import Path

from cpuwatch.settings import settings
from cpuwatch.stack import jars
from cpuwatch.stack.jars import Jar

WANTED = [
    Jar(
        "kafka-tools", "org.apache.kafka:kafka-tools:4.1.1", 615926,
        "8a6939f310a61119cedaffc144119e9b2a374e32a7ec18f78e49ce5aeb71d6b0",
    ),
    Jar(
        "flink-sql-gateway", "org.apache.flink:flink-sql-gateway:2.2.1", 1045991,
        "fde5f0f6e868c84de01312a4922404f9571c68a6d879e91fc602bbafa5d735aa",
    ),
]  # fmt: skip


def jar(name: str) -> Path:
    """Where it is; it is downloaded once."""
    (found,) = jars.fetch(settings().cache, {name}, WANTED, show=False)[name]
    return found
