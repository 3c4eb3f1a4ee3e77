"""Slack: what the channel is told, and the notifier that tells it."""

from cpuwatch.slack.notices import Notice, RollUp, count_messages, escape

__all__ = ["Notice", "RollUp", "count_messages", "escape"]
