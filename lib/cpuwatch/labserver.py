"""An extension of Jupyter's server: Flink's page and the channel, for who is let in there.

A browser may be on another machine than the services, and the token of Flink's page may stand in
no notebook. So both pages are shown below the server's own address, where it knows its users; what
they show is fetched from here, and only what they need to show it.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any
from urllib.parse import urlsplit

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web
from tornado.httputil import HTTPHeaders, parse_response_start_line
from tornado.iostream import StreamClosedError

from cpuwatch import labpaths
from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import Settings, settings
from cpuwatch.stack import flinkpage, listeners

#: What of the answer's headers goes on; the rest is between that server and us.
_PASSED_ON = (
    "Content-Type",
    "Content-Security-Policy",
    "Cross-Origin-Opener-Policy",
)

#: For both pages: nobody keeps or frames them, or makes use of them, but pages of this server.
_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    # A proxy on the way shall not hold back what is meant to be seen at once.
    "X-Accel-Buffering": "no",
}

#: How long a service may take until it begins to answer, in seconds.
_PATIENCE = 25.0

_PIECE = 65536

_NO_ANSWER = (
    "The services of the workshop do not answer. Run the first cell of a notebook, or"
    " 'cpuwatch up' in a terminal, and load this page anew."
)


class PageHandler(JupyterHandler):
    """Shows a page of a service that listens on 127.0.0.1."""

    #: Which one: its place among the addresses of `labpaths`.
    page: str

    def source(self, config: Settings) -> tuple[int, dict[str, str]]:
        """The port that the page comes from, and what to show there to be let in.

        Raises
        ------
        CpuwatchError
            If there is none.
        """
        raise NotImplementedError

    def check_xsrf_cookie(self) -> None:
        """Ask no token of a GET, as JupyterHub does of each that a page's script sends.

        The pages shown here are not Jupyter's, and know none. They change nothing, and what another
        origin asks is refused below.
        """
        if self.request.method != "GET":
            super().check_xsrf_cookie()

    @web.authenticated
    async def get(self, rest: str) -> None:
        """Pass the question on, and the answer back as it comes."""
        self._refuse_foreign()
        if not rest:
            # What the page asks for is beside it. A browser keeps what follows a '#' by itself.
            self.redirect(f"{self.request.path}/")
            return
        # As it was asked for, neither decoded nor encoded anew.
        target = str(self.request.uri).partition(self.page)[2]
        settings.cache_clear()  # the services may have been started, or others, since
        try:
            port, headers = self.source(settings())
        except CpuwatchError as error:
            return await self._say(404, str(error))
        if not listeners.may_be_ours(settings(), port):
            return await self._say(502, _NO_ANSWER)
        writer = None
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            sent = {"Host": f"127.0.0.1:{port}", "Accept": "*/*", **headers}
            # HTTP/1.0: what comes until the other side hangs up is the answer.
            lines = [f"GET {target} HTTP/1.0", *(f"{name}: {sent[name]}" for name in sent), "", ""]
            writer.write("\r\n".join(lines).encode("latin-1"))
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _PATIENCE)
        except (OSError, ValueError, EOFError, asyncio.TimeoutError, asyncio.LimitOverrunError):
            if writer is not None:
                writer.close()
            return await self._say(502, _NO_ANSWER)
        try:
            self._head(head.decode("latin-1"))
            while piece := await reader.read(_PIECE):
                self.write(piece)
                await self.flush()
        except (OSError, StreamClosedError):
            pass  # one of the two has gone: there is nobody to tell, or nothing
        finally:
            writer.close()

    def _refuse_foreign(self) -> None:
        """Refuse what another page asks; stricter than Jupyter, which trusts who has its token."""
        origin = self.request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != self.request.host.lower():
            raise web.HTTPError(403, "Another page may not ask here.")

    def _head(self, head: str) -> None:
        first, _, rest = head.partition("\r\n")
        self.set_status(parse_response_start_line(first).code)
        found = HTTPHeaders.parse(rest)
        for name in _PASSED_ON:
            if name in found:
                self.set_header(name, found[name])
        for name, value in _HEADERS.items():
            self.set_header(name, value)

    async def _say(self, status: int, sentence: str) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        await self.finish(sentence + "\n")


class FlinkHandler(PageHandler):
    """Flink's page: what may be asked there `cpuwatch.flinkpage` decides, which has the key."""

    page = labpaths.FLINK

    def source(self, config: Settings) -> tuple[int, dict[str, str]]:
        """See `PageHandler`."""
        if config.outside("flink"):
            raise CpuwatchError(f"Flink runs elsewhere: its page is at {config.flink_page}.")
        port = config.port("flink_page")
        return port, {"Cookie": f"{flinkpage.cookie(port)}={flinkpage.token_in(config.keys)}"}


class SlackHandler(PageHandler):
    """The stand-in's page, and none of its methods."""

    page = labpaths.SLACK

    def source(self, config: Settings) -> tuple[int, dict[str, str]]:
        """See `PageHandler`."""
        if config.outside("slack"):
            raise CpuwatchError("The real Slack is used here: look at the channel there.")
        return config.port("slack"), {}

    def _head(self, head: str) -> None:
        super()._head(head)
        # A notebook shows it in a frame, and that notebook is a page of this server.
        policy = self._headers.get("Content-Security-Policy", "")
        kept = [one for one in policy.split(";") if "frame-ancestors" not in one]
        self.set_header("Content-Security-Policy", ";".join([*kept, " frame-ancestors 'self'"]))


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(server: Any) -> None:
    base = server.web_app.settings["base_url"]
    handlers = [
        (url_path_join(base, labpaths.FLINK) + r"(|/.*)", FlinkHandler),
        (url_path_join(base, labpaths.SLACK) + r"(|/(?:page\.js|page\.css|events)?)", SlackHandler),
    ]
    server.web_app.add_handlers(".*$", handlers)
    # Kernels and terminals get this process' environment.
    os.environ[labpaths.BASE] = base


if __name__ == "__main__":
    from jupyter_core import paths
    from jupyterlab.labapp import main

    # What is set on this machine for all servers, such as an address or a password, would shut us
    # out of this one.
    paths.SYSTEM_CONFIG_PATH.clear()
    main()
