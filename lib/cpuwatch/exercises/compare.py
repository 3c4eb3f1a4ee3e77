"""Rows that were made against rows that are wanted: the first difference, in a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from cpuwatch.exercises.exercise import NotYetError
from cpuwatch.words import shorten

#: Averages may differ by so much: who sums in another order is right, too.
_NEAR = 1e-9

#: So many columns of a row are enough to find it.
_MOST_COLUMNS = 4

Rows = Callable[[], pd.DataFrame]


@dataclass(frozen=True)
class Slip:
    """A wrong answer that many give, and what to say of it.

    Attributes
    ----------
    rows
        What it gives.
    says
        What is wrong with it, and where to look.
    """

    rows: Rows
    says: str


def refuse_others(
    found: pd.DataFrame,
    wanted: pd.DataFrame,
    key: Sequence[str],
    slips: Iterable[Slip] = (),
    least: pd.DataFrame | None = None,
) -> None:
    """Raise unless the rows are the wanted ones, in whatever order.

    A column counts by its name, or else by what is in it: who calls an average otherwise is
    right, too. Columns that nobody asked for do not matter.

    Parameters
    ----------
    found
        The attendee's.
    wanted
        The right ones.
    key
        The columns that tell the wanted rows apart.
    slips
        Wrong answers that are known.
    least
        The right ones without what may have come too late: any row in between is right as well.

    Raises
    ------
    NotYetError
        What differs, and where to look.
    """
    if least is not None:
        wanted = _as_counted(found, wanted, least, list(key))
    why = difference(found, wanted, key)
    if why is None:
        return
    for slip in slips:
        if difference(found, slip.rows(), key) is None:
            raise NotYetError(slip.says)
    raise NotYetError(why)


def difference(found: pd.DataFrame, wanted: pd.DataFrame, key: Sequence[str]) -> str | None:
    """The first difference between rows, in a sentence; None if there is none."""
    found, wanted = found.reset_index(drop=True), wanted.reset_index(drop=True)
    names = _matched(found, wanted)
    missing = [name for name in wanted.columns if name not in names]
    if missing:
        there = ", ".join(map(str, found.columns)) or "none"
        return f"There is no column {' and '.join(missing)}. Those that you have: {there}."
    ours = pd.DataFrame({name: _like(found[names[name]], wanted[name]) for name in wanted.columns})
    keys = list(key)
    of_found, of_wanted = _counted(ours, keys), _counted(wanted, keys)
    both = of_wanted.merge(of_found, how="outer", on=[*keys, "nth"], indicator=True)
    extra = both[both["_merge"] == "right_only"]
    lacking = both[both["_merge"] == "left_only"]
    if len(extra) or len(lacking):
        return _of_rows(ours, wanted, keys, extra, lacking)
    values = [name for name in wanted.columns if name not in keys]
    for name in values:
        left, right = both[f"{name}_x"], both[f"{name}_y"]
        wrong = both[~_equal(left, right)]
        if len(wrong):
            return (
                f"The rows are the right ones, and {name} differs in {len(wrong):,} of"
                f" {len(wanted):,}: for {_row(wrong.iloc[0], keys)} it is"
                f" {_value(wrong.iloc[0][f'{name}_y'])}."
            )
    return None


def _as_counted(
    found: pd.DataFrame, wanted: pd.DataFrame, least: pd.DataFrame, key: list[str]
) -> pd.DataFrame:
    """The wanted rows, but as the answer has them where that is between them and the least."""
    columns = list(wanted.columns)
    names = max((_matched(found, one) for one in (wanted, least)), key=len)
    if len(names) < len(columns):
        return wanted
    theirs = pd.DataFrame({name: _like(found[names[name]], wanted[name]) for name in columns})
    if theirs.duplicated(key).any():
        return wanted
    both = wanted.merge(theirs, "left", on=key, suffixes=("", " of theirs"), indicator=True)
    both = both.merge(least.assign(least=True), "left", on=key, suffixes=("", " at least"))
    surely = both["least"].notna()
    for name in wanted.select_dtypes("number").columns.difference(key):
        mine, low = both[f"{name} of theirs"], both[f"{name} at least"].fillna(0)
        between = mine.between(low, both[name])
        both[name] = both[name].where(~between, mine)
    return both.loc[surely | (both["_merge"] == "both"), columns].reset_index(drop=True)


def _counted(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """The rows, those of the same key numbered, in an order that does not depend on theirs."""
    others = [name for name in rows.columns if name not in keys]
    if not len(rows):
        return rows.assign(nth=0)
    ordered = rows.sort_values(others, kind="stable") if others else rows
    return ordered.assign(nth=ordered.groupby(keys, dropna=False).cumcount()).sort_index()


def _matched(found: pd.DataFrame, wanted: pd.DataFrame) -> dict[str, str]:
    """For each wanted column the one of the answer that it is."""
    theirs = {str(name).lower(): name for name in found.columns}
    names = {name: theirs[name.lower()] for name in wanted.columns if name.lower() in theirs}
    free = [name for name in found.columns if name not in names.values()]
    for name in wanted.columns:
        if name in names:
            continue
        for other in free:
            if _same_values(found[other], wanted[name]):
                names[name] = other
                free.remove(other)
                break
    return names


def _same_values(found: pd.Series[Any], wanted: pd.Series[Any]) -> bool:
    if len(found) != len(wanted):
        return False
    try:
        left = _like(found, wanted).sort_values(ignore_index=True)
        right = wanted.sort_values(ignore_index=True)
    except TypeError:
        return False
    return bool(_equal(left, right).all())


def _like(found: pd.Series[Any], wanted: pd.Series[Any]) -> pd.Series[Any]:
    """An answer's column with the type of the wanted one, as far as it can have that."""
    if pd.api.types.is_numeric_dtype(wanted):
        return pd.to_numeric(found, errors="coerce")
    if isinstance(wanted.dtype, pd.DatetimeTZDtype):
        return pd.to_datetime(found, utc=True, errors="coerce").dt.as_unit("ns")
    return found.astype(object)


def _equal(left: pd.Series[Any], right: pd.Series[Any]) -> pd.Series[Any]:
    nothing = left.isna() & right.isna()
    if pd.api.types.is_float_dtype(left) or pd.api.types.is_float_dtype(right):
        near = (left - right).abs() <= _NEAR * right.abs().clip(lower=1)
        return near.fillna(False) | nothing
    return (left == right).fillna(False) | nothing


def _of_rows(
    found: pd.DataFrame,
    wanted: pd.DataFrame,
    keys: list[str],
    extra: pd.DataFrame,
    lacking: pd.DataFrame,
) -> str:
    counts = f"Your answer has {_rows(len(found))}, and {_rows(len(wanted))} are wanted."
    if len(found) == len(wanted):
        counts = f"The number of rows is right, {len(wanted):,}, and what they hold is not."
    if not len(found):
        return f"{counts} Which condition lets nothing through?"
    if not len(lacking):
        again = extra[extra["nth"] > 0]
        if len(again) == len(extra):
            return f"{counts} {_row(extra.iloc[0], keys)} comes more than once."
        return f"{counts} Too many are such as {_example(extra, found, keys)}."
    if not len(extra):
        return f"{counts} Missing are such as {_example(lacking, wanted, keys)}."
    return (
        f"{counts} Not wanted is {_example(extra, found, keys)}; missing is"
        f" {_example(lacking, wanted, keys)}."
    )


def _example(some: pd.DataFrame, all_rows: pd.DataFrame, keys: list[str]) -> str:
    """One of these rows, and what all of them have in common."""
    full = some[[*keys, "nth"]].merge(_counted(all_rows, keys), on=[*keys, "nth"])
    common = [
        f"{name} {_value(full.iloc[0][name])}"
        for name in all_rows.columns
        if full[name].nunique(dropna=False) == 1 and all_rows[name].nunique(dropna=False) > 1
    ]
    told = _row(full.iloc[0], [*keys, *(n for n in all_rows.columns if n not in keys)])
    if len(some) > 1 and common:
        return f"{told} (all {len(some):,} of them have {' and '.join(common)})"
    return told


def _rows(count: int) -> str:
    return f"{count:,} row" if count == 1 else f"{count:,} rows"


def _row(row: pd.Series[Any], names: Sequence[str]) -> str:
    return " ".join(_value(row[name]) for name in list(names)[:_MOST_COLUMNS])


def _value(value: object) -> str:
    if isinstance(value, pd.Timestamp):
        return f"{value:%H:%M:%S}"
    if isinstance(value, float):
        return f"{value:g}"
    return shorten(str(value), 40)
