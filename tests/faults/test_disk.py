"""A full disk is named, ends nothing that runs, and is forgotten when there is room again."""

from __future__ import annotations

import re
import subprocess
import threading
import time
from collections.abc import Iterator

import pandas as pd
import psutil
import pytest
from conftest import COMMAND, PREFIX, cpuwatch, cpuwatch_json, processes_of
from disks import SmallDisk, small_disk

from cpuwatch import topics, waiting
from cpuwatch.readings import live_fleet
from cpuwatch.settings import settings
from cpuwatch.stack import failures

#: Enough for a stack, with what `up` wants to be free; in bytes.
SIZE = 1000 * 1024**2


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallDisk]:
    """What a stack lies on."""
    with small_disk(SIZE, f"{PREFIX}disk-") as found:
        if found is None:
            pytest.skip("only root can mount a small disk, and not everywhere")
        monkeypatch.setenv("CPUWATCH_STATE", str(found.place / "state"))
        settings.cache_clear()
        try:
            yield found
        finally:
            found.free()
            cpuwatch("down", "--wipe")
            settings.cache_clear()


def test_a_full_disk_is_named_and_all_goes_on_when_there_is_room(disk: SmallDisk) -> None:
    small = settings().state
    assert cpuwatch_json("up")["running"]
    topics.empty(topics.READINGS)
    before = {process.pid for process in processes_of(small) if _is_supervisor(process)}
    disk.fill()
    # As long as Kafka has had nothing to write it answers: then what is sent waits for room.
    with subprocess.Popen([COMMAND, "produce"], stderr=subprocess.PIPE, text=True) as sending:
        assert sending.stderr is not None
        said = sending.stderr.readline()
        sending.terminate()
        said = " ".join((said + sending.stderr.read()).split())
    assert re.search(rf"The disk that holds {re.escape(str(small))} is (nearly )?full", said), said
    assert "Traceback" not in said
    time.sleep(5)  # the services fail, and say so where there is no room for it
    assert {one.pid for one in processes_of(small) if _is_supervisor(one)} == before
    assert "Free some space on the disk" in cpuwatch("doctor").stdout
    disk.free()
    deadline = time.monotonic() + 180
    while not cpuwatch_json("status")["running"]:
        assert time.monotonic() < deadline, cpuwatch("status").stdout
        time.sleep(0.5)
    topics.empty(topics.READINGS)
    assert cpuwatch("produce", "--count", "350").returncode == 0
    assert len(topics.read(topics.READINGS)) == 350
    assert {one.pid for one in processes_of(small) if _is_supervisor(one)} == before


def test_an_endless_stream_leaves_the_last_of_a_disk_to_others(disk: SmallDisk) -> None:
    assert cpuwatch_json("up")["running"]
    said: list[str] = []
    sent = [0]
    stop = threading.Event()

    def send() -> None:
        sent.append(topics.send(live_fleet(), progress=sent.append, stop=stop, tell=said.append))

    stream = threading.Thread(target=send)
    stream.start()
    try:
        waiting.until(lambda: sent[-1] > 100, 30, "no reading was sent")
        disk.fill(left=failures.RESERVE - 50 * 1024**2)
        waiting.until(lambda: bool(said), 30, "nothing was said")
        assert f"The disk that holds {settings().state} is nearly full: " in said[0]
        stood = sent[-1]
        waiting.until(lambda: len(said) > 3, 30, "it was said only once")
        assert sent[-1] == stood
        disk.free()
        waiting.until(lambda: sent[-1] > stood, 30, "it does not go on")
        assert said[-1].startswith("There is room again")
    finally:
        stop.set()
        stream.join(40)
    # One each second, also of those in which there was no room.
    found = topics.read(topics.READINGS)
    assert len(found) == sent[-1]
    moments = pd.Series(sorted(found["occurred_at"].unique()))
    assert moments.diff().dropna().between(800, 1200).all(), list(moments.diff())


def _is_supervisor(process: psutil.Process) -> bool:
    return "cpuwatch.stack.supervised" in process.cmdline()
