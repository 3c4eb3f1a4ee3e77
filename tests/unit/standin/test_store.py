"""What the stand-in has said yes to is in its file, whatever becomes of the disk."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cpuwatch.standin.store import Store

CHANNEL = "C0CPUALERTS"


@contextmanager
def room_for(path: Path, more: int) -> Iterator[None]:
    """No file may become longer than this one is, and so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + more, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def texts(path: Path) -> list[str]:
    """What a stand-in finds that starts now."""
    store = Store(path)
    store.close()
    return [one["text"] for one in store.messages.values()]


def test_half_a_line_on_a_full_disk_costs_no_message_before_or_after_it(tmp_path: Path) -> None:
    path = tmp_path / "messages.jsonl"
    store = Store(path)
    kept = store.post(CHANNEL, {"text": "before"})
    for room in (0, 1, 30):
        with room_for(path, room):
            with pytest.raises(OSError):
                store.post(CHANNEL, {"text": "refused"})
            with pytest.raises(OSError):
                store.update(kept["ts"], {"text": "refused"})
        assert [one["text"] for one in store.history(CHANNEL)] == ["before"]
        assert texts(path) == ["before"]
    store.post(CHANNEL, {"text": "after"})
    assert texts(path) == ["before", "after"]
    store.close()


def test_a_damaged_line_costs_none_but_itself(tmp_path: Path) -> None:
    path = tmp_path / "messages.jsonl"
    store = Store(path)
    for text in ("one", "two", "three"):
        store.post(CHANNEL, {"text": text})
    store.close()
    first, second, third = path.read_bytes().splitlines(keepends=True)
    for damaged in (b"\n", b"\0\0\0\n", b"null\n", b'{"kind":"message"}\n', second[:20] + b"\n"):
        path.write_bytes(first + damaged + third + b'{"kind":"mess')
        assert texts(path) == ["one", "three"]
        assert path.read_bytes() == first + damaged + third
