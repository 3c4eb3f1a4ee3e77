"""This process's own Java, which does what it is told: nobody else may tell it anything.

PyFlink speaks with it through a port on this machine, and Java with Python through another one.
Both let in whoever finds them, such as another user of the machine; what is said are lines of
text, such as a web page could post. So both sides ask for a secret, as py4j can, but PyFlink
does not.
"""

from __future__ import annotations

import secrets
from typing import Any

from py4j.java_gateway import JavaGateway
from py4j.protocol import escape_new_line
from pyflink import java_gateway

from cpuwatch import files

_launch = java_gateway.launch_gateway


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
    with files.owner_only():  # for its log
        gateway = _launch()
    lock(gateway)
    # Java calls Python, too: by that it notices our end. Nothing has been called yet, so that
    # both sides can agree on a secret.
    token = secrets.token_urlsafe(24)
    _set(gateway.java_gateway_server.getCallbackClient(), "authToken", token)
    gateway.get_callback_server().callback_server_parameters.auth_token = token
    return gateway


def _set(owner: Any, field: str, value: str) -> None:
    """Set a field of a Java object that has no setter."""
    kind = owner.getClass()
    while not any(one.getName() == field for one in kind.getDeclaredFields()):
        kind = kind.getSuperclass()
    found = kind.getDeclaredField(field)
    found.setAccessible(True)
    found.set(owner, value)


java_gateway.launch_gateway = _launch_locked
