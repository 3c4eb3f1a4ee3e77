"""The commands for who works on the chapters, or goes on with a project of one's own."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from cpuwatch import pipeline
from cpuwatch.errors import CpuwatchError
from cpuwatch.terminal import AsJson, err, out, plain, print_json, telling


def lab(
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open a browser, where there is one.")
    ] = True,
    port: Annotated[
        int | None, typer.Option(help="JupyterLab's port.", min=1, max=65535, show_default=False)
    ] = None,
    with_outputs: Annotated[
        bool, typer.Option("--with-outputs", help="Copies that show what each cell gives.")
    ] = False,
    present: Annotated[
        bool, typer.Option("--present", help="Large letters and wrapped lines, for a projector.")
    ] = False,
) -> None:
    """Start the stack, and JupyterLab on your own copy of the notebooks, until Ctrl-C."""
    from cpuwatch import workbook
    from cpuwatch.lab import run
    from cpuwatch.stack import control

    folder, said = workbook.prepare(with_outputs=with_outputs)
    with telling(quiet=False) as tell:
        control.up(tell)
        tell("Starting JupyterLab")
    out.print(f"Your own copy of the notebooks is in {plain(str(folder))}.", soft_wrap=True)
    for sentence in said:
        out.print(plain(sentence), soft_wrap=True)
    ask = (lambda question: typer.confirm(f"\n{question}")) if sys.stdin.isatty() else None
    if run(port, folder, browser, lambda line: out.print(plain(line)), ask, present):
        with err.status("Stopping the services"):
            control.down()
        out.print("The services are stopped.")
    else:
        out.print("Kafka, PostgreSQL and Flink run on; 'cpuwatch down' stops them.")


def catch_up(
    chapter: Annotated[str, typer.Argument(help="Its number, such as 03.", metavar="CHAPTER")],
    keep: Annotated[
        bool, typer.Option("--keep", help="Go on with what you changed yourself.")
    ] = False,
) -> None:
    """Bring about what the chapters before CHAPTER leave behind."""
    from cpuwatch import workshop

    chapter = chapter.zfill(2)
    if chapter not in pipeline.numbers():
        raise typer.BadParameter(f"they are {', '.join(pipeline.numbers())}")
    with telling(quiet=False) as tell:
        done = workshop.catch_up(chapter, tell, keep)
    what = plain(", ".join(done)) if done else "all was there"
    out.print(f"Ready for chapter {chapter}: {what}.")


def progress(as_json: AsJson = False) -> None:
    """Show which exercises were solved on this machine."""
    from cpuwatch import exercises

    solved = exercises.solved.read()
    there = [one.name for one in exercises.exercises()]
    done = [name for name in there if name in solved]
    if as_json:
        print_json({"solved": {name: solved[name] for name in done}, "of": there})
        return
    table = Table("chapter", *exercises.LEVELS)
    for number in exercises.CHAPTERS:
        names = [f"{number}-{level}" for level in exercises.LEVELS]
        table.add_row(number, *("solved" if name in solved else "" for name in names))
    out.print(table)
    out.print(f"{len(done)} of {len(there)} are solved.")


def new(
    folder: Annotated[Path, typer.Argument(help="Where: a new one.", show_default=False)],
) -> None:
    """Make a small project of plain parts to begin with: a Flink job, its test, a Makefile."""
    from cpuwatch import newproject

    has_connector = newproject.make(folder)
    out.print(f"The project is in {plain(str(folder))}.", soft_wrap=True)
    out.print(f"Next: cd {plain(shlex.quote(str(folder)))} && make test", soft_wrap=True)
    if not has_connector:
        out.print("Its README.md says which jar belongs in the folder jars.")


def reset(
    leave: Annotated[
        bool,
        typer.Option("--leave", help="Give CPUWATCH_PREFIX back, too, with its schema's tables."),
    ] = False,
) -> None:
    """Forget what the chapters made: jobs, topics, table. The services run on."""
    from cpuwatch import workshop
    from cpuwatch.settings import settings
    from cpuwatch.stack import claims, known

    if leave:
        claims.require(settings())
    if not all(service.answers for service in known.status()):
        raise CpuwatchError("The services do not all run: start them with 'cpuwatch up'.")
    with err.status("Forgetting what the chapters made"):
        gone = workshop.reset()
        if leave:
            claims.leave(settings())
    out.print("The jobs are stopped, the topics and the table are gone.")
    for what, names in gone.items():
        if names:
            out.print(f"{what.title()}: {plain(', '.join(names))}.")
    if leave:
        out.print(f"The prefix {settings().prefix} is given back: anybody may take it now.")
