"""Limits that learn: how unlike all before is each reading of a series?"""

from cpuwatch.learned.job import JOB, JUDGED, SCORES, TABLES, score, streaming
from cpuwatch.learned.novelty import THRESHOLD, Learned
from cpuwatch.learned.rows import in_order_of_arrival

__all__ = [
    "JOB",
    "JUDGED",
    "SCORES",
    "TABLES",
    "THRESHOLD",
    "Learned",
    "in_order_of_arrival",
    "score",
    "streaming",
]
