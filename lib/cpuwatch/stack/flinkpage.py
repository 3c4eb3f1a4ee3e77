"""Flink's own web page behind a token, as a process of the stack."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from secrets import token_urlsafe

from cpuwatch import files, web
from cpuwatch.settings import Settings
from cpuwatch.stack import listeners
from cpuwatch.stack.program import Program
from cpuwatch.stack.service import Service

#: Where it listens by default, always on 127.0.0.1: where Flink's page is everywhere.
PORTS = {"flink_page": 8081}

#: Its name among supervisor's programs.
NAME = "flinkpage"

_TOKEN = re.compile("[!-~]+")


def token_in(keys: Path) -> str:
    """What lets into the page: made once, kept in a 0600 file alone."""
    # An empty one would let in everybody.
    return files.secret(keys / "page-token", lambda: token_urlsafe(24), _TOKEN.fullmatch)


def cookie(port: int) -> str:
    """The cookie's name. Cookies know no ports: those of another stack's page here are apart."""
    return f"cpuwatch-flink-{port}"


def link(config: Settings) -> str:
    """The address that lets a browser in; it holds the token."""
    if config.outside("flink"):
        return config.flink_page
    return f"{config.flink_page}/?token={token_in(config.keys)}"


def prepare(config: Settings, ports: dict[str, int], marker: str) -> list[Program]:
    """Make the token once, and describe the process.

    Parameters
    ----------
    config
        The settings.
    ports
        The chosen ports by name.
    marker
        An argument by which the process is recognised as this stack's.
    """
    token_in(config.keys)
    command = [
        sys.executable, "-m", "cpuwatch.flinkpage",
        "--port", str(ports["flink_page"]),
        "--flink", f"https://127.0.0.1:{ports['flink_rest']}",
        "--keys", str(config.keys), marker,
    ]  # fmt: skip
    return [Program(NAME, command, order=25)]


def answers(config: Settings) -> bool:
    """Whether it answers there, and knows the token; another user's program is not asked."""
    port = config.port("flink_page")
    if not listeners.may_be_ours(config, port):
        return False
    name = cookie(port)
    headers = {"Cookie": f"{name}={token_in(config.keys)}"}
    try:
        web.ask(config.flink_page, "/overview", headers=headers, timeout=2.0)
    except web.HTTPError as error:
        return error.status == 502  # it is there; that Flink is not says Flink's own line
    except (OSError, ValueError):
        return False
    return True


SERVICE = Service(
    name="flink_page",
    title="Flink's page",
    ports=PORTS,
    programs=(NAME,),
    address=lambda config: config.flink_page,
    answers=answers,
    prepare=lambda config, ports, _jars, marker: prepare(config, ports, marker),
    needed=False,
    ours_alone=True,
)
