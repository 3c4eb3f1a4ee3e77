"""Slack: the notifier that tells the channel of alerts, and the local stand-in for Slack."""

from cpuwatch import standin
from cpuwatch.slack.notices import count_messages
from cpuwatch.slack.service import deliver, follow, forget, waiting
from cpuwatch.slack.staying import is_running, start, stop

__all__ = [
    "count_messages",
    "deliver",
    "follow",
    "forget",
    "is_running",
    "standin",
    "start",
    "stop",
    "waiting",
]
