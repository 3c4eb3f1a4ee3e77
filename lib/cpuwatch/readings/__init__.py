"""Readings: what one is, and where they come from."""

from cpuwatch.readings.replay import CsvReadings, ReadingsError, read_csv
from cpuwatch.readings.seeded import (
    COLUMNS,
    CPUS,
    CYCLE_TICKS,
    END_OF_TIME,
    FIRST_TIME,
    FLEET_START,
    HOSTS,
    THRESHOLDS,
    Reading,
    fleet,
    incidents,
    live,
    machine,
)

__all__ = [
    "COLUMNS",
    "CPUS",
    "CYCLE_TICKS",
    "END_OF_TIME",
    "FIRST_TIME",
    "FLEET_START",
    "HOSTS",
    "THRESHOLDS",
    "CsvReadings",
    "Reading",
    "ReadingsError",
    "fleet",
    "incidents",
    "live",
    "machine",
    "read_csv",
]
