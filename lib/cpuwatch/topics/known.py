"""The topics by the names of what is in them; those of tables stand in the tables' statements."""

from __future__ import annotations

from cpuwatch import sql


def _of(table: str) -> str:
    topic = sql.topic(table)
    assert topic is not None, f"{table} is not on Kafka"
    return topic


READINGS = _of("cpu_in")
FILTERED = _of("cpu_out_filter")
AVERAGES = _of("cpu_out_agg")
OVER = _of("cpu_out_over")
ALERTS = _of("cpu_out_alerts")

#: Records that are no readings, with their place and the reason; and rows of files that are none.
BAD_READINGS = _of("cpu_out_bad")
#: Alerts that Slack refused for good.
UNDELIVERED = "cpu_undelivered_alerts"
#: The endless stream of chapter 01; not the one that the jobs read, so that the results of
#: the other chapters stay what they are.
LIVE = "cpu_load_stats_live"
