"""The commands that say whether all is well, before the workshop and in it."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from cpuwatch.errors import CpuwatchError
from cpuwatch.terminal import AsJson, err, out, plain, telling


def preflight_(
    codes: Annotated[
        list[str] | None,
        typer.Argument(metavar="[CODE]...", help="Codes of others, or texts that hold some."),
    ] = None,
) -> None:
    """Say whether this laptop can take part, and the code to send back; or read others' codes."""
    from cpuwatch import preflight

    preflight.main(codes or [])


def doctor(
    fix: Annotated[
        bool,
        typer.Option("--fix", help="Do what is safe: start, fetch, make anew; delete nothing."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Say what is wrong, why the output is empty, and the next thing to do."""
    from cpuwatch import doctor

    findings, fixed = [], None
    with telling(quiet=as_json or not err.is_terminal) as tell:
        tell("Looking at everything")
        if fix:
            fixed = doctor.mend(doctor.examine())
        findings = list(doctor.examine())
    if as_json:
        print(doctor.as_json(findings, fixed))
        sys.exit(0 if all(finding.well for finding in findings) else 1)
    for sentence in fixed or []:
        out.print(f"[green]fixed[/]  {plain(sentence)}")
    if fixed == []:
        out.print("Nothing could be mended without you.")
    for finding in findings:
        mark = "[yellow]note [/]" if finding.remark else "[green]well [/]"
        mark = mark if finding.well else "[red]wrong[/]"
        out.print(f"{mark}  {plain(finding.what)}: {plain(finding.says)}")
        if finding.next:
            out.print(f"       Next: {plain(finding.next)}")
    wrong = list(dict.fromkeys(finding.what for finding in findings if not finding.well))
    if wrong:
        raise CpuwatchError(f"Not all is well: {', '.join(wrong)}. What to do stands above.")
