"""What a run found."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from cpuwatch import alerts, learned
from cpuwatch.demo.given import Input, Rule
from cpuwatch.pipeline import Parameters
from cpuwatch.spool import Spool


@dataclass
class Result:
    """What one run found.

    What there is of each reading or window lies on the disk; what was found is in memory.

    Attributes
    ----------
    given
        What it worked on.
    parameters
        The numbers that its statements took.
    filtered
        What cpu_filter kept: time, hostname, cpu, usage.
    windows
        window_start, window_end, hostname, cpu, usage_avg, usage_max, readings.
    alerts
        The windows over their host's threshold, and allowed_top.
    transitions
        When episodes opened and closed, as the topic of alerts holds them.
    slack_messages
        How many messages the notifier makes of them: as many as it would post; an
        update of one that stands there is none.
    seconds
        How long each step took.
    rule
        By which an alert is one.
    scores
        For the rule that learns, in the order of the file: time, hostname, cpu, usage,
        anomaly_score. Of a rejected row only the score is known: 0.
    """

    given: Input
    parameters: Parameters
    filtered: Spool
    windows: Spool
    alerts: pd.DataFrame
    transitions: pd.DataFrame
    slack_messages: int
    seconds: dict[str, float] = field(default_factory=dict)
    rule: Rule = "thresholds"
    scores: Spool | None = None

    @property
    def episodes(self) -> pd.DataFrame:
        """What the transitions make: one row an episode."""
        least = 1 if self.rule == "learned" else self.parameters.min_readings
        enough = self.alerts[self.alerts["readings"] >= least]
        return alerts.episodes(self.transitions, enough)

    @property
    def unknown_hosts(self) -> list[str]:
        """Hosts without a threshold of their own, where thresholds count."""
        if self.rule == "learned":
            return []
        return sorted(set(self.hosts) - set(self.given.thresholds))

    @property
    def hosts(self) -> list[str]:
        """All hosts that have a window."""
        return [host for (host,) in self.windows.ask("SELECT DISTINCT hostname FROM rows")]

    @property
    def late(self) -> int:
        """Readings that came too late for their window: sent, but in no window."""
        ((used,),) = self.windows.ask("SELECT COALESCE(SUM(readings), 0) FROM rows")
        return len(self.given.readings) - int(used)

    def as_dict(self) -> dict[str, object]:
        """The object that `cpuwatch demo --json` prints."""
        return {
            "source": self.given.source,
            "readings": len(self.given.readings),
            "filtered": len(self.filtered),
            "windows": len(self.windows),
            "alerts": len(self.alerts),
            "rejected": len(self.given.rejected),
            "late": self.late,
            "alerted_hosts": sorted(set(self.alerts["hostname"])),
            "episodes": len(self.episodes),
            "slack_messages": self.slack_messages,
            "rule": self.rule,
            **({"learned_threshold": learned.THRESHOLD} if self.rule == "learned" else {}),
            "columns": self.given.use.as_dict() if self.given.use else None,
            "remarks": [
                *(self.given.use.remarks if self.given.use else []),
                *self.given.remarks,
            ],
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
        }
