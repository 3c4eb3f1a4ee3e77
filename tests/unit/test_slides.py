"""Notebooks become slides: all that is taught, nothing that is given away, nothing loaded."""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import nbformat
import pytest
from book import BOOKS
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from slides_parts import loaded, tool

from cpuwatch import exercises
from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import ROOT

slides = tool("slides")
blocks = tool("presenter.blocks")
colours = tool("presenter.colours")
cut = tool("presenter.cut")
diagram = tool("presenter.diagram")
page = tool("presenter.page")

NAMES = [book.stem for book in BOOKS]


@cache
def made() -> tuple[dict[str, Any], list[str]]:
    """All chapters' slides by the notebooks' names, and what is told of them."""
    decks, remarks = slides.make()
    return {deck.name: deck for deck in decks}, remarks


def deck_of(name: str) -> Any:
    return made()[0][name]


@cache
def text_of(name: str) -> str:
    """A chapter's page."""
    return str(page.deck(deck_of(name)))


@cache
def tree_of(name: str) -> BeautifulSoup:
    return BeautifulSoup(text_of(name), "html.parser")


def dealt(*cells: Any, path: Path = ROOT / "notebooks" / "07-own.ipynb") -> list[Any]:
    """The slides of a notebook of these cells."""
    notebook = new_notebook(cells=list(cells))
    source = blocks.Source(path, {path.stem: blocks.anchors(notebook), "02-filter": {"Deploy-it"}})
    return cut.cut(blocks.units(notebook, source))


def html(*cells: Any) -> str:
    return "\n".join(block.html for slide in dealt(*cells) for block in slide.blocks)


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


def code(source: str, *outputs: Any, tags: tuple[str, ...] = ()) -> Any:
    return new_code_cell(source, outputs=list(outputs), metadata={"tags": list(tags)})


def printed(text: str, name: str = "stdout") -> Any:
    return new_output("stream", name=name, text=text)


def shown(kind: str, content: str, plain: str = "<Thing at 0x7f>") -> Any:
    return new_output("display_data", {kind: content, "text/plain": plain})


# --- The workshop's own notebooks ------------------------------------------------------------


def test_every_chapter_has_slides_notes_and_its_diagram() -> None:
    decks, remarks = made()
    assert list(decks) == NAMES
    assert remarks == []
    for name, deck in decks.items():
        assert len(deck.slides) >= 7
        assert list(deck.notes) == ["Say", "Show", "Ask the room"] and all(deck.notes.values())
        drawn = tree_of(name).find_all("svg", class_="diagram")
        assert len(drawn) == 1 and "cpu_thresholds" in drawn[0]["aria-label"]
    lit = {name[:2]: text_of(name).count('fill="#F0E442"') for name in NAMES}
    parts = tool("refresh_notebooks").LIT
    assert lit == {"00": 0} | {number: len(lit.split(",")) for number, lit in parts.items()}


@pytest.mark.parametrize("book", BOOKS, ids=NAMES)
def test_all_text_and_all_code_is_on_slides_in_its_order(book: Path) -> None:
    tree = tree_of(book.stem)
    text = words(" ".join(one.get_text(" ") for one in tree.select(".slide header, .slide .fit")))
    listed = "\n".join(one.get_text() for one in tree.select("pre.code")).split("\n")
    at, line = 0, 0
    for cell, following in pairwise([*nbformat.read(book, 4).cells, None]):
        if cell.cell_type == "code":
            tags = set(cell.metadata.get("tags", []))
            if "workshop.quiz(" in cell.source or tags & blocks.GUESSES:
                continue
            for one in cell.source.strip("\n").split("\n"):
                line = listed.index(one, line) + 1
            continue
        if following is not None and "workshop.quiz(" in following.source:
            continue
        said = re.sub(r"(?s)```.*?```|\]\([^)]*\)|(?m:^\d+\.)", "", cell.source)
        for word in words(said):
            at = text.index(word, at) if word in text[at:] else pytest.fail(f"{word!r} is missing")


@pytest.mark.parametrize("name", NAMES)
def test_a_page_loads_nothing(name: str) -> None:
    assert loaded(text_of(name)) == []
    assert tree_of(name).find_all("link", rel=lambda rel: rel != "icon") == []
    assert len(tree_of(name).find_all("script")) == 1
    assert "default-src 'none'" in text_of(name)


def test_the_list_names_all_chapters_and_loads_nothing() -> None:
    text = page.index([deck_of(name) for name in NAMES])
    assert loaded(text) == []
    links = BeautifulSoup(text, "html.parser").find_all("a")
    assert [link["href"] for link in links] == [f"{name}.html" for name in NAMES]


def test_a_link_within_leads_to_a_page_and_a_place_that_are_there() -> None:
    found = 0
    for name in NAMES:
        tree = tree_of(name)
        for link in tree.find_all("a", href=True):
            if link["href"].startswith(("http://", "https://")):
                continue
            place, _, fragment = link["href"].partition("#")
            if place == "index.html":
                continue
            found += 1
            there = tree_of(place.removesuffix(".html")) if place else tree
            assert not fragment or there.find(id=unquote(fragment)), link
    assert found >= 9  # each chapter's 'Next'


@pytest.mark.parametrize("name", NAMES[1:])
def test_exercises_and_questions_are_asked_and_not_answered(name: str) -> None:
    chapter = exercises.CHAPTERS[name[:2]]
    tree = tree_of(name)
    text = tree.get_text(" ")
    asked = [" ".join(one.get_text().split()) for one in tree.select(".fit > p > strong")]
    choices = [one.get_text() for one in tree.select(".choices li")]
    on_those = " ".join(one.get_text() for one in tree.select(".slide:has(.choices)"))
    for number, question in enumerate(chapter.questions, 1):
        assert f"{number}. {question.text}" in asked
        for letter, (answer, why) in zip("abcd", question.answers, strict=False):
            assert f"{letter}) {answer}" in choices
            assert why not in on_those
    for one in chapter.exercises:
        title = tree.find("h2", string=one.level.capitalize())
        assert title is not None
        assert one.solution not in text
        assert all(hint not in text for hint in one.hints)
    assert "Not yet:" not in text and "No guess yet" not in text
    guesses = tree.select(".guess")
    assert len(guesses) == len(chapter.predictions)
    assert all(len(one.select(".fit > p")) == 1 and not one.find("pre") for one in guesses)


# --- Where it is cut -------------------------------------------------------------------------

LONG_LIST = "\n".join(f"- point {number} of a list that goes on" for number in range(40))
LONG_TABLE = "| a | b |\n|---|---|\n" + "\n".join(f"| {n} | row {n} |" for n in range(40))
LONG_CODE = "\n".join(f"line_{number} = {number}" for number in range(70))
TEXT = "A sentence that is long enough for a line or two of a slide, and it goes on. " * 4


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        # A heading begins a slide, also within a cell; one without anything gives way.
        ([new_markdown_cell("# A\n\none\n\n## B\n\ntwo")], ["one", "two"]),
        ([new_markdown_cell("## A\n\n### B\n\ntwo")], ["two"]),
        ([new_markdown_cell("## A")], [""]),
        # What explains a cell is with it; a second cell is on the next.
        ([new_markdown_cell("why"), code("a = 1")], ["why a = 1"]),
        ([code("a = 1"), code("b = 2")], ["a = 1", "b = 2"]),
        ([code("a = 1"), new_markdown_cell("so"), code("b = 2")], ["a = 1", "so b = 2"]),
        ([code("a = 1"), new_markdown_cell("so")], ["a = 1 so"]),
        ([code("a", printed("1\n")), code("")], ["a 1"]),
        # Nothing else is on the slide of a guess, and its cell is on none.
        (
            [
                new_markdown_cell("before"),
                new_markdown_cell("How many?", metadata={"tags": ["01-twice"]}),
                code("guess = None", printed("No guess yet."), tags=("01-twice",)),
                code("shown", printed("It is 7.")),
            ],
            ["before", "How many?", "shown It is 7."],
        ),
    ],
)
def test_where_a_slide_begins(cells: list[Any], expected: list[str]) -> None:
    texts = [
        " ".join(
            BeautifulSoup("\n".join(block.html for block in slide.blocks), "html.parser")
            .get_text(" ")
            .split()
        )
        for slide in dealt(*cells)
    ]
    assert texts == expected


@pytest.mark.parametrize(
    ("cell", "pieces"),
    [
        (new_markdown_cell(LONG_LIST), [f"point {number} " for number in range(40)]),
        (new_markdown_cell(LONG_TABLE), [f"row {number}<" for number in range(40)]),
        (new_markdown_cell("\n\n".join([TEXT] * 12)), []),
        (code(LONG_CODE), [f"line_{number}<" for number in range(70)]),
        (new_markdown_cell(f"```\n{LONG_CODE}\n```"), [f"line_{n} =" for n in range(70)]),
        (new_markdown_cell(f"> {TEXT}\n\n{LONG_LIST}\n\n{LONG_TABLE}\n\n{TEXT}"), []),
    ],
)
def test_what_is_long_goes_on_on_the_next_slide(cell: Any, pieces: list[str]) -> None:
    those = dealt(cell)
    assert len(those) > 2
    assert all(slide.height <= blocks.HEIGHT for slide in those)
    text = "".join(block.html for slide in those for block in slide.blocks)
    places = [text.find(piece) for piece in pieces]
    assert -1 not in places and places == sorted(places)


@pytest.mark.parametrize(
    ("output", "says"),
    [
        (printed("".join(f"row {n}\n" for n in range(100))), "… and 85 more lines, which the"),
        (printed("x" * 5000), "… and more, which the notebook shows."),
        (
            shown(
                "text/html",
                "<table>" + "".join(f"<tr><td>{n}</td></tr>" for n in range(60)) + "</table>",
            ),
            "more rows, which the notebook shows.",
        ),
    ],
)
def test_an_output_that_is_long_is_shortened_and_says_so(output: Any, says: str) -> None:
    those = dealt(code("show()", output))
    assert all(slide.height <= blocks.HEIGHT for slide in those)
    assert [says in block.html for slide in those for block in slide.blocks] == [False, True]


def test_outputs_of_errors_and_of_warnings_are_on_no_slide() -> None:
    error = new_output("error", ename="E", evalue="secret", traceback=["secret"])
    text = html(code("a", error, printed("secret", "stderr"), tags=("raises-exception",)))
    assert "secret" not in text and "on purpose" in text


def test_a_line_that_was_overwritten_is_shown_as_it_is_at_the_end() -> None:
    assert "50" not in html(code("a", printed("50%\r100%\n\x1b[32mdone\x1b[0m\n")))


# --- What a notebook may hold ----------------------------------------------------------------

HOSTILE = [
    "<script>steal()</script>",
    '<img src="https://example.org/a.png" alt="a picture">',
    '<img src=x onerror="steal()">',
    '<img srcset="https://example.org/a.png 2x" src="data:image/png;base64,AAAA">',
    '<iframe src="https://example.org/"></iframe>',
    '<a href="javascript:steal()">x</a>',
    '<a href="data:text/html,<script>steal()</script>">x</a>',
    '<link rel="stylesheet" href="https://example.org/a.css">',
    "<style>@import 'https://example.org/a.css';</style>",
    '<p style="background: url(https://example.org/a.png)">x</p>',
    '<div style="background-image: url(//example.org/a.png)">x</div>',
    '<object data="https://example.org/a"></object><embed src="https://example.org/a">',
    '<video src="https://example.org/a" poster="https://example.org/b"></video>',
    '<form action="https://example.org/"><button>x</button></form>',
    '<meta http-equiv="refresh" content="0; url=https://example.org/">',
    '<base href="https://example.org/">',
    '<svg><image href="https://example.org/a.png"/><script>steal()</script></svg>',
    '<svg><use xlink:href="https://example.org/a.svg#b"/></svg>',
    '<svg><rect fill="url(https://example.org/a.svg#b)" onload="steal()"/></svg>',
    "<svg><foreignObject><iframe src='https://example.org'></iframe></foreignObject></svg>",
    "<table background='https://example.org/a.png'><tr><td>x</td></tr></table>",
]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_nothing_loads_and_nothing_runs(hostile: str) -> None:
    svg = base64.b64encode(hostile.encode()).decode()
    text = html(
        new_markdown_cell(f"before\n\n{hostile}\n\nafter {hostile}"),
        code("a", shown("text/html", f"<div>{hostile}</div>"), shown("text/html", hostile)),
        code("b", shown("text/markdown", hostile), shown("image/svg+xml", hostile)),
    )
    assert loaded(text.replace(svg, "")) == []
    assert "steal" not in re.sub(r"base64,[^\"]*", "", text)


@pytest.mark.parametrize("kind", ["stream", "text/plain", "source", "title"])
def test_text_is_text(kind: str) -> None:
    mark = "<script>x</script>&amp;"
    cells = {
        "stream": code("a", printed(mark)),
        "text/plain": code("a", new_output("execute_result", {"text/plain": mark})),
        "source": code(mark),
        "title": new_markdown_cell(f"# `{mark}`\n\nx"),
    }
    those = dealt(cells[kind])
    text = page.deck(page.Deck("x", f"{mark}", those, {"Say": mark}))
    assert text.count("<script>") == 1  # the page's own
    assert mark in BeautifulSoup(text, "html.parser").find("main").get_text()


def test_a_drawing_in_the_text_stays_as_it_is() -> None:
    drawing = (
        '<svg viewBox="0 0 40 20" width="400"><defs><linearGradient id="g"><stop offset="0"'
        ' stop-color="red"/></linearGradient></defs><rect x="1" y="2" width="5" height="6"'
        ' fill="url(#g)" style="stroke: blue"/><text x="3" y="4">a word</text></svg>'
    )
    text = html(new_markdown_cell(f"see\n\n{drawing}\n\nthere"))
    for piece in ('viewBox="0 0 40 20"', "linearGradient", 'fill="url(#g)"', "stroke: blue",
                  "a word"):  # fmt: skip
        assert piece.lower() in text.lower(), piece  # a browser knows them in small letters, too


def test_pictures_of_files_and_of_attachments_are_in_the_page(tmp_path: Path) -> None:
    picture = (ROOT / "docs" / "stills" / "follow.png").read_bytes()
    coded = base64.b64encode(picture).decode()
    cell = new_markdown_cell("![one](../docs/stills/follow.png) ![two](attachment:a.png)")
    cell["attachments"] = {"a.png": {"image/png": coded}}
    assert html(cell).count(coded) == 2
    assert "[picture: lost]" in html(new_markdown_cell("![lost](no-such-file.png)"))


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("[a](02-filter.ipynb)", 'href="02-filter.html"'),
        ("[a](02-filter.ipynb#Deploy-it)", 'href="02-filter.html#Deploy-it"'),
        ("[a](02-filter.ipynb#Gone)", 'href="02-filter.html"'),
        ("[a](#Here)", 'href="#Here"'),
        ("[a](#Gone)", None),
        ("[a](03-gone.ipynb)", None),
        ("[a](../docs/glossary.md)", None),
        ("[a](https://example.org/x)", 'href="https://example.org/x"'),
    ],
)
def test_a_link_leads_somewhere_or_is_none(link: str, expected: str | None) -> None:
    text = html(new_markdown_cell(f"## Here\n\n{link}"))
    assert (expected in text) if expected else ("<a" not in text and ">a<" in text)


# --- Diagrams and colours --------------------------------------------------------------------


def test_a_diagram_has_its_boxes_apart_and_its_arrows_forward() -> None:
    source = (
        "graph LR\n A[one] --> B([two_of_many_more])\n A --> C[(three)]\n P[(four)] --> D\n B --> D"
    )
    chart = diagram.read(source)
    layers = diagram.in_layers(chart)
    diagram.place(chart, layers)
    assert {key: node.layer for key, node in chart.nodes.items()} == {
        "A": 0, "B": 1, "C": 1, "P": 1, "D": 2,
    }  # fmt: skip
    for layer in layers:
        for one, other in pairwise(layer):
            assert other.y - one.y >= (one.height + other.height) / 2
    svg, ratio = diagram.draw(source, "arrow")
    assert svg.count("<text") == 6 and svg.count("marker-end") == 4 and 0 < ratio < 2


@pytest.mark.parametrize(
    "source",
    ["", "sequenceDiagram\n A->>B: x", "graph TD\n A --> B", "graph LR\n A --> B\n B --> A",
     "graph LR\n A -- no --> B",
     "graph LR\n A --> B\n classDef lit fill:url(http://example.org)",
     "graph LR\n subgraph x", "graph LR\n class A lit", "graph LR"],
)  # fmt: skip
def test_a_diagram_that_is_not_drawn_is_shown_as_text_and_told(source: str) -> None:
    with pytest.raises(diagram.UnknownDiagramError):
        diagram.draw(source, "arrow")
    where = blocks.Source(Path("07-own.ipynb"), {})
    notebook = new_notebook(cells=[new_markdown_cell(f"```mermaid\n{source}\n```")])
    those = blocks.units(notebook, where)
    assert len(where.remarks) == 1 and "07-own.ipynb" in where.remarks[0]
    assert all(word in those[0].blocks[0].html for word in words(source))


def _light(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_each_colour_of_code_is_seen_from_the_last_row() -> None:
    ground = re.search(r"pre\.code \{ background: #(\w{6})", page.CSS)
    assert ground
    used = {style["color"] for _, style in colours.Colours if style["color"]}
    assert len(used) >= 5
    for colour in used:
        assert (_light(ground[1]) + 0.05) / (_light(colour) + 0.05) >= 7, colour


def test_sql_in_a_string_is_coloured_as_sql() -> None:
    text = "\n".join(
        colours.lines(
            'q = """\nSELECT a\nFROM t -- why\nWATERMARK \'${kafka}\' > 5 %\n"""\nx = "FROM"'
        )
    )
    for word in ("SELECT", "FROM", "WATERMARK"):
        assert re.search(rf'<span class="k\w*">{word}</span>', text), word
    assert text.count(">FROM<") == 1  # the other one is a word like any


# --- The program -----------------------------------------------------------------------------


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the program with these arguments: its exit code, and what it says."""

    def one(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["slides.py", *map(str, arguments)])
        code = slides.main()
        said = capsys.readouterr()
        return code, said.out, said.err

    return one


def test_the_program_says_in_one_line_what_it_wrote(tmp_path: Path, run: Run) -> None:
    out = tmp_path / "slides"
    out.mkdir()
    (out / "08-gone.html").write_text("of a chapter that is no more")
    count = sum(len(deck.slides) for deck in made()[0].values())
    says = f"{count} slides of {len(BOOKS)} chapters: open {out / 'index.html'}\n"
    assert run("--out", out) == (0, says, "")
    names = {path.name for path in out.iterdir()}
    assert names == {"index.html"} | {f"{name}.html" for name in NAMES}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "The notebook of chapter 03 is missing in"),
        (b"", "is no notebook, or damaged"),
        (b"{", "is no notebook, or damaged"),
        (b"[]", "is no notebook, or damaged"),
        (b"\xff\xfe\x00", "is no notebook, or damaged"),
        (b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}}', "is no notebook, or damaged"),
        (b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [7]}', "or damaged"),
        (json.dumps(new_notebook()).encode(), "has no text and no code"),
    ],
)
def test_a_notebook_that_is_missing_or_damaged_is_a_sentence(
    content: bytes | None, says: str, tmp_path: Path
) -> None:
    for book in BOOKS:
        (tmp_path / book.name).write_bytes(book.read_bytes())
    damaged = tmp_path / "03-windows.ipynb"
    if content is None:
        damaged.unlink()
    else:
        damaged.write_bytes(content)
    with pytest.raises(CpuwatchError, match=re.escape(says)) as raised:
        slides.make(tmp_path)
    assert "git checkout notebooks" in str(raised.value)


def test_what_cannot_be_done_is_said_without_a_trace(tmp_path: Path, run: Run) -> None:
    code, out, err = run("--notebooks", tmp_path, "--out", tmp_path / "out")
    assert (code, out) == (1, "")
    assert err.startswith("The notebook of chapter 00, 01") and err.count("\n") == 1
    assert not (tmp_path / "out").exists()
    taken = tmp_path / "taken"
    taken.write_text("a file")
    code, out, err = run("--out", taken)
    assert (code, out) == (1, "") and "cannot be written to" in err
