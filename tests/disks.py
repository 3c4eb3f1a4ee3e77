"""A small disk, which can be full: it is memory, and only root can have one."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class SmallDisk:
    """A disk at a place of its own.

    Parameters
    ----------
    place
        An empty folder.
    size
        In bytes. Only what is used takes memory.

    Raises
    ------
    OSError
        If no disk can be mounted here.
    """

    def __init__(self, place: Path, size: int) -> None:
        self.place, self._size = place, size
        self._mount(f"size={size}")
        place.chmod(0o755)

    def fill(self, left: int = 0) -> None:
        """Let no byte be free, or so many be left.

        It is the disk that shrinks: nothing of ours lies there that would have to be deleted.
        """
        while True:
            try:
                self._mount(f"remount,size={shutil.disk_usage(self.place).used + left}")
                return
            except OSError:
                pass  # somebody has written meanwhile

    def free(self) -> None:
        """Let there be room again."""
        self._mount(f"remount,size={self._size}")

    def remove(self) -> None:
        """Unmount it, though somebody may have a file open there: what lay there is gone."""
        subprocess.run(["umount", "--lazy", str(self.place)], check=True)

    def _mount(self, options: str) -> None:
        call = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.place)]
        done = subprocess.run(call, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise OSError(done.stderr.strip())


@contextmanager
def small_disk(size: int, prefix: str) -> Iterator[SmallDisk | None]:
    """One in a folder of its own; None where there can be none.

    Parameters
    ----------
    size
        In bytes.
    prefix
        Of the folder's name.
    """
    if os.geteuid() != 0:
        yield None
        return
    place = Path(tempfile.mkdtemp(prefix=prefix, dir="/var/tmp"))
    try:
        try:
            disk = SmallDisk(place, size)
        except OSError:
            yield None
            return
        try:
            yield disk
        finally:
            disk.remove()
    finally:
        place.rmdir()
