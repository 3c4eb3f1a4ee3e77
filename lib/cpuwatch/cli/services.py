"""The commands that start, stop and show the services."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from cpuwatch import signals
from cpuwatch.errors import CpuwatchError
from cpuwatch.terminal import AsJson, err, out, plain, telling

if TYPE_CHECKING:
    from cpuwatch.stack.known import Status


def up(
    as_json: AsJson = False,
    take_over: Annotated[
        bool, typer.Option(help="Take CPUWATCH_PREFIX from whoever uses it.")
    ] = False,
) -> None:
    """Start Kafka, PostgreSQL, Flink and the stand-in for Slack, those that do not run yet."""
    from cpuwatch.stack import control, known

    start = time.monotonic()
    with signals.not_lost(), telling(quiet=as_json) as tell:
        services = control.up(tell, not as_json, take_over)
    if as_json:
        print(known.as_json(services))
        return
    out.print(_services_table(services), soft_wrap=False)
    out.print(f"All is up after {time.monotonic() - start:.1f} s.")


def down(
    wipe: Annotated[bool, typer.Option("--wipe", help="Also forget all data.")] = False,
) -> None:
    """Stop what `up` started."""
    from cpuwatch.stack import control

    with signals.not_lost(), err.status("Stopping the services"):
        had = control.down(wipe)
    message = "The services are stopped" if had else "Nothing was running"
    out.print(message + ("; the data is gone." if wipe else "."))


def status(as_json: AsJson = False) -> None:
    """Show each service: whose it is, where it is, whether it answers."""
    from cpuwatch.stack import known

    services = known.status()
    if as_json:
        print(known.as_json(services))
        return
    out.print(_services_table(services), soft_wrap=False)
    if not all(service.answers for service in services):
        out.print("Start what is missing with 'cpuwatch up'.")


def page() -> None:
    """Open Flink's own page in the browser, or say the link that lets you in."""
    from cpuwatch import lab, labpaths
    from cpuwatch.settings import settings
    from cpuwatch.stack import flinkpage

    config = settings()
    link = flinkpage.link(config)
    if not config.outside("flink") and not flinkpage.answers(config):
        raise CpuwatchError(
            f"Flink's page at {config.flink_page} does not answer: start it with 'cpuwatch up'."
        )
    here = labpaths.shown_at(labpaths.FLINK)
    if here and not config.outside("flink") and not lab.has_browser():
        # A terminal in JupyterLab, whose browser is on another machine, or may be.
        out.print("Open this in the browser that shows this JupyterLab, after the server's name:")
        out.print(f"  {here}/", markup=False)
        return
    opened = lab.open_privately(link, "flink")
    out.print("Flink's page is open in your browser." if opened else "Open this in a browser:")
    out.print(f"  {link}", markup=False)


def _services_table(services: list[Status]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("Service", "Whose", "Address", "State"):
        table.add_column(column)
    for service in services:
        state = "[green]answers[/]" if service.answers else "[red]does not answer[/]"
        table.add_row(service.title, service.where, plain(service.address or "-"), state)
    return table


@contextmanager
def stack(quiet: bool) -> Iterator[None]:
    """The stack for the length of a `with`; left as it was found, or as others need it by then."""
    from cpuwatch.stack import control

    visit = secrets.token_hex(8)
    try:
        with telling(quiet) as tell:
            control.up(tell, show=not quiet, visit=visit)
        yield
    finally:
        control.down(visit=visit)
