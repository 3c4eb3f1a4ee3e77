"""What docs/plain-pyflink.md prints for the workshop's own cluster, for tests to run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "plain-pyflink.md").read_text(encoding="utf-8")

#: Of what a test has in its environment so much is left to a shell of somebody's own.
_KEPT = ("PATH", "HOME", "CPUWATCH_")


def commands() -> list[str]:
    """The shell commands of that section, block by block: where all is, a folder, the run."""
    (section,) = re.findall(
        r"^## On the workshop's cluster$(.*?)^## ", PAGE, re.DOTALL | re.MULTILINE
    )
    return re.findall(r"^```sh\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)


def shell(environment: Mapping[str, str]) -> dict[str, str]:
    """What of an environment a shell begins with, in which nothing is set for Flink or Java."""
    return {name: value for name, value in environment.items() if name.startswith(_KEPT)}
