"""A query's ORDER BY: is there one, and how to break its ties, so that rows come in one order."""

from __future__ import annotations

import re
from collections.abc import Iterable

from cpuwatch import sql

_ENDS = frozenset({"LIMIT", "OFFSET", "FETCH"})


def outer_words(query: str) -> list[tuple[str, int]]:
    """The words of a query that stand in no brackets, texts, quoted names or comments.

    Returns
    -------
    list of (str, int)
        Each in capitals, with the place where it begins.
    """
    return [
        (piece.text.upper(), piece.at)
        for piece in sql.pieces(query)
        if piece.depth == 0 and re.match(r"\w", piece.text)
    ]


def is_ordered(query: str) -> bool:
    """Whether a query has an ORDER BY of its own, for all of its rows."""
    return any(word == "ORDER" for word, _ in outer_words(query))


def has_limit(query: str) -> bool:
    """Whether a query takes some of its rows only."""
    return any(word in _ENDS for word, _ in outer_words(query))


def keys(query: str) -> list[tuple[str, bool]]:
    """What a query's own ORDER BY names: columns, each with whether it descends.

    Anything but a plain column is left out.
    """
    found = outer_words(query)
    places = [at for word, at in found if word == "ORDER"]
    if not places:
        return []
    end = next((at for word, at in found if word in _ENDS), len(query))
    clause = re.sub(r"^ORDER\s+BY\s+", "", query[places[-1] : end], flags=re.IGNORECASE)
    plain = re.compile(r"\s*`?(\w+)`?(?:\s+(ASC|DESC))?(?:\s+NULLS\s+\w+)?\s*", re.IGNORECASE)
    matches = [plain.fullmatch(part) for part in sql.parts(clause)]
    return [(one[1], (one[2] or "").upper() == "DESC") for one in matches if one]


def with_ties_broken(query: str, columns: Iterable[str]) -> str:
    """The query, its rows ordered by these columns, too, after what it asks for itself.

    Parameters
    ----------
    query
        A SELECT.
    columns
        Names of its result's columns.
    """
    names = ", ".join(f"`{name}`" for name in columns)
    if not names:
        return query
    place = next((at for word, at in outer_words(query) if word in _ENDS), len(query))
    begins = "," if is_ordered(query) else "ORDER BY"
    return f"{query[:place].rstrip()}\n{begins} {names}\n{query[place:]}".rstrip()


def selected(query: str) -> list[str]:
    """What stands between the first outer SELECT and its FROM, cut at its commas."""
    found = outer_words(query)
    start = next((at + len("SELECT") for word, at in found if word == "SELECT"), None)
    if start is None:
        return []
    end = next((at for word, at in found if word == "FROM" and at > start), len(query))
    return sql.parts(query[start:end])
