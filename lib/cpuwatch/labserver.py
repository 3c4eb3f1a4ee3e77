"""JupyterLab's server as `make lab` starts it, with a way to Flink's page for who is let in here.

The token of Flink's page may stand in no notebook. So a link in a notebook leads here, where
JupyterLab knows its own user, and from here to the page.
"""

from __future__ import annotations

from typing import Any

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web

from cpuwatch.lab import TO_FLINK
from cpuwatch.settings import settings
from cpuwatch.stack import flinkpage


class FlinkHandler(JupyterHandler):
    """Sends the browser on; what follows a '#' in the address it keeps by itself."""

    @web.authenticated
    def get(self) -> None:
        """Answer a click on a link."""
        self.set_header("Cache-Control", "no-store")
        self.set_header("Referrer-Policy", "no-referrer")
        settings.cache_clear()  # the services may have been started, or others, since
        self.redirect(flinkpage.link(settings()))


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(server: Any) -> None:
    path = url_path_join(server.web_app.settings["base_url"], TO_FLINK)
    server.web_app.add_handlers(".*$", [(path, FlinkHandler)])


if __name__ == "__main__":
    from jupyter_core import paths
    from jupyterlab.labapp import main

    # What is set on this machine for all servers, such as an address or a password, would shut us
    # out of this one.
    paths.SYSTEM_CONFIG_PATH.clear()
    main()
