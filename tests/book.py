"""Running notebooks in tests: strictly with nbval, and with nbclient, which stops at once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
BOOKS = sorted(NOTEBOOKS.glob("[0-9][0-9]-*.ipynb"))

#: A cell may take this long, in seconds, on a slow and busy machine.
PATIENCE = 180


def strict(books: list[Path], state: Path) -> tuple[int, str, float]:
    """Run nbval over notebooks, comparing every output; its exit code, output and seconds."""
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--nbval", f"--nbval-cell-timeout={PATIENCE}", "-q",
         "-p", "no:cacheprovider", "--color=no", *map(str, books)],
        capture_output=True, text=True, check=False, timeout=1200, cwd=NOTEBOOKS.parent,
        env=os.environ | {"CPUWATCH_STATE": str(state)},
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr, time.monotonic() - start


def run(book: Path) -> float:
    """Run one notebook to its end; raises at the first error, and when the kernel dies.

    The settings come from this process's environment. Returns the seconds that it took.
    """
    start = time.monotonic()
    notebook = nbformat.read(book, 4)
    client = NotebookClient(
        notebook, timeout=PATIENCE, skip_cells_with_tag="nbval-skip", record_timing=False,
        resources={"metadata": {"path": str(book.parent)}},
    )  # fmt: skip
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise AssertionError(f"{book.name}: {error}") from error
    return time.monotonic() - start
