"""How Kafka is reached, by every client alike."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import TimeoutError as FutureTimeout
from functools import wraps
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from cpuwatch import naming, signals
from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import settings
from cpuwatch.stack import access, claims, kafka, turnedaway

Result = TypeVar("Result")

#: How long Kafka may take to answer, in seconds.
TIMEOUT = 20.0

#: Who leads a partition is being settled.
_NO_LEADER = {KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE}


def client_settings(**more: Any) -> dict[str, Any]:
    """What every client needs to find Kafka, and `more`.

    Parameters
    ----------
    **more
        Further settings, by librdkafka's names.
    """
    config = settings()
    known = access.client_options(config)
    return {"bootstrap.servers": config.kafka_address, "log_level": 0, **known, **more}


def ask(question: Callable[[AdminClient], Result]) -> Result:
    """What a client for topics and groups finds out or does.

    Parameters
    ----------
    question
        As for `stack.kafka.ask`.

    Raises
    ------
    CpuwatchError
        If Kafka refuses or does not answer.
    """
    config = settings()
    claims.once(config)
    try:
        return kafka.ask(client_settings(), question)
    except KafkaException as error:
        raise refused(error.args[0]) from error
    except FutureTimeout as error:
        raise unreachable(f"it took longer than {TIMEOUT:.0f} s") from error


def once_led(question: Callable[[float], Result], timeout: float = TIMEOUT) -> Result:
    """What is asked of a partition's leader, as soon as there is one.

    A Kafka that has just started may not lead its partitions yet, nor those of a topic that was
    made a moment ago. By themselves clients ask again for what they read and write, but not for
    offsets.

    Parameters
    ----------
    question
        Given the seconds that are left.
    timeout
        In seconds.

    Raises
    ------
    KafkaException
        If it fails otherwise, or there is no leader in time.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            return question(max(0.1, deadline - time.monotonic()))
        except KafkaException as error:
            if error.args[0].code() not in _NO_LEADER or time.monotonic() > deadline:
                raise
        time.sleep(0.1)


def _untorn(method: Callable[..., Result]) -> Callable[..., Result]:
    @wraps(method)
    def call(*args: Any, **kwargs: Any) -> Result:
        with signals.held():
            return method(*args, **kwargs)

    return call


class PatientConsumer(Consumer):  # type: ignore[misc]
    """A consumer of ours: an interrupt comes after a call, and never within it.

    Parameters
    ----------
    group
        Its consumer group.
    """

    def __init__(self, group: str, **more: Any) -> None:
        super().__init__(
            client_settings(
                **{
                    "group.id": naming.full(group),
                    "enable.auto.commit": False,
                    "auto.offset.reset": "earliest",
                    # Only what Flink has committed: with its exactly-once sink nothing
                    # appears that a restart would take back.
                    "isolation.level": "read_committed",
                    "enable.partition.eof": True,
                    "fetch.wait.max.ms": 50,
                    **more,
                }
            ),
            logger=kafka.QUIET,
        )

    close = _untorn(Consumer.close)
    commit = _untorn(Consumer.commit)
    committed = _untorn(Consumer.committed)
    consume = _untorn(Consumer.consume)
    poll = _untorn(Consumer.poll)

    def get_watermark_offsets(
        self, partition: TopicPartition, timeout: float = TIMEOUT
    ) -> tuple[int, int]:
        """The first offset of a partition and the one after its last.

        As `once_led` asks.
        """

        def find(left: float) -> tuple[int, int]:
            with signals.held():
                found = super(PatientConsumer, self).get_watermark_offsets(partition, timeout=left)
            if found is None:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
            return int(found[0]), int(found[1])

        return once_led(find, timeout)


class PatientProducer(Producer):  # type: ignore[misc]
    """A producer of ours: an interrupt comes after a call, and never within it."""

    def __init__(self, **more: Any) -> None:
        claims.once(settings())
        super().__init__(
            client_settings(
                **{
                    "acks": "all",
                    "enable.idempotence": True,  # a resend makes no duplicate
                    # As Java's clients hash a key, so that a host's records land in the same
                    # partition whoever sends them.
                    "partitioner": "murmur2_random",
                    "linger.ms": 20,
                    "compression.type": "lz4",
                    **more,
                }
            ),
            logger=kafka.QUIET,
        )

    flush = _untorn(Producer.flush)
    list_topics = _untorn(Producer.list_topics)
    poll = _untorn(Producer.poll)


def place(topic: str, partition: int, *offset: int) -> TopicPartition:
    """A partition of a topic, and an offset in it, as Kafka's clients take them.

    Parameters
    ----------
    topic
        By its name in notebooks.
    partition
        Its number.
    *offset
        Where in it; at most one.
    """
    return TopicPartition(naming.full(topic), partition, *offset)


#: What a broker says of what it is asked for; what it says of itself is not among it.
_REFUSED = {
    KafkaError.TOPIC_EXCEPTION, KafkaError.INVALID_PARTITIONS, KafkaError.INVALID_CONFIG,
    KafkaError.INVALID_REPLICATION_FACTOR, KafkaError.INVALID_REQUEST, KafkaError.POLICY_VIOLATION,
    KafkaError.INVALID_GROUP_ID, KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE,
}  # fmt: skip


def refused(error: KafkaError) -> CpuwatchError:
    """The sentence for what a client could not have done: Kafka refuses it, or does not answer.

    Parameters
    ----------
    error
        What the client says.
    """
    if error.code() in _REFUSED:
        said = error.str().rstrip(".")
        return CpuwatchError(f"Kafka answers, and refuses that: {said}. Ask it for something else.")
    return unreachable(error.str())


def unreachable(error: object) -> CpuwatchError:
    """The sentence that says that Kafka does not answer, and what to do.

    Parameters
    ----------
    error
        What the client says.
    """
    config = settings()
    said = turnedaway.reason(str(error))
    return CpuwatchError(
        f"Kafka at {config.kafka_address} does not answer ({said})."
        f" {turnedaway.remedy(config, said)}"
    )
