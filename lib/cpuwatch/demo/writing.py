"""Tables as CSV files, which a spreadsheet may open."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import pandas as pd


def write_csv(path: Path, parts: Iterable[pd.DataFrame]) -> None:
    """Write a table that comes in parts, so that no cell of it is run as a formula."""
    with path.open("w", encoding="utf-8", newline="") as file:
        for number, part in enumerate(parts):
            text = _harmless(_with_iso_times(part))
            text.to_csv(file, index=False, header=number == 0, quoting=_quoting(text))


def _quoting(table: pd.DataFrame) -> Literal[0, 2]:
    """How cells are quoted: those with a bare CR, which ends a row, are not of themselves."""
    for column in table.select_dtypes("object"):
        if any("\r" in text for text in table[column].unique() if isinstance(text, str)):
            return csv.QUOTE_NONNUMERIC
    return csv.QUOTE_MINIMAL


def _with_iso_times(table: pd.DataFrame) -> pd.DataFrame:
    text = table.copy()
    for column in text.select_dtypes("datetimetz"):
        # Milliseconds only where there are any, so that 09:00:30 reads as such.
        whole = text[column].dt.strftime("%Y-%m-%dT%H:%M:%S")
        part = text[column].dt.microsecond.fillna(0).astype(int) // 1000
        text[column] = whole + part.map(lambda ms: f".{ms:03}Z" if ms else "Z")
    return text


#: How a cell begins that a spreadsheet would take for a formula: also in the wide letters of East
#: Asia, and behind quotes of ours.
_FORMULA = re.compile("'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")


def _harmless(table: pd.DataFrame) -> pd.DataFrame:
    """The same, a quote before each text that a spreadsheet would run as a formula."""
    safe = table.copy()
    for column in safe.select_dtypes("object"):
        quoted = {
            text: f"'{text}"
            for text in safe[column].unique()
            if isinstance(text, str) and _FORMULA.match(text)
        }
        if quoted:
            safe[column] = [quoted.get(cell, cell) for cell in safe[column]]
    return safe
