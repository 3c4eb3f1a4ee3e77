"""What of a notebook's HTML may be on a slide: nothing that runs, and nothing that loads."""

from __future__ import annotations

import base64
import mimetypes
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

import bleach
from bleach.css_sanitizer import ALLOWED_CSS_PROPERTIES, ALLOWED_SVG_PROPERTIES, CSSSanitizer
from bs4 import BeautifulSoup, Tag

#: What goes with all that is in it.
_AWAY = (
    "script", "style", "iframe", "object", "embed", "link", "meta", "base", "form", "template",
    "audio", "video", "foreignobject", "noscript", "title",
)  # fmt: skip

_HTML = (
    "a", "abbr", "b", "blockquote", "br", "caption", "code", "del", "details", "div", "dd", "dl",
    "dt", "em", "figcaption", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "ins",
    "kbd", "li", "mark", "ol", "p", "pre", "q", "s", "samp", "section", "small", "span", "strong",
    "sub", "summary", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul", "var",
)  # fmt: skip
_SVG = (
    "svg", "g", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text", "tspan",
    "textPath", "defs", "marker", "linearGradient", "radialGradient", "stop", "clipPath", "mask",
    "pattern", "symbol", "use", "desc",
)  # fmt: skip

_PLAIN = {"align", "alt", "class", "colspan", "dir", "height", "id", "lang", "open", "role",
          "rowspan", "start", "style", "title", "width", "aria-label", "aria-hidden"}  # fmt: skip
_DRAWN = re.compile(
    r"(c?[xy][12]?|[rf][xy]?|d[xy]?|points|viewbox|transform|preserveaspectratio|offset"
    r"|(fill|stroke|stop|font|text|dominant|marker|clip)(-[a-z]+)*|opacity|markerwidth"
    r"|markerheight|ref[xy]|orient|markerunits|gradientunits|gradienttransform|patternunits"
    r"|patterntransform|clippathunits|mask|maskunits|rotate|textlength|lengthadjust|xmlns)",
    re.IGNORECASE,
)
_LOADS = re.compile(r"url\(\s*['\"]?\s*(?!['\"#\s])|@import|expression\(", re.IGNORECASE)


def soup(html: str) -> BeautifulSoup:
    """HTML as a tree."""
    return BeautifulSoup(html, "html.parser")


def clean(html: str) -> str:
    """HTML without what runs or loads something.

    Links stay, since a browser follows them only when they are clicked; pictures stay if they
    are in the text itself (`data:`), so call `with_pictures` first.
    """
    tree = soup(html)
    for away in tree.find_all(_AWAY):
        away.decompose()
    css = CSSSanitizer([*ALLOWED_CSS_PROPERTIES, "max-width", "margin", "padding", "border"],
                       ALLOWED_SVG_PROPERTIES)  # fmt: skip
    return bleach.clean(
        str(tree),
        # In small letters, too: so a drawing's names are at first read.
        tags={*_HTML, *_SVG, *map(str.lower, _SVG)},
        attributes=_may_stay,
        css_sanitizer=css,
        strip=True,
        protocols={"http", "https", "mailto", "data"},
    )


def _may_stay(tag: str, name: str, value: str) -> bool:
    value = value.strip()
    if _LOADS.search(value):
        return False
    if (tag, name) == ("img", "src"):
        return value.lower().startswith("data:image/")
    if name == "href":
        return value.startswith("#") or (tag == "a" and not value.lower().startswith("data:"))
    return name in _PLAIN or (tag not in ("a", "img") and bool(_DRAWN.fullmatch(name)))


def with_pictures(
    tree: BeautifulSoup, folder: Path, attached: Mapping[str, Mapping[str, str]]
) -> None:
    """Put pictures that are files, or attached to the cell, into the text itself.

    One that is elsewhere, or is not there, becomes a sentence with what it shows.

    Parameters
    ----------
    tree
        Changed in place.
    folder
        The notebook's, from which its addresses count.
    attached
        The cell's attachments.
    """
    for image in tree.find_all("img"):
        source = str(image.get("src", "")).strip()
        if source.lower().startswith("data:image/"):
            continue
        found = _data(source, folder, attached)
        if found:
            image["src"] = found
        else:
            image.replace_with(f"[picture: {image.get('alt') or 'without a description'}]")


def _data(source: str, folder: Path, attached: Mapping[str, Mapping[str, str]]) -> str | None:
    scheme, _, name = source.partition(":")
    if scheme == "attachment":
        for kind, content in attached.get(unquote(name), {}).items():
            if kind.startswith("image/"):
                return f"data:{kind};base64,{''.join(content.split())}"
        return None
    place = urlsplit(source)
    kind = mimetypes.guess_type(place.path)[0] or ""
    if place.scheme or place.netloc or not place.path or not kind.startswith("image/"):
        return None
    path = folder / unquote(place.path)
    try:
        return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
    except OSError:
        return None


def mend_links(tree: BeautifulSoup, own: str, anchors: Mapping[str, set[str]]) -> None:
    """Let links between notebooks lead to their slides, and leave only text of those to nowhere.

    Parameters
    ----------
    tree
        Changed in place.
    own
        The stem of the notebook's name.
    anchors
        By the stems of all notebooks, the ids of their headings.
    """
    for link in tree.find_all("a"):
        if "anchor-link" in (link.get("class") or []):
            link.decompose()
            continue
        place = urlsplit(str(link.get("href", "")))
        if place.scheme in ("http", "https", "mailto"):
            continue
        path = Path(unquote(place.path))
        stem = path.stem if place.path else own
        other = place.path and (path.suffix != ".ipynb" or path.parent != Path("."))
        fragment = unquote(place.fragment)
        if place.scheme or place.netloc or other or stem not in anchors:
            link.unwrap()
        elif fragment and fragment in anchors[stem]:
            link["href"] = f"{stem}.html#{fragment}" if place.path else f"#{fragment}"
        elif place.path:
            link["href"] = f"{stem}.html"
        else:
            link.unwrap()


def text_of(tag: Tag | str) -> str:
    """The words alone, in one line."""
    words = tag if isinstance(tag, str) else tag.get_text()
    return " ".join(words.split())
