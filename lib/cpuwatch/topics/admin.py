"""Topics: create, delete, empty; which there are, and how far they reach."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from confluent_kafka import (
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    OffsetSpec,
)

from cpuwatch import naming, waiting
from cpuwatch.errors import CpuwatchError
from cpuwatch.naming import full, new, short, shown
from cpuwatch.settings import MOST_PARTITIONS, settings
from cpuwatch.topics.client import TIMEOUT, ask, once_led, place

#: By these a topic keeps all of its records, whatever their size and age.
_KEEP_ALL = {"retention.bytes": "-1", "retention.ms": "-1"}


#: The most partitions of which each has a host of the fleet's, whichever way a topic's keys are
#: written.
_MOST_FILLED = 4

#: What Kafka says to who lacks the right.
_NOT_ALLOWED = (
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.POLICY_VIOLATION,
)


class NotAllowedError(CpuwatchError):
    """Kafka knows us, and does not let us do that."""


def usual_partitions() -> int:
    """How many partitions a topic gets.

    Two are enough to show what a key is for. Each worker has one of its own, but never are they so
    many that one stays without a host: nothing would come from it, and no window would close.
    """
    config = settings()
    return config.partitions or min(max(2, config.parallelism), _MOST_FILLED)


def names() -> list[str]:
    """The names of all topics of ours, Kafka's own left out."""
    found = ask(lambda client: client.list_topics(timeout=TIMEOUT).topics)
    ours = (short(name) for name in found if not name.startswith("__"))
    return sorted(name for name in ours if name is not None)


def possible(name: str, partitions: int | None = None) -> int:
    """How many partitions a topic has that is made so.

    Parameters
    ----------
    name
        The topic's name.
    partitions
        How many; by default as many as `usual_partitions` says.

    Raises
    ------
    CpuwatchError
        If there can be no such topic.
    """
    naming.possible_topic(name)
    if partitions is None:
        return usual_partitions()
    try:
        count = operator.index(partitions)
    except TypeError:
        count = 0
    if not 0 < count <= MOST_PARTITIONS:
        raise CpuwatchError(
            f"{name} cannot have {partitions} partitions: give a whole number from 1 to"
            f" {MOST_PARTITIONS:,}."
        )
    return count


def create(name: str, partitions: int | None = None, whole: bool = False) -> bool:
    """Create a topic, unless it is there.

    Parameters
    ----------
    name
        The topic's name.
    partitions
        How many; by default as many as `usual_partitions` says, and one that is there may have
        any number.
    whole
        Whether it keeps all of its records. Others lose the oldest when they get too many.

    Returns
    -------
    bool
        Whether it was created now.

    Raises
    ------
    CpuwatchError
        If Kafka does not answer, or the topic is there with another number of partitions.
    """
    count = possible(name, partitions)
    # One replica is all that a broker of its own can keep; others know how many they want.
    replicas = -1 if settings().outside("kafka") else 1
    wanted = [NewTopic(new(name), count, replicas, config=_KEEP_ALL if whole else {})]
    if not ask(
        lambda client: _done(
            client.create_topics(wanted, operation_timeout=TIMEOUT),
            KafkaError.TOPIC_ALREADY_EXISTS, *_NOT_ALLOWED,
        )
    ):  # fmt: skip
        if not partitions_of(name):
            raise CpuwatchError(
                f"There is no topic {full(name)}, and we may not create it: ask whoever runs Kafka"
                f" for it, with {count} partitions."
            )
        there = len(partitions_of(name))
        if partitions is not None and there != partitions:
            raise CpuwatchError(
                f"The topic {name} has {there} partitions, not {partitions}. Keys would land"
                " elsewhere than before if that changed: delete the topic first if you mean it."
            ) from None
        return False
    _wait_until(lambda: len(partitions_of(name)) == count, f"topic {name} to be there")
    return True


def keep_whole(name: str) -> None:
    """Let a topic that is there keep all of its records, until it is made anew.

    Parameters
    ----------
    name
        The topic's.
    """
    changes = [
        ConfigEntry(option, value, incremental_operation=AlterConfigOpType.SET)
        for option, value in _KEEP_ALL.items()
    ]
    wanted = [ConfigResource(ConfigResource.Type.TOPIC, full(name), incremental_configs=changes)]
    ask(lambda client: _done(client.incremental_alter_configs(wanted)))


def delete(*topics: str) -> None:
    """Delete topics, and wait until they are gone; one that is not there is no error.

    Parameters
    ----------
    *topics
        Their names.
    """
    there = set(names())
    gone = [name for name in topics if name in there]
    if not gone:
        return
    ask(
        lambda client: _done(
            client.delete_topics([full(name) for name in gone], operation_timeout=TIMEOUT),
            KafkaError.UNKNOWN_TOPIC_OR_PART,
        )
    )
    _wait_until(lambda: not set(gone) & set(names()), f"{', '.join(gone)} to be gone")


def discard(*topics: str) -> None:
    """Delete topics that we could make again; of others, which somebody made for us, the records.

    Who may delete a topic's records may delete the topic, as Kafka has it, and perhaps not make it.

    Parameters
    ----------
    *topics
        Their names.
    """
    known = set(names())
    there = [name for name in topics if name in known]
    try:
        delete(*_creatable(there))
    except NotAllowedError:
        pass  # then these stay as well
    for name in sorted(set(there) & set(names())):
        clear(name)


def _creatable(topics: Iterable[str]) -> list[str]:
    """Those of these topics that we may make; Kafka says so before it says that they are there."""
    wanted = list(topics)
    if not wanted or not settings().outside("kafka"):
        return wanted

    def find(client: AdminClient) -> list[str]:
        asked = client.create_topics(
            [NewTopic(full(name), 1, -1) for name in wanted],
            operation_timeout=TIMEOUT,
            validate_only=True,
        )
        return [name for name in wanted if _refusal(asked[full(name)]) not in _NOT_ALLOWED]

    return ask(find)


def _refusal(future: Future[Any]) -> int | None:
    try:
        future.result(TIMEOUT)
    except KafkaException as error:
        return int(error.args[0].code())
    return None


def empty(name: str, partitions: int | None = None) -> None:
    """A topic by that name with nothing in it: what was there before is deleted.

    Where we may not delete it, or not make it again, the topic stays, and its records go.

    Parameters
    ----------
    name
        The topic's.
    partitions
        How many it has if it is made anew; by default as many as `usual_partitions` says.
    """
    possible(name, partitions)  # before anything has gone
    discard(name)
    create(name, partitions)


def clear(name: str) -> None:
    """Take all records out of a topic that stays the same one: who reads it reads on.

    Parameters
    ----------
    name
        The topic's.
    """
    ends = [place(name, number, end) for number, end in states(name)[name].ends.items() if end]
    if ends:
        ask(lambda client: once_led(lambda _: _done(client.delete_records(ends))))


def _done(futures: Mapping[Any, Future[Any]], *unless: int) -> dict[Any, Any]:
    """Wait until all is done: the results; what was refused with a code in `unless` has none."""
    results = {}
    for name, future in futures.items():
        try:
            results[name] = future.result(TIMEOUT)
        except KafkaException as error:
            code = error.args[0].code()
            if code in unless:
                continue
            if code in _NOT_ALLOWED:
                raise NotAllowedError(
                    f"Kafka lets us not do that to {_called(name)} ({error.args[0].str()}): ask"
                    " whoever runs it for the right, or for an empty topic."
                ) from error
            raise
    return results


def _called(place: Any) -> str:
    return str(getattr(place, "topic", place))


def _wait_until(condition: Callable[[], bool], what: str) -> None:
    waiting.until(
        condition,
        TIMEOUT,
        f"Waited {TIMEOUT:.0f} seconds for {what}. Look at 'cpuwatch status', and try again.",
    )


def partitions_of(name: str) -> list[int]:
    """The numbers of a topic's partitions; none if it is not there.

    Parameters
    ----------
    name
        The topic's.
    """
    wanted = full(name)
    topic = ask(lambda client: client.list_topics(wanted, timeout=TIMEOUT).topics[wanted])
    return [] if topic.error is not None else sorted(topic.partitions)


def require(topic: str) -> list[int]:
    """The partitions of a topic that has to be there."""
    found = partitions_of(topic)
    if not found:
        raise CpuwatchError(
            f"There is no topic {topic}. The topics are: {', '.join(names()) or 'none yet'}."
        )
    return found


@dataclass(frozen=True)
class State:
    """A topic as it is now.

    Attributes
    ----------
    id
        Kafka's own id: another one for each topic, of the same name, too.
    ends
        For each partition the offset at which its next record will stand.
    """

    id: str
    ends: dict[int, int]


def states(*names: str) -> dict[str, State]:
    """The state of each of these topics; one that is not there is left out.

    Parameters
    ----------
    *names
        Of the topics.

    Raises
    ------
    CpuwatchError
        If Kafka does not answer.
    """
    if not names:
        return {}
    return ask(lambda client: _states(client, names))


def held(topic: str) -> int:
    """How many records a topic holds at most: marks of transactions, which nobody reads, count.

    Parameters
    ----------
    topic
        Its name.

    Raises
    ------
    CpuwatchError
        If there is no such topic, or Kafka does not answer.
    """
    require(topic)

    def count(client: AdminClient) -> int:
        described = _described(client, [topic])
        every = IsolationLevel.READ_UNCOMMITTED
        begins = offsets(client, described, every, OffsetSpec.earliest())
        ends = offsets(client, described, every)
        return sum(end - begins[one] for one, end in ends.items() if one in begins)

    return ask(count)


def await_committed(*names: str, seconds: float = TIMEOUT) -> None:
    """Wait until all that stands in topics now is committed, or taken back: readers see it then.

    Who commits a transaction hears from Kafka that it is committed before Kafka has written that
    into each partition, and what reads committed records alone stops before.

    Parameters
    ----------
    *names
        The topics' names; one that is not there is left out.
    seconds
        For how long.

    Raises
    ------
    CpuwatchError
        If a transaction stays open, or Kafka does not answer.
    """
    wanted = _ends(names, IsolationLevel.READ_UNCOMMITTED)
    behind = dict(wanted)

    def are_committed() -> bool:
        nonlocal behind
        stable = _ends(names, IsolationLevel.READ_COMMITTED)
        # One that was made anew meanwhile has nothing of that.
        behind = {one: end for one, end in wanted.items() if stable.get(one, end) < end}
        return not behind

    def still_open() -> str:
        name = shown(next(iter(behind)).topic)
        return (
            f"In {name} a transaction is open still, {seconds:.0f} seconds after its last record:"
            " nobody sees what stands behind it. Whatever wrote it has died, and has not begun"
            " anew: deploy that job again, which ends it."
        )

    waiting.until(are_committed, seconds, still_open)


def _ends(names: Iterable[str], level: IsolationLevel) -> dict[TopicPartition, int]:
    """Where each partition ends: for all readers, or for those of committed records alone."""

    def find(client: AdminClient) -> dict[TopicPartition, int]:
        return offsets(client, _described(client, names), level)

    return ask(find) if names else {}


def _described(client: AdminClient, names: Iterable[str]) -> dict[str, Any]:
    """What Kafka says of each topic, by its full name; one that is not there is left out."""
    return _done(
        client.describe_topics(TopicCollection([full(name) for name in names])),
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    )


def offsets(
    client: AdminClient,
    described: Mapping[str, Any],
    level: IsolationLevel,
    where: OffsetSpec | None = None,
) -> dict[TopicPartition, int]:
    """An offset of each partition, by default where it ends."""
    wanted = {
        TopicPartition(name, part.id): where or OffsetSpec.latest()
        for name, one in described.items()
        for part in one.partitions
    }

    def find(left: float) -> dict[TopicPartition, int]:
        found = client.list_offsets(wanted, isolation_level=level)
        return {where: one.result(left).offset for where, one in found.items()}

    return once_led(find) if wanted else {}


def _states(client: AdminClient, names: Iterable[str]) -> dict[str, State]:
    described = _described(client, names)
    ends: dict[str, dict[int, int]] = {name: {} for name in described}
    for one, end in offsets(client, described, IsolationLevel.READ_UNCOMMITTED).items():
        ends[one.topic][one.partition] = end
    return {shown(name): State(str(had.topic_id), ends[name]) for name, had in described.items()}
