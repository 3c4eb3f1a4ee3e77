"""Code in colours that are seen from the last row, and SQL in Python's strings as SQL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pygments import lex
from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import PythonLexer, SqlLexer, get_lexer_by_name
from pygments.style import Style
from pygments.token import Comment, Keyword, Name, Number, Operator, String
from pygments.util import ClassNotFound

#: What makes a string SQL, as in the notebooks themselves (labextensions/cpuwatch-sql).
_IS_SQL = re.compile(r"\s*(?:--[^\n]*\n\s*)*(CREATE|EXECUTE|INSERT|SELECT|UPDATE|WITH)\s")


class Colours(Style):
    """Dark on white: each has a contrast of at least seven to one."""

    styles = {  # noqa: RUF012 - Pygments' own way
        Comment: "italic #4d4d4d",
        Keyword: "bold #0a2f8f",
        Keyword.Constant: "bold #0a2f8f",
        Name.Builtin: "#0a2f8f",
        Name.Function: "#5b2a86",
        Number: "#8a1c00",
        Operator.Word: "bold #0a2f8f",
        String: "#0b4f1e",
        String.Interpol: "bold #8a1c00",
    }


_FORMATTER = HtmlFormatter(style=Colours, nowrap=True)
CSS = HtmlFormatter(style=Colours).get_style_defs("pre.code")


def lines(code: str, language: str = "python") -> list[str]:
    """Code as lines of HTML; no tag reaches from one line into the next."""
    code = code.strip("\n")
    if language == "python":
        tokens = _with_sql(lex(code, PythonLexer(stripnl=False)))
    else:
        tokens = lex(code, _lexer(language))
    written = _Written()
    _FORMATTER.format(tokens, written)
    return "".join(written.pieces).rstrip("\n").split("\n")


class _Written:
    """What a formatter writes to."""

    def __init__(self) -> None:
        self.pieces: list[str] = []

    def write(self, piece: str) -> None:
        self.pieces.append(piece)


def _lexer(language: str) -> Lexer:
    try:
        return get_lexer_by_name(language, stripnl=False)
    except ClassNotFound:
        return get_lexer_by_name("text", stripnl=False)


def _with_sql(tokens: Any) -> Iterator[tuple[Any, str]]:
    run: list[tuple[Any, str]] = []
    for kind, text in tokens:
        if kind in String and kind is not String.Affix:
            run.append((kind, text))
            continue
        yield from _string(run)
        run = []
        yield kind, text
    yield from _string(run)


def _string(run: list[tuple[Any, str]]) -> Iterator[tuple[Any, str]]:
    text = "".join(piece for _, piece in run)
    match = re.fullmatch(r"(\"\"\"|'''|\"|')(.*)\1", text, re.DOTALL)
    if match is None or not _IS_SQL.match(match[2]):
        yield from run
        return
    yield String, match[1]
    for kind, piece in SqlLexer(stripnl=False, ensurenl=False).get_tokens(match[2]):
        # Flink's words, such as WATERMARK, are none of other databases'; and a column that is
        # called like a word of theirs, such as usage, is a column.
        if kind in Name or kind in Keyword:
            kind = Keyword if re.fullmatch(r"[A-Z_]{2,}", piece) else Name
        yield kind, piece
    yield String, match[1]
