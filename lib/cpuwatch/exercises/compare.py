"""Rows that were made against rows that are wanted: the first difference, in a sentence."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from cpuwatch.exercises.columns import NEAR, equal, like, matched
from cpuwatch.exercises.exercise import NotYetError
from cpuwatch.words import shorten

#: So many columns of a row are enough to find it.
_MOST_COLUMNS = 4

#: Values may be rounded to so many decimals to be told as such.
_MOST_DECIMALS = 6

#: So many rows a preview shows by itself.
_PREVIEWED = 10

#: Among a table's attributes: how many rows are left of one that had more.
_CUT = "cut"

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
    is_same = _is_part if _CUT in found.attrs else _is_equal
    for slip in slips:
        if is_same(found, slip.rows(), key):
            raise NotYetError(slip.says)
    if len(found) == _PREVIEWED < len(wanted) and _is_part(found, wanted, key):
        why = (
            f"These are {_PREVIEWED} of {len(wanted):,} rows, as flink.preview gives them without"
            " rows=: give the text of the query, which is run to its end."
        )
    raise NotYetError(why)


def cut(found: pd.DataFrame, most: int) -> pd.DataFrame:
    """The first rows of an answer that has more: it is compared and told as what it is."""
    first = found.head(most)
    first.attrs[_CUT] = most
    return first


def difference(found: pd.DataFrame, wanted: pd.DataFrame, key: Sequence[str]) -> str | None:
    """The first difference between rows, in a sentence; None if there is none."""
    more = _CUT in found.attrs
    found, wanted = found.reset_index(drop=True), wanted.reset_index(drop=True)
    names = matched(found, wanted)
    missing = [name for name in wanted.columns if name not in names]
    if missing:
        there = ", ".join(map(str, found.columns)) or "none"
        return f"There is no column {' and '.join(missing)}. Those that you have: {there}."
    ours = pd.DataFrame({name: like(found[names[name]], wanted[name]) for name in wanted.columns})
    keys = list(key)
    of_found, of_wanted = _counted(ours, keys), _counted(wanted, keys)
    both = _side_by_side(of_wanted, of_found, "outer", keys)
    extra = both[both["_merge"] == "right_only"]
    lacking = both[both["_merge"] == "left_only"]
    if more or len(extra) or len(lacking):
        return _of_rows(ours, wanted, keys, extra, lacking, more)
    values = [name for name in wanted.columns if name not in keys]
    for name in values:
        left, right = both[f"{name}_x"], both[f"{name}_y"]
        wrong = both[~equal(left, right)]
        if len(wrong):
            called = names[name]
            if _is_rounded(right, left):
                return f"{called} is rounded: give it as it is, without ROUND, CAST or the like."
            return (
                f"The rows are the right ones, and {called} differs in {len(wrong):,} of"
                f" {len(wanted):,}: for {_row(wrong.iloc[0], keys)} it is"
                f" {_value(wrong.iloc[0][f'{name}_y'])}."
            )
    return None


def _as_counted(
    found: pd.DataFrame, wanted: pd.DataFrame, least: pd.DataFrame, key: list[str]
) -> pd.DataFrame:
    """The wanted rows, but as the answer has them where that is between them and the least."""
    columns = list(wanted.columns)
    names = max((matched(found, one) for one in (wanted, least)), key=len)
    if len(names) < len(columns):
        return wanted
    theirs = pd.DataFrame({name: like(found[names[name]], wanted[name]) for name in columns})
    if theirs.duplicated(key).any():
        return wanted
    both = wanted.merge(theirs, "left", on=key, suffixes=("", " of theirs"), indicator=True)
    both = both.merge(least.assign(least=True), "left", on=key, suffixes=("", " at least"))
    surely = both["least"].notna()
    for name in wanted.select_dtypes("number").columns.difference(key):
        mine, low = both[f"{name} of theirs"], both[f"{name} at least"].fillna(0)
        between = mine.between(low, both[name])
        both[name] = both[name].astype(float).where(~between, mine)
    return both.loc[surely | (both["_merge"] == "both"), columns].reset_index(drop=True)


def _counted(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """The rows, those of the same key numbered, in an order that does not depend on theirs."""
    others = [name for name in rows.columns if name not in keys]
    if not len(rows):
        return rows.assign(nth=0)
    ordered = rows.sort_values(others, kind="stable") if others else rows
    return ordered.assign(nth=ordered.groupby(keys, dropna=False).cumcount()).sort_index()


def _side_by_side(
    left: pd.DataFrame, right: pd.DataFrame, how: Literal["left", "outer"], keys: list[str]
) -> pd.DataFrame:
    with warnings.catch_warnings():
        # Whole numbers against others: pandas tells so, and they are just not equal.
        warnings.simplefilter("ignore", UserWarning)
        return left.merge(right, how=how, on=[*keys, "nth"], indicator=True)


def _is_equal(found: pd.DataFrame, others: pd.DataFrame, key: Sequence[str]) -> bool:
    return difference(found, others, key) is None


def _is_part(found: pd.DataFrame, others: pd.DataFrame, _: Sequence[str]) -> bool:
    """Whether an answer's rows are some of these, by columns of the same names."""
    columns = list(others.columns)
    if not set(columns) <= set(found.columns):
        return False
    found, others = found.reset_index(drop=True), others.reset_index(drop=True)
    ours = pd.DataFrame({name: like(found[name], others[name]) for name in columns})
    both = _side_by_side(_counted(ours, columns), _counted(others, columns), "left", columns)
    return bool((both["_merge"] == "both").all())


def _is_rounded(found: pd.Series[Any], wanted: pd.Series[Any]) -> bool:
    """Whether these are the wanted numbers with fewer decimals, rounded or cut off."""
    if not pd.api.types.is_float_dtype(wanted) or not found.notna().equals(wanted.notna()):
        return False
    found, wanted = found.dropna().astype(float), wanted.dropna()
    for decimals in range(_MOST_DECIMALS + 1):
        near = (found - wanted).abs() < 10.0**-decimals
        if (near & ((found.round(decimals) - found).abs() <= NEAR * found.abs())).all():
            return True
    return False


def _of_rows(
    found: pd.DataFrame,
    wanted: pd.DataFrame,
    keys: list[str],
    extra: pd.DataFrame,
    lacking: pd.DataFrame,
    more: bool,
) -> str:
    than = "more than " if more else ""
    counts = f"Your answer has {than}{_rows(len(found))}, and {_rows(len(wanted))} are wanted."
    if more:  # what is missing may be among those that were cut off
        such = f" Too many are such as {_example(extra, found, keys)}." if len(extra) else ""
        return counts + such
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
