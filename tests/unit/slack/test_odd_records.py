"""What no transition, no message and no memory should hold: it stops nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_parts import Record, Told, closed, opened

from cpuwatch import topics
from cpuwatch.slack import memory, unseen, wording
from cpuwatch.slack.notices import Notice, RollUp
from cpuwatch.slack.notifier import Notifier

pytest_plugins = ["slack_parts"]

DEEP = json.loads("[" * 900 + "]" * 900)

ODD = [
    None, True, False, 0, -1, 7, 10**400, 1.5, 1e308, "", " ", "nan", "Infinity", "-inf", "1e999",
    "9" * 5000, "x" * 2000, "a\0b", "\ud800", "\u202e", [], {}, [1], {"a": 1}, DEEP,
    "0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00",
    "9999-12-31T23:59:59Z", "2026-02-30T00:00:00Z", "2026-01-05T09:00:00+99:00", "NaT", "2026",
]  # fmt: skip

FIELDS = ("id", "hostname", "cpu", "opened", "closed", "peak_avg", "allowed_top", "as_of")

odd = st.recursive(
    st.sampled_from(ODD) | st.floats() | st.integers() | st.text() | st.datetimes().map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def told_or_refused(record: dict[str, Any]) -> Notice | None:
    """What becomes of a record; whatever is taken can be told, kept and recognised."""
    try:
        notice = RollUp().apply(record)
    except ValueError as error:
        assert "no transition" in str(error) and len(str(error)) < 300
        return None
    assert wording.blocks(notice)
    message = {"ts": "1.5", "metadata": unseen.metadata(notice)}
    found = unseen.recognise(json.loads(orjson.dumps(message)))
    assert found is not None and found.said == wording.text(notice)
    assert Notice.from_dict(orjson.loads(orjson.dumps(notice.as_dict()))) == notice
    return notice


@pytest.mark.parametrize("field", FIELDS)
def test_an_odd_field_is_told_or_refused(field: str) -> None:
    for value in ODD:
        record = topics.decode(json.dumps({**opened("doc"), field: value}).encode()) or {}
        told_or_refused(record)
    without = opened("doc")
    del without[field]
    told_or_refused(without)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("opened", "0001-01-01T00:00:00+14:00"),
        ("closed", "9999-12-31T23:59:59-14:00"),
        ("peak_avg", "nan"),
        ("peak_avg", "Infinity"),
        ("peak_avg", True),
        ("allowed_top", "-inf"),
        ("allowed_top", 10**400),
        ("id", DEEP),
        ("as_of", DEEP),
        ("hostname", "x" * 2000),
    ],
    ids=lambda value: value[:25] if isinstance(value, str) else type(value).__name__,
)
def test_what_could_not_be_told_or_kept_is_no_transition(field: str, value: object) -> None:
    assert told_or_refused({**opened("doc"), field: value}) is None


@given(st.dictionaries(st.sampled_from(FIELDS), odd))
def test_no_record_raises_anything_else(fields: dict[str, Any]) -> None:
    value = json.dumps({**closed("doc"), **fields}).encode()
    told_or_refused(topics.decode(value) or {})


@pytest.mark.usefixtures("no_kafka")
def test_an_odd_record_is_kept_apart_and_the_next_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[str] = []
    monkeypatch.setattr(Notifier, "keep_undelivered", lambda _, reason, __: kept.append(reason))
    channel = Told()
    given = [{**opened("doc"), field: value} for field in FIELDS[:4] for value in (DEEP, 7)]
    given += [{**opened("doc"), "as_of": DEEP}, opened("happy")]
    at_work = Notifier(channel)
    at_work.deliver([Record(one) for one in given])
    assert [one.hostname for one in channel.notices] == ["happy"]
    assert len(kept) == len(given) - 1


def metadata_with(**more: Any) -> dict[str, Any]:
    """What a message of ours carries, with something else in it."""
    kept = {**RollUp().apply(opened("doc")).as_dict(), **more}
    return {"event_type": "cpu_alert", "event_payload": {"notice": json.dumps(kept)}}


EPISODE: dict[str, Any] = RollUp().apply(opened("doc")).as_dict()["episodes"][0]


@pytest.mark.parametrize(
    "message",
    [
        {"metadata": metadata_with()},  # no ts
        {"ts": "soon", "metadata": metadata_with()},
        {"ts": "nan", "metadata": metadata_with()},
        {"ts": None, "metadata": []},
        {"ts": "1", "metadata": ["cpu_alert"]},
        {"ts": "1", "metadata": "cpu_alert"},
        {"ts": "1", "metadata": {"event_type": "cpu_alert", "event_payload": ["notice"]}},
        {"ts": "1", "metadata": metadata_with(id=["x"])},
        {"ts": "1", "metadata": metadata_with(hostname={})},
        {"ts": "1", "metadata": metadata_with(hostname=5)},
        {"ts": "1", "metadata": metadata_with(allowed_top=None)},
        {"ts": "1", "metadata": metadata_with(episodes=[])},
        {"ts": "1", "metadata": metadata_with(episodes={"a": 1})},
        {"ts": "1", "metadata": metadata_with(episodes=[{**EPISODE, "peak_avg": None}])},
        {"ts": "1", "metadata": metadata_with(episodes=[{**EPISODE, "cpu": 3}])},
        {"ts": "1", "metadata": metadata_with(episodes=[{**EPISODE, "opened": "soon"}])},
        "hello",
    ],
)
def test_an_odd_message_is_none_of_ours(message: Any) -> None:
    assert unseen.recognise({"ts": "1", "metadata": metadata_with()}) is not None
    assert unseen.recognise(message) is None


@given(odd, st.dictionaries(st.sampled_from(list(RollUp().apply(opened("doc")).as_dict())), odd))
def test_no_message_raises_anything(value: Any, fields: dict[str, Any]) -> None:
    for metadata in (value, {"event_type": "cpu_alert", "event_payload": value}):
        unseen.recognise({"ts": "1", "metadata": metadata})
    found = unseen.recognise({"ts": "1", "metadata": metadata_with(**fields)})
    if found is not None:
        assert unseen.metadata(found) and wording.blocks(found)


def test_one_damaged_notice_in_the_memory_takes_no_other_with_it(tmp_path: Path) -> None:
    file = tmp_path / "notified.json"
    rolled = RollUp()
    kept = [rolled.apply(opened(host)).as_dict() for host in ("doc", "happy")]
    damaged = {**kept[0], "allowed_top": None}
    file.write_bytes(orjson.dumps([kept[0], damaged, 7, {**kept[0], "ts": "x"}, kept[1]]))
    assert [one.hostname for one in memory.recall(file)] == ["doc", "happy"]


@given(odd)
def test_whatever_the_memory_holds_is_read(value: Any) -> None:
    class Memory:
        def read_bytes(self) -> bytes:
            return json.dumps(value).encode()

    assert memory.recall(Memory()) == []


def test_a_said_text_of_any_length_is_kept() -> None:
    notice = RollUp().apply(opened("doc"))
    notice.ts, notice.said = "1.5", "x" * 2999
    assert Notice.from_dict(notice.as_dict()) == notice


def test_of_a_notice_with_very_many_episodes_the_newest_go_to_the_dead_letters() -> None:
    rolled = RollUp()
    for number in range(5000):
        notice = rolled.apply(opened("doc", f"cpu{number:04}" + "x" * 200))
    kept = notice.as_dict(500_000)
    assert 400_000 < len(orjson.dumps(kept)) <= 500_000
    assert kept["episodes"][-1]["cpu"].startswith("cpu4999")
    assert Notice.from_dict(kept).hostname == "doc"
