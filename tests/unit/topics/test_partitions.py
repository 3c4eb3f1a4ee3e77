"""Each partition that a topic has by default gets a host of the fleet's."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from cpuwatch import readings, topics
from cpuwatch.settings import settings

_WORD = 2**32 - 1


def murmur2(key: bytes) -> int:
    """Kafka's hash of a key."""
    mixed = 0x9747B28C ^ len(key)
    whole = len(key) // 4 * 4
    for at in range(0, whole, 4):
        part = int.from_bytes(key[at : at + 4], "little") * 0x5BD1E995 & _WORD
        part = (part ^ part >> 24) * 0x5BD1E995 & _WORD
        mixed = (mixed * 0x5BD1E995 & _WORD) ^ part
    if key[whole:]:
        mixed = (mixed ^ int.from_bytes(key[whole:], "little")) * 0x5BD1E995 & _WORD
    mixed = (mixed ^ mixed >> 13) * 0x5BD1E995 & _WORD
    return (mixed ^ mixed >> 15) & 0x7FFFFFFF


def as_sent(host: str) -> bytes:
    return host.encode()


def as_flink_writes(host: str) -> bytes:
    return json.dumps({"hostname": host}, separators=(",", ":")).encode()


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    def choose(count: int, partitions: str = "") -> None:
        monkeypatch.setenv("CPUWATCH_PARALLELISM", str(count))
        monkeypatch.setenv("CPUWATCH_PARTITIONS", partitions)
        settings.cache_clear()

    yield choose
    settings.cache_clear()


@pytest.mark.parametrize("key", [as_sent, as_flink_writes])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8, 32])
def test_none_stays_without_a_host(
    workers: Callable[..., None], count: int, key: Callable[[str], bytes]
) -> None:
    workers(count)
    partitions = topics.usual_partitions()
    filled = {murmur2(key(host)) % partitions for host in readings.HOSTS}
    assert filled == set(range(partitions)) and partitions >= min(count, 4)


def test_who_asks_for_more_gets_them(workers: Callable[..., None]) -> None:
    workers(1, "8")
    assert topics.usual_partitions() == 8


def test_the_hash_is_kafkas() -> None:
    # From Kafka's own tests.
    assert murmur2(b"21") == -973932308 & 0x7FFFFFFF
    assert murmur2(b"foobar") == -790332482 & 0x7FFFFFFF
    assert murmur2(b"a-little-bit-long-string") == -985981536 & 0x7FFFFFFF
