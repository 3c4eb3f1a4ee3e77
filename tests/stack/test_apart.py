"""A run of its own touches nothing of the workshop's, whatever tables there are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cpuwatch import demo, flink, pipeline, sql, topics
from cpuwatch.errors import CpuwatchError
from cpuwatch.flink.apart import keep_apart
from cpuwatch.flink.catalog import options
from cpuwatch.flink.tables import create
from cpuwatch.pipeline import Run

RUN = Run("demo-1-abc")

KAFKA = "'properties.bootstrap.servers' = '${kafka}', 'value.format' = 'json'"

#: Tables of one's own, and what their options are on the run's own topics.
OWN = {
    "a sink": (
        f"(a STRING) WITH ('connector' = 'kafka', 'topic' = 'mine', {KAFKA})",
        {"topic": "mine-demo-1-abc", "scan.bounded.mode": "latest-offset"},
    ),
    "several topics": (
        f"(a STRING) WITH ('connector' = 'kafka', 'topic' = 'mine;yours', {KAFKA})",
        {"topic": "mine-demo-1-abc;yours-demo-1-abc"},
    ),
    "a consumer group and transactions": (
        "(a STRING) WITH ('connector' = 'kafka', 'topic' = 'mine', 'properties.group.id' = 'us',"
        f" 'sink.transactional-id-prefix' = 'x', {KAFKA})",
        {"properties.group.id": "us-demo-1-abc", "sink.transactional-id-prefix": "x-demo-1-abc"},
    ),
    "a table of latest values": (
        "(a STRING, PRIMARY KEY (a) NOT ENFORCED) WITH ('connector' = 'upsert-kafka', 'topic' ="
        f" 'mine', 'key.format' = 'json', {KAFKA})",
        {"topic": "mine-demo-1-abc"},
    ),
}

REFUSED = {
    "topics by a pattern": f"WITH ('connector' = 'kafka', 'topic-pattern' = 'cpu_.*', {KAFKA})",
    "files": "WITH ('connector' = 'filesystem', 'path' = '/nowhere', 'format' = 'json')",
    "no connector that we know": "WITH ('connector' = 'print')",
}


@pytest.fixture
def environment(stack: Path) -> Any:
    return flink.connect(fresh=True)


def test_every_table_of_the_pipeline_is_on_topics_of_the_run(environment: Any) -> None:
    for table in pipeline.tables(pipeline.JOBS):
        create(environment, table)
    keep_apart(environment, RUN)
    for table in pipeline.tables(pipeline.JOBS):
        used = options(environment, table)
        if used["connector"] == "kafka":
            assert used["topic"] == f"{sql.topic(sql.base(table) or table)}-demo-1-abc"
            prefix = used.get("sink.transactional-id-prefix")
            assert prefix is None or prefix.endswith("-demo-1-abc")
        else:
            assert used["url"].endswith("currentSchema=demo_1_abc")


@pytest.mark.parametrize("kind", OWN)
def test_a_table_of_ones_own_is_so_too(environment: Any, kind: str) -> None:
    statement, expected = OWN[kind]
    create(environment, "own", f"CREATE TABLE own {statement}")
    keep_apart(environment, RUN)
    assert expected.items() <= options(environment, "own").items()


@pytest.mark.parametrize("kind", REFUSED)
def test_a_table_that_cannot_be_kept_apart_is_refused_by_name(environment: Any, kind: str) -> None:
    create(environment, "own", f"CREATE TABLE own (a STRING) {REFUSED[kind]}")
    with pytest.raises(CpuwatchError, match="The table own cannot be kept apart"):
        keep_apart(environment, RUN)


def test_a_hint_leads_to_no_other_topic(environment: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    taught = sql.taught
    hint = f"INSERT INTO cpu_out_filter /*+ options('topic' = '{topics.FILTERED}') */"
    monkeypatch.setattr(
        sql,
        "taught",
        lambda *which: taught(*which).replace("INSERT INTO cpu_out_filter", hint),
    )
    before = topics.states(topics.FILTERED)
    with pytest.raises(CpuwatchError, match=r"cpu_filter\.sql sets options by a hint"):
        demo.run(demo.read_input())
    assert topics.states(topics.FILTERED) == before
    assert [name for name in topics.names() if "-demo-" in name] == []
