"""Each notebook runs alone: in a fresh kernel, on a stack on which nothing was made yet."""

from __future__ import annotations

from pathlib import Path

import pytest
from book import BOOKS, run

from cpuwatch import topics, workshop


@pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.stem)
def test_each_alone(book: Path, stack: Path) -> None:
    workshop.reset()
    assert topics.READINGS not in topics.names() and workshop.jobs().empty
    print(f"{book.name}: {run(book):.0f} s")
