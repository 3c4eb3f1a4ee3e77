"""The stand-in's web server: Slack's methods under /api/, and a page that shows the channel."""

from __future__ import annotations

import asyncio
import hmac
import math
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from cpuwatch.standin.store import CHANNELS, Message, Store, channel_id, channel_name

#: Slack's documented pace: about one message a second and channel, short bursts allowed.
PACE = 1.0
BURST = 5

_LONGEST_TEXT = 40_000
#: A call with the longest text and fifty blocks is shorter, in bytes; it has fewer fields.
_LONGEST_CALL = 1_000_000
_MOST_FIELDS = 100
_LONGEST_SECTION = 3_000
_LONGEST_FIELD, _MOST_FIELDS = 2_000, 10

#: What the page may do: nothing but its own script, style and stream.
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " base-uri 'none'; form-action 'none';"
    " frame-ancestors 'self' http://127.0.0.1:* http://localhost:*"
)


class Modes:
    """How the stand-in misbehaves, on request; by default it does not."""

    def __init__(self) -> None:
        self.pace = PACE
        self.burst = BURST
        self.heal()

    def heal(self) -> None:
        """Behave again."""
        self.slow = 0.0  #: seconds until an answer, after the work is done
        self.status: int | None = None  #: answer with this HTTP status
        self.after = False  #: do the work, and only then fail
        self.storm = False  #: 429 to everything
        self.refuse: str | None = None  #: answer with this error
        self.times: int | None = None  #: so many failures, then none; None: for ever

    def fails(self) -> bool:
        """Whether this call is to fail; counts it."""
        if self.status is None and not self.storm and self.refuse is None:
            return False
        if self.times is None:
            return True
        self.times -= 1
        return self.times >= 0


class StandIn:
    """Slack's methods on a `Store`.

    Parameters
    ----------
    store
        The messages.
    token
        The one token that is let in.
    control
        The secret of those who may switch failures on.
    """

    def __init__(self, store: Store, token: str, control: str) -> None:
        self.store = store
        self.modes = Modes()
        self.calls: dict[str, int] = {}  #: how often each method was called
        self._token = token
        self._control = control
        self._next: dict[tuple[str, str], float] = {}
        self._watching: set[asyncio.Queue[bytes | None]] = set()
        store.on_change = self._tell

    def app(self) -> Starlette:
        """The web application."""
        return Starlette(
            routes=[
                Route("/", self._asset("page.html", "text/html")),
                Route("/page.js", self._asset("page.js", "text/javascript")),
                Route("/page.css", self._asset("page.css", "text/css")),
                Route("/events", self._events),
                Route("/control", self._controlled, methods=["POST"]),
                Route("/api/{method}", self._api, methods=["GET", "POST"]),
            ],
            # A foreign page whose name was made to point at this machine sends its own
            # name as Host, and is turned away.
            middleware=[
                Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])
            ],
            lifespan=self._lifespan,
        )

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        yield
        self.store.close()

    # --- Slack's methods ------------------------------------------------------------------

    async def _api(self, request: Request) -> Response:
        name = request.path_params["method"]
        method = self._methods().get(name)
        if method is None:
            return _error("unknown_method")
        refused = _refusal(request)
        if refused is not None:
            return refused
        arguments = await _arguments(request)
        self.calls[name] = self.calls.get(name, 0) + 1
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        given = given or str(arguments.get("token") or "")
        if not given:
            return _error("not_authed")
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            return _error("invalid_auth")
        if name == "auth.test":
            # It never fails on request: by it the stack knows that the server is there.
            return method(arguments)
        modes = self.modes
        failing = modes.fails()
        if failing and not modes.after:
            answer = self._failure()
        else:
            answer = method(arguments)
            if failing and answer.status_code == 200:
                answer = self._failure()
        if modes.slow:
            await asyncio.sleep(modes.slow)
        return answer

    def _failure(self) -> Response:
        if self.modes.storm:
            return _limited(1)
        if self.modes.refuse is not None:
            return _error(self.modes.refuse)
        return Response("The stand-in is ill, on request.", status_code=self.modes.status or 500)

    def _methods(self) -> dict[str, Callable[[Message], Response]]:
        return {
            "auth.test": self._auth_test,
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "conversations.list": self._list,
            "conversations.history": self._history,
        }

    def _auth_test(self, _arguments: Message) -> Response:
        return _ok(url="http://127.0.0.1/", team="stand-in", user="cpuwatch", user_id="U0CPUWATCH",
                   team_id="T0STANDIN", bot_id="B0CPUWATCH")  # fmt: skip

    def _post(self, arguments: Message) -> Response:
        channel = channel_id(arguments.get("channel"))
        if channel is None:
            return _error("channel_not_found")
        problem = _problem(arguments)
        if problem is not None:
            return _error(problem)
        wait = self._wait("chat.postMessage", channel)
        if wait:
            return _limited(wait)
        content = {**_content(arguments), "bot_id": "B0CPUWATCH", "user": "U0CPUWATCH"}
        message = self.store.post(channel, content)
        return _ok(channel=channel, ts=message["ts"], message=_shown(message, True))

    def _update(self, arguments: Message) -> Response:
        channel = channel_id(arguments.get("channel"))
        if channel is None:
            return _error("channel_not_found")
        old = self.store.messages.get(str(arguments.get("ts")))
        if old is None or old["channel"] != channel:
            return _error("message_not_found")
        problem = _problem(arguments)
        if problem is not None:
            return _error(problem)
        wait = self._wait("chat.update", channel)
        if wait:
            return _limited(wait)
        message = self.store.update(old["ts"], _content(arguments))
        return _ok(channel=channel, ts=old["ts"], text=message.get("text"),
                   message=_shown(message, True))  # fmt: skip

    def _list(self, _arguments: Message) -> Response:
        channels = [
            {"id": key, "name": name, "is_channel": True, "is_archived": False, "is_member": True}
            for key, name in CHANNELS.items()
        ]
        return _ok(channels=channels, response_metadata={"next_cursor": ""})

    def _history(self, arguments: Message) -> Response:
        channel = channel_id(arguments.get("channel"))
        if channel is None:
            return _error("channel_not_found")
        try:
            limit = min(max(int(arguments.get("limit") or 100), 1), 999)
            start = int(arguments.get("cursor") or 0)
        except ValueError:
            return _error("invalid_cursor")
        found = self.store.history(channel)
        page = found[start : start + limit]
        more = start + limit < len(found)
        metadata = _is_true(arguments.get("include_all_metadata"))
        return _ok(
            messages=[_shown(message, metadata) for message in page],
            has_more=more,
            response_metadata={"next_cursor": str(start + limit) if more else ""},
        )

    def _wait(self, method: str, channel: str) -> int:
        """Whole seconds until this method may be called again for the channel; 0 is now."""
        now = time.monotonic()
        pace = self.modes.pace
        # What was not used lately is saved up for a burst.
        due = max(self._next.get((method, channel), 0.0), now - (self.modes.burst - 1) * pace)
        if due > now:
            return math.ceil(due - now)
        self._next[(method, channel)] = due + pace
        return 0

    # --- Failures on request --------------------------------------------------------------

    async def _controlled(self, request: Request) -> Response:
        refused = _refusal(request)
        if refused is not None:
            return refused
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not given or not hmac.compare_digest(given.encode(), self._control.encode()):
            return _error("invalid_auth")
        wanted = await _arguments(request)
        if wanted.pop("heal", False):
            self.modes.heal()
        if cleared := wanted.pop("clear", False):
            self.store.clear(None if cleared is True else channel_id(cleared))
            self._next.clear()
        more: Message = {}
        if "read" in wanted:  # also while Slack's own methods are ill
            channel = channel_id(wanted.pop("read"))
            more["messages"] = [_shown(one, True) for one in self.store.history(channel or "")]
        for name, value in wanted.items():
            if name not in vars(self.modes):
                return _error("invalid_arguments")
            setattr(self.modes, name, value)
        if wanted.get("pace") is not None:
            self._next.clear()
        return _ok(modes=vars(self.modes), calls=self.calls, **more)

    # --- The page -------------------------------------------------------------------------

    def _asset(self, name: str, kind: str) -> Callable[[Request], Awaitable[Response]]:
        body = files(__package__).joinpath(name).read_bytes()

        async def serve(_request: Request) -> Response:
            headers = {
                "Content-Security-Policy": _PAGE_POLICY,
                "X-Content-Type-Options": "nosniff",
                "Referrer-Policy": "no-referrer",
                "Cache-Control": "no-store",
            }
            return Response(body, media_type=kind, headers=headers)

        return serve

    async def _events(self, request: Request) -> Response:
        channel = channel_id(request.query_params.get("channel") or "cpu-alerts")
        headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        return StreamingResponse(
            self._stream(channel), media_type="text/event-stream", headers=headers
        )

    async def _stream(self, channel: str | None) -> AsyncIterator[bytes]:
        news: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._watching.add(news)
        try:
            # Whoever connects again gets everything again, and so misses nothing.
            messages = [one for one in self.store.messages.values() if one["channel"] == channel]
            yield b"retry: 500\n\n"
            yield _event("all", [_seen(one) for one in messages[-200:]])
            while True:
                try:
                    event = await asyncio.wait_for(news.get(), 10)
                    if event is None:
                        return
                    yield event
                except asyncio.TimeoutError:
                    yield b": still here\n\n"
        finally:
            self._watching.discard(news)

    def end_streams(self) -> None:
        """Let go of every page that is open."""
        for news in self._watching:
            news.put_nowait(None)

    def _tell(self, kind: str, message: Message) -> None:
        if kind == "clear":
            left = list(self.store.messages.values())[-200:]
            event = _event("all", [_seen(one) for one in left])
        else:
            event = _event("message", _seen(message))
        for news in self._watching:
            news.put_nowait(event)


def _refusal(request: Request) -> Response | None:
    """No to what no client of Slack's sends, before anything of it is read."""
    # Only a page sends an origin with a call, and no page has to call: any that the attendee's
    # browser visits may send a form here.
    if "origin" in request.headers:
        return Response("No page may call this.", status_code=403)
    length = request.headers.get("content-length", "0")
    if "transfer-encoding" in request.headers or not re.fullmatch("[0-9]{1,7}", length):
        return Response("Say how long the call is.", status_code=411)
    if int(length) > _LONGEST_CALL:
        return Response("So long is no call.", status_code=413)
    return None


async def _arguments(request: Request) -> Message:
    """What a call carries, however: query, form or JSON."""
    found: Message = dict(request.query_params)
    kind = request.headers.get("content-type", "")
    if "json" in kind:
        try:
            body = orjson.loads(await request.body() or b"{}")
        except orjson.JSONDecodeError:
            body = {}
        found.update(body if isinstance(body, dict) else {})
    elif "urlencoded" in kind:
        form = (await request.body()).decode("utf-8", "replace")
        with suppress(ValueError):  # more fields than any method has
            found.update(parse_qsl(form, max_num_fields=_MOST_FIELDS))
    for name in ("blocks", "metadata"):
        if isinstance(found.get(name), str):  # a form carries JSON in a field
            try:
                found[name] = orjson.loads(found[name])
            except orjson.JSONDecodeError:
                found[name] = None
    return found


def _content(arguments: Message) -> Message:
    return {name: arguments[name] for name in ("text", "blocks", "metadata") if name in arguments}


def _problem(arguments: Message) -> str | None:
    text, blocks = arguments.get("text"), arguments.get("blocks")
    if not text and not blocks:
        return "no_text"
    if len(str(text or "")) > _LONGEST_TEXT:
        return "msg_too_long"
    if blocks is not None and not _are_fine(blocks):
        return "invalid_blocks"
    return None


def _are_fine(blocks: object) -> bool:
    """Whether blocks are within Slack's limits."""
    if not isinstance(blocks, list) or len(blocks) > 50:
        return False
    for block in blocks:
        if not isinstance(block, dict):
            return False
        fields = block.get("fields") or []
        if not isinstance(fields, list) or len(fields) > _MOST_FIELDS:
            return False
        if _is_longer(block.get("text"), _LONGEST_SECTION):
            return False
        if any(_is_longer(field, _LONGEST_FIELD) for field in fields):
            return False
    return True


def _is_longer(inner: object, most: int) -> bool:
    return isinstance(inner, dict) and len(str(inner.get("text"))) > most


def _shown(message: Message, metadata: bool) -> Message:
    left_out = {"channel"} if metadata else {"channel", "metadata"}
    return {key: value for key, value in message.items() if key not in left_out}


def _seen(message: Message) -> Message:
    """What the page needs of a message."""
    payload = (message.get("metadata") or {}).get("event_payload") or {}
    return {
        "channel": channel_name(message["channel"]),
        "ts": message["ts"],
        "text": str(message.get("text") or ""),
        "edited": (message.get("edited") or {}).get("ts"),
        "state": payload.get("state") if isinstance(payload, dict) else None,
    }


def _event(name: str, data: object) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + orjson.dumps(data) + b"\n\n"


def _ok(**more: Any) -> Response:
    return JSONResponse({"ok": True, **more})


def _error(name: str) -> Response:
    # Slack says no with status 200.
    return JSONResponse({"ok": False, "error": name})


def _limited(seconds: int) -> Response:
    headers = {"Retry-After": str(seconds)}
    return JSONResponse({"ok": False, "error": "ratelimited"}, status_code=429, headers=headers)


def _is_true(value: object) -> bool:
    return str(value).lower() in ("1", "true")
