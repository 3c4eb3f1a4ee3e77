"""What a file's rows hold that could be misread: refused, or said."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

from cpuwatch.readings import meaning, rivals, shapes, unsure
from cpuwatch.readings.asked import Asked
from cpuwatch.readings.columns import ALL_OTHERS, HOST, TIME, called, fold, listed, part_of, say
from cpuwatch.readings.layout import Layout
from cpuwatch.readings.other import is_id
from cpuwatch.readings.survey import Survey
from cpuwatch.readings.table import CsvError
from cpuwatch.words import option, shorten

#: So few readings prove nothing about what they are a fraction of.
_FEW = 31


#: Words of the names of columns that may hold any sentence.
_REMARKS = frozenset(
    (
        "note", "notes", "comment", "message", "remark", "reason", "event", "alert", "status",
        "state", "level", "severity", "description", "text", "title",
    )
)  # fmt: skip

#: Words of values that name what was measured, and are no short name of something else.
_THINGS = frozenset(word for word in shapes.THINGS if len(word) > 2) - {"core", "name", "index"}

#: Columns of these names may say what was measured, or what the hosts are.
_ATTRIBUTES = ("type", "state", "name", "plugin")


def choose(layout: Layout, found: Survey) -> dict[int, tuple[str, ...]]:
    """Of each column that says what was measured, the value that is certainly a CPU's usage.

    Raises
    ------
    CsvError
        If rows of different things stand in the file, and it is not certain which are wanted.
    """
    chosen: dict[int, tuple[str, ...]] = {}
    mixed: dict[int, list[str]] = {}
    for at, values in found.measures.items():
        named = list(values)
        if not named:
            continue  # of a file without a row
        if _is_attribute(layout.roles.names[at], named) and not found.varying[at].found:
            continue
        if at in layout.where or (len(named) < 2 and layout.roles.names[at] != "counter"):
            if len(layout.where.get(at, ())) > 1 and len(named) > 1:
                mixed[at] = named
            continue
        sure = shapes.certain(layout.roles.names[at], named)
        if sure is None:
            mixed[at] = named
        else:
            chosen[at] = (sure,)
    if mixed:
        raise _mixed(layout, mixed)
    return chosen


def _mixed(layout: Layout, mixed: Mapping[int, list[str]]) -> CsvError:
    names = layout.roles.names
    what = " and ".join(
        f"'{shorten(names[at])}' ({listed(map(_seen, values), 6)})" for at, values in mixed.items()
    )
    wanted = " ".join(f"--where {option(f'{names[at]}={_likely(v)}')}" for at, v in mixed.items())
    host = (
        ""
        if layout.roles.host is not None
        else (f" If its values are hosts, say --columns {say(names, 'host', next(iter(mixed)))}.")
    )
    attributes = [at for at, values in mixed.items() if _is_attribute(names[at], values)]
    ignore = option(",".join(part_of(names, "ignore", at) for at in attributes))
    if len(attributes) == len(mixed):
        return CsvError(
            f"{layout.text.path} may hold rows of different things: {what}. If these are not, and"
            f" all rows are of a CPU's usage, say --columns {ignore}; if they are, say which are"
            f" wanted, such as by {wanted}.{host}"
        )
    more = f" --columns {ignore} says that the rows are of the same thing." if attributes else ""
    return CsvError(
        f"{layout.text.path} holds rows of different things, which no average may mix: {what}."
        f" Say which are wanted, such as by {wanted}.{more}{host}"
    )


def _is_attribute(name: str, values: list[str]) -> bool:
    """Whether a column says of a host what it is or how it does, and not what was measured."""
    if fold(name) not in _ATTRIBUTES:
        return False
    return not any(shapes.THINGS & set(meaning.words_of(value)) for value in values)


def _seen(value: str) -> str:
    return value or "(empty)"


def _likely(values: list[str]) -> str:
    """The value that people most probably want; never one that would be taken for another thing."""
    says_cpu = meaning.says_cpu

    def whole(one: str) -> bool:
        return not (meaning.part(one) or meaning.says_idle(one) or meaning.other_thing(one))

    ranks = (
        meaning.is_idle,
        lambda one: says_cpu(one) and whole(one),
        lambda one: says_cpu(one) and not meaning.part(one),
        whole,
        lambda one: not meaning.part(one) and not meaning.says_idle(one),
    )
    return next((one for rank in ranks for one in values if rank(one)), values[0])


def refuse_ratio(layout: Layout, found: Survey, said: Asked, idle: bool) -> list[str]:
    """Refuse fractions of one that would be taken for percent; what to say of a few.

    Parameters
    ----------
    layout, found
        Of the file.
    said
        What people say of its columns.
    idle
        Whether they are of what was idle.

    Raises
    ------
    CsvError
        If there are many such values, and none far from that.
    """
    style = found.style
    if "ratio" in said.columns or not (style.is_ratio or style.is_mostly_ratio):
        return []
    name = layout.roles.names[layout.roles.value]
    says_percent = any(word in name.lower() for word in ("percent", "pct", "%"))
    column = ALL_OTHERS if layout.shape.series else called(layout.roles.names, layout.roles.value)
    many = "all" if style.is_ratio else f"{style.small:,} of {style.plain:,}"
    beyond = "" if style.lowest >= 0 and style.highest <= 1 else ", or hardly beyond"
    span = f"{beyond}, {style.lowest:g} to {style.highest:g}" if style.is_ratio else ""
    seen = f"{many} values of {shorten(name)} are between 0 and 1{span}"
    also = f",idle={column}" if "idle" in said.columns else ""
    remedy = f"if they are fractions, say --columns {option(f'ratio={column}{also}')}"
    what = "idle" if idle else "usage"
    told = bool({"usage", "idle"} & set(said.columns))
    sure = told or says_percent or said.as_percent
    if sure or found.rows < _FEW or not style.is_ratio:
        taken = "they are taken for percent" + (", as you say" if told else "")
        return [f"Attention: {seen}: {taken}; {remedy}."]
    raise CsvError(
        f"{layout.text.path}: {seen}, so they are probably fractions of one and not percent:"
        f" {remedy}; if they are percent, say --columns {option(f'{what}={column}')}."
    )


def refuse_merged(layout: Layout, found: Survey) -> list[str]:
    """Refuse a file whose series are certainly made of several; what to say of columns that vary.

    Raises
    ------
    CsvError
        If nothing names the host, and an unused column of texts looks as if it did; or if one
        that hosts are called by, or of things that are measured, varies within a series.
    """
    remarks = []
    names, has_host = layout.roles.names, layout.roles.host is not None
    for at, other in found.others.items():
        name = names[at]
        counts_rows = at in layout.nameless and not other.is_text  # as tables have it in front
        if counts_rows or not other.names_something(name, found.rows, has_host):
            continue
        values = listed(sorted(other.values), 4)
        things = _are_things(name, other.values)
        where = f"--where {option(f'{called(names, at)}=…')}"
        if not has_host and not things and (other.is_text or is_id(name)):
            raise CsvError(
                f"{layout.text.path} names no host, and its rows differ in the column"
                f" '{shorten(name)}' ({values}), which nothing is read from: say"
                f" --columns {say(names, 'host', at)} if that tells hosts apart, {where} to take"
                f" one of them, or --columns {say(names, 'ignore', at)} if it tells no series"
                " apart."
            )
        if not other.varying.found:
            continue
        if things:
            raise _things(layout, at, sorted(other.values))
        if fold(name) in HOST:
            host = "" if not has_host else f"'{shorten(names[layout.roles.host or 0])}', "
            raise CsvError(
                f"{layout.text.path} has two columns that may name the host, {host}which is read,"
                f" and '{shorten(name)}' ({values}), which varies within it: say"
                f" --columns {say(names, 'host', at)} if that is the host,"
                f" --columns {say(names, 'cpu', at)} if it names CPUs, or"
                f" --columns {say(names, 'ignore', at)} if it tells no series apart."
            )
        remarks.append(
            f"Attention: the column '{shorten(name)}' varies within a host's CPU, and is not looked"
            f" at ({values}): --columns {say(names, 'cpu', at)} reads the rows of each value"
            f" apart, {where} those of one, --columns {say(names, 'ignore', at)} says that it tells"
            " no series apart."
        )
    return remarks


def telling(layout: Layout, found: Survey, at: int) -> CsvError:
    """The refusal of a file of which an unused column tells rows of one moment apart.

    Parameters
    ----------
    layout, found
        Of the file.
    at
        The column's place.
    """
    names, name = layout.roles.names, layout.roles.names[at]
    if unsure.is_part_of_time(name):
        return unsure.part_of_time(layout, name)
    if fold(name) in TIME:
        return CsvError(
            f"{layout.text.path}: the same time comes more than once for one series, and"
            f" '{shorten(name)}' holds other times: say --columns {say(names, 'time', at)} to read"
            " its times."
        )
    host = layout.roles.host
    role = "host" if host is None or fold(name) in HOST else "cpu"
    its = part_of(names, role, at)
    is_cpu = host is not None and layout.roles.cpu is None and all(map(rivals.is_cpu, found.hosts))
    if host is not None and is_cpu and found.others[at].is_text:
        role, its = "host", f"{part_of(names, 'host', at)},{part_of(names, 'cpu', host)}"
    return CsvError(
        f"{layout.text.path}: the same time comes more than once for one series, and the column"
        f" '{shorten(name)}', which nothing is read from, tells these rows apart: say"
        f" --columns {option(its)} if it names the {role}, or --where"
        f" {option(f'{called(names, at)}=…')} to take one of its values, or"
        f" --columns {say(names, 'ignore', at)} if it tells no series apart."
    )


def _are_things(name: str, values: set[str]) -> bool:
    """Whether a column says what was measured, by its values; a remark may say anything."""
    if _REMARKS & set(meaning.words_of(name)):
        return False
    things = (value for value in values if _THINGS & set(meaning.words_of(value)))
    return len(list(islice(things, 2))) > 1


def _things(layout: Layout, at: int, values: list[str]) -> CsvError:
    names = layout.roles.names
    wanted = option(f"{called(names, at)}={_likely(values)}")
    role = "host" if layout.roles.host is None else "cpu"
    return CsvError(
        f"{layout.text.path} may hold rows of different things: '{shorten(names[at])}'"
        f" ({listed(map(_seen, values), 6)}). If it does, say which are wanted, such as by --where"
        f" {wanted}; if each is a {role} of its own, say --columns {say(names, role, at)}; if it"
        f" tells no series apart, say --columns {say(names, 'ignore', at)}."
    )
