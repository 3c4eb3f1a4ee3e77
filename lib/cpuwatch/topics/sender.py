"""Records on their way into a topic: in order, each confirmed, and counted."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import repeat
from typing import Any

import orjson
from confluent_kafka import KafkaError, KafkaException

from cpuwatch import aside, naming, signals, words
from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import settings
from cpuwatch.stack import turnedaway
from cpuwatch.topics.client import PatientProducer

#: So long a new sender waits for Kafka to say which partitions there are, in seconds.
_AT_ONCE = 0.5

#: A record that is larger, in bytes, no broker takes as it is set up by default.
_LARGEST = 1_000_000

#: A sender looks what was delivered whenever it has sent so many.
_LOOKED_EVERY = 500

#: So many of its answers are kept to be counted.
_COUNTED = 100_000


class Sender:
    """A producer that counts what was delivered, and says what was not.

    The key is hashed as Java's clients do it, so that a host's records land in the
    same partition whoever sends them.

    Parameters
    ----------
    topic
        Where to; it has to be there.
    patience
        How long a record may wait for the broker before it counts as not delivered,
        in seconds; None for as long as it takes. A record that is given up may have arrived
        all the same, and then comes twice if it is sent again.
    """

    def __init__(self, topic: str, patience: float | None = 30.0) -> None:
        self.topic = topic
        # What `produce` has answered, which is nothing, for each record that it has taken. They are
        # counted by the very call that sends, so that no interrupt comes between the two.
        self._accepted: tuple[int, list[None]] = 0, []
        self._looked = self._answers = self._failed = 0
        self._turn = threading.Lock()
        self._at_the_end: int | None = None
        self._answered = time.monotonic()
        self._failures: list[str] = []
        failed = self._failures.append  # not one of our methods: who holds us could not let go
        #: Kafka's own client.
        self.producer = PatientProducer(
            **{
                "message.timeout.ms": 0 if patience is None else int(patience * 1000),
                # What was delivered is counted by what waits no longer: a call of ours for each
                # record would take as long as sending it.
                "delivery.report.only.error": True,
                "message.max.bytes": _LARGEST,
                "on_delivery": lambda error, _message: failed(error.str()),
            }
        )
        # A client that is connected, and then hears of a topic, looks for its partitions within a
        # second; asked for, it does at once. If Kafka is silent it goes on looking by itself.
        with suppress(KafkaException):
            self.producer.list_topics(naming.full(topic), timeout=_AT_ONCE)

    def __enter__(self) -> Sender:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take the connection down; what was not flushed is given up."""
        with signals.held():  # an interrupt in its end would be lost, or come out as another error
            self._at_the_end = self.delivered
            self.producer.purge()
            self.producer.poll(0)  # what was given up is told: then nothing of it is kept
            going = [self.producer]
            del self.producer
            aside.unattended(going.clear)  # its connection goes with it

    def send(self, value: dict[str, Any], key: dict[str, Any] | None = None) -> None:
        """Send one record as JSON; waits when the local queue is full.

        Raises
        ------
        CpuwatchError
            If the record is larger than a broker takes.
        """
        self.send_encoded([orjson.dumps(value)], [None if key is None else orjson.dumps(key)])

    def send_encoded(self, values: Sequence[bytes], keys: Sequence[bytes | None]) -> None:
        """Send records whose values and keys are JSON already, in their order; as `send` does."""
        topic = naming.full(self.topic)
        with self._turn:
            before, accepted = self._accepted
            if len(accepted) > _COUNTED:
                before, accepted = self._accepted = before + len(accepted), []
            if not len(self.producer):
                self._answered = time.monotonic()  # nothing was asked before
            first = len(accepted)
            while (done := len(accepted) - first) < len(values):
                given = repeat(topic), values[done:], keys[done:]
                try:
                    accepted.extend(map(self.producer.produce, *given))
                except BufferError:
                    self.producer.poll(0.1)  # full: let some go first
                except KafkaException as error:
                    if error.args[0].code() != KafkaError.MSG_SIZE_TOO_LARGE:
                        raise
                    done = len(accepted) - first
                    raise self._too_large(values[done], keys[done]) from error
        if self._sent - self._looked >= _LOOKED_EVERY:
            self._look()

    def _too_large(self, value: bytes, key: bytes | None) -> CpuwatchError:
        return CpuwatchError(
            f"A record for {self.topic} has {len(value) + len(key or b''):,} bytes, and Kafka takes"
            f" {_LARGEST:,}: it begins with {words.shown(value[:200].decode(errors='replace'))}."
            " Shorten its texts."
        )

    @property
    def _sent(self) -> int:
        before, accepted = self._accepted
        return before + len(accepted)

    def _look(self) -> int:
        """See what has been answered meanwhile; how many records still wait for it."""
        self.producer.poll(0)
        self._looked = self._sent
        waiting = len(self.producer)
        if self._sent - waiting > self._answers or not waiting:
            self._answers = self._sent - waiting
            self._answered = time.monotonic()
        return waiting

    @property
    def delivered(self) -> int:
        """How many records have been confirmed."""
        if self._at_the_end is not None:
            return self._at_the_end
        waiting = self._look()
        return self._sent - waiting - self._failed - len(self._failures)

    @property
    def waiting(self) -> int:
        """How many records have not been confirmed yet."""
        return self._look()

    @property
    def silence(self) -> float:
        """For how long Kafka has owed an answer, in seconds; 0 if it owes none."""
        return time.monotonic() - self._answered if self._look() else 0.0

    def flush(self, patience: float | None = None) -> int:
        """Wait until every record sent is delivered.

        Parameters
        ----------
        patience
            For how long at most, in seconds; by default until each is delivered or has waited
            for as long as the sender's own patience.

        Returns
        -------
        int
            How many were delivered since the start.

        Raises
        ------
        CpuwatchError
            If any record was not delivered; it says how many and why.
        """
        deadline = None if patience is None else time.monotonic() + patience
        given_up = ""
        while self.producer.flush(0.1):
            if deadline is not None and time.monotonic() > deadline:
                given_up = f"no answer for {self.silence:.0f} s"
                self.producer.purge()
                self.producer.flush(1.0)  # each of them says that it was given up
                break
        if self._failures:
            count, reason = len(self._failures), given_up or self._failures[0]
            delivered = self.delivered
            self._failed += count
            self._failures.clear()
            raise CpuwatchError(
                f"{count} of {count + delivered} records were not delivered to"
                f" {self.topic} ({reason}). {turnedaway.remedy(settings(), reason)} Then send them"
                " again."
            )
        return self.delivered
