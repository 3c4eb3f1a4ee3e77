"""A full disk is named, ends nothing that runs, and is forgotten when there is room again."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from conftest import PLACE, PREFIX, cpuwatch, cpuwatch_json, processes_of

from cpuwatch import topics
from cpuwatch.settings import settings

#: Enough for a stack, in megabytes; it is memory that is taken as it is filled.
SIZE = 600


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A state folder on a disk of its own."""
    if os.geteuid() != 0:
        pytest.skip("only root can make a small disk")
    place = Path(tempfile.mkdtemp(prefix=f"{PREFIX}disk-", dir=PLACE))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}m", "tmpfs", str(place)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("no disk can be mounted here")
    place.chmod(0o755)
    state = place / "state"
    monkeypatch.setenv("CPUWATCH_STATE", str(state))
    settings.cache_clear()
    try:
        yield state
    finally:
        (place / "filler").unlink(missing_ok=True)
        cpuwatch("down", "--wipe")
        settings.cache_clear()
        subprocess.run(["umount", str(place)], check=True)
        place.rmdir()


def test_a_full_disk_is_named_and_all_goes_on_when_there_is_room(small: Path) -> None:
    assert cpuwatch_json("up")["running"]
    topics.empty(topics.READINGS)
    before = {process.pid for process in processes_of(small) if _is_supervisor(process)}
    filler = small.parent / "filler"
    with filler.open("wb") as file, pytest.raises(OSError, match="No space left"):
        while True:
            file.write(b"\0" * 2**20)
            file.flush()
    # Whatever comes first: Kafka stops when it cannot write, and says nothing until then.
    done = cpuwatch("produce")
    assert done.returncode == 1
    assert f"The disk that holds {small} is full" in done.stderr
    assert "Traceback" not in done.stderr
    time.sleep(5)  # the services fail, and say so where there is no room for it
    assert {one.pid for one in processes_of(small) if _is_supervisor(one)} == before
    assert "Free some space on the disk" in cpuwatch("doctor").stdout
    filler.unlink()
    deadline = time.monotonic() + 180
    while not cpuwatch_json("status")["running"]:
        assert time.monotonic() < deadline, cpuwatch("status").stdout
        time.sleep(0.5)
    topics.empty(topics.READINGS)
    assert cpuwatch("produce", "--count", "350").returncode == 0
    assert len(topics.read(topics.READINGS)) == 350
    assert {one.pid for one in processes_of(small) if _is_supervisor(one)} == before


def _is_supervisor(process: psutil.Process) -> bool:
    return "cpuwatch.stack.supervised" in process.cmdline()
