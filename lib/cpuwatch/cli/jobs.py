"""The commands `cpuwatch jobs …`: see jobs, stop them with their state, let them go on."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from cpuwatch.terminal import AsJson, out, plain, print_json

app = typer.Typer(no_args_is_help=True, help="See jobs, stop them, and let them go on.")

Names = Annotated[list[str], typer.Argument(help="Their names.", metavar="JOB...")]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """Show the jobs that run, and those that were stopped and can go on."""
    from cpuwatch import flink
    from cpuwatch.flink import savepoints

    running = flink.jobs(running_only=True)
    stopped = savepoints.stopped(running)
    if as_json:
        print_json(
            {
                "running": [{"job": one.name, "state": one.state} for one in running],
                "stopped": stopped,
            }
        )
        return
    table = Table("job", "state")
    for one in sorted(running, key=lambda one: one.name):
        table.add_row(plain(one.name), one.state.lower())
    for name in stopped:
        table.add_row(plain(name), "stopped with a savepoint")
    for name in savepoints.stopped(running, by_name=False):
        table.add_row(plain(name), "stopped with a savepoint, goes on in its notebook")
    out.print(table if table.row_count else "No job runs, and none was stopped with a savepoint.")


@app.command()
def stop(
    names: Names,
    forget: Annotated[
        bool, typer.Option("--forget", help="Without a savepoint: what they are at is lost.")
    ] = False,
) -> None:
    """Stop jobs with a savepoint, from which they can go on."""
    from cpuwatch import flink
    from cpuwatch.flink import resumable, savepoints

    wanted = list(dict.fromkeys(names))
    for name in wanted:
        flink.stop(name, savepoint=not forget)
    if forget:
        return
    known = [name for name in wanted if resumable.is_known(name)]
    if known:
        out.print(f"They go on with: cpuwatch jobs resume {plain(' '.join(known))}")
    for name in wanted:
        if name not in known:
            by_hand = plain(savepoints.in_a_notebook(name))
            out.print(f"{plain(name)} goes on in the notebook that made it: {by_hand}")


@app.command()
def resume(names: Names) -> None:
    """Let jobs go on that were stopped with a savepoint, by the statements that they had."""
    from cpuwatch import flink

    for name in dict.fromkeys(names):
        flink.resume(name)
