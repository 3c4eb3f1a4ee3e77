"""Ask a server on this machine, or near: JSON in, JSON out, and no proxy on the way.

It is asked again and again while somebody waits, and whoever waits may press Stop at any
moment. Clients that keep pools of connections guard them by locks, and close them in
finalizers: an interrupt at such a moment is forgotten, or leaves a lock that nobody opens
again. So here each question has a connection of its own, and there is no lock.
"""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

__all__ = ["HTTPError", "ask"]


class HTTPError(OSError):
    """The server's answer is an error.

    Attributes
    ----------
    status
        Such as 404.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status


def ask(
    address: str,
    path: str,
    method: str = "GET",
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = 10.0,
    context: ssl.SSLContext | None = None,
) -> Any:
    """Ask a server for JSON.

    Parameters
    ----------
    address, path
        Where: `http://host:port` and the like, and what follows; they are joined as they are.
    method, body
        The body is sent as JSON.
    headers
        More of them, such as Authorization.
    timeout
        In seconds.
    context
        For https: whom we trust, and the key that we show; by default as every browser.

    Returns
    -------
    object
        What the JSON of the answer holds; None if the answer is empty.

    Raises
    ------
    HTTPError
        If the answer is an error, or leads elsewhere.
    OSError
        If nothing answers, or breaks off; its text is the cause alone.
    ValueError
        If the answer is no JSON, or the address none.
    """
    place = urlsplit(address + path)
    if place.scheme not in ("http", "https") or place.hostname is None:
        raise ValueError(f"{address} is no address of a server")
    connection: http.client.HTTPConnection
    if place.scheme == "https":
        connection = http.client.HTTPSConnection(
            place.hostname, place.port, timeout=timeout, context=context
        )
    else:
        connection = http.client.HTTPConnection(place.hostname, place.port, timeout=timeout)
    target = place._replace(scheme="", netloc="", fragment="").geturl() or "/"
    sent = None if body is None else json.dumps(body).encode()
    kind = {} if body is None else {"Content-Type": "application/json"}
    try:
        connection.request(method, target, sent, {**kind, **(headers or {})})
        answer = connection.getresponse()
        content = answer.read()
    except http.client.HTTPException as error:
        if isinstance(error, OSError):
            raise
        raise ConnectionError(f"the answer is no HTTP: {error or type(error).__name__}") from error
    finally:
        connection.close()
    if answer.status >= 300:
        raise HTTPError(answer.status, answer.reason)
    return json.loads(content) if content.strip() else None
