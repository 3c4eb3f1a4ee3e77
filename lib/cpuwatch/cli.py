"""The command `cpuwatch`."""

from __future__ import annotations

import io
import os
import secrets
import shlex
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.table import Table

from cpuwatch import files, jobscli, limits, pipeline, signals, sql, words
from cpuwatch.errors import CpuwatchError
from cpuwatch.pipeline import WORKSHOP, Parameters
from cpuwatch.terminal import AsJson, err, out, plain, print_json, telling

# Kafka, Flink and pandas take a second to import: each command imports what it needs.
if TYPE_CHECKING:
    from cpuwatch.demo import Result
    from cpuwatch.stack.control import Status

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A workshop on streaming anomaly detection with Kafka, Flink and PostgreSQL.",
)
app.add_typer(jobscli.app, name="jobs")

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


@app.command()
def up(
    as_json: AsJson = False,
    take_over: Annotated[
        bool, typer.Option(help="Take CPUWATCH_PREFIX from whoever uses it.")
    ] = False,
) -> None:
    """Start Kafka, PostgreSQL, Flink and the stand-in for Slack, those that do not run yet."""
    from cpuwatch.stack import control

    start = time.monotonic()
    with signals.not_lost(), telling(quiet=as_json) as tell:
        services = control.up(tell, not as_json, take_over)
    if as_json:
        print(control.as_json(services))
        return
    out.print(_services_table(services), soft_wrap=False)
    out.print(f"All is up after {time.monotonic() - start:.1f} s.")


@app.command()
def down(
    wipe: Annotated[bool, typer.Option("--wipe", help="Also forget all data.")] = False,
) -> None:
    """Stop what `up` started."""
    from cpuwatch.stack import control

    with signals.not_lost(), err.status("Stopping the services"):
        had = control.down(wipe)
    message = "The services are stopped" if had else "Nothing was running"
    out.print(message + ("; the data is gone." if wipe else "."))


@app.command()
def status(as_json: AsJson = False) -> None:
    """Show each service: whose it is, where it is, whether it answers."""
    from cpuwatch.stack import control

    services = control.status()
    if as_json:
        print(control.as_json(services))
        return
    out.print(_services_table(services), soft_wrap=False)
    if not all(service.answers for service in services):
        out.print("Start what is missing with 'cpuwatch up'.")


@app.command()
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


def _window(text: str) -> str:
    try:
        sql.seconds(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    return text


Columns = Annotated[
    list[str] | None,
    typer.Option(
        help="The CSV's columns: time=…,usage=…,host=…,cpu=…; also date, day_first, month_first,"
        " idle, ratio, ignore.",
        metavar="WHAT=COLUMN,…",
    ),
]
Where = Annotated[
    list[str] | None,
    typer.Option(help="Only the CSV's rows with this value; repeatable.", metavar="COLUMN=VALUE"),
]


@app.command()
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
    said, wanted = _about_csv(csv, columns, where)
    given = read_input(csv, seed, thresholds, said, wanted, rule)
    if folder is not None:
        make_folder(folder)
    if not as_json:
        _show_sentences(given.sentences())
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


def _about_csv(
    csv: Path | None, columns: list[str] | None, where: list[str] | None
) -> tuple[dict[str, str | list[str]], dict[str, list[str]]]:
    """What --columns and --where say."""
    from cpuwatch import readings

    if csv is None and (columns or where):
        raise typer.BadParameter("--columns and --where are about a file: name it with --csv")
    try:
        return readings.parse_columns(columns or []), readings.parse_where(where or [])
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _show_sentences(sentences: list[str]) -> None:
    for sentence in sentences:
        out.print(f"[bold]{plain(sentence)}[/]" if _is_loud(sentence) else plain(sentence))


def _is_loud(sentence: str) -> bool:
    return sentence.startswith("Attention")


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


@app.command()
def produce(
    csv: Annotated[Path | None, typer.Option(help="Replay this CSV of readings.")] = None,
    columns: Columns = None,
    where: Where = None,
    machine: Annotated[bool, typer.Option("--machine", help="This machine's own CPUs.")] = False,
    count: Annotated[
        int | None,
        typer.Option(min=0, envvar="NR_MESSAGES", help="How many readings; 0 never ends."),
    ] = None,
    endless: Annotated[bool, typer.Option("--endless", help="Until Ctrl-C.")] = False,
    rate: Annotated[
        float | None, typer.Option(min=0.001, help="Readings a second.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(help="The fleet's seed.", min=0, max=2**32 - 1)] = 7,
    as_json: AsJson = False,
) -> None:
    """Send readings to the topic cpu_load_stats_real.

    Without options: the seeded fleet's 21,000 readings, at once. With --endless: the
    same fleet, live.
    """
    from cpuwatch import readings, topics
    from cpuwatch.settings import settings
    from cpuwatch.stack import control, failures, kafka

    if csv is not None and machine:
        raise typer.BadParameter("--csv and --machine exclude each other")
    if endless and count:
        raise typer.BadParameter("--count and --endless exclude each other")
    endless = endless or count == 0
    if csv is not None and endless:
        raise typer.BadParameter("a CSV file ends: leave --endless out")
    said, wanted = _about_csv(csv, columns, where)
    source = readings.open_source(csv, machine, endless, seed, count, said, wanted)
    if source.use is not None and not as_json:
        _show_sentences(source.use.sentences())
    if not next(service for service in control.status() if service.name == "kafka").answers:
        if settings().outside("kafka"):
            why = kafka.refusal(settings()) or "it did for a moment"
            raise CpuwatchError(f"Kafka at {settings().kafka_address} does not answer ({why}).")
        raise CpuwatchError(f"Kafka does not run. {failures.remedy(settings().state)}")
    start = time.monotonic()
    with err.status("Sending" + (", until Ctrl-C" if source.endless else "")) as shown:

        def progress(sent: int) -> None:
            shown.update(f"{sent:,} readings sent" + (", until Ctrl-C" if source.endless else ""))

        def tell(sentence: str) -> None:
            if err.is_terminal:
                shown.update(plain(sentence))
            elif not told or not sentence.startswith(told[-1][:20]):
                err.print(plain(sentence))  # in a log once, not each second
            told.append(sentence)

        told: list[str] = []
        sent = topics.send(source, count or None, rate, progress, tell=tell)
    summary = {
        "source": source.name,
        "topic": topics.READINGS,
        "readings": sent,
        "rejected": len(source.rejected),
        "columns": source.use.as_dict() if source.use else None,
        "remarks": source.use.remarks if source.use else [],
        "seconds": round(time.monotonic() - start, 3),
    }
    if as_json:
        print_json(summary)
        return
    out.print(f"{sent:,} readings from {plain(source.name)} are in the topic {topics.READINGS}.")
    for line, reason in source.rejected.head(5)[["line", "reason"]].itertuples(index=False):
        out.print(f"  line {line} rejected: {plain(str(reason))}")
    if len(source.rejected):
        out.print(f"{len(source.rejected):,} rejected rows are in {topics.BAD_READINGS}.")


@app.command()
def bad(as_json: AsJson = False) -> None:
    """Show what came and is no reading: where it stands, why, and how it begins."""
    import pandas as pd

    from cpuwatch import results, topics
    from cpuwatch.flink import cluster, metrics

    found = results.bad()
    running = {}
    with suppress(CpuwatchError):  # also while Flink does not run
        running = {job.name: job for job in cluster.jobs(running_only=True)}
    late = metrics.late(running["cpu_agg"]) if "cpu_agg" in running else 0
    if as_json:
        rows = [
            {name: value for name, value in row.items() if not pd.isna(value)}
            for row in found.astype(object).to_dict("records")
        ]
        print_json({"bad": len(rows), "late": late, "records": rows})
        return
    if "cpu_bad" not in running:
        err.print(
            f"The job cpu_bad does not run, so nobody looks at what comes to {topics.READINGS}:"
            " 'cpuwatch catch-up 04' deploys it."
        )
    count = len(found)
    out.print(
        f"{count:,} record{' is no reading' if count == 1 else 's are no readings'}"
        f" ({topics.BAD_READINGS})."
    )
    for row in found.head(50).itertuples():
        place = f"partition {row.partition}, offset {row.offset}"
        where = f"{row.source}, line {row.line}" if pd.isna(row.offset) else place
        out.print(f"  {plain(where, 80)}: {plain(row.reason, 100)}")
        if row.text:
            out.print(f"    {plain(row.text, 80)}")
    if count > 50:
        out.print(f"… and {count - 50:,} more: 'cpuwatch bad --json' has them all.")
    if late:
        what = "reading came too late for its" if late == 1 else "readings came too late for their"
        out.print(f"{late:,} {what} window, since cpu_agg began, or began anew.")


@app.command()
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


@app.command()
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


@app.command("catch-up")
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


@app.command()
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


@app.command()
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


@app.command("preflight")
def preflight_(
    codes: Annotated[
        list[str] | None,
        typer.Argument(metavar="[CODE]...", help="Codes of others, or texts that hold some."),
    ] = None,
) -> None:
    """Say whether this laptop can take part, and the code to send back; or read others' codes."""
    from cpuwatch import preflight

    preflight.main(codes or [])


@app.command()
def reset(
    leave: Annotated[
        bool,
        typer.Option("--leave", help="Give CPUWATCH_PREFIX back, too, with its schema's tables."),
    ] = False,
) -> None:
    """Forget what the chapters made: jobs, topics, table. The services run on."""
    from cpuwatch import workshop
    from cpuwatch.settings import settings
    from cpuwatch.stack import claims, control

    if leave:
        claims.require(settings())
    if not all(service.answers for service in control.status()):
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


@app.command()
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


if __name__ == "__main__":
    main()
