"""What commands are told of a CSV file, and tell of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cpuwatch.terminal import out, plain

Columns = Annotated[
    list[str] | None,
    typer.Option(
        help="The CSV's columns: time=…,usage=…,host=…,cpu=…; also date, day_first, month_first,"
        " idle, ratio, ignore.",
        metavar="WHAT=COLUMN,…",
    ),
]

Where = Annotated[
    list[str] | None,
    typer.Option(help="Only the CSV's rows with this value; repeatable.", metavar="COLUMN=VALUE"),
]


def about_csv(
    csv: Path | None, columns: list[str] | None, where: list[str] | None
) -> tuple[dict[str, str | list[str]], dict[str, list[str]]]:
    """What --columns and --where say."""
    from cpuwatch import readings

    if csv is None and (columns or where):
        raise typer.BadParameter("--columns and --where are about a file: name it with --csv")
    try:
        return readings.parse_columns(columns or []), readings.parse_where(where or [])
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def show_sentences(sentences: list[str]) -> None:
    """Print what people should know of a file; what is loud in bold."""
    for sentence in sentences:
        out.print(f"[bold]{plain(sentence)}[/]" if _is_loud(sentence) else plain(sentence))


def _is_loud(sentence: str) -> bool:
    return sentence.startswith("Attention")
