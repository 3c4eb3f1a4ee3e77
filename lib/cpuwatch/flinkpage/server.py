"""The proxy: who may ask, what may be asked, and what is passed on."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import re
from pathlib import Path
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from cpuwatch.stack import flinkpage, keys

_ID = "[0-9a-f]{32}"
_NAME = r"[\w.:-]+"

#: Everything that the page asks for, and nothing that changes anything: Flink cancels a job on a
#: GET of …/yarn-cancel, too.
_READS = re.compile(
    rf"""(?! .* /\.\.? (/|$) ) /
    ( [\w-]+ (\.[\w-]+)* \. (js|css|html|ico|svg|png|woff2?|ttf)     # the page itself
    | assets/ [\w/-]+ (\.[\w-]+)+
    | config | overview | datasets
    | jobs ( /overview | /metrics )?
    | jobs/{_ID} ( / ( accumulators | config | exceptions | plan | metrics | status | rescales
                     | execution-result | jobmanager | taskmanagers | checkpoints | vertices )
                   ( / {_NAME} )* )?
    | jobmanager ( / ( config | environment | log | stdout | metrics | thread-dump
                     | logs ( / {_NAME} )? ) )?
    | taskmanagers ( / {_NAME} ( / ( log | stdout | metrics | thread-dump
                                   | logs ( / {_NAME} )? ) )? )?
    )? """,
    re.VERBOSE,
)

#: Of a file's or a metric's name, no more than this is written in a query.
_QUERY = re.compile(r"[\w.,:=&%*+-]{0,8000}")

#: How long Flink may take to answer, in seconds.
_PATIENCE = 20

#: The one line of script in Flink's page itself; it switches its style sheet on.
_ONLOAD = base64.b64encode(hashlib.sha256(b"this.media='all'").digest()).decode()

_HEADERS = {
    # Its own scripts, no other page's frame, and nothing that anybody may keep.
    "Content-Security-Policy": (
        f"default-src 'self'; script-src 'self' 'unsafe-hashes' 'sha256-{_ONLOAD}';"
        " style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:;"
        " worker-src 'self' blob:; base-uri 'self'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

_NOT_LET_IN = """<!doctype html>
<title>Flink</title>
<style>body { font: 1.1em/1.5 sans-serif; max-width: 34em; margin: 4em auto }</style>
<h1>Flink's page is for you alone</h1>
<p>Other programs and pages on this machine could look at it, too, so it wants to see once that it
is you. Run this in a terminal, in the workshop's folder:</p>
<pre>.venv/bin/cpuwatch page</pre>
<p>In the JupyterLab that <code>make lab</code> opened, a link to a job does it by itself.</p>
"""


class FlinkPage:
    """The proxy.

    Parameters
    ----------
    port
        Where it listens, on 127.0.0.1.
    flink
        The REST interface's address, `https://host:port`.
    key
        The folder of the key that lets in there: see `stack.keys`.
    token
        What lets in here: in the link of the first visit, in a cookie from then on.
    """

    def __init__(self, port: int, flink: str, key: Path, token: str) -> None:
        self._hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}
        self._flink = urlsplit(flink)
        self._key = key
        self._token = token
        self._cookie = flinkpage.cookie(port)

    def app(self) -> Starlette:
        """The web application."""
        every = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"]
        return Starlette(routes=[Route("/{path:path}", self._answer, methods=every)])

    async def _answer(self, request: Request) -> Response:
        answer = await self._judge(request)
        answer.headers.update(_HEADERS)
        return answer

    async def _judge(self, request: Request) -> Response:
        # A foreign page whose name was made to point at this machine sends its own as Host.
        host = request.headers.get("host", "")
        if host not in self._hosts or len(request.headers.getlist("host")) != 1:
            return _refused(421, "There is no page of that name here.")
        if request.method != "GET":
            return _refused(405, "This page only shows. Stop jobs with workshop.stop_jobs().")
        origin = request.headers.get("origin")
        if origin is not None and origin not in {f"http://{one}" for one in self._hosts}:
            return _refused(403, "Another page may not ask here.")
        given = request.query_params.get("token")
        if given is not None and request.url.path == "/":
            return self._let_in(given)
        if not self._knows(request.cookies.get(self._cookie, "")):
            return HTMLResponse(_NOT_LET_IN, 403)
        path = request.scope["raw_path"].decode("ascii", "replace").replace("%3A", ":")
        query = request.scope["query_string"].decode("ascii", "replace")
        if not _READS.fullmatch(path) or not _QUERY.fullmatch(query):
            return _refused(404, "Flink's page does not ask for that.")
        return await run_in_threadpool(self._fetch, f"{path}?{query}" if query else path)

    def _let_in(self, token: str) -> Response:
        if not self._knows(token):
            return HTMLResponse(_NOT_LET_IN, 403)
        answer = RedirectResponse("/", 303)  # the token does not stay in the address
        # Not strict: then the way here from a link on another page would end before the door.
        answer.set_cookie(self._cookie, token, httponly=True, samesite="lax")
        return answer

    def _knows(self, token: str) -> bool:
        # Two that are empty are equal, too.
        return token != "" and hmac.compare_digest(token.encode(), self._token.encode())

    def _fetch(self, target: str) -> Response:
        connection = http.client.HTTPSConnection(
            str(self._flink.hostname),
            self._flink.port,
            timeout=_PATIENCE,
            context=keys.context(self._key),
        )
        try:
            connection.request("GET", target, headers={"Accept": "*/*"})
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            return _refused(502, f"Flink does not answer ({type(error).__name__}).")
        finally:
            connection.close()
        kind = answer.getheader("Content-Type") or "application/octet-stream"
        return Response(content, answer.status, media_type=kind)


def _refused(status: int, why: str) -> Response:
    return Response(why + "\n", status, media_type="text/plain")
