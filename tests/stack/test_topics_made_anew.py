"""A topic may be deleted and made anew under those who read it and write to it: none of them dies.

One to whom that happens again and again may end its whole process, a notebook's kernel perhaps
(confluentinc/librdkafka#4964). So ours do not live for so long, and here, as there, each sees it
once; and they are in a process of their own.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from cpuwatch import topics
from cpuwatch.settings import settings

#: So often, under so many consumers and producers.
ROUNDS, CLIENTS = 6, 8

PROGRAM = """
import sys, threading, time, uuid
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from cpuwatch import topics

address, topic, rounds, clients = *sys.argv[1:3], *map(int, sys.argv[3:])


def read(over):
    told = {"bootstrap.servers": address, "group.id": uuid.uuid4().hex, "log_level": 0}
    consumer = Consumer({**told, "auto.offset.reset": "earliest", "fetch.wait.max.ms": 50})
    consumer.assign([TopicPartition(topic, number, 0) for number in (0, 1)])
    while not over.is_set():
        consumer.consume(100, 0.1)
    consumer.close()


def write(over):
    producer = Producer({"bootstrap.servers": address, "linger.ms": 20, "log_level": 0})
    while not over.is_set():
        try:
            producer.produce(topic, b"value", b"key")
        except (BufferError, KafkaException):
            pass  # just then there is no such topic
        producer.poll(0.01)
    producer.purge()


for _ in range(rounds):
    over = threading.Event()
    kinds = [what for what in (read, write) for _ in range(clients)]
    threads = [threading.Thread(target=what, args=(over,)) for what in kinds]
    for thread in threads:
        thread.start()
    time.sleep(0.5)  # all are at work, and then they learn of it
    topics.empty(topic)
    time.sleep(0.5)
    over.set()
    for thread in threads:
        thread.join()
print("all are well")
"""


def test_whoever_reads_or_writes_a_topic_lives_when_it_is_made_anew(stack: Path) -> None:
    topic = "made-anew"
    topics.create(topic)
    told = [settings().kafka_address, topic, str(ROUNDS), str(CLIENTS)]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *told],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "all are well\n"), done.stderr[-2000:]
    topics.delete(topic)
