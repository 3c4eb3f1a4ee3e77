"""Run the command: a failure is one sentence."""

from __future__ import annotations

import io
import os
import sys
import traceback

from cpuwatch import files, limits
from cpuwatch.cli.commands import app
from cpuwatch.errors import CpuwatchError
from cpuwatch.terminal import err, plain

#: The exit code by which Typer tells of Ctrl-C.
_INTERRUPTED = 130


def main() -> None:
    """Run the command; a failure is one sentence on stderr and exit code 1."""
    for stream in (sys.stdout, sys.stderr):
        # What a terminal or a log has no letter for, it gets as a number, and never as an error.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    os.environ["MPLBACKEND"] = "agg"  # a figure goes into a file, whatever somebody likes to see
    try:
        app(prog_name="cpuwatch")
    except CpuwatchError as error:
        err.print(f"[bold red]Error:[/] {plain(str(error))}")
        sys.exit(1)
    except SystemExit as end:
        if end.code != _INTERRUPTED:
            raise
        err.print("Stopped.")
        sys.exit(1)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has gone; that is no news
        sys.exit(1)
    except Exception as error:
        if (refused := limits.sentence(error)) is not None:
            err.print(f"[bold red]Error:[/] {plain(refused)}")
            sys.exit(1)
        err.print(
            f"[bold red]Error:[/] something went wrong that should not have"
            f" ({plain(type(error).__name__)}: {plain(str(error).split(chr(10))[0][:200])})."
            f" The details are in {keep_trace()}; please report them."
        )
        sys.exit(1)


def keep_trace() -> str:
    """Write the stack trace where a maintainer finds it, not where a beginner reads it."""
    from cpuwatch.settings import settings
    from cpuwatch.stack import place

    try:
        place.make(settings().state)
        path = settings().state / "logs" / "cpuwatch-error.log"
        files.folder(path.parent)
        files.write(path, traceback.format_exc(), private=True)
    except (OSError, CpuwatchError):
        traceback.print_exc()
        return "the lines above"
    return str(path)
