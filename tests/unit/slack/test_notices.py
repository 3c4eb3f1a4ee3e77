"""What the channel is told, and how a host's cpus become one message."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_parts import closed, opened

from cpuwatch.settings import Settings
from cpuwatch.slack import notices, unseen, wording
from cpuwatch.slack.notices import Notice, RollUp


def told(*records: dict[str, Any]) -> list[str]:
    rolled = RollUp()
    for record in records:
        rolled.apply(record)
    return [wording.text(notice) for notice in rolled.notices.values()]


def test_the_text_alone_says_it_all() -> None:
    assert told(opened("doc")) == [
        "▲ doc is over its threshold of 20%: cpu1 with averages of up to 46.2%,"
        " since 2026-01-05 09:00:00 UTC, for 30 s so far."
    ]
    assert told(opened("doc"), closed("doc")) == [
        "✔ doc is back under its threshold of 20%: cpu1 had averages of up to 46.2%,"
        " from 2026-01-05 09:00:00 to 09:02:00 UTC (2 min)."
    ]


def test_a_cpu_that_comes_back_while_another_is_over_is_named_as_back() -> None:
    records = [opened("doc", "cpu1"), opened("doc", "cpu2"), closed("doc", "cpu1")]
    (text,) = told(*records)
    assert ": cpu2 with" in text and text.endswith("Back already: cpu1.")


def test_a_cpu_that_is_over_again_is_not_named_as_back() -> None:
    records = [opened("doc", "cpu1"), opened("doc", "cpu2"), closed("doc", "cpu1")]
    (text,) = told(*records, opened("doc", "cpu1", minute=9))
    assert ": cpu1, cpu2 with" in text and "Back" not in text


def test_hosts_do_not_share_a_message_and_a_new_trouble_has_a_new_one() -> None:
    texts = told(opened("doc"), opened("happy"), closed("doc"), opened("doc", minute=30))
    assert len(texts) == 3


def test_a_repeat_changes_nothing_and_a_closed_episode_stays_closed() -> None:
    once = told(opened("doc"), closed("doc"))
    assert told(opened("doc"), closed("doc"), opened("doc"), closed("doc")) == once
    assert notices.count_messages([opened("doc"), closed("doc"), opened("doc")]) == 1
    # Those of a rule that learns have no limit.
    assert notices.count_messages([opened("doc") | {"allowed_top": float("nan")}]) == 1


def test_a_closing_without_its_opening_is_told_all_the_same() -> None:
    assert "is back" in told(closed("doc"))[0]


@pytest.mark.parametrize("record", [{}, {"id": "x"}, opened(""), opened("doc", peak_avg="high")])
def test_what_is_no_transition_is_refused(record: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no transition"):
        RollUp().apply(record)


@given(st.text(min_size=1, max_size=200), st.text(min_size=1, max_size=50))
def test_no_name_can_ping_or_link_or_grow_too_long(host: str, cpu: str) -> None:
    notice = RollUp().apply(opened(host, cpu))
    parts = [wording.text(notice)]
    for block in wording.blocks(notice):
        parts += [one["text"] for one in (block.get("fields") or [block["text"]])]
    for part in parts:
        assert "<" not in part and ">" not in part
        assert not re.search(r"&(?!amp;|lt;|gt;)", part)
        assert len(part) < 2000 and "\r" not in part


def test_names_of_many_cpus_are_cut() -> None:
    texts = told(*(opened("doc", f"cpu{number:03}") for number in range(200)))
    assert "and 184 more" in texts[0] and len(texts[0]) < 500


def told_of(part: str) -> int:
    """How many cpus a part of a message tells of: those that it names, and how many more."""
    return len(re.findall(r"cpu\d", part)) + sum(map(int, re.findall(r"and (\d+) more", part)))


@pytest.mark.parametrize("back", [0, 1, 16])
@pytest.mark.parametrize(
    "name",
    ["&" * 80, "<" * 80, "🖥" * 80, "x" * 75, "a&" * 40],
    ids=["and", "tag", "wide", "plain", "mixed"],
)
def test_no_list_of_names_is_longer_than_slack_takes(name: str, back: int) -> None:
    rolled, host = RollUp(), "<>" * 40
    names = [f"cpu{number:02}{name}" for number in range(16 + back)]
    for cpu in names:
        notice = rolled.apply(opened(host, cpu))
    for cpu in names[:back]:
        rolled.apply(closed(host, cpu))
    for still in (16, 0):
        section, table = wording.blocks(notice)
        text, fields = section["text"]["text"], [one["text"] for one in table["fields"]]
        assert len(text) <= 3000 and max(map(len, fields)) <= 2000
        assert text == wording.text(notice) and told_of(text) == 16 + back
        assert told_of(fields[1]) == (still or 16 + back)
        assert not [one for one in (text, *fields) if re.search(r"&(?!amp;|lt;|gt;)", one)]
        for cpu in names:
            rolled.apply(closed(host, cpu))


def test_names_that_fit_are_all_told() -> None:
    (text,) = told(*(opened("doc", f"{number:02}" + "x" * 78) for number in range(16)))
    assert "more" not in text and "15xxx" in text


def test_a_message_is_recognised_by_what_it_carries_unseen() -> None:
    rolled = RollUp()
    notice = rolled.apply(opened("<doc>", "cpu1"))
    rolled.apply(closed("<doc>", "cpu1"))
    message = {"ts": "1.5", "metadata": unseen.metadata(notice)}
    found = unseen.recognise(message)
    assert found is not None and found.ts == "1.5"
    assert (found.id, found.episodes) == (notice.id, notice.episodes)
    assert found.said == wording.text(notice)
    assert unseen.recognise({"ts": "1", "text": "hello"}) is None
    assert unseen.recognise({"ts": "1", "metadata": {"event_type": "cpu_alert"}}) is None


def test_what_a_message_carries_unseen_stays_small() -> None:
    rolled = RollUp()
    for number in range(200):
        notice = rolled.apply(opened("doc", f"cpu{number:03}"))
    carried = unseen.metadata(notice)
    assert len(str(carried)) < 4000
    found = unseen.recognise({"ts": "1", "metadata": carried})
    assert found is not None and list(found.episodes)[-1].startswith("doc/cpu199/")


def test_a_notice_survives_the_file_that_keeps_it() -> None:
    notice = RollUp().apply(opened("doc"))
    notice.ts, notice.said = "1.5", "text"
    assert Notice.from_dict(notice.as_dict()) == notice


def test_old_finished_notices_are_forgotten_and_open_ones_never() -> None:
    rolled = RollUp()
    rolled.apply(opened("open"))
    for number in range(10):
        rolled.apply(closed(f"host{number}"))
    rolled.forget_old(3)
    assert [one.hostname for one in rolled.notices.values()] == ["open", "host8", "host9"]


def test_an_open_notice_of_a_deleted_topic_is_joined_by_its_own_episodes_alone() -> None:
    old = RollUp(topic="old")
    first = old.apply(opened("doc", "cpu1"))
    rolled = RollUp([first], topic="new")
    assert rolled.apply(opened("doc", "cpu2", minute=30)) is not first
    assert rolled.apply(closed("doc", "cpu1")) is first
    rolled = RollUp([Notice.from_dict(first.as_dict())], topic="new")
    rolled.forget_old(0)
    assert not rolled.notices


def test_the_token_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-marked")
    monkeypatch.setenv("SLACK_CHANNEL", "C0000000000")
    found = Settings()
    assert found.outside("slack") and found.slack_channel == "C0000000000"
    assert "xoxb-marked" not in f"{found!r} {found} {found.model_dump()} {found.model_dump_json()}"
