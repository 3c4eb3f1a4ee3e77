"""What docker-compose.yml needs from us: Flink's connectors, and a .env with a password."""

from __future__ import annotations

import re
import secrets
import shutil
import sys
from pathlib import Path

from cpuwatch import files
from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import ROOT, settings
from cpuwatch.stack import jars

#: The folder that docker-compose.yml mounts into Flink's containers.
CONNECTORS = ROOT / "flink-connectors"


def put_connectors(folder: Path = CONNECTORS) -> None:
    """Copy the connectors of `data/jars.lock` into a folder, and nothing else.

    Copies, since a link would lead out of the container.

    Parameters
    ----------
    folder
        Emptied first, so that Flink never sees two versions of one connector.
    """
    found = jars.fetch(settings().cache, {"flink"})["flink"]
    # The folder itself stays: a running container holds on to it.
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for jar in found:
        shutil.copy(jar, folder / jar.name)
    # Flink's containers have a user of their own, who is nobody here.
    for path in (folder, *folder.iterdir()):
        path.chmod(0o755 if path.is_dir() else 0o644)


def write_env(path: Path = ROOT / ".env", example: Path = ROOT / ".env.example") -> bool:
    """Make `.env` from its example, with a new password.

    Returns
    -------
    bool
        Whether it was made; one that is there stays as it is.
    """
    if path.exists():
        return False
    text = re.sub(
        "^POSTGRES_PASSWORD=.*$",
        # Letters and digits: compose and shells read other characters each in its own way.
        f"POSTGRES_PASSWORD={secrets.token_hex(16)}",
        example.read_text(),
        flags=re.MULTILINE,
    )
    files.write(path, text, private=True)
    return True


if __name__ == "__main__":
    try:
        put_connectors()
    except CpuwatchError as error:
        sys.exit(f"Error: {error}")
    if write_env():
        print("Made .env from .env.example: cpuwatch now uses the containers.")
