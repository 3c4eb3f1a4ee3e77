"""Kafka that has just started: who leads its partitions is settled a moment later."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from cpuwatch.settings import settings
from cpuwatch.topics import PatientConsumer

PART = TopicPartition("cpu", 0)


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("CPUWATCH_KAFKA", "127.0.0.1:1")
    settings.cache_clear()
    yield
    settings.cache_clear()


class Kafka(Consumer):
    """Answers with these, the last of them for ever."""

    answers: tuple[object, ...] = ()

    def get_watermark_offsets(self, *_args: object, **_more: object) -> object:
        answer, *later = self.answers
        self.answers = tuple(later) or (answer,)
        if isinstance(answer, int):
            raise KafkaException(KafkaError(answer))
        return answer


class AskedConsumer(PatientConsumer, Kafka):
    """Ours, in front of such a Kafka."""


def consumer(*answers: object) -> AskedConsumer:
    found = AskedConsumer("test")
    found.answers = answers
    return found


@pytest.mark.parametrize(
    "code", [KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE]
)
def test_offsets_are_asked_for_again_while_nobody_leads(code: int) -> None:
    assert consumer(code, code, (2, 7)).get_watermark_offsets(PART) == (2, 7)
    began = time.monotonic()
    with pytest.raises(KafkaException):
        consumer(code).get_watermark_offsets(PART, timeout=0.3)
    assert time.monotonic() - began >= 0.3


def test_no_offsets_are_an_error_and_other_errors_come_at_once() -> None:
    with pytest.raises(KafkaException):
        consumer(None).get_watermark_offsets(PART, timeout=0.1)
    asked = consumer(KafkaError.UNKNOWN_TOPIC_OR_PART, (2, 7))
    with pytest.raises(KafkaException):
        asked.get_watermark_offsets(PART)
    assert asked.answers == ((2, 7),)
