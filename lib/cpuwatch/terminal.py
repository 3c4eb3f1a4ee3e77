"""What the command `cpuwatch` prints: any text, without harm; progress; JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.markup import escape

from cpuwatch import words

# A path or an address is not broken where a line ends: people copy it.
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object, and nothing else.")]


def plain(value: object, longest: int = 100_000) -> str:
    """Any text as it can be printed: no markup of Rich's, and nothing that a terminal obeys."""
    return escape("\n".join(words.shorten(line, longest) for line in str(value).split("\n")))


@contextmanager
def telling(quiet: bool) -> Iterator[Callable[[str], None]]:
    """A function that shows on stderr what is going on: a spinner, or lines in a log."""
    spinner = err.status("")

    def tell(text: str) -> None:
        if quiet:
            return
        if err.is_terminal:
            spinner.update(plain(text))
            spinner.start()
        else:
            err.print(plain(text))

    try:
        yield tell
    finally:
        spinner.stop()


def print_json(found: object) -> None:
    """One line of ASCII, which every terminal and log has letters for.

    By way of orjson, for which no number is no JSON: it writes null for one that is none.
    """
    print(json.dumps(orjson.loads(orjson.dumps(found)), separators=(",", ":")))
