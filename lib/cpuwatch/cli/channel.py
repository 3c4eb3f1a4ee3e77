"""The command that tells the channel of alerts."""

from __future__ import annotations

from typing import Annotated

import typer

from cpuwatch import signals
from cpuwatch.terminal import out, plain


def notify(
    once: Annotated[bool, typer.Option("--once", help="Deliver what is there, and end.")] = False,
    stay: Annotated[
        bool, typer.Option("--stay", help="Run on with the stack, until it stops or --leave.")
    ] = False,
    leave: Annotated[bool, typer.Option("--leave", help="Stop one that stays.")] = False,
) -> None:
    """Tell the Slack channel of the alerts in the topic cpu_alerts, until Ctrl-C."""
    from cpuwatch import slack
    from cpuwatch.settings import settings

    if once + stay + leave > 1:
        raise typer.BadParameter("--once, --stay and --leave exclude each other")
    if leave:
        had = slack.is_running()
        slack.stop()
        out.print("The notifier is stopped." if had else "No notifier was running.")
        return
    if stay:
        slack.start()
        out.print(f"The notifier runs; the channel is at {plain(settings().slack_address)}")
        return
    until = "" if once else ", until Ctrl-C"
    out.print(f"Telling the channel at {plain(settings().slack_address)}{until}")
    with signals.stop_event() as stop:
        posted = slack.follow(lambda line: out.print(plain(line)), once, stop)
    out.print(f"{posted:,} message{'' if posted == 1 else 's'} posted.")
