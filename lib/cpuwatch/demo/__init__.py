"""The whole story once: readings, filter, averages, thresholds, alerts.

It works on topics, jobs and a schema of its own, so that what an attendee has
running on the same stack stays as it was.
"""

from cpuwatch.demo.folder import make_folder, write
from cpuwatch.demo.given import Input, Rule, read_input
from cpuwatch.demo.result import Result
from cpuwatch.demo.running import Tell, run

__all__ = [
    "Input",
    "Result",
    "Rule",
    "Tell",
    "make_folder",
    "read_input",
    "run",
    "write",
]
