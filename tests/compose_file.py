"""docker-compose.yml, taken apart for tests."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
FILE = ROOT / "docker-compose.yml"
EXAMPLE = ROOT / ".env.example"


def load() -> dict[str, Any]:
    """The file as it is, with its anchors resolved and its variables not."""
    return dict(YAML(typ="safe").load(FILE.read_text()))


def environment(service: str, **variables: str) -> dict[str, str]:
    """A service's environment variables, as its container gets them."""
    given = load()["services"][service]["environment"]
    return {name: interpolate(str(value), variables) for name, value in given.items()}


def interpolate(text: str, variables: Mapping[str, str]) -> str:
    """Compose's own `$$` and `${NAME:?message}`."""
    return re.sub(
        r"\$(\$)|\$\{(\w+):\?[^}]*\}", lambda match: match[1] or variables[match[2]], text
    )


def flink_properties(service: str = "taskmanager") -> dict[str, str]:
    """FLINK_PROPERTIES, read as the image's entry point reads them."""
    text = load()["services"][service]["environment"]["FLINK_PROPERTIES"]
    pairs = (line.split(":", 1) for line in text.splitlines() if line.strip())
    return {name.strip(): value.strip() for name, value in pairs}


def kafka_properties() -> dict[str, str]:
    """The broker's settings, by the names that Kafka has for them."""
    return {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in environment("kafka").items()
        if name.startswith("KAFKA_") and name != "KAFKA_HEAP_OPTS"
    }


def start_command(
    service: str, folder: Path, replace: Mapping[str, str] | None = None
) -> list[str]:
    """The command by which a Flink container starts, below a folder instead of in a container.

    There, `connectors`, `opt/flink/lib`, `var/flink` and `tmp` stand for the container's
    folders. Becoming another user is left out, and `docker-entrypoint.sh` is the test's own.
    """
    found = load()["services"][service]
    bash, options, script, zeroth = found["entrypoint"]
    script = interpolate(script, {})
    for text in ("/connectors/", "/opt/flink/lib/", "/var/flink", "/docker-entrypoint.sh"):
        assert text in script
        script = script.replace(text, f"{folder}{text}")
    for old, new in (replace or {}).items():
        assert old in script
        script = script.replace(old, new)
    stubs = folder / "stubs"
    for name, text in {"setpriv": 'shift 3; exec "$@"', "chown": ":"}.items():
        stubs.mkdir(parents=True, exist_ok=True)
        (stubs / name).write_text(f"#!/bin/bash\n{text}\n")
        (stubs / name).chmod(0o755)
    path = f"PATH={stubs}:{os.environ['PATH']}"
    return ["env", path, bash, options, script, zeroth, *found["command"]]
