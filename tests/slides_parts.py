"""What the tests of slides share: the tool, and what of a page a browser would load."""

from __future__ import annotations

import importlib
import re
import sys
from html.parser import HTMLParser
from types import ModuleType

from cpuwatch.settings import ROOT


def tool(name: str) -> ModuleType:
    """A module of `tools/`, which is no package that is installed."""
    folder = str(ROOT / "tools")
    sys.path.append(folder)
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(folder)


class _Loads(HTMLParser):
    """Gathers what a browser loads or runs without being asked."""

    LOADS = ("src", "srcset", "data", "poster", "background", "action", "formaction", "ping")

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = tag
        if tag in ("iframe", "object", "embed", "base", "audio", "video", "foreignobject"):
            self.found.append(f"<{tag}>")
        for name, value in attrs:
            value = (value or "").strip()
            is_link = tag == "a" and name == "href"
            if name.startswith("on") or (is_link and value.lower().startswith(("java", "data"))):
                self.found.append(f"{tag} {name}={value[:60]}")
            addresses = name in self.LOADS or (name.endswith("href") and not is_link)
            if addresses and not value.startswith(("data:", "#")):
                self.found.append(f"{tag} {name}={value[:60]}")
            self._look_for_css(value)

    def handle_data(self, data: str) -> None:
        if self.inside == "style":
            self._look_for_css(data)

    def _look_for_css(self, text: str) -> None:
        self.found += re.findall(r"url\(\s*['\"]?(?!#)[^)]{0,60}|@import.{0,60}", text)


def loaded(html: str) -> list[str]:
    """What a browser that opens this page would load from elsewhere, or run unasked."""
    reader = _Loads()
    reader.feed(html)
    reader.close()
    return reader.found
