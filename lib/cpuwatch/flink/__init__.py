"""Flink: connect, create a table, preview a query, deploy a job, wait until it is settled."""

from cpuwatch.flink.awaiting import wait_until_finished, wait_until_running
from cpuwatch.flink.cluster import Job, cancel, jobs, page, status
from cpuwatch.flink.deployment import deploy, submit
from cpuwatch.flink.environment import connect, execute, streams
from cpuwatch.flink.previews import preview
from cpuwatch.flink.savepoints import Savepoint, resume, stop
from cpuwatch.flink.settle import wait_until_settled
from cpuwatch.flink.tables import create_table, create_view, import_tables
from cpuwatch.flink.watermarks import wait_for_watermark, watermark

__all__ = [
    "Job",
    "Savepoint",
    "cancel",
    "connect",
    "create_table",
    "create_view",
    "deploy",
    "execute",
    "import_tables",
    "jobs",
    "page",
    "preview",
    "resume",
    "status",
    "stop",
    "streams",
    "submit",
    "wait_for_watermark",
    "wait_until_finished",
    "wait_until_running",
    "wait_until_settled",
    "watermark",
]
