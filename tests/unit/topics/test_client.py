"""Kafka that has just started: who leads its partitions is settled a moment later."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicPartition

from cpuwatch.settings import settings
from cpuwatch.topics import PatientConsumer, admin

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


@pytest.mark.parametrize(
    "code", [KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE]
)
def test_so_they_are_of_a_topic_that_has_just_been_made(code: int) -> None:
    class Admin:
        answers: ClassVar[list[int]] = [code, code, 7]

        def list_offsets(self, wanted: dict[TopicPartition, object], **_: object) -> object:
            future: Future[Any] = Future()
            if (answer := self.answers.pop(0)) == 7:
                future.set_result(SimpleNamespace(offset=7))
            else:
                future.set_exception(KafkaException(KafkaError(answer)))
            return dict.fromkeys(wanted, future)

    described = {"a": SimpleNamespace(partitions=[SimpleNamespace(id=0)])}
    found = admin.offsets(Admin(), described, IsolationLevel.READ_COMMITTED)  # type: ignore[arg-type]
    assert found == {TopicPartition("a", 0): 7}
