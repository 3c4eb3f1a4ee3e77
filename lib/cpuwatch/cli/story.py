"""The command that runs the whole story once, and what it shows."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.table import Table

from cpuwatch import signals, sql, words
from cpuwatch.cli.csvfiles import Columns, Where, about_csv, show_sentences
from cpuwatch.cli.services import stack
from cpuwatch.pipeline import WORKSHOP, Parameters
from cpuwatch.terminal import AsJson, err, out, plain, print_json

if TYPE_CHECKING:
    from cpuwatch.demo import Result


def _window(text: str) -> str:
    try:
        sql.seconds(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    return text


def demo(
    csv: Annotated[
        Path | None, typer.Option(help="Your own readings, instead of the fleet.")
    ] = None,
    columns: Columns = None,
    where: Where = None,
    seed: Annotated[int, typer.Option(help="The fleet's seed.", min=0, max=2**32 - 1)] = 7,
    window: Annotated[str, typer.Option(help="A window's length.", callback=_window)] = "30s",
    thresholds: Annotated[
        Path | None, typer.Option(help="Your own thresholds: hostname,allowed_top.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--out", help="Where to write tables and plot.", metavar="DIR")
    ] = None,
    cooldown: Annotated[
        int, typer.Option(help="An episode goes on if over again within so many windows.", min=0)
    ] = WORKSHOP.cooldown,
    min_readings: Annotated[
        int, typer.Option(help="A window of fewer readings opens no episode.", min=1)
    ] = WORKSHOP.min_readings,
    rule: Annotated[
        Literal["thresholds", "learned"],
        typer.Option(
            help="An alert is a host over its threshold; or (learned) what is new for a series.",
        ),
    ] = "thresholds",
    as_json: AsJson = False,
) -> None:
    """Run the whole story once: readings, filter, averages, thresholds, alerts."""
    from cpuwatch.demo import make_folder, read_input, run, write

    if cooldown * sql.seconds(window) >= 1000 * 86_400:
        raise typer.BadParameter(
            "so many windows are longer than 999 days", param_hint="--cooldown"
        )
    if folder is None and not as_json:
        folder = Path("out")
    said, wanted = about_csv(csv, columns, where)
    given = read_input(csv, seed, thresholds, said, wanted, rule)
    if folder is not None:
        make_folder(folder)
    if not as_json:
        show_sentences(given.sentences())
    show = (lambda *_: None) if as_json else _show_step
    start = time.monotonic()
    with signals.not_lost(), stack(as_json):
        stack_seconds = time.monotonic() - start
        show("stack", "Kafka, PostgreSQL, Flink and Slack answer", stack_seconds)
        with err.status("Working"):
            parameters = Parameters(sql.seconds(window), cooldown, min_readings)
            result = run(given, parameters, show, rule)
    result.seconds = {
        "stack": stack_seconds,
        **result.seconds,
        "total": result.seconds["total"] + stack_seconds,
    }
    written = [] if folder is None else write(result, folder)
    if as_json:
        print_json(result.as_dict())
        return
    _show_result(result)
    out.print(f"\nThe plot is in {plain(str(written[-1]))}, the tables beside it.")


def _show_step(name: str, text: str, seconds: float) -> None:
    out.print(f"{name:<10} {text:<58} {seconds:5.1f} s")


def _show_result(result: Result) -> None:
    numbers = result.parameters
    rejected = result.given.rejected
    for line, reason in rejected.head(5)[["line", "reason"]].itertuples(index=False):
        out.print(f"  line {line}: {plain(str(reason))}")
    if len(rejected) > 5:
        out.print(f"  … and {len(rejected) - 5} more, in rejected.csv")
    if result.unknown_hosts:
        names = ", ".join(words.shorten(host, 60) for host in result.unknown_hosts[:5])
        more = len(result.unknown_hosts) - 5
        out.print(
            f"No threshold of their own, so {numbers.default_top:g}% counts: {plain(names)}"
            + (f" and {more} more" if more > 0 else "")
        )
    if result.late:
        out.print(f"{result.late} readings came too late for their window and are in none.")
    if result.alerts.empty:
        out.print("\nNo host was in trouble.")
        return
    if result.episodes.empty:
        out.print(
            f"Every window over its threshold has fewer than {numbers.min_readings} readings, so"
            " none opens an episode: take a longer --window, or a smaller --min-readings."
        )
    table = Table(title="Hosts in trouble", title_justify="left", box=None, pad_edge=False)
    by = "Highest score" if result.rule == "learned" else "Threshold"
    for column in ("Host", by, "Alerts", "CPUs", "Highest average", "From", "Until"):
        numeric = column in (by, "Alerts", "CPUs", "Highest average")
        table.add_column(column, justify="right" if numeric else "left")
    by_host = result.alerts.groupby("hostname")
    order = by_host["window_start"].min().sort_values(kind="stable").index
    one_day = result.alerts["window_start"].dt.date.nunique() == 1
    form = "%H:%M:%S" if one_day else "%Y-%m-%d %H:%M"
    for host in order[:20]:
        found = by_host.get_group(host)
        table.add_row(
            plain(host, 60),
            f"{found['anomaly_score'].max():.2f}"
            if result.rule == "learned"
            else f"{found['allowed_top'].iloc[0]:g}",
            f"{len(found)}",
            f"{found['cpu'].nunique()}",
            f"{found['usage_avg'].max():.1f}",
            f"{found['window_start'].min():{form}}",
            f"{found['window_end'].max():{form}}",
        )
    out.print()
    out.print(table, soft_wrap=False)
    if len(order) > 20:
        out.print(f"… and {len(order) - 20} more hosts, in alerts.csv")
