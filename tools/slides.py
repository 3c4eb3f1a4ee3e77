"""Make slides of the notebooks, for a room without a network: `make slides`.

They are in `out/slides`: a list, `index.html`, and a page for each chapter. A page is whole by
itself, so the folder may be copied to a stick. The notebooks' own outputs are on the slides;
nothing is run.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Any

import nbformat
from presenter import blocks, clean, page
from presenter.cut import cut

from cpuwatch import files, pipeline
from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import ROOT
from cpuwatch.workbook import ORIGINALS

#: Where speakers' notes are: a table with a line for each chapter.
GUIDE = ROOT / "docs" / "instructors.md"


def main() -> int:
    """Write the slides, and say so."""
    parser = argparse.ArgumentParser(description="Make slides of the notebooks.")
    parser.add_argument("--notebooks", type=Path, default=ORIGINALS, help="their folder")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "slides", help="where to")
    wanted = parser.parse_args()
    try:
        decks, remarks = make(wanted.notebooks)
        write(wanted.out, decks)
    except CpuwatchError as error:
        print(error, file=sys.stderr)
        return 1
    for remark in remarks:
        print(remark, file=sys.stderr)
    count = sum(len(deck.slides) for deck in decks)
    print(f"{count} slides of {len(decks)} chapters: open {wanted.out / 'index.html'}")
    return 0


def make(folder: Path = ORIGINALS) -> tuple[list[page.Deck], list[str]]:
    """Make slides of all chapters.

    Parameters
    ----------
    folder
        The notebooks'.

    Returns
    -------
    list of Deck
        One for each chapter, in order.
    list of str
        A sentence for each thing that is not shown as the notebook shows it.

    Raises
    ------
    CpuwatchError
        If a chapter's notebook is missing or damaged.
    """
    read = {path: _read(path) for path in _paths(folder)}
    anchors = {path.stem: blocks.anchors(notebook) for path, notebook in read.items()}
    notes = speakers_notes(GUIDE)
    decks, remarks = [], []
    for path, notebook in read.items():
        source = blocks.Source(path, anchors)
        slides = cut(blocks.units(notebook, source))
        if not slides:
            raise CpuwatchError(f"{path} has no text and no code: {_remedy(path)}")
        first = slides[0].title
        title = clean.text_of(clean.soup(first.html)) if first else path.stem
        decks.append(page.Deck(path.stem, title, slides, notes.get(path.name[:2], {})))
        remarks += source.remarks
    return decks, remarks


def write(folder: Path, decks: list[page.Deck]) -> None:
    """Write the pages; those of chapters that are no more go.

    Raises
    ------
    CpuwatchError
        If the folder cannot be written to.
    """
    pages = {f"{deck.name}.html": page.deck(deck) for deck in decks}
    pages["index.html"] = page.index(decks)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("[0-9][0-9]-*.html"):
            if old.name not in pages:
                old.unlink()
        for name, text in pages.items():
            files.write(folder / name, text)
    except OSError as error:
        raise CpuwatchError(
            f"The slides cannot be written to {folder} ({error.strerror}): see to it that the"
            " folder can be written to, and that the disk is not full."
        ) from error


def speakers_notes(guide: Path) -> dict[str, dict[str, str]]:
    """What to say, show and ask, by the chapters' numbers; empty without such a table."""
    try:
        text = guide.read_text(encoding="utf-8")
    except OSError:
        return {}
    found: dict[str, dict[str, str]] = {}
    header: list[str] = []
    for line in text.splitlines():
        cells = [cell.strip().replace("`", "") for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            header = []
        elif not header:
            header = cells
        elif header[:2] == ["chapter", "say"] and re.fullmatch(r"\d\d", cells[0]):
            found[cells[0]] = {
                word.capitalize(): says for word, says in zip(header[1:], cells[1:], strict=False)
            }
    return found


def _paths(folder: Path) -> list[Path]:
    paths = sorted(folder.glob("[0-9][0-9]-*.ipynb"))
    there = {path.name[:2] for path in paths}
    missing = [number for number in pipeline.numbers() if number not in there]
    if missing:
        raise CpuwatchError(
            f"The notebook of chapter {', '.join(missing)} is missing in {folder}:"
            f" 'git checkout notebooks' brings it back."
        )
    return paths


def _read(path: Path) -> Any:
    try:
        notebook = nbformat.v4.reads(path.read_text(encoding="utf-8"))
        nbformat.validate(notebook)
    except OSError as error:
        reason = error.strerror or str(error)
        raise CpuwatchError(f"{path} cannot be read ({reason}): {_remedy(path)}") from error
    except Exception as error:  # of many kinds: whatever the file is, it is no notebook
        raise CpuwatchError(f"{path} is no notebook, or damaged: {_remedy(path)}") from error
    return notebook


def _remedy(path: Path) -> str:
    return f"'git checkout notebooks/{path.name}' brings back what it was."


if __name__ == "__main__":
    sys.exit(main())
