"""First starts in earnest: in folders with odd names, and with ids and passwords as they come."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import COMMAND, cpuwatch, cpuwatch_json, processes_of
from java_parts import java
from sqlalchemy.engine import URL

from cpuwatch import thresholds
from cpuwatch.settings import ROOT, settings
from cpuwatch.stack import jars, kafka, postgres, statefolder

#: What has a meaning to a shell, Java, supervisor, YAML, an address or SQL, in one name.
ODD = "Jürgen O'Brien's C#, 100%-$HOME&(x)[y]{z}=+~!;\"@?*`%(here)s"


@pytest.mark.parametrize("locale", ["C.UTF-8", "C"])
def test_the_whole_story_runs_in_a_folder_with_an_odd_name(state: Path, locale: str) -> None:
    odd = state / ODD
    environment = {"CPUWATCH_STATE": str(odd), "LC_ALL": locale}
    try:
        said = cpuwatch_json("up", **environment)
        assert said["running"]
        assert said["state"] == str(odd)
        told = cpuwatch_json("demo", "--out", state / f"-{ODD} ", **environment)
        assert (told["alerts"], told["slack_messages"]) == (62, 4)
        assert (state / f"-{ODD} " / "alerts.png").exists()
        # All of it is below that folder, and nothing beside it.
        assert {path.name for path in state.iterdir()} == {ODD, f"-{ODD} "}
        assert any((odd / "flink" / "checkpoints").iterdir())
        assert kafka.cluster_id(odd / "kafka")[0].isalpha()
    finally:
        down = cpuwatch("down", "--wipe", **environment)
    assert (down.returncode, processes_of(odd)) == (0, [])
    assert not odd.exists()


def test_a_csv_with_an_odd_name_and_odd_hosts_is_replayed(stack: Path, tmp_path: Path) -> None:
    hosts = ["-x", "O'Brien", "100%", "$a$", "ü;#", '"q"', "a\\b", "${kafka}", "a:b/c"]
    csv = tmp_path / "-O'Brien's 100%;#ü.csv"
    lines = [
        f'2026-01-05T09:00:{second:02}Z,"{host.replace(chr(34), chr(34) * 2)}",{95}'
        for second in range(0, 30, 5)
        for host in hosts
    ]
    csv.write_text("\n".join(["time,hostname,usage", *lines, ""]), encoding="utf-8")
    # Called from the file's own folder, so that the name begins with '-'.
    done = subprocess.run(
        [str(Path(sys.executable).parent / "cpuwatch"), "demo", "--csv", csv.name, "--out", "-out"],
        cwd=tmp_path, env=os.environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr.count("Error")) == (0, 0), done.stderr
    found = (tmp_path / "-out" / "alerts.csv").read_text("utf-8")
    for host in hosts:
        # A spreadsheet runs no formula that has a quote before it.
        written = host.replace('"', '""') if host[0] not in "=+-@" else f"'{host}"
        assert f",{written}," in found or f',"{written}",' in found


#: What a kernel does that is there before and after.
_AFRESH = """
import faulthandler, subprocess, sys
from cpuwatch import flink, pipeline, thresholds, topics
from cpuwatch.flink.tables import create
from cpuwatch.readings import fleet

faulthandler.dump_traceback_later(280, exit=True)  # where it is, if it does not come to its end

def up():
    assert subprocess.run([sys.argv[1], "up"], capture_output=True).returncode == 0

def chapters():
    database = thresholds.engine()
    thresholds.create(database)
    thresholds.write(database, {"host-1": 88.0})
    topics.empty(topics.READINGS)
    topics.produce(fleet().head(350))
    environment = flink.connect()
    for table in pipeline.tables(pipeline.JOBS):
        create(environment, table)
    for table in ("cpu_in", "cpu_thresholds"):
        print(flink.preview(environment, f"SELECT COUNT(*) AS n FROM {table}")["n"].tolist())

up()
chapters()
assert subprocess.run([sys.argv[1], "down", "--wipe"], capture_output=True).returncode == 0
up()
chapters()
"""


def test_a_kernel_goes_on_when_the_stack_has_been_started_afresh(state: Path) -> None:
    environment = os.environ | {"CPUWATCH_STATE": str(state / "state")}
    try:
        done = subprocess.run(
            [sys.executable, "-c", _AFRESH, str(COMMAND)], env=environment,
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        assert done.stdout.split() == ["[350]", "[1]"] * 2
    finally:
        cpuwatch("down", "--wipe", CPUWATCH_STATE=str(state / "state"))


def test_the_tool_for_many_first_starts_counts_them_and_leaves_nothing() -> None:
    left = set(Path("/var/tmp").glob("cpuwatch-first-*"))
    tool = [sys.executable, str(ROOT / "tools" / "first_starts.py")]
    done = subprocess.run([*tool, "1"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    header, one, _, summary = done.stdout.splitlines()
    assert header.split() == ["number", "seconds", "result"]
    assert one.split()[0] == "1"
    assert one.endswith("  all is up")
    assert summary.startswith("1 of 1; median ")
    assert set(Path("/var/tmp").glob("cpuwatch-first-*")) <= left
    wrong = subprocess.run([*tool, "none"], capture_output=True, text=True, check=False)
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "Usage" in wrong.stderr


def test_a_first_start_that_fails_is_counted_and_makes_the_tool_fail(tmp_path: Path) -> None:
    # A cache that is a file: no jar can be kept there.
    (tmp_path / "cache").write_text("")
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "first_starts.py"), "2"],
        capture_output=True, text=True, check=False,
        env=os.environ | {"CPUWATCH_CACHE": str(tmp_path / "cache")},
    )  # fmt: skip
    assert done.returncode == 1
    assert "0 of 2" in done.stdout
    assert "'cpuwatch up'" in done.stdout


def test_an_outside_database_with_odd_names_is_reached_by_both_clients(
    stack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = 'O\'Brien @:/?#%41 \\"$HOME"-ü'  # user, database and password alike
    schema = 'a "b" \\c,d-$x'
    with thresholds.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as owner:
        quoted = owner.dialect.identifier_preparer.quote(odd)
        secret = odd.replace("'", "''").replace("%", "%%")
        owner.exec_driver_sql(f"CREATE ROLE {quoted} LOGIN PASSWORD '{secret}'")
        owner.exec_driver_sql(f"CREATE DATABASE {quoted} OWNER {quoted}")
    port = settings().port("postgres")
    url = URL.create("postgresql", odd, odd, "127.0.0.1", port, odd, {"connect_timeout": "5"})
    monkeypatch.setenv("CPUWATCH_POSTGRES", url.render_as_string(hide_password=False))
    monkeypatch.setenv("CPUWATCH_STATE", str(tmp_path))
    settings.cache_clear()
    try:
        config = settings()
        assert postgres.refusal(config) is None
        statefolder.write_passwords(config)
        thresholds.create_schema(schema)
        database = thresholds.engine(schema)
        thresholds.create(database)
        thresholds.write(database, {odd: 42.0})
        database.dispose()
        found = jars.fetch(config.cache, {"flink"}, show=False)["flink"]
        with java(found, tmp_path) as gateway:
            jvm = gateway.jvm
            jvm.java.lang.System.setProperty("org.postgresql.pgpassfile", str(config.pgpass))
            driver = jvm.org.postgresql.Driver()
            connection = driver.connect(config.jdbc_url, jvm.java.util.Properties())
            name = database.dialect.identifier_preparer.quote(schema)
            rows = connection.createStatement().executeQuery(
                f"SELECT hostname FROM {name}.cpu_thresholds"
            )
            assert rows.next()
            assert rows.getString(1) == odd
            connection.close()
    finally:
        monkeypatch.undo()
        settings.cache_clear()
        with thresholds.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as owner:
            owner.exec_driver_sql(f"DROP DATABASE IF EXISTS {quoted} WITH (FORCE)")
            owner.exec_driver_sql(f"DROP ROLE IF EXISTS {quoted}")
