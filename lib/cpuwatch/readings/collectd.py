"""What collectd's files say by their names alone: `HOST/cpu-0/percent-idle-2026-01-05`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cpuwatch.readings.asked import Asked
from cpuwatch.readings.meaning import PARTS
from cpuwatch.readings.table import CsvError, Text, readable

_HEADER = ["epoch", "value"]
_FILE = re.compile(r"(cpu|percent)-([a-z_]+?)(?:-[0-9]{4}-[0-9]{2}-[0-9]{2})?(?:\.csv)?(?:\.gz)?")
_FOLDER = re.compile(r"(?:aggregation-)?cpu(?:-([0-9]+))?(?:-(?:average|sum|min|max))?")


@dataclass(frozen=True)
class Named:
    """What a file's place tells of the readings in it.

    Attributes
    ----------
    host, cpu
        Where no column says it.
    idle
        Whether its values are what is left of 100 percent.
    remarks
        What people are told of it.
    """

    host: str
    cpu: str = "cpu1"
    idle: bool = False
    remarks: tuple[str, ...] = ()


def named(text: Text, names: list[str], said: Asked) -> Named:
    """What the names of a file and of the folders around it tell.

    Parameters
    ----------
    text
        The file.
    names
        Its header's.
    said
        What people say: that comes first.

    Raises
    ------
    CsvError
        If the file's values are idle, perhaps not in percent.
    """
    match = _FILE.fullmatch(text.path.name)
    if [name.lower() for name in names] != _HEADER or match is None:
        return Named(text.stem)
    kind, state = match.groups()
    host, cpu = text.stem, "cpu1"
    folder = text.path.absolute().parent
    within = _FOLDER.fullmatch(folder.name)
    if within is not None and folder.parent.name:
        host, cpu = readable(folder.parent.name), within.group(1) or "all"
    if {"usage", "idle"} & set(said.columns):
        return Named(host, cpu)
    if "ratio" in said.columns:
        return Named(host, cpu, idle=state == "idle")
    if state == "idle" and kind != "percent":
        raise CsvError(
            f"{text.path} holds what was idle, by its name, perhaps not in percent: say"
            " --columns idle=value if it is, or let collectd write percentages (ValuesPercentage)."
        )
    if state in PARTS:
        part = f"Attention: by its name the file holds '{state}' alone, a part of what a CPU did."
        return Named(host, cpu, remarks=(part,))
    return Named(host, cpu, idle=state == "idle")
