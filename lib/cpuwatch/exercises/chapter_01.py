"""Chapter 1: topic, key, partition, offset."""

from __future__ import annotations

import json
from typing import Any

from cpuwatch import naming, topics
from cpuwatch.exercises import held
from cpuwatch.exercises.answers import is_empty, number, several
from cpuwatch.exercises.compare import refuse_others
from cpuwatch.exercises.exercise import Chapter, Exercise, NotYetError, Prediction, Question
from cpuwatch.readings import COLUMNS

#: The attendee's own topic.
MINE = "cpu_doc"

_LAST = 5

#: What a reading is made of.
_FIELDS = list(COLUMNS)


def _partition_of_happy(answer: Any) -> str:
    found = number(answer)
    stored = held.records(topics.READINGS)
    right = set(stored.loc[stored["hostname"] == "happy", "partition"])
    if len(right) != 1:
        raise NotYetError(
            f"The readings of happy are in {len(right)} partitions, so there is no right number:"
            " run the cells above that make the topic anew and send the fleet's readings."
        )
    there = sorted(set(stored["partition"]))
    if found not in there:
        raise NotYetError(
            f"The topic has no partition {found:g}: they are {', '.join(map(str, there))}."
        )
    if found not in right:
        others = ", ".join(sorted(set(stored.loc[stored["partition"] == found, "hostname"])))
        raise NotYetError(
            f"Partition {found:g} holds {others}, and nothing of happy: select the rows of happy,"
            " and look at their column partition."
        )
    return "All readings of happy are there, since all of them have the same key."


def _topic_of_doc(_answer: Any) -> str:
    found = held.records(MINE)
    if found.empty:
        raise NotYetError(f"The topic {MINE} is there, and empty: send readings to it.")
    absent = [name for name in _FIELDS if name not in found]
    if absent:
        raise NotYetError(
            f"The records in {MINE} have no field {' and '.join(absent)}: send rows of fleet, with"
            " all columns."
        )
    others = sorted(set(found["hostname"].dropna().map(str)) - {"doc"})
    if others:
        raise NotYetError(
            f"{MINE} also holds readings of {', '.join(others)}: select those of doc before you"
            " send them."
        )
    wanted = held.records(topics.READINGS)
    wanted = wanted[wanted["hostname"] == "doc"]
    moment = ["cpu", "occurred_at"]
    if found[moment].duplicated().any():
        raise NotYetError(
            f"{MINE} holds {len(found):,} records, some of them twice: a topic keeps both. Make it"
            " anew before you send, with workshop.fresh_topic."
        )
    lacking = len(wanted) - len(found.merge(wanted[moment], on=moment))
    if lacking:
        raise NotYetError(
            f"Of doc's {len(wanted):,} readings {lacking:,} are not in {MINE}: send all of them."
        )
    extra = len(found) - len(wanted)
    if extra > 0:
        raise NotYetError(
            f"{MINE} holds {extra:,} readings that are not among doc's in the fleet: send its rows"
            " as they are, and no others."
        )
    refuse_others(found[_FIELDS], wanted[_FIELDS], ["hostname", *moment])
    if found["partition"].nunique() > 1:
        raise NotYetError(
            "The readings of doc are in both partitions, so their order is lost: the hostname has"
            " to be their key. topics.produce sees to that."
        )
    in_order = found.sort_values("offset")["occurred_at"].is_monotonic_increasing
    if not in_order and wanted.sort_values("offset")["occurred_at"].is_monotonic_increasing:
        raise NotYetError(
            "The readings of doc are all in one partition, and not in the order of their times:"
            " send them as they stand in fleet."
        )
    return f"All {len(found):,} readings are in one partition, in their order."


def _last_records(answer: Any) -> str:
    if is_empty(answer) or (isinstance(answer, list) and not answer):
        raise NotYetError(
            "The answer is empty: put the values of five records into the list."
            + naming.in_full(topics.READINGS)
        )
    given = [_value(one) for one in several(answer)]
    if len(given) != _LAST:
        raise NotYetError(f"Five records are asked for, and the answer holds {len(given)}.")
    stored = [m for m in held.messages(topics.READINGS) if m.partition() == 0]
    wanted = [_value(m) for m in stored[-_LAST:]]
    if given == wanted:
        return "Only the offset said where to begin. Nothing was taken away, and nobody noticed."
    if sorted(map(str, given)) == sorted(map(str, wanted)):
        raise NotYetError("These are the right records, in another order than that of the offsets.")
    if given == [_value(m) for m in stored[:_LAST]]:
        raise NotYetError(
            "These are the first five of the partition: begin five before the partition's end."
        )
    other = [_value(m) for m in held.messages(topics.READINGS) if m.partition() == 1]
    if given == other[-_LAST:]:
        raise NotYetError("These are the last five of partition 1: partition 0 is asked for.")
    raise NotYetError(
        "These are not the last five records of partition 0: at which offset does it end, and at"
        " which did the consumer begin?"
    )


def _value(one: Any) -> object:
    """A record's value, whatever was kept of it."""
    value = getattr(one, "value", one)
    value = value() if callable(value) else value
    if isinstance(value, (bytes, str)):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


#: How the stretch begins. A plain client needs the whole names, which have a prefix perhaps.
_CONSUMER = (
    "from confluent_kafka import Consumer, TopicPartition\n\n"
    'topic = workshop.fill("${prefix}cpu_load_stats_real")  # in full\n'
    "consumer = Consumer(\n"
    "    {\n"
    "        **topics.client_settings(),  # where Kafka is\n"
    '        "group.id": workshop.fill("${prefix}me"),\n'
    "    }\n"
    ")\n"
)

CHAPTER = Chapter(
    exercises=(
        Exercise(
            "01-warm-up",
            task="In which partition are the readings of `happy`? Put its number in place of"
            " `None`.",
            starter='answer = None\nworkshop.check("01-warm-up", answer)',
            hints=(
                "The column `partition` of `stored` says it for each record.",
                'stored["hostname"] == "happy" selects the rows of one host.',
                'stored.loc[stored["hostname"] == "happy", "partition"].unique() gives a list with'
                " one number.",
            ),
            solution='happy = stored[stored["hostname"] == "happy"]\n'
            'answer = happy["partition"].unique()\n'
            'workshop.check("01-warm-up", answer)',
            judge=_partition_of_happy,
        ),
        Exercise(
            "01-core",
            task="Send the readings of `doc`, and no others, to a topic of your own, `cpu_doc`, in"
            " such a way that they stay in order. The first line makes the topic anew, so the cell"
            " may run twice.",
            starter='workshop.fresh_topic("cpu_doc")\n'
            "# Here you send them.\n"
            'workshop.check("01-core")',
            hints=(
                "A cell above sends the whole fleet: with fewer rows it sends fewer readings.",
                'fleet[fleet["hostname"] == "doc"] is a table of doc alone.',
                'topics.produce(…, "cpu_doc") sends a table, with the hostname as key.',
            ),
            solution='workshop.fresh_topic("cpu_doc")\n'
            'topics.produce(fleet[fleet["hostname"] == "doc"], "cpu_doc")\n'
            'workshop.check("01-core")',
            judge=_topic_of_doc,
        ),
        Exercise(
            "01-stretch",
            task="Without our helpers: with a `Consumer` of `confluent_kafka`, read the last five"
            " records of partition 0 of `cpu_load_stats_real`. Put their values into the list, in"
            " their order.",
            starter=_CONSUMER + "answer = []\n"
            "# Here you read them.\n"
            "consumer.close()\n"
            'workshop.check("01-stretch", answer)',
            hints=(
                "consumer.get_watermark_offsets(TopicPartition(topic, 0)) gives the first offset"
                " and the one after the last.",
                "consumer.assign([TopicPartition(topic, 0, offset)]) says where to begin.",
                "consumer.consume(5, 10) waits up to ten seconds for five messages. The value of"
                " one is message.value().",
            ),
            solution=_CONSUMER
            + "first, end = consumer.get_watermark_offsets(TopicPartition(topic, 0))\n"
            "consumer.assign([TopicPartition(topic, 0, end - 5)])\n"
            "answer = [message.value() for message in consumer.consume(5, 10)]\n"
            "consumer.close()\n"
            'workshop.check("01-stretch", answer)',
            judge=_last_records,
        ),
    ),
    predictions=(
        Prediction(
            "01-partitions",
            asks="Seven hosts go into two partitions. In how many of them will you find readings"
            " of `doc`?",
            explains="All of its records have the same key, and the key decides the partition.",
        ),
        Prediction(
            "01-twice",
            asks="You read the topic, and read it again. How many readings will the second time"
            " give?",
            explains="Reading takes nothing away: whoever reads keeps an offset of their own.",
        ),
    ),
    questions=(
        Question(
            "What decides in which partition a record lands?",
            right=("its key", "The producer hashes the key: the same key, the same partition."),
            wrong=(
                ("its time", "Nobody looks at the time: the producer hashes the key."),
                (
                    "who sent it",
                    "Clients may differ in how they hash a key; ours does it as Java's does.",
                ),
                ("chance", "That is so without a key. Ours have one."),
            ),
            at=2,
        ),
        Question(
            "Between which records does Kafka keep the order?",
            right=(
                "those of one partition",
                "A partition is a list. Between two lists there is no order.",
            ),
            wrong=(
                ("all of a topic", "Between partitions there is no order."),
                ("those of one minute", "Kafka orders by arrival, partition by partition."),
                ("none", "Within a partition it does, for ever."),
            ),
            at=0,
        ),
        Question(
            "Two programs read the same topic. What does the second one get?",
            right=(
                "everything, too",
                "Reading takes nothing away. Only those of one consumer group share.",
            ),
            wrong=(
                ("what the first one left", "Reading takes nothing away."),
                ("nothing", "A topic is no queue: it keeps what was read."),
                ("half of it", "Only consumers of the same group share partitions."),
            ),
            at=3,
        ),
        Question(
            "What is an offset?",
            right=(
                "a record's place in its partition",
                "It counts from 0, and stays when older records are deleted.",
            ),
            wrong=(
                ("the time since the record came", "That would be its age."),
                ("a record's number in the topic", "Each partition counts for itself."),
                ("the number of its partition", "That is the partition: the offset is within it."),
            ),
            at=1,
        ),
    ),
)
