"""A producer and a consumer in confluent-kafka alone; docs/plain-pyflink.md explains both.

python plain_kafka.py make TOPIC…
python plain_kafka.py send TOPIC < readings.jsonl
python plain_kafka.py watch TOPIC
"""

import json
import os
import sys

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient, NewTopic

KAFKA = os.environ.get("KAFKA", "127.0.0.1:9092")
GROUP = os.environ.get("GROUP", "plain_kafka")  # those who have the same one share the records


def make(*topics: str) -> None:
    """Make topics of two partitions each; none may be there already."""
    admin = AdminClient({"bootstrap.servers": KAFKA})
    wanted = [NewTopic(topic, num_partitions=2) for topic in topics]
    for topic, answer in admin.create_topics(wanted).items():
        try:
            answer.result()  # Kafka answers for each of them
        except KafkaException as error:
            sys.exit(f"{topic} is not made: {error.args[0].str()}")
    print(f"{len(topics)} topics are made.")


def send(topic: str) -> None:
    """Send each line, a JSON object, keyed by its host; say how many were delivered."""
    failed: list[KafkaError] = []

    def delivered(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failed.append(error)

    producer = Producer(
        {
            "bootstrap.servers": KAFKA,
            "enable.idempotence": True,  # a batch that is sent once more is not kept twice
            "partitioner": "murmur2_random",  # the same partition as Java's clients choose
        }
    )
    count = 0
    for line in sys.stdin:
        key = json.dumps({"hostname": json.loads(line)["hostname"]}, separators=(",", ":"))
        while True:
            try:
                producer.produce(topic, line.strip(), key, on_delivery=delivered)
            except BufferError:
                producer.poll(0.1)  # the queue is full: let some go first
                continue
            break
        producer.poll(0)  # this is what calls `delivered`
        count += 1
    producer.flush()
    if failed:
        sys.exit(f"{len(failed)} of {count} were not delivered: {failed[0].str()}.")
    print(f"{count} readings are delivered.")


def watch(topic: str) -> None:
    """Print each record's value; note it only then, so that nothing is missed. Until Ctrl-C."""
    consumer = Consumer(
        {
            "bootstrap.servers": KAFKA,
            "group.id": GROUP,
            "auto.offset.reset": "earliest",  # where a new group begins
            "isolation.level": "read_committed",  # what a job has not committed is not there yet
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([topic])
    try:
        while True:
            message = consumer.poll(1.0)
            if message is None:
                continue
            if message.error() is not None:
                sys.exit(f"Kafka says: {message.error().str()}.")
            print(message.value().decode(), flush=True)
            consumer.commit(message, asynchronous=False)
    except KeyboardInterrupt:
        pass
    finally:
        consumer.close()


if __name__ == "__main__":
    command, topics = "".join(sys.argv[1:2]), sys.argv[2:]
    if command == "make" and topics:
        make(*topics)
    elif command in ("send", "watch") and len(topics) == 1:
        {"send": send, "watch": watch}[command](*topics)
    else:
        sys.exit(__doc__)
