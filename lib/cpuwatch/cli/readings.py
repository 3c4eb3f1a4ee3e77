"""The commands that send readings, and show what came and is none."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from cpuwatch.cli.csvfiles import Columns, Where, about_csv, show_sentences
from cpuwatch.errors import CpuwatchError
from cpuwatch.terminal import AsJson, err, out, plain, print_json


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
    from cpuwatch.stack import failures, kafka, known

    if csv is not None and machine:
        raise typer.BadParameter("--csv and --machine exclude each other")
    if endless and count:
        raise typer.BadParameter("--count and --endless exclude each other")
    endless = endless or count == 0
    if csv is not None and endless:
        raise typer.BadParameter("a CSV file ends: leave --endless out")
    said, wanted = about_csv(csv, columns, where)
    source = readings.open_source(csv, machine, endless, seed, count, said, wanted)
    if source.use is not None and not as_json:
        show_sentences(source.use.sentences())
    if not next(service for service in known.status() if service.name == "kafka").answers:
        if settings().outside("kafka"):
            why = kafka.refusal(settings()) or "it did for a moment"
            raise topics.unreachable(why)
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


def bad(as_json: AsJson = False) -> None:
    """Show what came and is no reading: where it stands, why, and how it begins."""
    import pandas as pd

    from cpuwatch import results, topics
    from cpuwatch.flink import cluster, metrics

    found = results.bad()
    running = {}
    with suppress(CpuwatchError):  # also while Flink does not run
        running = {job.name: job for job in cluster.jobs(running_only=True)}
    late = {name: metrics.late(job) for name, job in sorted(running.items())}
    if as_json:
        rows = [
            {name: value for name, value in row.items() if not pd.isna(value)}
            for row in found.astype(object).to_dict("records")
        ]
        print_json(
            {
                "bad": len(rows),
                "late": late.get("cpu_agg", 0),
                "late_by_job": late,
                "records": rows,
            }
        )
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
    for name, many in late.items():
        if many:
            what = "reading" if many == 1 else "readings"
            out.print(f"{many:,} {what} came too late for {name}, since it began, or began anew.")
