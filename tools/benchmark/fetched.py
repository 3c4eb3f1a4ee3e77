"""Jars that only the bench needs, downloaded once."""

from __future__ import annotations

from pathlib import Path

from jgo.maven import MavenContext

from cpuwatch.settings import settings
from cpuwatch.stack import jars

#: By artifact: its group and version, and what it has to be.
WANTED = {
    "kafka-tools": (
        "org.apache.kafka", "4.1.1",
        "8a6939f310a61119cedaffc144119e9b2a374e32a7ec18f78e49ce5aeb71d6b0",
    ),
    "flink-sql-gateway": (
        "org.apache.flink", "2.2.1",
        "fde5f0f6e868c84de01312a4922404f9571c68a6d879e91fc602bbafa5d735aa",
    ),
}  # fmt: skip


def jar(artifact: str) -> Path:
    """Where it is.

    Raises
    ------
    RuntimeError
        If what came is not what it was.
    """
    group, version, digest = WANTED[artifact]
    folder = settings().cache / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    context = MavenContext(repo_cache=folder, timeout=20)
    found = Path(context.project(group, artifact).at_version(version).artifact().resolve())
    if jars.sha256(found) != digest:
        raise RuntimeError(f"{found.name} is not the one that it was")
    return found
