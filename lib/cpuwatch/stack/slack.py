"""The local stand-in for Slack, and the notifier, as processes of the stack."""

from __future__ import annotations

import json
import logging
import sys
from http.client import HTTPException
from pathlib import Path
from secrets import token_hex, token_urlsafe
from typing import TYPE_CHECKING, Any, NamedTuple

from cpuwatch import files
from cpuwatch.settings import Settings
from cpuwatch.stack import listeners
from cpuwatch.stack.program import Program
from cpuwatch.stack.service import Service

# The stand-in's process runs through here, too, and has no use for any client.
if TYPE_CHECKING:
    from slack_sdk import WebClient

#: Where the embedded one listens by default, always on 127.0.0.1.
PORTS = {"slack": 8090}

#: Where the real Slack's methods are.
REAL = "https://slack.com/api/"

#: The notifier's name among supervisor's programs.
NOTIFIER = "notifier"

#: How long Slack may take to say that it is there, in seconds.
_TIMEOUT = 2


class Secrets(NamedTuple):
    """What the stand-in lets in."""

    token: str  #: as Slack's own tokens: who has it may post and read
    control: str  #: who has it may switch failures on


def secrets_in(folder: Path) -> Secrets:
    """The stand-in's secrets: made once, kept in a 0600 file alone."""

    def made() -> str:
        new = Secrets("xoxb-standin-" + token_urlsafe(24), token_urlsafe(24))
        return json.dumps(new._asdict())

    found = _secrets(files.secret(folder / "secrets.json", made, _secrets))
    assert found is not None, "it is whole"
    return found


def _secrets(text: str) -> Secrets | None:
    """The secrets in a text; None if they are not all there."""
    try:
        found = Secrets(**json.loads(text))
    except (ValueError, TypeError):
        return None
    return found if all(isinstance(one, str) and one for one in found) else None


def sign_in(folder: Path) -> str:
    """What a stack signs its messages with: drawn at random once, no secret, kept in a file."""
    path = folder / "sign"
    if not path.exists():
        files.folder(folder)
        files.write(path, token_hex(8), private=True)
    return path.read_text(encoding="ascii")


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


def stays(config: Settings) -> Path:
    """The file that is there as long as somebody wants the notifier to run; it has their prefix."""
    return config.slack_folder / "notifier-stays"


def settings_that_stay(config: Settings) -> Path:
    """The file with what their shell said otherwise than `.env`; no secret is among it."""
    return config.slack_folder / "notifier-settings.json"


def notifier(config: Settings, marker: str) -> Program:
    """Describe the notifier's process, which runs only while somebody wants it to stay.

    Parameters
    ----------
    config
        The stack's settings.
    marker
        An argument by which the process is recognised as this stack's.
    """
    stay = stays(config).exists()
    environment = _kept(settings_that_stay(config)) if stay else {}
    command = [sys.executable, "-m", "cpuwatch.slack", marker]
    return Program(
        NOTIFIER,
        command,
        {**environment, "CPUWATCH_STATE": str(config.state)},
        order=40,
        autostart=stay,
    )


def _kept(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # of an earlier version, or damaged: .env says all
    return found if isinstance(found, dict) else {}


def client(token: str, address: str, timeout: int) -> WebClient:
    """Slack's own client, which says nothing and tries nothing again.

    It is for the real Slack or the stand-in. Whoever wants to try again does so: the client would
    sleep as long as Slack likes, and nobody could end that.

    Parameters
    ----------
    token
        A bot's token.
    address
        Where the methods are: ends in /api/.
    timeout
        How long one call may take, in seconds.
    """
    from slack_sdk import WebClient

    quiet = logging.getLogger("cpuwatch.slack")
    quiet.setLevel(logging.CRITICAL)  # whatever a level elsewhere: headers hold the token
    made = WebClient(token, base_url=address, timeout=timeout, retry_handlers=[], logger=quiet)
    if address != REAL:
        made.proxy = None  # no proxy from the environment leads to this machine
    return made


def answers(address: str, token: str) -> bool:
    """Whether a Slack answers auth.test there, and lets this token in.

    Parameters
    ----------
    address
        Where its methods are: ends in /api/.
    token
        A bot's token.
    """
    try:
        found = _test_the_real(token) if address == REAL else _test(address, token)
    except (OSError, ValueError, HTTPException):
        return False
    return isinstance(found, dict) and found.get("ok") is True


def _test(address: str, token: str) -> Any:
    from cpuwatch import web

    headers = {"Authorization": f"Bearer {token}"}
    return web.ask(address, "auth.test", "POST", headers=headers, timeout=_TIMEOUT)


def _test_the_real(token: str) -> Any:
    """As the notifier will call it: by the same proxies and certificates."""
    from slack_sdk.errors import SlackClientError

    try:
        return client(token, REAL, _TIMEOUT).auth_test().data
    except SlackClientError:
        return None  # it is refused, or what answers there is no Slack


def _answers(config: Settings) -> bool:
    if config.slack_bot_token is not None:
        return answers(REAL, config.slack_bot_token.get_secret_value())
    return standin_answers(config)


def standin_answers(config: Settings) -> bool:
    """Whether this stack's stand-in answers; another user's program is not asked."""
    if not listeners.may_be_ours(config, config.port("slack")):
        return False
    token = secrets_in(config.slack_folder).token
    return answers(config.slack_address + "/api/", token)


SERVICE = Service(
    name="slack",
    title="Slack",
    ports=PORTS,
    programs=("slack",),
    address=lambda config: config.slack_address,
    answers=_answers,
    prepare=lambda config, ports, _jars, marker: prepare(config.slack_folder, ports, marker),
    # A Slack that is away stops nothing: the alerts wait for it in their topic.
    needed=False,
)
