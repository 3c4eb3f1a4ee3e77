"""A folder of links to jars, so that a class path need not name the folders they lie in."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path


def make(folder: Path, jars: Iterable[Path]) -> None:
    """Make `folder` hold a link to each of the jars, and nothing else.

    Nothing is written where the jars are, so several stacks may use them; and a class path
    cannot hold a folder with ':' in its name, a link may lead there.

    Parameters
    ----------
    folder
        Replaced as a whole, unless it is as it should be: a running program may use it.
    jars
        No two of the same name.
    """
    wanted = {jar.name: jar for jar in jars}
    there = {link.name: link.resolve() for link in folder.iterdir()} if folder.is_dir() else {}
    if there == {name: jar.resolve() for name, jar in wanted.items()}:
        return
    new = folder.with_name(folder.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    for name, jar in wanted.items():
        os.symlink(jar, new / name)
    shutil.rmtree(folder, ignore_errors=True)
    new.rename(folder)
