"""What a notebook asks of the workshop: begin a chapter, see what runs, a hint, the whole trace.

The fake data with its truth is here as well: the seeded fleet, what is really wrong in it,
and how good a set of reports is.
"""

from cpuwatch.alerts import episodes, score, score_episodes
from cpuwatch.learned import Learned, real_series
from cpuwatch.readings import delayed, fleet, incidents
from cpuwatch.sql import fill
from cpuwatch.topics import Stream
from cpuwatch.workshop.chapters import begin, catch_up
from cpuwatch.workshop.errors import explain_errors, trace
from cpuwatch.workshop.exercises import check, hint, predict, quiz, solution
from cpuwatch.workshop.running import (
    bad,
    checkpoint,
    database,
    doctor,
    first_record,
    fresh_topic,
    job,
    jobs,
    kill,
    late,
    link,
    reset,
    result,
    services,
    stop_jobs,
    workers,
)
from cpuwatch.workshop.stress import Stress

__all__ = [
    "Learned",
    "Stream",
    "Stress",
    "bad",
    "begin",
    "catch_up",
    "check",
    "checkpoint",
    "database",
    "delayed",
    "doctor",
    "episodes",
    "fill",
    "first_record",
    "fleet",
    "fresh_topic",
    "hint",
    "incidents",
    "job",
    "jobs",
    "kill",
    "late",
    "link",
    "predict",
    "quiz",
    "real_series",
    "reset",
    "result",
    "score",
    "score_episodes",
    "services",
    "solution",
    "stop_jobs",
    "trace",
    "workers",
]

explain_errors()  # in a notebook, from its first cell on
