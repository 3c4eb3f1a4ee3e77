"""Show the averages as they come, until Ctrl-C."""

import os

import pipeline
from confluent_kafka import Consumer

consumer = Consumer(
    {
        "bootstrap.servers": os.environ.get("KAFKA", "127.0.0.1:9092"),
        "group.id": "watch",
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
    }
)
consumer.subscribe([pipeline.AVERAGES])
try:
    while True:
        message = consumer.poll(1.0)
        if message is not None:
            print(message.error() or message.value().decode(), flush=True)
except KeyboardInterrupt:
    pass
finally:
    consumer.close()
