"""A project of one's own to begin with: a job, its test, a Makefile, of plain parts."""

from __future__ import annotations

import shutil
from pathlib import Path

from cpuwatch import files
from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import settings
from cpuwatch.stack import jars

_TEMPLATE = Path(__file__).with_name("template")

#: The jar that PyFlink needs for Kafka.
_CONNECTOR = "flink-sql-connector-kafka"


def make(folder: Path) -> bool:
    """Make a small project in a folder.

    Parameters
    ----------
    folder
        Where: one that is not there yet, or is empty.

    Returns
    -------
    bool
        Whether Flink's connector for Kafka could be put into it, since this machine has it.

    Raises
    ------
    CpuwatchError
        If something is there already, or the folder cannot be written to.
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise CpuwatchError(
            f"The folder {folder} is not empty: give the name of one that is not there yet."
        )
    try:
        (folder / "jars").mkdir(parents=True)
        for path in sorted(_TEMPLATE.iterdir()):
            if path.is_file():
                # Git would take that name for one of its own, within the checkout, too.
                name = ".gitignore" if path.name == "gitignore" else path.name
                files.write(folder / name, path.read_bytes())
        here = [settings().cache / "jars" / jar.filename for jar in jars.locked()]
        connectors = [path for path in here if path.name.startswith(_CONNECTOR) and path.is_file()]
        for path in connectors:
            shutil.copyfile(path, folder / "jars" / path.name)
    except OSError as error:
        raise CpuwatchError(
            f"The folder {folder} cannot be made ({error.strerror}): give one in a place where you"
            " may write."
        ) from error
    return bool(connectors)
