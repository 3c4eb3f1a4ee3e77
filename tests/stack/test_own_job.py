"""The pipeline is described in one place: a job added there, or changed, is so everywhere.

Each test works in a copy of the project, on the stack that the tests share.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest
import twin

from cpuwatch import flink, readings, topics
from cpuwatch.settings import ROOT

TABLE = """\
CREATE TABLE cpu_out_count (
    window_start TIMESTAMP_LTZ(3),
    hostname STRING,
    readings BIGINT
) WITH (
    'connector' = 'kafka',
    'topic' = 'cpu_counts',
    'properties.bootstrap.servers' = '${kafka}',
    'properties.transaction.timeout.ms' = '900000',
    'sink.delivery-guarantee' = 'exactly-once',
    'sink.transactional-id-prefix' = 'cpu_count',
    'key.format' = 'json',
    'key.fields' = 'hostname',
    'value.format' = 'json',
    'value.json.timestamp-format.standard' = 'ISO-8601'
)
"""
STATEMENT = """\
INSERT INTO cpu_out_count
SELECT window_start, hostname, COUNT(*) AS readings
FROM TABLE(TUMBLE(TABLE cpu_in, DESCRIPTOR(time_ltz), INTERVAL '1' MINUTE))
GROUP BY window_start, window_end, hostname
"""
ENTRY = '    Job("cpu_count", reads=("cpu_in",), writes="cpu_out_count", chapter="02"),\n'


#: Runs commands from stdin, each a list of words; tells exit code, stdout and stderr.
SERVE = """
import contextlib, io, json, sys
from cpuwatch import cli

answers = sys.stdout
for line in sys.stdin:
    words = json.loads(line)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            if words[0] == "python":
                exec(words[1], {})
            else:
                sys.argv[1:] = words
                cli.main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
    print(json.dumps([code, out.getvalue(), err.getvalue()]), file=answers, flush=True)
"""


class Done(NamedTuple):
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


class Copy:
    """A copy of the project, whose commands work on the tests' stack."""

    def __init__(self, folder: Path, state: Path) -> None:
        self.folder = folder
        self.sql = folder / "lib" / "cpuwatch" / "sql"
        self._environment = os.environ | {
            "PYTHONPATH": str(folder / "lib"),
            "CPUWATCH_STATE": str(state),
        }
        self._process: subprocess.Popen[str] | None = None

    def add(self, table: str = TABLE) -> None:
        """Add a job: two files and one entry."""
        (self.sql / "cpu_out_count.sql").write_text(table)
        (self.sql / "cpu_count.sql").write_text(STATEMENT)
        self.edit(self.folder / "lib/cpuwatch/pipeline.py", "JOBS = (\n", f"JOBS = (\n{ENTRY}")

    @staticmethod
    def edit(path: Path, old: str, new: str) -> None:
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    def run(self, *arguments: str) -> Done:
        """Run a command as `cpuwatch` would; all in one process, so that Java starts once."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-c", SERVE], env=self._environment, cwd=self.folder, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )  # fmt: skip
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(arguments) + "\n")
        self._process.stdin.flush()
        return Done(*json.loads(self._process.stdout.readline()))

    def end(self) -> None:
        if self._process is not None:
            assert self._process.stdin is not None and self._process.stdout is not None
            self._process.stdin.close()
            self._process.wait(30)
            self._process.stdout.close()

    def said(self, *arguments: str) -> str:
        """What a command says that succeeds, on one line."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return " ".join(done.stdout.split())

    def python(self, code: str) -> str:
        """What a cell prints."""
        return self.said("python", code)


@pytest.fixture
def copy(stack: Path, tmp_path: Path) -> Iterator[Copy]:
    folder = tmp_path / "copy"
    for name in ("lib", "data"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    one = Copy(folder, stack)
    yield one
    one.said("reset")
    one.end()


def running() -> list[str]:
    return sorted(job.name for job in flink.jobs(running_only=True))


def counts(topic: str = "cpu_counts") -> pd.DataFrame:
    found = topics.read(topic)[["window_start", "hostname", "readings"]]
    return found.sort_values(["window_start", "hostname"], ignore_index=True)


def test_a_job_of_ones_own_takes_two_files_and_one_entry(copy: Copy) -> None:
    copy.add()
    assert "cpu_count was deployed" in copy.said("catch-up", "03")
    assert running() == ["cpu_count", "cpu_filter"]
    found = counts()
    expected = twin.averages(readings.fleet(), 60).groupby(["window_start", "hostname"])
    expected = expected["readings"].sum().reset_index()
    # The last minute's window is open still: the watermark is ten seconds behind.
    assert found["readings"].tolist() == expected["readings"].tolist()[: 9 * 7]
    assert found["hostname"].tolist() == expected["hostname"].tolist()[: 9 * 7]
    # It is there, and kept.
    assert copy.said("catch-up", "03") == "Ready for chapter 03: all was there."
    jobs = copy.python("from cpuwatch import workshop; print(workshop.jobs())")
    assert "cpu_count" in jobs and "cpu_filter" in jobs
    result = copy.python("from cpuwatch import workshop; print(workshop.result('cpu_counts'))")
    assert "2026-01-05 09:00:00+00:00" in result
    copy.python("from cpuwatch import workshop; workshop.solution('cpu_count')")
    # The demo keeps to topics of its own.
    before = topics.states("cpu_counts")
    copy.said("demo", "--json")
    assert topics.states("cpu_counts") == before
    assert [name for name in topics.names() if "-demo-" in name] == []
    # It is stopped and forgotten with the others.
    left = copy.python("from cpuwatch import workshop; print(len(workshop.stop_jobs()))")
    assert left.strip() == "0" and running() == []
    copy.said("reset")
    assert "cpu_counts" not in topics.names()


def test_a_table_that_the_demo_cannot_keep_apart_is_named_and_nothing_is_written(
    copy: Copy,
) -> None:
    place = copy.folder / "written"
    copy.add(
        "CREATE TABLE cpu_out_count (window_start TIMESTAMP_LTZ(3), hostname STRING, readings"
        f" BIGINT) WITH ('connector' = 'filesystem', 'path' = '{place}', 'format' = 'json')"
    )
    done = copy.run("demo", "--json")
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("Error: The table cpu_out_count cannot be kept apart")
    assert done.stderr.count("\n") == 1
    assert not place.exists()
    assert [name for name in topics.names() if "-demo-" in name] == []


def test_a_changed_statement_is_deployed_once_with_the_reason(copy: Copy) -> None:
    assert "cpu_filter was deployed" in copy.said("catch-up", "03")
    before = topics.read(topics.FILTERED)
    assert before["usage"].min() <= 90
    copy.edit(copy.sql / "cpu_filter.sql", "usage > 80", "usage > 90")
    said = copy.said("catch-up", "03")
    assert said == (
        "Ready for chapter 03: cpu_filter was deployed anew, since its statement has changed."
    )
    fleet = readings.fleet()
    after = topics.read(topics.FILTERED)
    assert sorted(after["usage"]) == sorted(fleet.loc[fleet["usage"] > 90, "usage"])
    assert copy.said("catch-up", "03") == "Ready for chapter 03: all was there."
    # The demo has it as well.
    said = copy.said("demo", "--json")
    assert f'"filtered":{len(after)},' in said
    # A comment and a line break are no change.
    copy.edit(copy.sql / "cpu_filter.sql", "FROM cpu_in", "FROM cpu_in  -- all of it\n")
    assert copy.said("catch-up", "03") == "Ready for chapter 03: all was there."


def test_a_changed_table_and_a_changed_view_are_reasons_too(copy: Copy) -> None:
    copy.said("catch-up", "08")
    copy.edit(copy.sql / "cpu_changes.sql", "closes\nFROM", "closes\n    , 1 AS extra_column\nFROM")
    assert copy.said("catch-up", "08") == (
        "Ready for chapter 08: cpu_notification was deployed anew, since its view cpu_changes has"
        " changed."
    )
    copy.edit(copy.sql / "cpu_out_agg.sql", "'key.fields' = 'hostname'", "'key.fields' = 'cpu'")
    assert copy.said("catch-up", "08") == (
        "Ready for chapter 08: cpu_agg was deployed anew, since its table cpu_out_agg has changed,"
        " cpu_over was deployed anew, since its table cpu_out_agg has changed, cpu_notification was"
        " deployed anew, since its table cpu_out_agg has changed."
    )


def test_a_statement_with_a_mistake_is_named_and_the_job_before_runs_on(copy: Copy) -> None:
    copy.said("catch-up", "03")
    copy.edit(copy.sql / "cpu_filter.sql", "usage > 80", "usge > 80")
    done = copy.run("catch-up", "03")
    assert done.returncode == 1
    assert "There is no column 'usge'" in done.stderr
    assert running() == ["cpu_filter"]
