"""Ask a server on this machine, or near: JSON in, JSON out, and no proxy on the way."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import requests
from requests import HTTPError

__all__ = ["HTTPError", "ask"]


def ask(
    address: str,
    path: str,
    method: str = "GET",
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = 10.0,
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

    Returns
    -------
    object
        What the JSON of the answer holds; None if the answer is empty.

    Raises
    ------
    HTTPError
        If the answer is an error; its status is `error.response.status_code`.
    requests.RequestException
        If nothing answers; an OSError, as the one above is. Its text is the cause alone.
    ValueError
        If the answer is no JSON.
    """
    # A session for each question: nothing is shared between threads, and no connection is
    # kept that a restarted server knows nothing of.
    with requests.Session() as session:
        session.trust_env = False  # no proxy, no .netrc: the server is on this machine or near
        try:
            answer = session.request(
                method, address + path, json=body, headers=headers, timeout=timeout
            )
        except requests.RequestException as error:
            raise type(error)(_cause(error), request=error.request) from error
    if answer.status_code >= 400:
        raise HTTPError(f"{answer.status_code} {answer.reason}", response=answer)
    return json.loads(answer.content) if answer.content.strip() else None


def _cause(error: BaseException) -> str:
    """What the system said; requests and urllib3 wrap it in long sentences of their own."""
    inner: BaseException | None = error
    while inner is not None and type(inner).__module__.startswith(("requests.", "urllib3.")):
        inner = inner.__cause__ or inner.__context__
    return str(error if inner is None else inner)
