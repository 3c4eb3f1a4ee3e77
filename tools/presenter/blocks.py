"""A notebook's cells as blocks: pieces of HTML that are small enough for a slide.

How high a block will be is guessed from its text, in the pixels of a slide. The guess decides
where to cut, and may be wrong by a little: the page makes what is too large a little smaller.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from math import ceil
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup, NavigableString, Tag
from mistune import HTMLRenderer
from nbconvert.filters.ansi import strip_ansi
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from cpuwatch import exercises
from presenter import clean, colours, diagram, pictures

#: A slide's room under its title, in pixels; `page.css` has the same.
WIDTH, HEIGHT = 1184, 556

#: The size of letters, and of what is measured in them.
EM = 28
_LINE, _CHARS = 39, 82
_TABLE_LINE, _TABLE_PAD, _TABLE_CHARS = 31, 14, 90
_RESULT_LINE, _RESULT_PAD, _RESULT_CHARS = 27.3, 12, 98
_OUTPUT_LINE, _OUTPUT_CHARS = 29.7, 86
_GAP, _REMARK = 14, 40

#: Code in these sizes: the largest in which it fits on a slide.
_CODE_SIZES = (24, 22, 20)
_CODE_CHARS = 76

#: So much of an output is on a slide: what is longer, the notebook shows.
_OUTPUT_LINES = 15
_ROWS = 11

#: A word as long as this is cut, so that a table's columns do not run out at the side.
_LONG_WORD = 41


#: The kinds of units that have slides of their own.
TASKS = ("guess", "quiz")


@dataclass(frozen=True)
class Block:
    """A piece of HTML that is not cut, and about how high it is, in pixels.

    One that `is_large` may be on a slide of its own, without the code that gave it.
    """

    html: str
    height: float
    is_large: bool = False


@dataclass(frozen=True)
class Title:
    """A heading: its level, its HTML, and its id."""

    level: int
    html: str
    anchor: str


@dataclass
class Unit:
    """What belongs together: a cell, or a part of its text under a heading.

    Attributes
    ----------
    kind
        'text', 'code', or one of `TASKS`.
    title
        Where a heading begins.
    blocks
        In their order.
    """

    kind: str
    title: Title | None = None
    blocks: list[Block] = field(default_factory=list)

    @property
    def height(self) -> float:
        return sum(block.height for block in self.blocks)

    @property
    def together(self) -> float:
        """How high that is which belongs on one slide: what is large may be on the next."""
        if self.height <= HEIGHT and not any(block.is_large for block in self.blocks):
            return self.height
        return self.blocks[0].height if self.blocks else 0.0


@dataclass
class Source:
    """Where cells come from.

    Attributes
    ----------
    path
        The notebook's.
    anchors
        By the stems of all notebooks, the ids of their headings.
    remarks
        Filled with a sentence for what could not be shown as the notebook shows it.
    """

    path: Path
    anchors: Mapping[str, set[str]]
    remarks: list[str] = field(default_factory=list)
    diagrams: int = 0


#: The names of the exercises that ask for a guess.
GUESSES = {one.name for chapter in exercises.CHAPTERS.values() for one in chapter.predictions}
_EXERCISES = {one.name for one in exercises.exercises()}


def units(notebook: Any, source: Source) -> list[Unit]:
    """The notebook's cells as units, without what gives an answer away."""
    made = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            made += _text_units(cell, source)
        elif cell.cell_type == "code" and cell.source.strip():
            more = _code_units(cell, source)
            if more and more[0].kind == "quiz" and made and made[-1].title:
                made[-1].blocks.clear()  # how to answer in the notebook is nothing for a room
            made += more
    return made


def anchors(notebook: Any) -> set[str]:
    """The ids of the notebook's headings."""
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    tree = clean.soup("".join(map(_rendered, texts)))
    return {str(one["id"]) for one in tree.find_all(re.compile("^h[1-6]$")) if one.get("id")}


# --- Text ----------------------------------------------------------------------------------


class _Renderer(IPythonRenderer):
    """Leaves pictures to `clean.with_pictures`, to which a lost one is no error."""

    def image(self, text: str, url: str, title: str | None = None) -> str:
        return str(HTMLRenderer.image(self, text, url, title))


def _rendered(text: str) -> str:
    return str(MarkdownWithMath(renderer=_Renderer(escape=False)).render(text))


def _tree(source: Source, text: str, attached: Mapping[str, Any] | None = None) -> BeautifulSoup:
    tree = clean.soup(_rendered(text))
    clean.mend_links(tree, source.path.stem, source.anchors)
    return _harmless(source, tree, attached)


def _harmless(
    source: Source, tree: BeautifulSoup, attached: Mapping[str, Any] | None = None
) -> BeautifulSoup:
    clean.with_pictures(tree, source.path.parent, attached or {})
    return clean.soup(clean.clean(str(tree)))


def _text_units(cell: Any, source: Source) -> list[Unit]:
    kind = "guess" if GUESSES & set(cell.metadata.get("tags", [])) else "text"
    made = [Unit(kind)]
    for child in _children(_tree(source, cell.source, cell.get("attachments"))):
        level = re.fullmatch("h([123])", child.name)
        if level:
            made.append(Unit(kind, Title(int(level[1]), child.decode_contents(), _id(child))))
        else:
            made[-1].blocks += _blocks(child, source)
    return [unit for unit in made if unit.title or unit.blocks]


def _id(tag: Tag) -> str:
    return str(tag.get("id", ""))


def _children(tree: Tag) -> list[Tag]:
    """The elements on top; text that is in none gets a paragraph. A lone box is opened."""
    found: list[Tag] = []
    for child in list(tree.children):
        if isinstance(child, Tag):
            found.append(child)
        elif type(child) is NavigableString and child.strip():
            paragraph = clean.soup("<p></p>").p
            assert paragraph is not None
            paragraph.append(child.extract())
            found.append(paragraph)
    if len(found) == 1 and found[0].name in ("div", "section") and found[0].find(True):
        if found[0].find("pre", class_="mermaid"):
            return found
        return _children(found[0])
    return found


def _blocks(tag: Tag, source: Source) -> list[Block]:
    """A top element as blocks, each no higher than a slide."""
    drawn = tag if tag.name == "pre" else tag.find("pre", class_="mermaid")
    if isinstance(drawn, Tag) and "mermaid" in (drawn.get("class") or []):
        return [_drawn(drawn.get_text(), source)]
    if tag.name == "svg" or (tag.name in ("p", "div", "figure") and tag.find("svg")):
        return [_vector(tag)]
    if tag.name in ("p", "figure", "img") and (tag.name == "img" or tag.find("img")):
        return _pictures(tag)
    if tag.name in ("ul", "ol"):
        return _list(tag)
    if tag.name == "table":
        return _table(tag)
    if tag.name == "pre" or (tag.name == "div" and tag.find("pre")):
        return _listing(tag.get_text(), "text")
    return [Block(str(tag), _lines(clean.text_of(tag), _CHARS) * _LINE + _GAP)]


def _lines(text: str, width: int) -> int:
    return max(1, ceil(len(text) / width))


def _drawn(text: str, source: Source) -> Block:
    source.diagrams += 1
    try:
        svg, ratio = diagram.draw(text, f"arrow{source.diagrams}")
    except diagram.UnknownDiagramError as error:
        source.remarks.append(
            f"A diagram in {source.path.name} is shown as text, since only flow charts from left"
            f" to right are drawn ('{error}')."
        )
        return _listing(text, "text")[0]
    return _figure(svg, ratio)


def _vector(tag: Tag) -> Block:
    svg = tag if tag.name == "svg" else tag.find("svg")
    assert isinstance(svg, Tag)
    return _figure(str(tag), pictures.ratio_of_svg(str(svg)))


def _figure(html: str, ratio: float) -> Block:
    """As wide as the slide, if it is not too high then."""
    width = min(WIDTH, (HEIGHT - 2 * _GAP) / ratio)
    return Block(
        f'<div class="figure" style="width: {width / EM:.2f}em">{html}</div>',
        width * ratio + 2 * _GAP,
        is_large=True,
    )


def _pictures(tag: Tag) -> list[Block]:
    images = [tag] if tag.name == "img" else tag.find_all("img")
    made = []
    for image in images:
        picture = image.extract() if image is not tag else image
        ratio = pictures.ratio_of_data(str(picture.get("src", "")))
        made.append(_figure(str(picture), ratio))
    if tag.name != "img" and clean.text_of(tag):
        text = clean.text_of(tag)
        made.append(Block(str(tag), _lines(text, _CHARS) * _LINE + _GAP))
    return made


def _list(tag: Tag) -> list[Block]:
    """Point by point, in as many lists as slides want."""
    made, first = [], int(str(tag.get("start", 1)) or 1)
    for at, item in enumerate(tag.find_all("li", recursive=False)):
        start = f' start="{first + at}"' if tag.name == "ol" else ""
        inner = item.find_all("li")
        own = len(clean.text_of(item)) - sum(len(clean.text_of(one)) for one in inner)
        lines = max(1, ceil(own / (_CHARS - 4))) + sum(
            _lines(clean.text_of(one), _CHARS - 8) for one in inner
        )
        made.append(Block(f"<{tag.name}{start}>{item}</{tag.name}>", lines * _LINE + 8))
    return made


def _table(tag: Tag, limit: int | None = None) -> list[Block]:
    """Tables of some rows each, all with the header; with a limit one, and what it leaves out."""
    rows = tag.find_all("tr")
    head = [row for row in rows if row.parent is not None and row.parent.name == "thead"]
    body = [row for row in rows if row not in head]
    if not rows:
        return []
    cells = [[clean.text_of(cell) for cell in row.find_all(["td", "th"])] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=False)] or [1]
    kinds = list(tag.get("class") or [])
    line, pad, most = (
        (_RESULT_LINE, _RESULT_PAD, _RESULT_CHARS)
        if "output" in kinds
        else (_TABLE_LINE, _TABLE_PAD, _TABLE_CHARS)
    )
    floors = [max(map(_longest_word, column)) for column in zip(*cells, strict=False)] or [1]
    while sum(widths) + 3 * len(widths) > most and widths != floors:
        # The widest gives way, and no word is cut.
        wide = max(range(len(widths)), key=lambda at: (widths[at] > floors[at], widths[at]))
        widths[wide] -= 1
    if max(floors) >= _LONG_WORD:
        kinds.append("long")

    def high(row: Tag) -> float:
        texts = [clean.text_of(cell) for cell in row.find_all(["td", "th"])]
        pairs = zip(texts, widths, strict=False)
        lines = max((_lines(text, max(width, 1)) for text, width in pairs), default=1)
        return lines * line + pad

    top = sum(map(high, head))
    left_out = max(0, len(body) - limit) if limit else 0
    room = HEIGHT - _GAP - (_REMARK if limit else 0)
    parts: list[list[Tag]] = [[]]
    for row in body[: len(body) - left_out]:
        if parts[-1] and top + sum(map(high, parts[-1])) + high(row) > room:
            parts.append([])
        parts[-1].append(row)
    named = escape(" ".join(kinds), quote=True)
    made = [
        Block(
            f'<table class="{named}"><thead>{"".join(map(str, head))}</thead>'
            f"<tbody>{''.join(map(str, part))}</tbody></table>",
            top + sum(map(high, part)) + _GAP,
        )
        for part in parts
    ]
    if limit and (left_out or len(made) > 1):
        hidden = len(body) - len(parts[0])
        return [_shortened(made[0], _more(hidden, "row"))]
    return made


def _longest_word(text: str) -> int:
    return max((min(len(word), _LONG_WORD) for word in text.split()), default=0)


def _more(count: int, what: str) -> str:
    return f"… and {count:,} more {what}{'' if count == 1 else 's'}, which the notebook shows."


def _shortened(block: Block, says: str) -> Block:
    """A block with a sentence on what is not there: never one without the other."""
    return Block(block.html + _remark(says).html, block.height + _REMARK)


def _remark(text: str) -> Block:
    return Block(f'<p class="remark">{escape(text)}</p>', _REMARK)


# --- Code and what it gives ----------------------------------------------------------------


def _code_units(cell: Any, source: Source) -> list[Unit]:
    tags = set(cell.metadata.get("tags", []))
    if tags & GUESSES:
        return []  # the question is on a slide; the room says its guess
    if "workshop.quiz(" in cell.source:
        return [Unit("quiz", blocks=[one]) for one in _quiz(cell)]
    made = Unit("code", blocks=_listing(cell.source))
    if not tags & _EXERCISES:  # there the output says what is missing, and so how it is solved
        for output in _joined(cell.outputs):
            made.blocks += _output(output, source)
        if "raises-exception" in tags:
            made.blocks.append(_remark("This cell ends with an error, on purpose: run it."))
    return [made]


def _listing(code: str, language: str = "python") -> list[Block]:
    """Code, in the largest letters in which it fits; what is too long, in parts."""
    html = colours.lines(code, language)
    plain = code.strip("\n").split("\n")
    high = [_lines(line, _CODE_CHARS) for line in plain]
    parts = _parts(plain, high, int((HEIGHT - 40) / (_CODE_SIZES[-1] * 1.3)))
    highest = max(sum(high[start:end]) for start, end in parts)
    size = next((one for one in _CODE_SIZES if highest * one * 1.3 + 40 <= HEIGHT), _CODE_SIZES[-1])
    return [
        Block(
            f'<pre class="code" style="font-size: {size / EM:.3f}em">'
            f"<code>{chr(10).join(html[start:end])}</code></pre>",
            sum(high[start:end]) * size * 1.3 + 24 + _GAP,
        )
        for start, end in parts
    ]


def _parts(plain: list[str], high: list[int], most: int) -> list[tuple[int, int]]:
    """Where to cut code: before a line of the least indentation, near the even parts' ends."""
    parts, start = [], 0
    left = ceil(sum(high) / most)
    while start < len(plain) - 1 and sum(high[start:]) > most:
        end = start + 1
        while end < len(plain) and sum(high[start : end + 1]) <= most:
            end += 1
        even = start + ceil((len(plain) - start) / max(left, 2))

        def cost(at: int, even: int = even) -> float:
            line = plain[at]
            indent = len(line) - len(line.lstrip()) if line.strip() else 0
            return indent * 1.5 + abs(at - even)

        # Each part is at least a third of what would fit, but where one line alone is higher.
        candidates = range(min(end, start + max(1, (end - start) // 3)), end + 1)
        cut = min((at for at in candidates if at < len(plain)), key=cost)
        parts.append((start, cut))
        start, left = cut, left - 1
    return [*parts, (start, len(plain))]


def _joined(outputs: Iterable[Any]) -> list[Any]:
    """Without errors, and without what went to stderr; prints in a row are one output."""
    made: list[Any] = []
    for output in outputs:
        if output.output_type == "error" or output.get("name") == "stderr":
            continue
        if output.output_type == "stream" and made and made[-1].output_type == "stream":
            made[-1] = {**made[-1], "text": made[-1].text + output.text}
            made[-1] = type(output)(made[-1])
        else:
            made.append(output)
    return made


def _output(output: Any, source: Source) -> list[Block]:
    if output.output_type == "stream":
        return _printed(output.text)
    data = output.get("data", {})
    plain = str(data.get("text/plain", ""))
    for kind in pictures.KINDS:
        if kind in data:
            address, ratio = pictures.data_of(kind, data[kind])
            says = escape(re.sub(r"^\[(?:figure: )?|\]$", "", plain.strip()), quote=True)
            return [_figure(f'<img src="{address}" alt="{says}">', ratio)]
    if "text/html" in data:
        made = _html(data["text/html"], source)
        if made:
            return made
    if "text/markdown" in data:
        made = [
            block
            for child in _children(_tree(source, data["text/markdown"]))
            for block in _blocks(child, source)
        ]
        return made
    if re.match(r"<[\w.]+( object)? at 0x", plain):
        return []  # of a thing that has no picture here, such as a page within the page
    return _printed(plain)


def _html(html: str, source: Source) -> list[Block]:
    tree = clean.soup(html)
    clean.mend_links(tree, source.path.stem, source.anchors)
    tree = _harmless(source, tree)
    if not clean.text_of(tree) and not tree.find(["img", "svg"]):
        return []
    tables = tree.find_all("table")
    if len(tables) == 1:
        tables[0]["class"] = [*(tables[0].get("class") or []), "output"]
        around = [child for child in _children(tree) if child is not tables[0]]
        if not any(tables[0] in child.find_all("table") for child in around):
            made = _table(tables[0], _ROWS)
            for child in around:
                made += _blocks(child, source)
            return made
        return _table(tables[0], _ROWS)
    return [block for child in _children(tree) for block in _block_of_output(child, source)]


def _block_of_output(tag: Tag, source: Source) -> list[Block]:
    if tag.name == "details":
        return [Block(f'<div class="output">{tag}</div>', 60)]
    return _table(tag, _ROWS) if tag.name == "table" else _blocks(tag, source)


def _printed(text: str) -> list[Block]:
    """What was printed, as it is at the end; only its first lines where it is long."""
    lines = [
        line.rpartition("\r")[2] for line in strip_ansi(text).replace("\r\n", "\n").split("\n")
    ]
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        return []
    shown, high = 0, 0
    for line in lines:
        if shown and high + _lines(line, _OUTPUT_CHARS) > _OUTPUT_LINES:
            break
        shown, high = shown + 1, high + _lines(line, _OUTPUT_CHARS)
    first = textwrap.shorten(lines[0], 900, placeholder=" …") if high > _OUTPUT_LINES else lines[0]
    text = "\n".join([first, *lines[1:shown]])
    made = Block(
        f'<pre class="output">{escape(text)}</pre>',
        min(high, _OUTPUT_LINES) * _OUTPUT_LINE + 20 + _GAP,
    )
    if shown < len(lines):
        return [_shortened(made, _more(len(lines) - shown, "line"))]
    if first != lines[0]:
        return [_shortened(made, "… and more, which the notebook shows.")]
    return [made]


def _quiz(cell: Any) -> list[Block]:
    """Its questions, two on a slide, without a word on which answer is right."""
    text = "".join(output.get("text", "") for output in cell.outputs)
    made = []
    questions = re.findall(r"^\d+\. .*(?:\n(?!\d+\. ).*)*", text, re.MULTILINE)
    asked = []
    for question in questions:
        choices = re.findall(r"^ +([a-z])\) (.*(?:\n {6,}\S.*)*)", question, re.MULTILINE)
        asks = re.split(r"\n +[a-z]\) ", question)[0]
        asked.append(
            f'<p><strong>{escape(clean.text_of(asks))}</strong></p><ul class="choices">'
            + "".join(f"<li>{one}) {escape(clean.text_of(says))}</li>" for one, says in choices)
            + "</ul>"
        )
    for start in range(0, len(asked), 2):
        made.append(Block("".join(asked[start : start + 2]), HEIGHT - 40))
    return made
