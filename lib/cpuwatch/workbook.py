"""An attendee's own copy of the notebooks, so that the checkout stays as it is.

Running a notebook changes it, and a checkout with changed files cannot be brought up to date.
So JupyterLab opens a copy, in a folder that git does not see. A copy is never overwritten: if
its original has become newer, that is put beside it.

A checkout that somebody put on a server for all is not theirs to write to: there the copy is in
their home. `python -m cpuwatch.workbook FOLDER` makes one anywhere, for a server that others start.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from cpuwatch import files
from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import ROOT

ORIGINALS = ROOT / "notebooks"
FOLDER = ROOT / "my-notebooks"
WITH_OUTPUTS = ROOT / "my-notebooks-with-outputs"

#: Where a copy is whose checkout belongs to somebody else: a folder of that name in the home.
_AT_HOME = "cpuwatch-"

#: Which originals the copies were made of: for each file's name a hash.
_NOTE = ".originals.json"


def prepare(
    originals: Path = ORIGINALS, folder: Path | None = None, with_outputs: bool = False
) -> tuple[Path, list[str]]:
    """See to it that there is a copy of each notebook.

    Parameters
    ----------
    originals
        The folder of the notebooks.
    folder
        Where the copies are; by default one folder in the checkout for those with outputs,
        and another for those without, or in the home, where the checkout is somebody else's.
    with_outputs
        Whether new copies keep the outputs. Without them it is the attendee's run that
        brings each to light.

    Returns
    -------
    Path
        The folder.
    list of str
        What there is to say: a sentence for each original that has become newer.

    Raises
    ------
    CpuwatchError
        If the folder cannot be written to.
    """
    folder = folder or _usual(WITH_OUTPUTS if with_outputs else FOLDER)
    said = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        known = _known(folder)
        for original in sorted(originals.glob("*.ipynb")):
            content = _content(original, with_outputs)
            made_of = hashlib.sha256(content).hexdigest()
            copy = folder / original.name
            if not copy.exists():
                files.write(copy, content)
            elif known.get(original.name) != made_of and copy.read_bytes() != content:
                newer = _beside(copy, content)
                said.append(
                    f"There is a newer {original.name}. Yours stays as it is; the newer one is"
                    f" beside it, as {newer.name}."
                )
            known[original.name] = made_of
        files.write(folder / _NOTE, json.dumps(known, indent=1) + "\n")
    except OSError as error:
        raise CpuwatchError(
            f"The notebooks cannot be copied to {folder} ({error.strerror}): see to it that the"
            " folder can be written to, and that the disk is not full."
        ) from error
    return folder, said


def _usual(folder: Path) -> Path:
    if os.access(folder if folder.exists() else folder.parent, os.W_OK):
        return folder
    try:
        return Path.home() / f"{_AT_HOME}{folder.name}"
    except RuntimeError:
        return folder  # without a home: who writes there is told


def _known(folder: Path) -> dict[str, str]:
    try:
        found = json.loads((folder / _NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _content(original: Path, with_outputs: bool) -> bytes:
    """What a copy begins as."""
    if with_outputs:
        return original.read_bytes()
    notebook: dict[str, Any] = json.loads(original.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    return (json.dumps(notebook, indent=1, ensure_ascii=False) + "\n").encode()


def _beside(copy: Path, content: bytes) -> Path:
    """Write a newer one beside a copy, under a name that nothing has yet."""
    number = 1
    while True:
        name = f"{copy.stem}-newer{'' if number == 1 else f'-{number}'}{copy.suffix}"
        newer = copy.with_name(name)
        if not newer.exists():
            files.write(newer, content)
            return newer
        if newer.read_bytes() == content:
            return newer
        number += 1


def main() -> None:
    """Copy them to the folder that is named."""
    parser = argparse.ArgumentParser(prog="cpuwatch.workbook")
    parser.add_argument("folder", type=Path)
    try:
        for sentence in prepare(folder=parser.parse_args().folder)[1]:
            print(sentence)
    except CpuwatchError as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
