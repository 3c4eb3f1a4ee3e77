"""Where each service is: embedded by default, or an outside one by environment or .env."""

from cpuwatch.settings.checks import MOST_PARTITIONS
from cpuwatch.settings.current import settings
from cpuwatch.settings.folders import DATA, ROOT, ROOTS_HOME, default_state
from cpuwatch.settings.places import MADE_CLOSED, Settings

__all__ = [
    "DATA",
    "MADE_CLOSED",
    "MOST_PARTITIONS",
    "ROOT",
    "ROOTS_HOME",
    "Settings",
    "default_state",
    "settings",
]
