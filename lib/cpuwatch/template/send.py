"""Send five minutes of readings of three hosts; the key keeps those of a host in order."""

import json
import os
import random
import time

import pipeline
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

KAFKA = {"bootstrap.servers": os.environ.get("KAFKA", "127.0.0.1:9092")}

admin = AdminClient(KAFKA)  # it has to be there until Kafka has answered
wanted = [NewTopic(name, num_partitions=2) for name in (pipeline.READINGS, pipeline.AVERAGES)]
for future in admin.create_topics(wanted).values():
    try:
        future.result()
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise

#: Their usual usage. They lie in both partitions: one without readings would hold all windows up.
HOSTS = {"doc": 10, "happy": 45, "sneezy": 60}

producer = Producer(KAFKA)
start = int(time.time()) * 1000 - 300_000
for second in range(300):
    for host, usage in HOSTS.items():
        reading = {
            "hostname": host,
            "usage": usage + random.gauss(0, 3),
            "occurred_at": start + 1000 * second,
        }
        producer.produce(pipeline.READINGS, json.dumps(reading), host)
        producer.poll(0)
producer.flush()
print("900 readings are sent.")
