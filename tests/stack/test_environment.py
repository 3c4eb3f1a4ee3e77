"""What somebody has in the environment for other servers changes nothing for the stack's own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import cpuwatch, cpuwatch_json, new_state, processes_of

from cpuwatch import thresholds

#: What a client of PostgreSQL's takes from the environment: half of them led ours astray.
POSTGRES = {
    "PGSSLMODE": "verify-full",
    "PGSSLROOTCERT": "/nowhere/root.crt",
    "PGSERVICE": "payroll",
    "PGSERVICEFILE": "/nowhere/services",
    "PGHOST": "db.example.org",
    "PGHOSTADDR": "192.0.2.1",
    "PGPORT": "1",
    "PGUSER": "somebody",
    "PGDATABASE": "payroll",
    "PGPASSWORD": "hush",
    "PGPASSFILE": "/nowhere/pgpass",
    "PGOPTIONS": "-c default_transaction_read_only=on",
    "PGCHANNELBINDING": "require",
    "PGGSSENCMODE": "require",
    "PGREQUIREAUTH": "none",
    "PGTARGETSESSIONATTRS": "standby",
    "PGCLIENTENCODING": "LATIN1",
    "PGDATESTYLE": "nonsense",
    "PGCONNECT_TIMEOUT": "nonsense",
}


@pytest.mark.parametrize("names", [*([name] for name in POSTGRES), list(POSTGRES)], ids="+".join)
def test_postgresqls_variables_change_no_answer(
    stack: Path, monkeypatch: pytest.MonkeyPatch, names: list[str]
) -> None:
    for name in names:
        monkeypatch.setenv(name, POSTGRES[name])
    database = thresholds.engine()
    thresholds.create(database)
    thresholds.write(database, {"wéb01": 75.0})
    assert thresholds.read(database)["hostname"].tolist()[-1:] == ["wéb01"]


def test_with_all_of_them_up_leaves_alone_what_runs_and_doctor_is_content(stack: Path) -> None:
    before = {process.pid for process in processes_of(stack)}
    assert cpuwatch_json("status", **POSTGRES)["running"]
    assert cpuwatch_json("up", **POSTGRES)["running"]
    assert {process.pid for process in processes_of(stack)} == before
    done = cpuwatch("doctor", **POSTGRES)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


#: What a Java, Kafka's scripts, or PyFlink when it starts one, take from the environment.
JAVA = {
    "JAVA_TOOL_OPTIONS": "-XX:NoSuchOption",
    "_JAVA_OPTIONS": "-Xmx1m",
    "JDK_JAVA_OPTIONS": "-NoSuchOption",
    "CLASSPATH": "/nowhere/classes",
    "JVM_ARGS": "-NoSuchOption",
    "FLINK_HOME": "/nowhere/flink",
    "FLINK_CONF_DIR": "/nowhere/conf",
    "FLINK_LIB_DIR": "/nowhere/lib",
    "FLINK_OPT_DIR": "/nowhere/opt",
    "FLINK_PLUGINS_DIR": "/nowhere/plugins",
    "FLINK_ENV_JAVA_OPTS": "-NoSuchOption",
    "HADOOP_CLASSPATH": "/nowhere/hadoop.jar",
    "HADOOP_CONF_DIR": "/nowhere/hadoop",
    "LOGBACK_XML": "/nowhere/logback.xml",
    "LOG4J_PROPERTIES": "/nowhere/log4j.properties",
    "PYFLINK_GATEWAY_PORT": "1",
    "KAFKA_OPTS": "-NoSuchOption",
}

#: What a kernel does.
_ASK = """
from cpuwatch import flink
rows = flink.preview(flink.connect(quiet=True), "SELECT 40 + 2 AS answer")
print(rows["answer"].tolist())
"""


def test_javas_and_flinks_variables_reach_no_java_of_a_kernel(
    stack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in JAVA.items():
        monkeypatch.setenv(name, value)
    done = subprocess.run(
        [sys.executable, "-c", _ASK], capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stdout.strip()) == (0, "[42]"), done.stderr


def test_with_all_of_them_a_stack_starts_for_the_first_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state = new_state()
    monkeypatch.setenv("CPUWATCH_STATE", str(state))
    try:
        assert cpuwatch_json("up", **POSTGRES, **JAVA)["running"]
    finally:
        assert cpuwatch("down", "--wipe").returncode == 0
        shutil.rmtree(state, ignore_errors=True)
