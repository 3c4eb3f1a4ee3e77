"""Which columns of a file were used for what: what people are told of it."""

from __future__ import annotations

from dataclasses import dataclass

from cpuwatch.readings.collectd import Named
from cpuwatch.readings.columns import listed
from cpuwatch.readings.layout import Layout
from cpuwatch.words import shorten


@dataclass(frozen=True)
class Use:
    """Which columns of a file were used for what, and what else people should know.

    Attributes
    ----------
    time, usage
        The columns' names; usage is a list if each column is a series.
    host, cpu
        The same; None if there is none.
    unused
        The columns that nothing is read from.
    remarks
        Sentences: how values were read, and what looks wrong.
    named
        The host and the CPU of a file that has no columns of them.
    """

    time: str
    usage: str | list[str]
    host: str | None
    cpu: str | None
    unused: list[str]
    remarks: list[str]
    named: Named

    def as_dict(self) -> dict[str, object]:
        """The columns, as `--json` prints them."""
        return {name: getattr(self, name) for name in ("time", "usage", "host", "cpu", "unused")}

    def sentences(self) -> list[str]:
        """All of it for people."""
        usage = shorten(self.usage) if isinstance(self.usage, str) else listed(self.usage, 6)
        host = (
            f"host from {shorten(self.host)}"
            if self.host
            else f"the host is {shorten(self.named.host)}"
        )
        cpu = f"CPU from {shorten(self.cpu)}" if self.cpu else f"the CPU is {self.named.cpu}"
        used = f"Columns: time from {shorten(self.time)}, usage from {usage}, {host}, {cpu}."
        unused = [f"Not used: {listed(self.unused)}."] if self.unused else []
        return [used, *unused, *self.remarks]


def use_of(layout: Layout, remarks: list[str]) -> Use:
    """What to tell of a file, once it is read."""
    roles = layout.roles
    names = roles.names

    def name(at: int | None) -> str | None:
        return None if at is None else names[at]

    if layout.shape.series:
        # Here columns are series, and those that were asked for by their labels are used.
        usage: str | list[str] = [
            one for one, its in layout.shape.series.items() if layout.is_wanted(its)
        ]
        beside = {at for at in (roles.host, roles.cpu, *layout.where) if at is not None}
        used_names = {layout.names[layout.time_place], *usage, *(names[at] for at in beside)}
        unused = [one for one in layout.names if one and one not in used_names]
    else:
        usage = names[roles.value]
        used = {roles.time, roles.value, roles.host, roles.cpu, *layout.where}
        unused = [one for at, one in enumerate(names) if one and at not in used | layout.nameless]
    return Use(
        names[roles.time], usage, name(roles.host), name(roles.cpu), unused, remarks, layout.named
    )
