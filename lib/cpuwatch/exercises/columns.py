"""Which column of an answer is which of the wanted ones, and whether their values are equal."""

from __future__ import annotations

import warnings
from typing import Any

import pandas as pd

#: Averages may differ by so much: who sums in another order is right, too.
NEAR = 1e-9

#: Names that say what a column holds: it is no other one with wrong values.
_KNOWN = {
    *("hostname", "cpu", "usage", "time_ltz", "occurred_at", "arrived_at", "window_start"),
    *("window_end", "window_time", "usage_avg", "usage_max", "readings", "looked_up_at"),
    *("allowed_top", "is_over", "partition", "offset"),
}


def matched(found: pd.DataFrame, wanted: pd.DataFrame) -> dict[str, str]:
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
    # Where the values are wrong, a column is known if no other one could be it.
    lacking = [name for name in wanted.columns if name not in names]
    free = [name for name in free if str(name).lower() not in _KNOWN]
    for name in lacking:
        kind = _kind(wanted[name])
        alike = [other for other in free if _kind(found[other]) == kind]
        if len(alike) == 1 and sum(_kind(wanted[one]) == kind for one in lacking) == 1:
            names[name] = alike[0]
    return names


def _kind(one: pd.Series[Any]) -> str:
    """What a column holds: 'number', 'time', 'truth' or 'text'."""
    if pd.api.types.is_bool_dtype(one):
        return "truth"
    if pd.api.types.is_datetime64_any_dtype(one):
        return "time"
    numbers = one if pd.api.types.is_numeric_dtype(one) else pd.to_numeric(one, errors="coerce")
    return "number" if len(one) and numbers.notna().equals(one.notna()) else "text"


def _same_values(found: pd.Series[Any], wanted: pd.Series[Any]) -> bool:
    if len(found) != len(wanted):
        return False
    try:
        left = like(found, wanted).sort_values(ignore_index=True)
        right = wanted.sort_values(ignore_index=True)
    except (TypeError, ValueError, OverflowError):
        return False
    return bool(equal(left, right).all())


def like(found: pd.Series[Any], wanted: pd.Series[Any]) -> pd.Series[Any]:
    """An answer's column with the type of the wanted one, as far as it can have that."""
    if pd.api.types.is_numeric_dtype(wanted):
        return pd.to_numeric(found, errors="coerce")
    if isinstance(wanted.dtype, pd.DatetimeTZDtype):
        # Numbers are epoch milliseconds, as occurred_at; of texts pandas tells how it reads them.
        unit = "ms" if pd.api.types.is_numeric_dtype(found) else None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return pd.to_datetime(found, utc=True, errors="coerce", unit=unit).dt.as_unit("ns")
    return found.astype(object)


def equal(left: pd.Series[Any], right: pd.Series[Any]) -> pd.Series[Any]:
    """Where two columns have the same value, as far as numbers can be the same."""
    nothing = left.isna() & right.isna()
    if pd.api.types.is_float_dtype(left) or pd.api.types.is_float_dtype(right):
        near = (left - right).abs() <= NEAR * right.abs().clip(lower=1)
        return near.fillna(False) | nothing
    return (left == right).fillna(False) | nothing
