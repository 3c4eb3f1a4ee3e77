"""The notifier that stays: a process of the stack, with the settings of whoever asked for it.

Under supervisor it is `python -m cpuwatch.slack`.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from cpuwatch import envfile, files, signals, words
from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import ROOT, settings
from cpuwatch.slack import service
from cpuwatch.stack import slack
from cpuwatch.stack.slack import NOTIFIER
from cpuwatch.stack.supervisor import Supervisor
from cpuwatch.waiting import until

#: What supervisor says of a program that runs, or will soon.
_AT_WORK = ("STARTING", "RUNNING", "BACKOFF")

#: What the notifier goes by. Of this shell's environment it gets the first, which are addresses,
#: names and files; the second it takes from `.env` alone, for they are secrets.
_OPEN = (
    "CPUWATCH_KAFKA",
    "CPUWATCH_KAFKA_SECURITY_PROTOCOL",
    "CPUWATCH_KAFKA_SASL_MECHANISM",
    "CPUWATCH_KAFKA_SSL_CA",
    "CPUWATCH_KAFKA_SSL_CERTIFICATE",
    "CPUWATCH_KAFKA_SSL_KEY",
    "SLACK_CHANNEL",
)
_SECRET = ("CPUWATCH_KAFKA_SASL_USERNAME", "CPUWATCH_KAFKA_SASL_PASSWORD", "SLACK_BOT_TOKEN")


def environment() -> dict[str, str]:
    """What this shell says otherwise than `.env`, which a process of the stack reads, too.

    An empty value takes back what `.env` says.

    Raises
    ------
    CpuwatchError
        If a secret is among it: it names the variable, and says nothing of the value.
    """
    said = {name.upper(): value or "" for name, value in envfile.read(ROOT / ".env").items()}
    here = {name.upper(): value for name, value in os.environ.items()}
    found = {
        name: here[name]
        for name in (*_OPEN, *_SECRET)
        if name in here and here[name] != said.get(name, "")
    }
    for name in found:
        if found[name] and "_SSL_" in name:  # that process is in another folder
            found[name] = str(Path(found[name]).expanduser().absolute())
    for name in _SECRET:
        if found.get(name):
            raise CpuwatchError(
                f"A notifier that stays takes {name} from the file .env, not from this shell's"
                " environment: put it there, or run 'cpuwatch notify' here."
            )
    return found


def start() -> None:
    """Let the notifier run under the stack's supervisor; nothing happens if it does.

    Raises
    ------
    CpuwatchError
        If there is no supervisor, or a secret stands in the environment alone.
    """
    config = settings()
    own = environment()
    supervisor = Supervisor(config.state)
    if NOTIFIER not in supervisor.programs():
        raise CpuwatchError("The stack does not run: start it with 'cpuwatch up'.")
    if not _is_ours():
        raise CpuwatchError(
            f"A notifier stays in this stack already, for the prefix {whose()!r}: there is one a"
            " stack. Run 'cpuwatch notify' in a terminal instead."
        )
    if not is_running():
        with service.alone():
            pass
    # It stays from now on, whatever dies meanwhile, and with what this shell has.
    files.write(slack.settings_that_stay(config), json.dumps(own), private=True)
    files.write(slack.stays(config), (config.prefix or "").encode(), private=True)
    supervisor.put(slack.notifier(config, supervisor.marker))
    supervisor.restart(NOTIFIER)
    _wait(True)


def stop() -> None:
    """Stop the notifier that runs under the stack's supervisor, if it does."""
    config = settings()
    if not _is_ours():
        return
    running = is_running()
    slack.stays(config).unlink(missing_ok=True)
    if running:
        Supervisor(config.state).stop_program(NOTIFIER)
        _wait(False)


def is_running() -> bool:
    """Whether the notifier runs under the stack's supervisor, and for us."""
    info = Supervisor(settings().state).programs().get(NOTIFIER)
    return info is not None and _is_ours() and info["statename"] in _AT_WORK


def whose() -> str | None:
    """The prefix that the notifier stays for; None if nobody asked it to."""
    try:
        return slack.stays(settings()).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def _is_ours() -> bool:
    return whose() in (None, settings().prefix or "")


def _wait(running: bool) -> None:
    state: str | None = None

    def reached() -> bool:
        nonlocal state
        state = Supervisor(settings().state).programs().get(NOTIFIER, {}).get("statename")
        return state == "RUNNING" if running else state not in ("RUNNING", "STOPPING", "STARTING")

    until(
        reached,
        20,
        lambda: (
            f"The notifier is {state}, not {'running' if running else 'stopped'}. Its log is"
            f" {settings().state / 'logs' / 'notifier.log'}."
        ),
    )


def main() -> None:
    """What supervisor runs: deliver until SIGTERM, with a line for each thing done."""

    def tell(line: str) -> None:
        # Who reads the log in a terminal should not obey a host's name.
        print(time.strftime("%H:%M:%SZ", time.gmtime()), words.printable(line), flush=True)

    # Supervisor is a stack's, and an attendee's prefix is not for it.
    os.environ["CPUWATCH_PREFIX"] = whose() or ""
    settings.cache_clear()
    with signals.stop_event() as stop:
        while not stop.is_set():
            try:
                service.follow(tell, stop=stop)
            except (CpuwatchError, OSError) as error:
                tell(str(error))  # Kafka may be starting still, or the disk is full
                stop.wait(2)
