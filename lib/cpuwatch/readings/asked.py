"""What people say of a file's columns, on the command line and in Python."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from cpuwatch.readings.dates import ORDERS
from cpuwatch.readings.table import CsvError
from cpuwatch.words import shorten, shown

#: What people can say a column is, and how often.
_SAYABLE = (
    "time", "usage", "idle", "ratio", "host", "cpu", "ignore", "date", "day_first", "month_first",
)  # fmt: skip
_NEXT = re.compile(rf",(?=(?:{'|'.join(_SAYABLE)})=)")


@dataclass(frozen=True)
class Asked:
    """What people say of a file's columns.

    Attributes
    ----------
    columns
        For time, date, usage, idle, ratio, host or cpu the name of its column.
    ignored
        Columns that tell no series apart.
    where
        For a column the values of the rows that are wanted.
    order
        The order of day and month in dates, if people say it.
    as_percent
        Whether values that may be fractions are percent: for a rule that asks for no unit.
    """

    columns: dict[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    where: dict[str, tuple[str, ...]] = field(default_factory=dict)
    order: str | None = None
    as_percent: bool = False


def is_several(text: str) -> bool:
    """Whether what is meant for one column would be taken for several."""
    return _NEXT.search(text) is not None


def parse_columns(texts: Iterable[str]) -> dict[str, str | list[str]]:
    """What `--columns time=…,usage=…` says: for each part the name of its column.

    Parameters
    ----------
    texts
        One for each time that it is given. A name may hold a comma.

    Raises
    ------
    ValueError
        If a text does not say what a column is, or says it twice.
    """
    found: dict[str, str | list[str]] = {}
    ignored: list[str] = []
    for part in (one for text in texts for one in _NEXT.split(text)):
        what, _, name = part.partition("=")
        what, name = what.strip().lower(), name.strip()
        if what not in _SAYABLE or not name:
            raise ValueError(
                f"'{shorten(part)}' does not say what a column is: say {', '.join(_SAYABLE[:-1])}"
                f" or {_SAYABLE[-1]}, such as time=Time,usage=Value,host=Series"
            )
        if what == "ignore":
            ignored.append(name)
        elif what in found:
            raise ValueError(f"the column of {what} is said twice: say it once")
        else:
            found[what] = name
    return found | ({"ignore": ignored} if ignored else {})


def parse_where(texts: Iterable[str]) -> dict[str, list[str]]:
    """What `--where metric=cpu` says, each time that it is given: columns, and their values.

    Parameters
    ----------
    texts
        Each such as 'metric=cpu'.

    Raises
    ------
    ValueError
        If a text has no equals sign, or no column before it.
    """
    found: dict[str, list[str]] = {}
    for text in texts:
        column, sign, value = text.partition("=")
        if not sign or not column.strip():
            raise ValueError(
                f"'{shorten(text)}' does not say which rows are wanted: say a column and its"
                " value, such as metric=cpu"
            )
        found.setdefault(column.strip(), []).append(value.strip())
    return found


def asked(
    columns: Mapping[str, str | Sequence[str]] | None,
    where: Mapping[str, str | Sequence[str]] | None,
) -> Asked:
    """The same from Python: one name or several in each place.

    Raises
    ------
    CsvError
        If a key of `columns` is none, or usage is said in more than one way.
    """
    said: dict[str, str] = {}
    ignored: tuple[str, ...] = ()
    for what, name in _mapping("columns", columns).items():
        if what not in _SAYABLE:
            raise CsvError(
                f"columns says what {shorten(str(what))} is: it can say {', '.join(_SAYABLE)}."
            )
        names = _several("columns", what, name)
        if what == "ignore":
            ignored = names
        elif len(names) == 1 and not isinstance(name, (list, tuple)):
            said[what] = names[0]
        else:
            raise CsvError(f"columns says several columns for {what}: say one.")
    ways = [what for what in ("usage", "idle", "ratio") if what in said]
    one = {said[what].lower() for what in ways}
    # A fraction of what was idle, or of what was not, is one column.
    if len(ways) > 1 and (len(one) > 1 or set(ways) >= {"usage", "idle"}):
        raise CsvError(f"Columns say usage in {len(ways)} ways, {' and '.join(ways)}: say one.")
    order = _order(said)
    wanted = {
        _scalar("where", "a column", key): _several("where", key, value)
        for key, value in _mapping("where", where).items()
    }
    return Asked(said, ignored, wanted, order)


def _order(said: dict[str, str]) -> str | None:
    """The order of day and month that is said; the column that it names is the time or the date."""
    orders = [order for order in ORDERS if order in said]
    if len(orders) > 1:
        raise CsvError(f"Columns say dates in 2 ways, {' and '.join(orders)}: say one.")
    if not orders:
        return None
    name = said.pop(orders[0])
    known = {said[what].lower() for what in ("date", "time") if what in said}
    if "date" in said and name.lower() not in known:
        raise CsvError(
            f"Columns say that {orders[0]} is '{shorten(name)}', and the date"
            f" '{shorten(said['date'])}': say the same column."
        )
    if name.lower() not in known:
        said["date" if "time" in said else "time"] = name
    return orders[0]


def _mapping(
    name: str, value: Mapping[str, str | Sequence[str]] | None
) -> Mapping[str, str | Sequence[str]]:
    if value is None or isinstance(value, Mapping):
        return value or {}
    raise CsvError(
        f"{name} is {shown(value)}, and has to be a mapping, such as {{'host': 'Series'}}:"
        f" parse_{name} makes one of texts."
    )


def _several(name: str, key: object, value: object) -> tuple[str, ...]:
    """The texts that are said, one or several; numbers are taken for theirs."""
    if isinstance(value, (list, tuple, set, frozenset)) and value:
        return tuple(_scalar(name, key, one) for one in value)
    return (_scalar(name, key, value),)


def _scalar(name: str, key: object, value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)):
        return str(value)
    raise CsvError(f"{name} says {shown(value)} for {shown(key)}: say a text, or a list of texts.")
