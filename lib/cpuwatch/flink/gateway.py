"""This process's own Java, which does what it is told: nobody else may tell it anything.

PyFlink speaks with it through a port on this machine, and Java with Python through another one.
Both let in whoever finds them, such as another user of the machine; what is said are lines of
text, such as a web page could post. So both sides ask for a secret, as py4j can, but PyFlink
does not.
"""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from py4j.java_gateway import JavaGateway
from py4j.protocol import escape_new_line
from pyflink import java_gateway, pyflink_gateway_server

from cpuwatch import files
from cpuwatch.settings import settings
from cpuwatch.stack import flinkaccess
from cpuwatch.stack.flink import client_environment
from cpuwatch.stack.java import ARCHIVE, MAPPED, theirs

_launch = java_gateway.launch_gateway

#: Where the last Java that was started here keeps its temporary files.
_TEMPORARY: list[Path] = []


def lock(gateway: JavaGateway) -> None:
    """Let nobody into Java who does not have a secret that is drawn here.

    Parameters
    ----------
    gateway
        PyFlink's; the connections that it has remain as they are.
    """
    parameters = gateway.gateway_parameters
    if parameters.auth_token is not None:
        return
    token = secrets.token_urlsafe(24)
    _set(gateway.java_gateway_server, "authToken", token)
    parameters.auth_token = escape_new_line(token)


def _launch_locked() -> JavaGateway:
    """Start Java as PyFlink does, and lock it and the way back before anything is asked."""
    with (
        files.owner_only(),  # for its log, too
        _own_environment(),
        _own_temporary_folder(),
        _shared_classes(),
    ):
        gateway = _launch()
    lock(gateway)
    # Java calls Python, too: by that it notices our end. Nothing has been called yet, so that
    # both sides can agree on a secret.
    token = secrets.token_urlsafe(24)
    _set(gateway.java_gateway_server.getCallbackClient(), "authToken", token)
    gateway.get_callback_server().callback_server_parameters.auth_token = token
    return gateway


def keep_temporary_folder() -> None:
    """See to it that Java has its temporary folder.

    Whoever starts the stack afresh takes it away, and Java cannot go to another one.
    """
    if _TEMPORARY and settings().client_folder.exists():
        files.folder(_TEMPORARY[-1])


@contextmanager
def _own_environment() -> Iterator[None]:
    """Let a Java that starts meanwhile hear of no variable that is meant for another one.

    And let it alone hear of a token.
    """
    if not settings().client_folder.exists():  # it is somebody else's Java
        yield
        return
    ours = client_environment(settings().client_folder)
    kept = {name: os.environ.pop(name) for name in theirs() if name not in ours}
    token = flinkaccess.client_environment(settings())
    os.environ.update(token)
    try:
        yield
    finally:
        for name in token:
            del os.environ[name]
        os.environ.update(kept)


@contextmanager
def _own_temporary_folder() -> Iterator[None]:
    """Let a Java that starts meanwhile keep its temporary files where somebody tidies up.

    It leaves them behind, however it ends.
    """
    place = settings().client_folder / "tmp"
    # No stack has ever been started here: it is somebody else's Java. And Flink, which puts files
    # of its own there, would take a comma for the end of a name.
    if not place.parent.exists() or "," in str(place):
        yield
        return
    for left in place.glob("*"):
        if not (left.name.isdigit() and psutil.pid_exists(int(left.name))):
            shutil.rmtree(left, ignore_errors=True)
    own = files.folder(place / str(os.getpid()))
    _TEMPORARY.append(own)
    atexit.register(shutil.rmtree, own, ignore_errors=True)
    settings_of = pyflink_gateway_server.construct_log_settings

    def with_folder(env: dict[str, str]) -> list[str]:
        # As an argument of its own: what goes by JVM_ARGS is parted at blanks.
        return [*settings_of(env), f"-Djava.io.tmpdir={own}"]

    pyflink_gateway_server.construct_log_settings = with_folder
    try:
        yield
    finally:
        pyflink_gateway_server.construct_log_settings = settings_of


@contextmanager
def _shared_classes() -> Iterator[None]:
    """Let a Java that starts meanwhile map the archive of its classes."""
    folder = settings().client_folder.resolve()
    jars = sorted(str(jar) for jar in (folder / "lib").glob("*.jar"))
    if not jars or ":" in str(folder):
        yield
        return
    settings_of = pyflink_gateway_server.construct_log_settings
    flinks = pyflink_gateway_server.construct_flink_classpath
    hadoops = pyflink_gateway_server.construct_hadoop_classpath

    def with_archive(env: dict[str, str]) -> list[str]:
        return [*settings_of(env), f"-XX:SharedArchiveFile={folder / ARCHIVE}", *MAPPED]

    # In the archive's order. PyFlink would add Hadoop's folders, of which there are none, and with
    # each that is not there Java looks into the folder that it was started in.
    pyflink_gateway_server.construct_log_settings = with_archive
    pyflink_gateway_server.construct_flink_classpath = lambda _: os.pathsep.join(jars[:-1])
    pyflink_gateway_server.construct_hadoop_classpath = lambda _: jars[-1]
    try:
        yield
    finally:
        pyflink_gateway_server.construct_log_settings = settings_of
        pyflink_gateway_server.construct_flink_classpath = flinks
        pyflink_gateway_server.construct_hadoop_classpath = hadoops


def _set(owner: Any, field: str, value: str) -> None:
    """Set a field of a Java object that has no setter."""
    kind = owner.getClass()
    while not any(one.getName() == field for one in kind.getDeclaredFields()):
        kind = kind.getSuperclass()
    found = kind.getDeclaredField(field)
    found.setAccessible(True)
    found.set(owner, value)


java_gateway.launch_gateway = _launch_locked
