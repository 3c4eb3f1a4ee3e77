"""The local stand-in for Slack, and the notifier, as processes of the stack."""

from __future__ import annotations

import json
import os
import secrets as random
import sys
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import NamedTuple

from cpuwatch.stack.program import Program

PORTS = ("slack",)

#: Where the real Slack's methods are.
REAL = "https://slack.com/api/"

#: The notifier's name among supervisor's programs.
NOTIFIER = "notifier"


class Secrets(NamedTuple):
    """What the stand-in lets in."""

    token: str  #: as Slack's own tokens: who has it may post and read
    control: str  #: who has it may switch failures on


def secrets_in(folder: Path) -> Secrets:
    """The stand-in's secrets: made once, kept in a 0600 file alone."""
    path = folder / "secrets.json"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = Secrets("xoxb-standin-" + random.token_urlsafe(24), random.token_urlsafe(24))
        new = path.with_suffix(".new")
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(made._asdict(), file)
        os.replace(new, path)
    return Secrets(**json.loads(path.read_text()))


def prepare(folder: Path, ports: dict[str, int], marker: str) -> list[Program]:
    """Make the secrets once, and describe the stand-in's process.

    Parameters
    ----------
    folder
        The stand-in's own folder in the state folder.
    ports
        The chosen ports by name.
    marker
        An argument by which the process is recognised as this stack's.
    """
    secrets_in(folder)
    command = [sys.executable, "-m", "cpuwatch.standin", "--folder", str(folder)]
    return [Program("slack", [*command, "--port", str(ports["slack"]), marker], order=10)]


def notifier(environment: dict[str, str], marker: str) -> Program:
    """Describe the notifier's process, which runs only when somebody asks it to stay.

    Parameters
    ----------
    environment
        The settings that it needs; no secret among them.
    marker
        An argument by which the process is recognised as this stack's.
    """
    command = [sys.executable, "-m", "cpuwatch.slack.notifier", marker]
    return Program(NOTIFIER, command, environment, order=40, autostart=False)


def answers(address: str, token: str, timeout: float = 2.0) -> bool:
    """Whether a Slack answers auth.test there, and lets this token in.

    Parameters
    ----------
    address
        Where its methods are: ends in /api/.
    token
        A bot's token.
    timeout
        In seconds.
    """
    asked = urllib.request.Request(
        address + "auth.test", method="POST", headers={"Authorization": f"Bearer {token}"}
    )
    handlers = []
    if address.startswith("http://127.0.0.1"):
        handlers.append(urllib.request.ProxyHandler({}))  # no proxy leads to this machine
    try:
        with urllib.request.build_opener(*handlers).open(asked, timeout=timeout) as response:
            found = json.loads(response.read())
    except (OSError, ValueError, HTTPException):
        return False
    return isinstance(found, dict) and found.get("ok") is True
