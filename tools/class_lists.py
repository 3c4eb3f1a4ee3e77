"""Make data/classes anew: the names of the classes that each part of the stack uses.

    make class-lists

Starts a stack of its own in a temporary folder, runs the whole story and some previews there, and
lets every Java note what it loads. To be run when Kafka, Flink or Java is another version.
"""

from __future__ import annotations

import gzip
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: Classes that are made anew in each process, or come out of a jar that Flink unpacks.
_PASSING = re.compile(r"source: |^#")
_NUMBER = re.compile(r" id: \d+")

_QUERIES = (
    "SELECT * FROM cpu_in",
    "SELECT hostname, AVG(usage) AS mean, COUNT(*) AS n FROM cpu_in GROUP BY hostname",
    "SELECT window_start, hostname, MAX(usage) AS top FROM TABLE(TUMBLE(TABLE cpu_in,"
    " DESCRIPTOR(time_ltz), INTERVAL '30' SECOND)) GROUP BY window_start, hostname",
)


def _noting(prepare: Any, notes: Path) -> Any:
    """What describes a part's programs, with an option for each to note its classes."""

    def described(*args: Any, **options: Any) -> Any:
        programs = prepare(*args, **options)
        for one in programs:
            one.command[1:1] = ["-Xshare:off", f"-XX:DumpLoadedClassList={notes / one.name}"]
        return programs

    return described


def _names(path: Path) -> Iterator[str]:
    for line in path.read_text("utf-8").splitlines():
        if not _PASSING.search(line):
            yield _NUMBER.sub("", line)


def main() -> None:
    """Run, and write both lists."""
    with tempfile.TemporaryDirectory(prefix="cpuwatch-classes-") as folder:
        Path(folder).chmod(0o711)  # root's PostgreSQL runs as another user
        notes = Path(folder, "notes")
        notes.mkdir()
        os.environ["CPUWATCH_STATE"] = str(Path(folder, "state"))

        from cpuwatch import demo, flink, workshop
        from cpuwatch.flink import gateway
        from cpuwatch.stack import classes, control, kafka
        from cpuwatch.stack import flink as flinks

        flinks.prepare = _noting(flinks.prepare, notes)
        kafka.prepare = _noting(kafka.prepare, notes)
        gateway.MAPPED = ("-Xshare:off", f"-XX:DumpLoadedClassList={notes / 'gateway'}")
        try:
            control.up(tell=print)
            workshop.catch_up("06")
            environment = flink.connect()
            flink.import_tables(environment, "cpu_in")
            for query in _QUERIES:
                flink.preview(environment, query)
            demo.run(demo.read_input(None))
        finally:
            control.down(wipe=True)
        parts = {
            "kafka": ["kafka"],
            "flink": ["zookeeper", "jobmanager", "taskmanager", "gateway"],
        }
        for part, programs in parts.items():
            found = dict.fromkeys(name for one in programs for name in _names(notes / one))
            path = classes.LISTS / f"{part}.txt.gz"
            path.write_bytes(
                gzip.compress("".join(f"{name}\n" for name in found).encode(), 9, mtime=0)
            )
            print(f"{path.name}: {len(found):,} lines, {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    sys.exit(main())
