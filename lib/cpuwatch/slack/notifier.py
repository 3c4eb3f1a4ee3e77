"""The notifier: follows the topic cpu_alerts, and tells the channel.

No alert is lost: an offset is committed only after Slack said ok, or after the alert is in
the dead-letter topic. A repeat is recognised by its id: in memory, in a small file, and in
what the channel's own messages carry unseen. docs/episodes.md says what window remains.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from confluent_kafka import (
    KafkaError,
    KafkaException,
    Message,
)

from cpuwatch import topics
from cpuwatch.errors import CpuwatchError
from cpuwatch.slack.channel import Channel
from cpuwatch.slack.errors import RefusedError, Stopped
from cpuwatch.slack.memory import keep, recall
from cpuwatch.slack.notices import Notice, RollUp
from cpuwatch.words import iso

#: The consumer group, by whose offsets it is seen what was delivered.
GROUP = "cpu_notifier"

#: How many records are rolled up before the channel is told.
BATCH = 500

#: How long to wait for the other cpus of a host, in seconds: Flink commits them together.
_LINGER = 0.3

#: So many finished notices are remembered.
_REMEMBERED = 1000

#: So many bytes of a notice go to the dead letters: larger records than some more no broker takes.
_MOST_KEPT = 500_000

#: Kafka may be silent for so long, in seconds, where somebody waits for the topic's end.
SILENCE = 60.0

#: How often to look whether the topic is still the same one, in seconds.
_LOOK = 2.0

Tell = Callable[[str], None]


class Notifier:
    """Reads transitions, rolls them up, and delivers them to a channel.

    Parameters
    ----------
    channel
        Where to.
    topic, group
        Where from, and in whose name.
    memory
        The file that keeps what was delivered; None for a run that starts afresh and
        commits nothing.
    tell
        Called with a short line about each thing done.
    stop
        Ends it.
    """

    def __init__(
        self,
        channel: Channel,
        topic: str = topics.ALERTS,
        group: str = GROUP,
        memory: Path | None = None,
        tell: Tell = lambda _: None,
        stop: threading.Event | None = None,
    ) -> None:
        self.channel = channel
        self.topic = topic
        self.records = 0  #: read
        self.undelivered = 0  #: refused for good
        self._memory = memory
        self._forgetful = False  #: its file could not be written
        self._tell = tell
        self._stop = stop or threading.Event()
        self._group = group
        self._consumer = self._join()
        self._heard = time.monotonic()  #: when Kafka last gave something
        self._error = ""  #: what it said since
        self._rolled = RollUp()
        channel.on_trouble = tell

    def run(self, once: bool = False) -> None:
        """Deliver until stopped, or, with `once`, until the topic's end as it is now.

        Raises
        ------
        CpuwatchError
            If Kafka does not answer at the start, or with `once` any more, or Slack does not
            within its patience.
        """
        try:
            self._remember()
            waiting = self._begin()
            looked = time.monotonic()
            while not self._stop.is_set() and (waiting or not once):
                batch = self._batch(waiting)
                if batch:
                    self.deliver(batch)
                    self._heard = time.monotonic()  # Slack may have taken its time
                if waiting and once and time.monotonic() - self._heard > SILENCE:
                    why = f"{self.topic} gave nothing for {SILENCE:.0f} seconds"
                    raise topics.unreachable(f"{why}, {self._error}" if self._error else why)
                if time.monotonic() - looked > _LOOK:
                    looked = time.monotonic()
                    if self._changed():
                        self._tell(f"The topic {self.topic} is a new one: beginning at its start.")
                        # A consumer that is given partitions again, and closed before it has let
                        # go of those it had, ends the whole process.
                        self._consumer.close()
                        self._consumer = self._join()
                        waiting = self._begin(afresh=True)
        except Stopped:
            pass  # what was not delivered is not committed, and comes again
        finally:
            self._consumer.close()

    # --- Reading ---------------------------------------------------------------------------

    def _join(self) -> topics.PatientConsumer:
        return topics.PatientConsumer(self._group)

    def _begin(self, afresh: bool = False) -> set[int]:
        """Take up where the group left off; returns the partitions with something to read."""
        topics.create(self.topic)
        self._rolled.topic = _topic_id(self.topic)
        parts = [topics.place(self.topic, number) for number in topics.partitions_of(self.topic)]
        waiting = set()
        try:
            if self._memory is not None and not afresh:
                parts = self._consumer.committed(parts, timeout=20)
            for part in parts:
                low, high = self._consumer.get_watermark_offsets(part, timeout=20)
                if not low <= part.offset <= high:
                    part.offset = low
                if part.offset < high:
                    waiting.add(part.partition)
        except KafkaException as error:
            raise topics.unreachable(error.args[0].str()) from error
        self._consumer.assign(parts)
        self._heard, self._error = time.monotonic(), ""
        return waiting

    def _batch(self, waiting: set[int]) -> list[Message]:
        """What there is, after a moment's wait for what belongs together."""
        found: list[Message] = []
        until = time.monotonic() + _LINGER
        while len(found) < BATCH and not self._stop.is_set():
            for message in self._consumer.consume(BATCH - len(found), 0.1):
                error = message.error()
                if error is not None and error.code() != KafkaError._PARTITION_EOF:
                    self._error = error.str()  # the client goes on trying
                    continue
                self._heard, self._error = time.monotonic(), ""
                if error is None:
                    found.append(message)
                else:
                    waiting.discard(message.partition())
            if time.monotonic() > until:
                break
        return found

    def _changed(self) -> bool:
        """Whether the topic was deleted and made again, with other records at the old offsets."""
        try:
            now = _topic_id(self.topic)
        except CpuwatchError:
            return False  # the broker is away
        return now not in ("", self._rolled.topic)  # without an id it is between two lives

    # --- Delivering ------------------------------------------------------------------------

    def deliver(self, batch: list[Message]) -> None:
        """Tell the channel what these records change, and commit them."""
        changed: dict[str, Notice] = {}
        # A host's cpus may have been averaged by several workers, of which one is ahead.
        records = [(topics.decode(message.value()) or {}, message) for message in batch]
        for record, message in sorted(records, key=lambda one: _as_of(one[0])):
            try:
                notice = self._rolled.apply(record)
            except ValueError as error:
                self.keep_undelivered(str(error), {"text": _beginning(message.value())})
                continue
            changed[notice.id] = notice
        self.records += len(batch)
        for notice in changed.values():
            self._deliver_one(notice)
        self._rolled.forget_old(_REMEMBERED)
        self._save()
        self._commit(batch)

    def _deliver_one(self, notice: Notice) -> None:
        posted, updated = self.channel.posted, self.channel.updated
        try:
            self.channel.deliver(notice)
        except RefusedError as refused:
            kept = notice.as_dict(_MOST_KEPT)
            self.keep_undelivered(refused.code, {"remedy": refused.remedy, **kept})
            self._tell(f"{notice.hostname}: {refused}")
            return
        cpus = len(notice.episodes)
        state = "over" if notice.is_open else "back"
        what = f"{notice.hostname} is {state}, {cpus} cpu{'' if cpus == 1 else 's'}"
        if self.channel.posted > posted:
            self._tell(f"posted: {what}")
        elif self.channel.updated > updated:
            self._tell(f"updated: {what}")
        self._save()

    def keep_undelivered(self, reason: str, more: dict[str, object]) -> None:
        """Put what cannot be delivered into its topic, with the reason."""
        self.undelivered += 1
        topics.create(topics.UNDELIVERED)
        now = iso(datetime.now(timezone.utc), "seconds")
        with topics.Sender(topics.UNDELIVERED) as sender:
            sender.send({"reason": reason, "refused_at": now, **more})
            sender.flush()

    def _commit(self, batch: list[Message]) -> None:
        if self._memory is None:
            return
        reached: dict[int, int] = {}
        for message in batch:
            reached[message.partition()] = message.offset() + 1
        offsets = [topics.place(self.topic, part, where) for part, where in reached.items()]
        try:
            self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            # They come again, and are recognised.
            self._tell(f"Kafka did not take the offsets ({error.args[0].str()}).")

    # --- Remembering -----------------------------------------------------------------------

    def _remember(self) -> None:
        """Learn what was delivered: from the channel itself, or else from the file."""
        if self._memory is None:
            return
        kept = recall(self._memory)
        try:
            there = {notice.id: notice for notice in self.channel.notices()}
        except RefusedError as refused:
            self._tell(
                f"The channel cannot be read ({refused.code}), so repeats are recognised by"
                f" {self._memory.name} alone; the scope channels:history would help."
            )
        else:
            # The channel knows best. What it has no more of was deleted, or is too far back.
            for notice in kept:
                found = there.pop(notice.id, None)
                if found is not None and found.said == notice.said:
                    continue
                if found is not None:
                    notice.ts, notice.said = found.ts, None
            kept += there.values()
        self._rolled = RollUp(sorted(kept, key=lambda one: float(one.ts or 0)))

    def _save(self) -> None:
        if self._memory is None:
            return
        try:
            keep(self._memory, self._rolled.notices.values())
        except OSError as error:
            # What was told is told: it is known here, and the offset says it as well.
            if not self._forgetful:
                self._tell(
                    f"{self._memory.name} cannot be written ({error.strerror or error}): until it"
                    " can, a notifier that dies may tell something twice. Is the disk full?"
                )
            self._forgetful = True
        else:
            self._forgetful = False


def _topic_id(topic: str) -> str:
    """Kafka's own id of the topic; empty if it is not there."""
    return "".join(one.id for one in topics.states(topic).values())


def _as_of(record: dict[str, Any]) -> str:
    value = record.get("as_of")
    return value if isinstance(value, str) else ""


def _beginning(value: bytes | None) -> str:
    return (value or b"")[:1000].decode("utf-8", "replace")
