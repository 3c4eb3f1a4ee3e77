"""The command `cpuwatch`."""

from cpuwatch.cli.commands import app
from cpuwatch.cli.running import main

__all__ = ["app", "main"]
