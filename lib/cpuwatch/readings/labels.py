"""The labels of a series in one text, as Prometheus and Influx write them."""

from __future__ import annotations

import re
from functools import lru_cache

_LABELLED = re.compile(r"\s*([^{}]*?)\s*\{(.*)\}\s*")
_LABEL = re.compile(r'\s*([A-Za-z_][\w.]*)\s*=~?\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)')
_TAG = re.compile(r"\s*([A-Za-z_][\w.]*)=((?:[^,\\]|\\.)*)(?:,|$)")
_ESCAPED = re.compile(r"\\(.)")


@lru_cache(maxsize=65536)
def labels(text: str) -> dict[str, str] | None:
    """The labels of a series as Prometheus or Influx write them; None if it has none.

    `cpu{host="web01"}` has `__name__` and `host`, `host=web01,cpu=0` has `host` and `cpu`.
    """
    match = _LABELLED.fullmatch(text)
    if match is None:
        return _pairs(text, _TAG)
    found = _pairs(match.group(2), _LABEL) or _pairs(match.group(2), _TAG)
    if found is None:
        return None
    return ({"__name__": match.group(1)} if match.group(1) else {}) | found


def _pairs(text: str, pattern: re.Pattern[str]) -> dict[str, str] | None:
    found: dict[str, str] = {}
    end = 0
    while end < len(text):
        match = pattern.match(text, end)
        if match is None:
            return None
        found[match.group(1)] = _ESCAPED.sub(r"\1", match.group(2))
        end = match.end()
    return found or None
