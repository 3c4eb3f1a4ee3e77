"""The folder of results: their tables and the plot."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from cpuwatch import figures
from cpuwatch.demo.result import Result
from cpuwatch.demo.writing import write_csv
from cpuwatch.errors import CpuwatchError
from cpuwatch.spool import Spool

#: Where each table of the results comes from.
_TABLES: dict[str, Callable[[Result], Spool | pd.DataFrame]] = {
    "filtered.csv": lambda result: result.filtered,
    "windows.csv": lambda result: result.windows,
    "alerts.csv": lambda result: result.alerts,
    "episodes.csv": lambda result: result.episodes,
    "rejected.csv": lambda result: result.given.rejected,
}

#: And what the rule that learns adds.
_SCORES = "scores.csv"

_PLOT = "alerts.png"

#: What the smallest results take on a disk, in bytes.
_TRIAL = 256 * 1024


def make_folder(folder: Path) -> None:
    """See to it that results can be written into a folder, before anything is begun.

    Parameters
    ----------
    folder
        Made, with those above it, if it is not there.

    Raises
    ------
    CpuwatchError
        If it cannot be written to, or a file of an earlier run's cannot be replaced.
    """
    with _results_in(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as trial:
            trial.write(bytes(_TRIAL))
            trial.flush()
            os.fsync(trial.fileno())  # only then a full disk is noticed
        for name in (*_TABLES, _SCORES, _PLOT):
            if (folder / name).exists():
                (folder / name).open("ab").close()


def write(result: Result, folder: Path) -> list[Path]:
    """Write the tables and the plot into `folder`; returns the files' paths.

    Raises
    ------
    CpuwatchError
        If the folder cannot be written to.
    """
    with _results_in(folder):
        folder.mkdir(parents=True, exist_ok=True)
        written = []
        for name, rows in _TABLES.items():
            table = rows(result)
            write_csv(folder / name, table.parts() if isinstance(table, Spool) else [table])
            written.append(folder / name)
        if result.scores is None:
            (folder / _SCORES).unlink(missing_ok=True)  # of another rule's run
        else:
            parts = (part.drop(columns="place") for part in result.scores.parts())
            write_csv(folder / _SCORES, parts)
            written.append(folder / _SCORES)
        hosts = figures.in_order_of_panels(result.hosts, result.alerts)
        figure = figures.alerts_figure(
            result.windows.table(hostname=hosts[: figures.MOST_PANELS]),
            result.alerts,
            None if result.rule == "learned" else result.given.thresholds,
            result.parameters.default_top,
            result.given.incidents,
            pd.Timedelta(seconds=result.parameters.window),
            len(result.given.rejected),
            result.late,
            hosts,
        )
        figures.save(figure, folder / _PLOT)
    return [*written, folder / _PLOT]


@contextmanager
def _results_in(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        what = "" if error.filename in (None, str(folder)) else f"{error.filename}: "
        raise CpuwatchError(
            f"The results cannot be written into {folder} ({what}{error.strerror}): name another"
            " folder with --out."
        ) from error
