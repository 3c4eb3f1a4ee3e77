"""Send five minutes of readings of two hosts; the key keeps those of a host in order."""

import json
import random
import time

import pipeline
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

KAFKA = {"bootstrap.servers": "127.0.0.1:9092"}

for future in (
    AdminClient(KAFKA)
    .create_topics(
        [NewTopic(name, num_partitions=2) for name in (pipeline.READINGS, pipeline.AVERAGES)]
    )
    .values()
):
    try:
        future.result()
    except Exception as error:
        print(error)  # it is there already

producer = Producer(KAFKA)
start = int(time.time()) * 1000 - 300_000
for second in range(300):
    for host, usage in (("doc", 10), ("sneezy", 60)):
        reading = {
            "hostname": host,
            "usage": usage + random.gauss(0, 3),
            "occurred_at": start + 1000 * second,
        }
        producer.produce(pipeline.READINGS, json.dumps(reading), host)
        producer.poll(0)
producer.flush()
print("600 readings are sent.")
