"""How far jobs are, as their metrics tell."""

from __future__ import annotations

from cpuwatch.flink import metrics


def test_the_metric_of_a_topic_with_dots_is_understood() -> None:
    found = metrics.SOURCE_READ.search(
        "0.Source__cpu_in[1].KafkaSourceReader.topic.a.b-c.partition.12.currentOffset"
    )
    assert found is not None and found["topic"] == "a.b-c" and found["partition"] == "12"
