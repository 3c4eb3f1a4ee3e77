"""All commands, in the order in which `cpuwatch --help` shows them.

Kafka, Flink and pandas take a second to import: each command imports what it needs when it is
called.
"""

from __future__ import annotations

from collections.abc import Callable

import typer

from cpuwatch.cli import channel, chapters, health, jobs, readings, services, story

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A workshop on streaming anomaly detection with Kafka, Flink and PostgreSQL.",
)

#: By its name the function of each.
_COMMANDS: dict[str, Callable[..., None]] = {
    "up": services.up,
    "down": services.down,
    "status": services.status,
    "page": services.page,
    "demo": story.demo,
    "produce": readings.produce,
    "bad": readings.bad,
    "notify": channel.notify,
    "lab": chapters.lab,
    "catch-up": chapters.catch_up,
    "progress": chapters.progress,
    "new": chapters.new,
    "preflight": health.preflight_,
    "reset": chapters.reset,
    "doctor": health.doctor,
}

for name, command in _COMMANDS.items():
    app.command(name)(command)
app.add_typer(jobs.app, name="jobs")
