"""What the cluster is asked, and told to do: all of it through its REST interface.

So it needs no Java here, and works for a job that another process submitted.
"""

from __future__ import annotations

import ssl
import urllib.parse
from typing import Any

from cpuwatch import waiting, web
from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import settings
from cpuwatch.stack import claims, failures, flinkaccess
from cpuwatch.stack.supervisor import Supervisor

#: How often to ask, in seconds.
PAUSE = 0.1

#: How long a JobManager may take to come back and to take up its jobs, in seconds.
TAKEOVER = 60.0

#: How REST says that there is no JobManager yet, or that a job of its is just being taken up.
_NOT_YET = 503


def client_options() -> dict[str, str]:
    """The options by which Flink's own client finds the cluster, and is let in."""
    config = settings()
    place = urllib.parse.urlsplit(config.flink_address)
    where = {"rest.address": str(place.hostname), "rest.port": str(place.port)}
    return {**where, **flinkaccess.client_options(config)}


def ask(path: str, method: str = "GET", body: Any = None, patience: float = TAKEOVER) -> Any:
    """Ask the cluster's REST interface; the parameters are those of `web.ask`.

    What changes something is done under a prefix of ours alone; looking is free.

    A JobManager that died is started again and takes up its jobs; that is waited for, at most
    for `patience` seconds.

    Raises
    ------
    CpuwatchError
        If the cluster does not answer, or somebody else uses the prefix.
    web.HTTPError
        If its answer is an error.
    """
    config = settings()
    if method != "GET":
        claims.once(config)
    address = config.flink_address
    reason = ""

    def answer() -> list[Any] | None:
        nonlocal reason
        try:
            return [flinkaccess.ask(config, path, method, body)]
        except web.HTTPError as error:
            if error.status in (401, 403):
                reason = flinkaccess.why(error)
                raise CpuwatchError(silent()) from error
            if error.status != _NOT_YET:
                raise
            reason = str(error)
        except (OSError, ValueError) as error:
            reason = flinkaccess.why(error)
            if not (isinstance(error, (ConnectionError, ssl.SSLEOFError)) and is_begun_again()):
                raise CpuwatchError(silent()) from error
        return None

    def is_begun_again() -> bool:
        return not config.outside("flink") and Supervisor(config.state).is_running()

    def silent() -> str:
        outside = config.outside("flink")
        step = failures.theirs("flink") if outside else failures.remedy(config.state)
        return f"Flink at {address} does not answer ({reason}). {step}"

    return waiting.until(answer, patience, silent, PAUSE)[0]
