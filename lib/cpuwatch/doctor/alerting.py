"""The end of the data's way: limits, and who tells the channel."""

from __future__ import annotations

from collections.abc import Iterator

from cpuwatch import words
from cpuwatch.doctor.facts import Facts
from cpuwatch.doctor.findings import Finding, remark, trouble
from cpuwatch.errors import CpuwatchError
from cpuwatch.pipeline import JOBS, WORKSHOP


def limits(facts: Facts) -> Iterator[Finding]:
    """Whether the table of thresholds is there, and has a row for every host."""
    if not facts.all_answer:
        return
    from sqlalchemy import inspect

    from cpuwatch import thresholds

    needed = [one.name for one in JOBS if thresholds.TABLE.name in one.reads]
    wanted = any(name in facts.running for name in needed)
    engine = thresholds.engine()
    try:
        there = inspect(engine).has_table(thresholds.TABLE.name)
        known = set(thresholds.read(engine)["hostname"]) if there else set()
    finally:
        engine.dispose()
    default = f"{WORKSHOP.default_top:g}%"
    write = "Chapter 04 writes them, or 'cpuwatch catch-up 05'."
    if not there and wanted:
        yield trouble(
            "Thresholds", f"the table {thresholds.TABLE.name} is missing", write, _make_table
        )
    elif there and not known:
        yield trouble(
            "Thresholds",
            f"the table {thresholds.TABLE.name} is empty, so {default} counts for every host",
            write,
        )
    elif there:
        yield from _hosts(known, default)


def _hosts(known: set[str], default: str) -> Iterator[Finding]:
    from cpuwatch import topics
    from cpuwatch.doctor.samples import newest

    there = set(topics.names())
    source = next((one for one in (topics.AVERAGES, topics.READINGS) if one in there), None)
    newest_ones = list(newest(source)) if source else []
    hosts = {str(one["hostname"]) for one in newest_ones if one.get("hostname")} - known
    if hosts:
        names = words.listed([words.shorten(host) for host in sorted(hosts)], 5)
        yield remark(
            "Thresholds",
            f"hosts without one of their own, for which {default} counts: {names}",
            "Add a row for each to cpu_thresholds, as chapter 04 does, if that is not right.",
        )
    else:
        yield Finding("Thresholds", True, f"{len(known)} hosts have one")


def _make_table() -> str:
    from cpuwatch import thresholds

    engine = thresholds.engine()
    try:
        thresholds.create(engine)
        thresholds.write(engine, thresholds.load())
    finally:
        engine.dispose()
    return f"made the table {thresholds.TABLE.name}, with the workshop's thresholds"


def channel(facts: Facts) -> Iterator[Finding]:
    """Whether it is said to which channel of the real Slack alerts go."""
    config = facts.config
    if config.slack_bot_token is not None and config.slack_channel is None:
        yield trouble(
            "Slack channel",
            "SLACK_BOT_TOKEN is set, but no channel",
            "Set SLACK_CHANNEL in .env, best to the channel's id (C…).",
        )


def notifier(facts: Facts) -> Iterator[Finding]:
    """Whether somebody tells the channel of the alerts that wait."""
    if not facts.all_answer:
        return
    from cpuwatch import slack, topics

    if topics.ALERTS not in topics.names():
        return
    at_work = slack.is_running() or _somebody_is_at_work()
    waiting = slack.waiting()
    if waiting and not at_work:
        yield trouble(
            "Notifier",
            f"{waiting:,} alerts wait in {topics.ALERTS}, and no notifier is running",
            "'cpuwatch notify --once' delivers them; 'cpuwatch notify --stay' goes on doing so.",
        )
    elif waiting:
        yield remark(
            "Notifier",
            f"it is at work, and {waiting:,} alerts wait for it",
            f"Wait. If it stays so, Slack may refuse them: see {facts.config.state}"
            "/logs/notifier.log",
        )
    else:
        yield Finding(
            "Notifier", True, "all alerts are delivered" + ("" if at_work else "; it does not run")
        )


def _somebody_is_at_work() -> bool:
    from cpuwatch.slack.service import alone

    try:
        with alone():
            return False
    except CpuwatchError:
        return True
