"""Slides as a page, and the list of all chapters: whole by themselves."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from html import escape
from pathlib import Path

from presenter import clean, colours
from presenter.cut import Slide

_HERE = Path(__file__).parent
_SCRIPT = (_HERE / "page.js").read_text(encoding="utf-8")
#: How the slides look.
CSS = (_HERE / "page.css").read_text(encoding="utf-8") + colours.CSS

#: What the browser may do with such a page: load nothing, and run this one script.
_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none';"
    f" form-action 'none'; script-src 'sha256-"
    f"{base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()}'"
)


@dataclass(frozen=True)
class Deck:
    """A chapter's slides.

    Attributes
    ----------
    name
        The stem of the notebook's name, and of the page's.
    title
        The chapter's, as text.
    slides
        In their order.
    notes
        What its speaker says, shows and asks, by these words.
    """

    name: str
    title: str
    slides: list[Slide]
    notes: dict[str, str]


def deck(one: Deck) -> str:
    """A chapter's page."""
    count = len(one.slides)
    slides = "\n".join(_slide(one, slide, at, count) for at, slide in enumerate(one.slides, 1))
    notes = "".join(
        f"<p><b>{escape(word)}</b>: {escape(says)}</p>" for word, says in one.notes.items()
    )
    return _page(
        one.title,
        f'<main class="stage">\n{slides}\n</main>\n'
        f'<aside class="notes" aria-label="Speaker\'s notes" hidden>'
        f"{notes or '<p>There are no notes for this chapter.</p>'}</aside>\n"
        f'<div class="black" hidden></div>\n<script>{_SCRIPT}</script>',
    )


def index(decks: list[Deck]) -> str:
    """The list of chapters, and of keys."""
    items = "".join(
        f'<li><a href="{escape(one.name, quote=True)}.html">{escape(one.title)}</a>'
        f" <small>{len(one.slides)} slides</small></li>"
        for one in decks
    )
    keys = (
        ("→ ↓ Space PageDown", "the next slide"),
        ("← ↑ Backspace PageUp", "the one before"),
        ("Home End", "the first, the last"),
        ("n", "shows and hides the notes: what to say, show and ask"),
        ("b .", "a black screen, and back"),
        ("f", "the whole screen"),
    )
    rows = "".join(
        f"<tr><td>{' '.join(f'<kbd>{key}</kbd>' for key in names.split())}</td><td>{says}</td></tr>"
        for names, says in keys
    )
    return _page(
        "The workshop's slides",
        f'<main class="list"><h1>The workshop\'s slides</h1><ul>{items}</ul>'
        f"<table><tbody>{rows}</tbody></table>"
        "<p>The address of a slide ends with its number: a reload stays there. Printed, each slide"
        " is a page. Nothing here needs a network, but for links to other sites.</p></main>",
    )


def _slide(one: Deck, slide: Slide, at: int, count: int) -> str:
    level = 1 if at == 1 else 2
    title = slide.title.html if slide.title else escape(one.title)
    kinds = " ".join(
        ["slide", *(["first"] if at == 1 else []), *(["guess"] if slide.is_guess else [])]
    )
    over = f'<div class="over">{slide.over}</div>' if slide.over else ""
    marks = "".join(f'<span id="{escape(mark, quote=True)}"></span>' for mark in slide.anchors)
    blocks = "\n".join(block.html for block in slide.blocks)
    # Points that came one by one are one list again.
    blocks = re.sub(r'</ul>\n<ul>|</ol>\n<ol start="(?!1")\d+">', "\n", blocks)
    return (
        f'<section class="{kinds}" aria-label="Slide {at} of {count}">{marks}<header>{over}'
        f"<h{level}>{title}</h{level}></header>"
        f'<div class="body"><div class="fit">{blocks}</div></div>'
        f'<footer><span><a href="index.html">All chapters</a> · {escape(one.title)}</span>'
        '<span><span class="buttons"><button data-go="-1" aria-label="Back">&lsaquo;</button> '
        f'</span><span class="number">{at} / {count}</span><span class="buttons">'
        ' <button data-go="1" aria-label="On">&rsaquo;</button></span></span></footer></section>'
    )


def _page(title: str, body: str) -> str:
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width">\n<link rel="icon" href="data:,">\n'
        f"<title>{escape(clean.text_of(title))}</title>\n<style>{CSS}</style>\n<body>\n{body}\n"
        "</body>\n</html>\n"
    )
