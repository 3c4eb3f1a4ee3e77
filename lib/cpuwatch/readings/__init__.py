"""Readings: what one is, and where they come from.

They come from the seeded fleet (with its labelled incidents), from this machine, or from a
CSV file.
"""

from cpuwatch.readings.asked import parse_columns, parse_where
from cpuwatch.readings.delays import delayed
from cpuwatch.readings.measured import MACHINE, machine, usage_now
from cpuwatch.readings.reading import ARRIVED, COLUMNS, END_OF_TIME, FIRST_TIME, Reading
from cpuwatch.readings.replay import (
    CsvReadings,
    ReadingsError,
    no_rejected,
    of_readings,
    read_csv,
)
from cpuwatch.readings.seeded import (
    CPUS,
    CYCLE_TICKS,
    FLEET_START,
    HOSTS,
    THRESHOLDS,
    fleet,
    incidents,
    live,
)
from cpuwatch.readings.sources import Source, live_fleet, open_source
from cpuwatch.readings.use import Use

__all__ = [
    "ARRIVED",
    "COLUMNS",
    "CPUS",
    "CYCLE_TICKS",
    "END_OF_TIME",
    "FIRST_TIME",
    "FLEET_START",
    "HOSTS",
    "MACHINE",
    "THRESHOLDS",
    "CsvReadings",
    "Reading",
    "ReadingsError",
    "Source",
    "Use",
    "delayed",
    "fleet",
    "incidents",
    "live",
    "live_fleet",
    "machine",
    "no_rejected",
    "of_readings",
    "open_source",
    "parse_columns",
    "parse_where",
    "read_csv",
    "usage_now",
]
