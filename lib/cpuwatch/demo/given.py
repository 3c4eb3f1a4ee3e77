"""What a run works on: the fleet or a CSV file, and thresholds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

import pandas as pd

from cpuwatch import readings, thresholds
from cpuwatch.readings import Use
from cpuwatch.spool import Spool

#: By which an alert is one: each host's own threshold, or how new a reading is for its series.
Rule: TypeAlias = Literal["thresholds", "learned"]


@dataclass(frozen=True)
class Input:
    """What a run works on.

    Attributes
    ----------
    source
        'fleet', or the CSV file's name.
    readings
        In order of event time, on the disk.
    rejected
        Rows that are no readings: line, reason, text; on the disk, too.
    incidents
        What really happened, where that is known.
    thresholds
        For each hostname the highest average that is allowed, in percent.
    use
        Which columns of the CSV file were used for what.
    remarks
        What else people should know of the files, in sentences.
    before
        For each rejected row how many readings stand before it in the file.
    """

    source: str
    readings: Spool
    rejected: Spool
    incidents: pd.DataFrame | None
    thresholds: dict[str, float]
    use: Use | None = None
    remarks: list[str] = field(default_factory=list)
    before: Sequence[int] = ()

    def sentences(self) -> list[str]:
        """What people should know of the files that were read."""
        return [*(self.use.sentences() if self.use else []), *self.remarks]


def read_input(
    csv: Path | None = None,
    seed: int = 7,
    thresholds_file: Path | None = None,
    columns: Mapping[str, str | Sequence[str]] | None = None,
    where: Mapping[str, str | Sequence[str]] | None = None,
    rule: Rule = "thresholds",
) -> Input:
    """Read what a run needs, before anything is started.

    Parameters
    ----------
    csv
        A CSV of readings; by default the seeded fleet.
    seed
        The fleet's seed.
    thresholds_file
        A CSV of thresholds; by default the workshop's.
    columns, where
        What they say of the CSV, `cpuwatch.readings.read_csv` explains.
    rule
        For which it is. One that learns asks for no unit: values that may be fractions of one are
        no reason to refuse the file.

    Raises
    ------
    CpuwatchError
        If a file cannot be used; it names the file, the cause and the remedy.
    """
    limits, remarks = thresholds.load_and_tell(thresholds_file or thresholds.FILE)
    if csv is None:
        fleet = readings.of_readings(readings.fleet(seed))
        none = readings.no_rejected()
        return Input("fleet", fleet, none, readings.incidents(seed), limits, remarks=remarks)
    found = readings.read_csv(csv, True, columns, where, as_percent=rule == "learned")
    return Input(
        csv.name, found.readings, found.rejected, None, limits, found.use, remarks, found.before
    )
