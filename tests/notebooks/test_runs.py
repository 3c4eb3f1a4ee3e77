"""The notebooks run: strictly, alone, in order twice, and in reverse order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from book import BOOKS, run, strict

from cpuwatch.settings import settings


@pytest.fixture
def wiped(state: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A stack that has never run, in a folder of its own."""
    monkeypatch.setenv("CPUWATCH_STATE", str(state))
    settings.cache_clear()
    yield state
    settings.cache_clear()


def test_there_are_seven_notebooks() -> None:
    assert [book.name[:2] for book in BOOKS] == ["00", "01", "02", "03", "04", "05", "06"]


def test_nbval_is_strictly_content_from_a_wiped_stack(wiped: Path) -> None:
    code, said, seconds = strict(BOOKS, wiped)
    print(f"nbval over all notebooks from a wiped stack: {seconds:.0f} s")
    assert code == 0, said[-6000:]
    assert "xfailed" not in said and "error" not in said.splitlines()[-1]


def test_all_in_order_twice_and_then_in_reverse_without_wiping(wiped: Path) -> None:
    for name, order in (("in order", BOOKS), ("again", BOOKS), ("in reverse", BOOKS[::-1])):
        seconds = {book.name[:2]: round(run(book)) for book in order}
        print(f"{name}: {sum(seconds.values())} s {seconds}")


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.stem)
def test_each_alone_from_a_wiped_stack(book: Path, wiped: Path) -> None:
    print(f"{book.name}: {run(book):.0f} s")


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
