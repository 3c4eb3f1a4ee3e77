"""What a file lacks whose columns do not say what they are, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from cpuwatch.readings import meaning
from cpuwatch.readings.asked import Asked
from cpuwatch.readings.columns import ALL_OTHERS, CPU, HOST, TIME, first, fold, listed, part_of, say
from cpuwatch.readings.labels import labels
from cpuwatch.readings.numbers import percentage
from cpuwatch.readings.table import CsvError
from cpuwatch.words import option, shorten

#: The names that are recommended.
_RECOMMENDED = {
    "time": ("occurred_at", "timestamp", "time"),
    "value": ("usage", "value", "cpu_usage"),
}

#: What PRTG puts behind a column's name, for the same as a number.
_RAW = "(RAW)"


def without(
    path: Path,
    names: Sequence[str],
    missing: Sequence[str],
    line: int | None = None,
    ratio: bool = False,
    naming: Sequence[int] = (),
) -> CsvError:
    """The refusal of a file that lacks a column for its time or its value.

    Parameters
    ----------
    path
        Of the file.
    names, missing
        The columns of its header, and what is not among them.
    line
        Where the header is; None if it is the first line.
    ratio
        Whether a column may hold fractions of one.
    naming
        The places of columns that name something, and are no series.
    """
    accepted = _RECOMMENDED
    says = {"time": "time", "value": "usage"}
    lacks = " and ".join(f"no {what} column" for what in missing)
    names_it = " and ".join(
        f"the {what} {', '.join(accepted[what][:-1])} or {accepted[what][-1]}" for what in missing
    )
    options = ",".join(f"{says[what]}=NAME" for what in missing)
    if ratio and "value" in missing:
        options += ", or ratio=NAME if it goes from 0 to 1"
    parts = [name for name in names if labels(name) is None and _is_part(name)]
    of_idle = [name for name in names if meaning.says_idle(name)]
    where = "its first line" if line is None else f"line {line}"
    more = ""
    if of_idle and "value" in missing:
        every = len(of_idle) == len(names) - 1 > 1
        more = f"; {listed(of_idle, 3)} seem to be what was idle, which is said by --columns"
        more += " 'idle=*'" if every else f" {say(names, 'idle', names.index(of_idle[0]))}"
    elif parts and "value" in missing:
        more = f"; {listed(parts, 3)} are parts of what a CPU did: export what was idle as well"
    elif "value" in missing and (things := _other_things(names, naming)):
        say_so = "says that it is" if len(things) == 1 else "say that they are"
        more = f"; {listed(things, 3)} {say_so} no CPU's usage: export that"
    elif list(missing) == ["value"] and (raw := _raw(names)) is not None:
        more = "; each is there once more, with (RAW), as a number: --columns "
        more += option(f"{part_of(names, 'time', raw[0])},{part_of(names, 'usage', raw[1])}")
    elif list(missing) == ["value"] and (its := _only_value(names, naming)) is not None:
        more = f"; '{shorten(names[its])}' seems to be it: --columns {say(names, 'usage', its)}"
        more += f", or {say(names, 'ratio', its)} if it goes from 0 to 1" if ratio else ""
        if fold(names[its]) in CPU:
            more = f"; if '{shorten(names[its])}' is, --columns {say(names, 'usage', its)}"
            more += _each(names, naming, ratio)
    elif list(missing) == ["value"] and len(names) - len(naming) > 2:
        more = _each(names, naming, ratio)
    return CsvError(
        f"{path} has {lacks} in {where}, which is {listed(names)}: name {names_it}, or say"
        f" which it is by --columns {options}{more}."
    )


def _is_part(name: str) -> bool:
    return meaning.part(name.partition("{")[0]) is not None


def _other_things(names: Sequence[str], naming: Sequence[int]) -> list[str]:
    """The columns that are of something else than a CPU's usage, if none may be that of one."""
    others = [name for at, name in enumerate(names) if at not in {*naming, first(names, TIME)}]
    found = [name for name in others if meaning.says_cpu(name) or meaning.other_series(name)]
    usage = [name for name in found if not meaning.other_thing(name)]
    hosts = [name for name in others if name not in found and any(map(str.isdigit, name))]
    return [] if usage or hosts or 3 * len(found) <= len(others) else found


def _raw(names: Sequence[str]) -> tuple[int, int] | None:
    """Where PRTG has the time, and the first of its values, as numbers beside what it shows."""
    its = [at for at, name in enumerate(names) if at and name == f"{names[at - 1]}{_RAW}"]
    time = first(names, TIME)
    return (its[0], its[1]) if len(its) > 1 and time is not None and its[0] == time + 1 else None


def _each(names: Sequence[str], naming: Sequence[int], ratio: bool) -> str:
    """What to do if each column is a series, but those that name something."""
    beside, also = _beside(names, naming)
    options = option(f"usage=*{also}")
    if ratio:
        options += f", or {option(f'ratio=*{also}')} if they go from 0 to 1"
    return f"; or, if each other column{beside} is the usage of one series, --columns {options}"


def _only_value(names: Sequence[str], naming: Sequence[int]) -> int | None:
    """The place of the one column that is of a CPU, by its name, or that alone holds numbers."""
    others = set(range(len(names))) - {*naming, first(names, TIME)}
    if naming and len(others) == 1:
        (at,) = others
        return None if meaning.part(names[at]) or meaning.other_thing(names[at]) else at
    found = [at for at, name in enumerate(names) if meaning.says_cpu(name) and "{" not in name]
    if any(meaning.other_thing(names[at]) for at in found):
        return None
    return found[0] if len(found) == 1 and len(names) > 2 else None


def naming(names: Sequence[str], others: Iterable[int], rows: Iterable[Sequence[str]]) -> list[int]:
    """Which of some columns name hosts or CPUs, by their names or as they hold no numbers."""
    held: dict[int, bool] = {}
    wanted = [at for at in others if names[at]]
    for fields in rows:
        for at in wanted:
            text = fields[at].strip() if at < len(fields) else ""
            if text:
                held[at] = held.get(at, False) or percentage(text, comma=True) is not None
    return [at for at in wanted if fold(names[at]) in (*HOST, *CPU) or held.get(at) is False]


def naming_series(path: Path, names: Sequence[str], said: Asked, naming: Sequence[int]) -> CsvError:
    """The refusal of columns that are said to be series, of which one is none.

    Parameters
    ----------
    path, names
        Of the file, and of its columns.
    said
        What people say.
    naming
        The places of those that are none.
    """
    what = next(what for what, name in said.columns.items() if name == ALL_OTHERS)
    _, also = _beside(names, naming, said)
    none = naming[0]
    ignored = option(f"{what}=*,{part_of(names, 'ignore', none)}")
    usage = ""
    if fold(names[none]) in CPU:
        usage = f", --columns {say(names, what, none)} if it is what is read"
    return CsvError(
        f"{path}: the column '{shorten(names[none])}' is no series: say --columns"
        f" {option(f'{what}=*{also}')} if it names what each row is of{usage}, or --columns"
        f" {ignored} if it tells nothing apart."
    )


def _beside(
    names: Sequence[str], naming: Sequence[int], said: Asked | None = None
) -> tuple[str, str]:
    """Which columns are no series, for a sentence, and what people say of the first of them."""
    if not naming:
        return "", ""
    told = said.columns if said is not None else {}
    known = [fold(names[at]) in CPU for at in naming]
    at = naming[known.index(False)] if False in known and "host" not in told else naming[0]
    what = "cpu" if fold(names[at]) in CPU or "host" in told else "host"
    kept = "".join(f",{one}={name}" for one, name in told.items() if name != ALL_OTHERS)
    kept += "".join(f",ignore={name}" for name in said.ignored) if said is not None else ""
    return f" than '{shorten(names[at])}'", f"{kept},{part_of(names, what, at)}"
