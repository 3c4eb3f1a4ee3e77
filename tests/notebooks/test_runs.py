"""The notebooks run: strictly from a wiped stack, then again in order, and in reverse order."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from book import BOOKS, one_kernel, run, strict
from conftest import cpuwatch, new_state, processes_of

from cpuwatch import pipeline, workshop
from cpuwatch.settings import settings


@pytest.fixture(scope="module")
def never_run() -> Iterator[Path]:
    """A stack of this file's own, which its first notebook starts: its state folder."""
    folder, before = new_state(), os.environ.get("CPUWATCH_STATE")
    os.environ["CPUWATCH_STATE"] = str(folder)
    settings.cache_clear()
    yield folder
    stopped = cpuwatch("down", "--wipe")
    os.environ.pop("CPUWATCH_STATE")
    if before is not None:
        os.environ["CPUWATCH_STATE"] = before
    settings.cache_clear()
    shutil.rmtree(folder, ignore_errors=True)
    assert stopped.returncode == 0, stopped.stderr
    assert processes_of(folder) == []


def test_there_is_a_notebook_for_each_chapter() -> None:
    assert tuple(book.name[:2] for book in BOOKS) == pipeline.numbers()


def test_nbval_is_strictly_content_from_a_wiped_stack(never_run: Path) -> None:
    code, said, seconds = strict(BOOKS, never_run)
    print(f"nbval over all notebooks from a wiped stack: {seconds:.0f} s")
    assert code == 0, said[-6000:]
    assert "xfailed" not in said and "error" not in said.splitlines()[-1]


#: Those that build on each other. Those beyond the tutorial bring what they need.
STORY = [book for book in BOOKS if book.name < "10"]


# The run of nbval was the first in order. Where a fresh kernel is not the point there is one
# for all: `test_alone.py` has a fresh one for each.
@pytest.mark.parametrize("order", [STORY, BOOKS[::-1]], ids=["again in order", "in reverse"])
def test_all_without_wiping(order: list[Path], never_run: Path) -> None:
    seconds = {}
    with one_kernel() as kernel:
        for book in order:
            number = book.name[:2]
            seconds[number] = round(run(book, kernel))
            if number in ("02", "03"):  # the next chapter keeps what this one has deployed
                done = workshop.catch_up(pipeline.numbers()[BOOKS.index(book) + 1])
                assert not any("deployed" in what for what in done), done
    print(f"{sum(seconds.values())} s {seconds}")


def test_the_gate_stops_at_the_first_error(tmp_path: Path) -> None:
    book = tmp_path / "broken.ipynb"
    cells = ["1 + 1", "undefined", f"open({str(tmp_path / 'ran')!r}, 'w').close()"]
    _write(book, cells)
    with pytest.raises(AssertionError, match="NameError"):
        run(book)
    assert not (tmp_path / "ran").exists()


def test_the_gate_notices_a_dead_kernel(tmp_path: Path) -> None:
    book = tmp_path / "dead.ipynb"
    _write(book, ["import os; os._exit(1)", "2"])
    with pytest.raises(AssertionError, match="died"):
        run(book)


def _write(path: Path, cells: list[str]) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    nbformat.write(notebook, path)
