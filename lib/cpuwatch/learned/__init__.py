"""Limits that learn: how unlike all before is each reading of a series?"""

from cpuwatch.learned.job import IN_ORDER, JOB, JUDGED, SCORES, TABLES, score
from cpuwatch.learned.novelty import THRESHOLD, Learned
from cpuwatch.learned.real import real_series
from cpuwatch.learned.rows import in_order_of_arrival, seconds_out_of_order

__all__ = [
    "IN_ORDER",
    "JOB",
    "JUDGED",
    "SCORES",
    "TABLES",
    "THRESHOLD",
    "Learned",
    "in_order_of_arrival",
    "real_series",
    "score",
    "seconds_out_of_order",
]
