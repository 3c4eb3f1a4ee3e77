"""Running notebooks in tests: strictly with nbval, and with nbclient, which stops at once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
BOOKS = sorted(NOTEBOOKS.glob("[0-9][0-9]-*.ipynb"))

#: A cell may take this long, in seconds, on a slow and busy machine.
PATIENCE = 180


def strict(books: list[Path], state: Path, **environment: str) -> tuple[int, str, float]:
    """Run nbval over notebooks, comparing every output; its exit code, output and seconds."""
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-I", "-m", "pytest", "--nbval", f"--nbval-cell-timeout={PATIENCE}", "-q",
         "-p", "no:cacheprovider", "-p", "no:xdist", "--color=no", *map(str, books)],
        capture_output=True, text=True, check=False, timeout=1200, cwd=NOTEBOOKS.parent,
        env=os.environ | environment | {"CPUWATCH_STATE": str(state)},
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr, time.monotonic() - start


@contextmanager
def one_kernel() -> Iterator[KernelManager]:
    """A kernel that several notebooks use, one after the other."""
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(cwd=str(NOTEBOOKS))
    try:
        yield manager
    finally:
        manager.shutdown_kernel(now=True)


def run(book: Path, kernel: KernelManager | None = None) -> float:
    """Run one notebook to its end; raises at the first error, and when the kernel dies.

    The settings come from this process's environment. Returns the seconds that it took.

    Parameters
    ----------
    book
        The notebook.
    kernel
        From `one_kernel`; all names of the notebook before are forgotten. By default a fresh
        one, as an attendee has it.
    """
    start = time.monotonic()
    notebook = nbformat.read(book, 4)
    if kernel is not None:
        forget = nbformat.v4.new_code_cell("get_ipython().run_line_magic('reset', '-f')")
        notebook.cells.insert(0, forget)
    client = NotebookClient(
        notebook, km=kernel, timeout=PATIENCE, skip_cells_with_tag="nbval-skip",
        record_timing=False, resources={"metadata": {"path": str(book.parent)}},
    )  # fmt: skip
    try:
        client.execute(cleanup_kc=kernel is None)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise AssertionError(f"{book.name}: {error}") from error
    return time.monotonic() - start
