"""Ask a server on this machine, or near: JSON in, JSON out, and no proxy on the way.

It is asked again and again while somebody waits, and whoever waits may press Stop at any
moment. Clients that keep pools of connections guard them by locks, and close them in
finalizers: an interrupt at such a moment is forgotten, or leaves a lock that nobody opens
again. So here there is no lock. Each thread keeps one connection to a server that speaks TLS,
since to make one costs that server several times what an answer does; a connection on which
anything went wrong, an interrupt too, is not used again.
"""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

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
    target = place._replace(scheme="", netloc="", fragment="").geturl() or "/"
    sent = None if body is None else json.dumps(body).encode()
    kind = {} if body is None else {"Content-Type": "application/json"}
    question = method, target, sent, {**kind, **(headers or {})}
    key = place.scheme, place.hostname, place.port, context
    # Out of its place while it is used: whatever happens meanwhile, it is not used again.
    kept = _kept.take(key) if method == "GET" else None
    try:
        if kept is not None:
            try:
                return _answer(kept, key, timeout, question)
            except (ConnectionError, ssl.SSLError):
                pass  # the server has closed it since, or is another one now
        return _answer(_connection(place, context), key, timeout, question)
    except http.client.HTTPException as error:
        if isinstance(error, OSError):
            raise
        raise ConnectionError(f"the answer is no HTTP: {error or type(error).__name__}") from error


_Key = tuple[str, str, "int | None", "ssl.SSLContext | None"]
_Question = tuple[str, str, "bytes | None", dict[str, str]]


class _Kept(threading.local):
    """The connection that a thread keeps, and to whom it leads."""

    def __init__(self) -> None:
        self.key: _Key | None = None
        self.connection: http.client.HTTPConnection | None = None

    def take(self, key: _Key) -> http.client.HTTPConnection | None:
        """The one that leads there, which is kept no more; None if there is none."""
        if self.key != key:
            return None
        found, self.connection = self.connection, None
        return found

    def put(self, key: _Key, connection: http.client.HTTPConnection) -> None:
        """Keep this one, instead of what was kept before."""
        before, self.connection = self.connection, connection
        self.key = key
        if before is not None:
            before.close()


_kept = _Kept()


def _connection(place: SplitResult, context: ssl.SSLContext | None) -> http.client.HTTPConnection:
    assert place.hostname is not None, "was looked at"
    if place.scheme == "https":
        return http.client.HTTPSConnection(place.hostname, place.port, context=context)
    return http.client.HTTPConnection(place.hostname, place.port)


def _answer(
    connection: http.client.HTTPConnection, key: _Key, timeout: float, question: _Question
) -> Any:
    whole = False
    try:
        connection.timeout = timeout  # of one that is not made yet
        if connection.sock is not None:
            connection.sock.settimeout(timeout)
        connection.request(*question)
        answer = connection.getresponse()
        content = answer.read()
        whole = True
    finally:
        if whole and key[0] == "https" and not answer.will_close:
            _kept.put(key, connection)
        else:
            connection.close()
    if answer.status >= 300:
        raise HTTPError(answer.status, answer.reason)
    return json.loads(content) if content.strip() else None
