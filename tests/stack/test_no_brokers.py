"""A broker that is about to stop, or has just begun, may say that there is no broker at all."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from cpuwatch import topics, waiting
from cpuwatch.settings import settings

#: So many are tried: with a client that can forget its brokers it happens to one in eight or so.
PRODUCERS = 40

#: The question for brokers, topics and leaders, by its number in Kafka's protocol.
METADATA = 3


class Proxy:
    """Stands between clients and Kafka; what it says of the brokers can be taken away.

    Parameters
    ----------
    kafka
        Kafka's address.
    """

    def __init__(self, kafka: tuple[str, int]) -> None:
        self._kafka = kafka
        self.stage = "well"  #: or "no leaders", or "no brokers": what Kafka says of itself
        self.told = 0  #: how often somebody has heard that
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._kafka)
                self._open += [client, server]
                asked: dict[int, tuple[int, int]] = {}  # what each question was, in which version

                def question(frame: bytes, asked: dict = asked) -> bytes:
                    key, version, number = struct.unpack(">hhi", frame[:8])
                    asked[number] = (key, version)
                    return frame

                def answer(frame: bytes, asked: dict = asked) -> bytes:
                    what, version = asked.pop(struct.unpack(">i", frame[:4])[0])
                    if what != METADATA:
                        return frame
                    if self.stage == "well":
                        return self._through_us(frame)
                    return self._without_leaders(frame, version, self.stage == "no leaders")

                for ends in ((client, server, question), (server, client, answer)):
                    threading.Thread(target=self._relay, args=ends, daemon=True).start()

    def _relay(
        self, source: socket.socket, target: socket.socket, change: Callable[[bytes], bytes]
    ) -> None:
        with suppress(OSError, struct.error), source.makefile("rb") as stream:
            while size := stream.read(4):
                frame = change(stream.read(struct.unpack(">i", size)[0]))
                target.sendall(struct.pack(">i", len(frame)) + frame)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _through_us(self, frame: bytes) -> bytes:
        """An answer that names our port instead of Kafka's."""
        theirs, ours = (struct.pack(">i", port) for port in (self._kafka[1], self.port))
        return frame.replace(b"127.0.0.1" + theirs, b"127.0.0.1" + ours)

    def _without_leaders(self, frame: bytes, version: int, brokers: bool) -> bytes:
        """The same metadata, but no partition has a leader, nor is there a broker, if so wished."""
        made = bytearray(frame)
        # The number of the question, no tags, for how long to wait; then the brokers: each has
        # its id, host, port, rack and no tags.
        start = 4 + 1 + 4
        place = start + 1
        for _ in range(frame[start] - 1):
            place += 4
            place += frame[place] + 4
            place += max(1, frame[place]) + 1
        after_brokers = place
        place += frame[place] + 4  # the cluster's and the controller's ids
        topics, place = frame[place] - 1, place + 1
        for _ in range(topics):
            place += 2
            place += frame[place] + (16 if version >= 10 else 0) + 1
            partitions, place = frame[place] - 1, place + 1
            for _ in range(partitions):
                made[place : place + 2] = struct.pack(">h", 5)  # there is no leader just now
                made[place + 6 : place + 10] = struct.pack(">i", -1)
                place += 2 + 4 + 4 + 4
                for _ in range(3):  # replicas, those in sync, those that are away
                    place += 1 + 4 * (frame[place] - 1)
                place += 1
            place += 4 + 1
        if brokers:
            return self._through_us(bytes(made))
        self.told += 1
        return bytes(made[:start] + bytes([1]) + made[after_brokers:])

    def close(self) -> None:
        """End it and all that goes through it."""
        for one in self._open:
            one.close()


@pytest.fixture
def proxy(stack: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """What our clients take for Kafka."""
    host, port = settings().kafka_address.split(":")
    made = Proxy((host, int(port)))
    monkeypatch.setenv("CPUWATCH_KAFKA", f"127.0.0.1:{made.port}")
    settings.cache_clear()
    yield made
    monkeypatch.undo()
    settings.cache_clear()
    made.close()


def test_producers_go_on_when_there_are_brokers_again(proxy: Proxy) -> None:
    topic = "no-brokers"
    topics.create(topic)
    with ExitStack() as stack:
        senders = [
            stack.enter_context(topics.Sender(topic, patience=None)) for _ in range(PRODUCERS)
        ]
        for sender in senders:
            sender.send({"number": 1})
        assert [sender.flush(20) for sender in senders] == [1] * PRODUCERS
        # First they have nobody to send to, and are free of the broker; then it is not there.
        # Each asks again and again by itself.
        proxy.stage = "no leaders"
        for sender in senders:
            sender.producer.list_topics(topic, timeout=10)
        proxy.stage = "no brokers"
        for sender in senders:
            sender.send({"number": 2})
        waiting.until(lambda: proxy.told >= PRODUCERS, 30, lambda: f"told {proxy.told} times")
        proxy.stage = "well"
        waiting.until(
            lambda: all(not sender.waiting for sender in senders), 30,
            lambda: f"{sum(sender.waiting > 0 for sender in senders)} of {PRODUCERS} are silent",
        )  # fmt: skip
    topics.delete(topic)
