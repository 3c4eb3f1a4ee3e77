"""JupyterLab on the workshop's first notebook."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import json5

from cpuwatch import files, kernels, signals, waiting, web, workbook
from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import ROOT, Settings, settings
from cpuwatch.stack import place

NOTEBOOKS = workbook.ORIGINALS
FIRST = "00-welcome.ipynb"

#: JupyterLab's settings for the workshop; an attendee may change them, as all settings.
_SETTINGS = {
    # No question about news in the middle of a class.
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    # These notebooks are short: each cell is there, also when it is not in sight.
    "notebook-extension/tracker": {"windowingMode": "none"},
    # The notebooks' names are worth more than when they were saved.
    "filebrowser-extension/browser": {"showLastModifiedColumn": False},
}

#: On top of these, for a room: what the last row reads, and nothing that runs out at the side.
_PRESENT: dict[str, dict[str, Any]] = {
    "apputils-extension/themes": {
        "overrides": {
            "code-font-size": "20px",
            "content-font-size1": "20px",
            "ui-font-size1": "16px",
        }
    },
    "notebook-extension/tracker": {
        "codeCellConfig": {"lineWrap": True},
        "markdownCellConfig": {"lineWrap": True},
        "rawCellConfig": {"lineWrap": True},
    },
}

#: The end of the name of each file of settings.
_SUFFIX = ".jupyterlab-settings"

#: Where our extension of the server is switched on.
_CONFIG = Path(__file__).parent / "labconfig"

#: The first of the ports that are tried in turn, and how many there are.
FIRST_PORT = 8888
_PORTS = 100

#: How long JupyterLab may take to answer, in seconds, on a slow and busy laptop.
_PATIENCE = 90.0


@dataclass(frozen=True)
class Server:
    """A running JupyterLab.

    Attributes
    ----------
    base
        Its address, without a path.
    token
        What lets a browser in.
    process
        The server's process; it leads a session of its own.
    """

    base: str
    token: str
    process: subprocess.Popen[bytes]

    def address(self, notebook: str = FIRST) -> str:
        """The address that opens a notebook, with the token."""
        return f"{self.base}/lab/tree/{notebook}?token={self.token}"

    def stop(self) -> None:
        """Stop the server and its kernels, and wait until they are gone."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            pass
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass  # all of them have ended
        self.process.wait()


def start(port: int | None = None, folder: Path = NOTEBOOKS, present: bool = False) -> Server:
    """Start JupyterLab, bound to this machine alone, and wait until it answers.

    Parameters
    ----------
    port
        By default the first free one from 8888 on.
    folder
        The notebooks' folder.
    present
        Whether letters are large and long lines wrapped, for a projector.

    Raises
    ------
    CpuwatchError
        If the port is taken, or JupyterLab does not start: the cause, and what to do.
    """
    chosen = _port(port)
    token = secrets.token_urlsafe(24)
    config = settings()
    log = config.state / "logs" / "jupyter.log"
    place.make(config.state)
    files.folder(log.parent)
    own = config.state / "jupyter"
    used = put_settings(own / "settings", theirs())
    if present:
        used = settings_to_present(used, own / "settings-present")
    command = [
        # Isolated: a random.py among the notebooks is none of JupyterLab's modules.
        sys.executable, "-I", "-m", "cpuwatch.labserver", "--no-browser", "--allow-root",
        "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={chosen}", "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={folder}",
        # Between it and its kernels: whoever lacks their key neither gives orders nor listens.
        "--KernelManager.transport_encryption=auto",
        # As it is called in a terminal; by default it is a login shell, of which many forget PATH.
        f"--ServerApp.terminado_settings={ {'shell_command': [os.environ.get('SHELL') or 'sh']} }",
    ]  # fmt: skip
    environment = _environment(config, token, used)
    with files.owner_only():
        out = log.open("wb")
    server = None
    try:
        with out, signals.held():  # an interrupt in between would leave one that nobody ends
            process = subprocess.Popen(
                command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=out,
                # Of its own session, so that Ctrl-C reaches us alone, and we can ask.
                stderr=out, start_new_session=True,
            )  # fmt: skip
            server = Server(f"http://127.0.0.1:{chosen}", token, process)
        _wait(server, log)
    except BaseException:
        if server is not None:
            server.stop()
        raise
    return server


def _environment(config: Settings, token: str, settings_folder: Path) -> dict[str, str]:
    return {
        **kernels.environment(config.cache / "jupyter"),
        # So that a terminal of JupyterLab's, and a cell with '!', know the command.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        # The token goes by the environment: arguments show in the process list.
        "JUPYTER_TOKEN": token,
        # Folders of our own: what else this person does with JupyterLab stays as it is.
        "JUPYTERLAB_SETTINGS_DIR": str(settings_folder),
        "JUPYTERLAB_WORKSPACES_DIR": str(config.state / "jupyter" / "workspaces"),
        # Where JupyterLab finds the extension that colours SQL in strings.
        "JUPYTER_PATH": str(Path(__file__).parent),
        # It shows Flink's page and the channel, see `labserver`.
        "JUPYTER_CONFIG_PATH": str(_CONFIG),
        # Each kernel explains errors from its start on, also before the first cell was run.
        "PYTHONSTARTUP": str(Path(__file__).parent / "workshop" / "startup.py"),
    }


def theirs() -> Path | None:
    """Where this person's own JupyterLab keeps its settings; None without a home."""
    from jupyter_core.paths import jupyter_config_dir

    try:
        named = os.environ.get("JUPYTERLAB_SETTINGS_DIR")
        return Path(named) if named else Path(jupyter_config_dir(), "lab", "user-settings")
    except (OSError, RuntimeError):
        return None


def put_settings(folder: Path, theirs: Path | None = None) -> Path:
    """Put the workshop's settings of JupyterLab in a folder, save what is there already.

    Parameters
    ----------
    folder
        The folder.
    theirs
        Where an attendee keeps settings for another JupyterLab, such as a theme and keyboard
        shortcuts: they count here as well, until they are changed here.
    """
    for name, values in _SETTINGS.items():
        path = folder / "@jupyterlab" / f"{name}{_SUFFIX}"
        if not path.exists():
            files.folder(path.parent)
            files.write(path, json.dumps(values, indent=2) + "\n")
    if theirs is None:
        return folder
    for found in theirs.rglob(f"*{_SUFFIX}"):
        path = folder / found.relative_to(theirs)
        if not path.exists():
            with suppress(OSError):  # what cannot be read is no reason to open nothing
                content = found.read_bytes()
                files.write(files.folder(path.parent) / path.name, content)
    return folder


def settings_to_present(kept: Path, folder: Path) -> Path:
    """Make a folder of settings for a projector: those that are kept, and ours on top.

    What was changed there while somebody presented is forgotten, and what is kept stays as it
    is.

    Parameters
    ----------
    kept
        The folder of the settings that count otherwise, such as a theme.
    folder
        The one that is made anew.
    """
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(kept, folder, dirs_exist_ok=True)
    for name, values in _PRESENT.items():
        path = folder / "@jupyterlab" / f"{name}{_SUFFIX}"
        files.folder(path.parent)
        files.write(path, json.dumps(_on_top(_settings_in(path), values), indent=2) + "\n")
    return folder


def _settings_in(path: Path) -> dict[str, Any]:
    """What a file of settings says; nothing if JupyterLab itself could not read it either."""
    try:
        found = json5.loads(path.read_text(encoding="utf-8"))  # it may have comments
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _on_top(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Both, and where both say something the second; deep down, too."""
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        if isinstance(value, dict) and isinstance(under, dict):
            value = _on_top(under, value)
        merged[key] = value
    return merged


def run(
    port: int | None = None,
    folder: Path = NOTEBOOKS,
    browser: bool = True,
    say: Callable[[str], None] = print,
    ask: Callable[[str], bool] | None = None,
    present: bool = False,
) -> bool:
    """Run JupyterLab until Ctrl-C.

    Parameters
    ----------
    port, folder
        As for `start`.
    browser
        Whether to open a browser, where there is one.
    say
        Called with each line for the terminal.
    ask
        Asks whether the services should stop, too. None where nobody can answer.
    present
        As for `start`.

    Returns
    -------
    bool
        Whether the services should stop, too.
    """
    server = start(port, folder, present)
    try:
        # A closed terminal and a polite kill end us as Ctrl-C does.
        with signals.as_interrupt(signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
            opened = browser and open_privately(server.address(), "jupyterlab")
            say("JupyterLab is open in your browser." if opened else "Open this in a browser:")
            say(f"  {server.address()}")
            say("Ctrl-C here ends it.")
            try:
                code = server.process.wait()
            except KeyboardInterrupt:
                return ask("Stop Kafka, PostgreSQL and Flink, too?") if ask else False
    finally:
        server.stop()
    if code:
        raise CpuwatchError(
            f"JupyterLab ended by itself (exit code {code}). Its log is"
            f" {settings().state / 'logs' / 'jupyter.log'}; start it again with 'make lab'."
        )
    return False  # somebody chose File, Shut Down


def open_privately(address: str, name: str) -> bool:
    """Open an address that holds a token in the browser, if there is one.

    It goes through a file that only its owner can read: what a program is started with shows in
    the list of processes. The file is in the checkout, since some browsers may not look into
    hidden folders of a home.

    Parameters
    ----------
    address
        The address.
    name
        What is opened; the file is called by it.
    """
    if not has_browser():
        return False
    page = ROOT / "out" / f"open-{name}.html"
    where = escape(address, quote=True)
    try:
        page.parent.mkdir(exist_ok=True)
        text = f'<!doctype html><meta http-equiv="refresh" content="0; url={where}">\n'
        files.write(page, f'{text}<a href="{where}">{escape(name)}</a>\n', private=True)
    except OSError:
        return False  # then it is opened by hand: the address is said in any case
    return webbrowser.open(page.as_uri())


def has_browser() -> bool:
    """Whether there is a browser with windows; one that runs in the terminal is of no use."""
    if sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        return False
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True


def _port(wanted: int | None) -> int:
    for port in [wanted] if wanted is not None else range(FIRST_PORT, FIRST_PORT + _PORTS):
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise CpuwatchError(
        f"Port {wanted} is taken: name another with --port, or leave --port out."
        if wanted is not None
        else f"No port from {FIRST_PORT} to {FIRST_PORT + _PORTS - 1} is free: name one with"
        " --port."
    )


def _wait(server: Server, log: Path) -> None:
    headers = {"Authorization": f"token {server.token}"}

    def failed(what: str) -> CpuwatchError:
        lines = log.read_text(errors="replace").strip().splitlines() or ["its log is empty"]
        return CpuwatchError(f"JupyterLab {what} ({lines[-1][:200]}). Its log is {log}.")

    def answers() -> bool:
        try:
            web.ask(server.base, "/api/status", headers=headers, timeout=2.0)
        except (OSError, ValueError):
            if server.process.poll() is not None:
                raise failed("does not start") from None
            return False
        return True

    waiting.until(
        answers, _PATIENCE, lambda: str(failed(f"does not answer after {_PATIENCE:.0f} s")), 0.1
    )
