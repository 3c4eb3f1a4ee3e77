"""The processes of the embedded stack under supervisor: start, look at, stop, find strays."""

from __future__ import annotations

import configparser
import hashlib
import os
import pwd
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

import psutil
from supervisor.xmlrpc import SupervisorTransport

from cpuwatch import files, waiting
from cpuwatch.errors import CpuwatchError
from cpuwatch.stack import failures, postgres
from cpuwatch.stack.program import Program

#: A unix socket's path may hold about 100 characters, and supervisor adds some of its own.
_LONGEST_SOCKET = 85

#: Where the socket is then. Not where TMPDIR says: a shell that has another one, or none, has to
#: find it, too.
SHORT_FOLDER = Path("/tmp")

#: What the services need of our environment. All else may be a secret of somebody's, or an
#: option that Java, Flink, PostgreSQL, Python or a shell would take for its own.
_PASSED_ON = re.compile(
    r"PATH|HOME|USER|LOGNAME|LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|(DY)?LD_LIBRARY_PATH"
    # By these the notifier finds the real Slack.
    r"|(HTTPS?|ALL|NO)_PROXY|(https?|all|no)_proxy|SSL_CERT_(FILE|DIR)"
)

#: How long supervisor may take to say what it knows, in seconds.
_QUICKLY = 3.0

#: What a supervisor runs; an earlier version's was the first.
_PROGRAMS = {"supervisor.supervisord", "cpuwatch.stack.supervised"}

#: In supervisor's own environment, since what its file refers to by a name is taken as it is.
SOCKET_VARIABLE = "SUPERVISOR_SOCKET"


class _Transport(SupervisorTransport):  # type: ignore[misc]
    """Supervisor's own way to its socket, on which nobody waits for ever."""

    def __init__(self, socket: Path, patience: float) -> None:
        super().__init__(None, None, f"unix://{socket}")
        self._get_connection = lambda: _Connection(socket, patience)


class _Connection(HTTPConnection):
    def __init__(self, path: Path, patience: float) -> None:
        super().__init__("localhost", timeout=patience)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Supervisor:
    """The supervisor of one state folder.

    Parameters
    ----------
    state
        The state folder.
    """

    def __init__(self, state: Path) -> None:
        self.state = state
        self.folder = state / "supervisor"
        self.configuration = self.folder / "supervisord.conf"
        self.id = hashlib.sha256(str(state).encode()).hexdigest()[:12]

    @property
    def _pid_file(self) -> Path:
        return self.folder / "supervisord.pid"

    @property
    def was_not_stopped(self) -> bool:
        """Whether this stack runs, or was killed: its jobs go on at the next start."""
        return self._pid_file.exists()  # supervisor removes it when it ends in peace

    @property
    def marker(self) -> str:
        """A JVM argument that tells this stack's Java processes from all others."""
        return f"-Dcpuwatch.stack={self.id}"

    @property
    def socket(self) -> Path:
        """Supervisor's unix socket."""
        path = self.folder / "supervisor.sock"
        if len(os.fsencode(path)) > _LONGEST_SOCKET:
            path = SHORT_FOLDER / f"cpuwatch-{self.id}" / "s"
        return path

    def write(self, programs: list[Program]) -> None:
        """Write supervisor's configuration for these programs.

        All its paths are relative to the state folder, and each command stands in a script
        of its own: to supervisor a '%', a ' ;' or a quote in a folder's name means something.
        """
        for name in ("supervisor", "logs", "programs"):
            files.folder(self.state / name)
        self._make_socket_folder()
        parser = configparser.RawConfigParser()
        parser["unix_http_server"] = {"file": f"%(ENV_{SOCKET_VARIABLE})s", "chmod": "0600"}
        parser["supervisord"] = {
            "logfile": "logs/supervisor.log",
            "logfile_maxbytes": "1MB",
            "logfile_backups": "1",
            "pidfile": str(self._pid_file.relative_to(self.state)),
            "childlogdir": "logs",
            "identifier": f"cpuwatch-{self.id}",
            "umask": "077",
        }
        if os.geteuid() == 0:
            parser["supervisord"]["user"] = "root"  # otherwise it warns
        parser["rpcinterface:supervisor"] = {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
        }
        for program in programs:
            self.put(program)
            parser[f"program:{program.name}"] = _section(program)
        with self.configuration.open("w", encoding="ascii") as file:
            file.write("; Written by cpuwatch up.\n")
            parser.write(file)

    def put(self, program: Program) -> None:
        """Write a program's script, which counts from its next start on."""
        script = self.state / program.script / f"{program.name}.sh"
        owner = None if program.user is None else pwd.getpwnam(program.user).pw_uid
        files.write(script, os.fsencode(_script(program)), private=True, owner=owner)

    def start(self) -> None:
        """Start supervisor, and through it all programs, detached from this process."""
        self.socket.unlink(missing_ok=True)
        environment = {
            name: value for name, value in os.environ.items() if _PASSED_ON.fullmatch(name)
        } | {SOCKET_VARIABLE: str(self.socket)}
        log = (self.state / "logs" / "supervisor.out").open("w")
        with log:
            process = subprocess.Popen(
                [sys.executable, "-m", "cpuwatch.stack.supervised", "-n", "-c",
                 str(self.configuration)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, cwd=self.state, env=environment,
            )  # fmt: skip

        def sentence() -> str:
            said = Path(log.name).read_text(errors="replace")
            return (
                f"Supervisor, which runs the services, does not start ({failures.cause(said)})."
                f" Its log is {self.state / 'logs' / 'supervisor.log'}. If that folder is on a"
                " network drive, set CPUWATCH_STATE to one on a disk of this machine."
            )

        def is_there() -> bool:
            if self.is_running():
                return True
            if process.poll() is not None:
                raise CpuwatchError(sentence())
            return False

        waiting.until(is_there, 15, sentence)

    def _make_socket_folder(self) -> None:
        place = self.socket.parent
        with suppress(FileExistsError):
            place.mkdir(mode=0o700)  # in one step: nobody comes between
        if not files.is_ours(place):
            raise CpuwatchError(
                f"The folder {place}, where supervisor's socket belongs, was made by somebody"
                " else. Set CPUWATCH_STATE to a folder with a shorter path, so that the socket"
                " has room there, or remove that folder."
            )

    @contextmanager
    def _call(self, patience: float = 60.0) -> Iterator[Any]:
        transport = _Transport(self.socket, patience)
        proxy = ServerProxy("http://127.0.0.1", transport=transport)
        try:
            yield proxy.supervisor
        finally:
            transport.close()

    def is_running(self) -> bool:
        """Whether this stack's supervisor answers."""
        if not self.socket.exists() or not files.is_ours(self.socket.parent):
            return False
        try:
            with self._call(_QUICKLY) as supervisor:
                return bool(supervisor.getIdentification() == f"cpuwatch-{self.id}")
        except (OSError, HTTPException, Fault):
            return False

    def programs(self) -> dict[str, dict[str, Any]]:
        """For each program what supervisor says of it; empty if supervisor does not run."""
        try:
            with self._call(_QUICKLY) as supervisor:
                return {str(one["name"]): dict(one) for one in supervisor.getAllProcessInfo()}
        except (OSError, HTTPException, Fault):
            return {}

    def restart(self, name: str) -> None:
        """Start a program that supervisor gave up, or that stands still."""
        with self._call() as supervisor:
            try:
                supervisor.startProcess(name, False)
            except Fault as fault:
                if "ALREADY_STARTED" not in str(fault):
                    raise

    def stop_program(self, name: str) -> None:
        """Stop one program, and leave it stopped."""
        with self._call() as supervisor:
            try:
                supervisor.stopProcess(name)
            except Fault as fault:
                if "NOT_RUNNING" not in str(fault):
                    raise

    def stop(self, patience: float = 30.0) -> None:
        """Stop all programs and supervisor itself, and wait until they are gone."""
        process = self.process()
        if self.is_running():
            try:
                # One by one: asked so, it takes notice of an end at once; in a shutdown of all
                # it looks once a second, for each order anew.
                with self._call() as supervisor:
                    known = supervisor.getAllConfigInfo()
                for one in sorted(known, key=lambda one: -int(one["process_prio"])):
                    self.stop_program(str(one["name"]))
                with self._call() as supervisor:
                    supervisor.shutdown()
            except (OSError, HTTPException, Fault):
                pass
        elif process is not None:
            with suppress(psutil.Error):
                process.terminate()  # it does not answer, or not yet
        if process is not None and not ends(process, patience):
            with suppress(psutil.Error):
                process.kill()
            ends(process, 5)
        self.end_strays()
        self._pid_file.unlink(missing_ok=True)
        self.forget_socket()

    def forget_socket(self) -> None:
        """Remove the socket, and its folder where that is apart from the state folder."""
        if not files.is_ours(self.socket.parent):
            return
        self.socket.unlink(missing_ok=True)
        if self.socket.parent != self.folder:
            self.socket.parent.rmdir()

    def process(self) -> psutil.Process | None:
        """Supervisor's own process, whether it answers or not; None if there is none."""
        for process in psutil.process_iter():
            if self._is_supervisor(_command(process)) and _is_of(process, os.geteuid()):
                return process
        return None

    def _is_supervisor(self, command: list[str]) -> bool:
        # By the program, too: a reader of that file is none.
        return bool(_PROGRAMS.intersection(command)) and str(self.configuration) in command

    def strays(self) -> list[psutil.Process]:
        """Processes of this stack, recognised by their own arguments, alive right now.

        They outlive a supervisor that was killed. PostgreSQL's server carries its
        data folder, the Java processes carry the marker. Another user's process may
        carry the same, since all can read them: it is none of ours.
        """
        data = {str(self.state / "postgres" / name) for name in ("data", "data.new")}
        found = []
        for process in psutil.process_iter():
            command = _command(process)
            if self.marker in command or self._is_supervisor(command):
                ours = _is_of(process, os.geteuid())
            elif "-D" in command and data.intersection(command):
                ours = _is_of(process, postgres.user_id())
            else:
                continue
            if ours:
                found.append(process)
        return found

    def end_strays(self) -> None:
        """End what is left of this stack: politely, then not."""
        strays = self.strays()
        for process in strays:
            with suppress(psutil.Error):
                # For PostgreSQL INT is the quick, clean end; Java takes TERM.
                is_postgres = Path(process.name()).name == "postgres"
                process.send_signal(2 if is_postgres else 15)
        _, alive = psutil.wait_procs(strays, timeout=10)
        for process in alive:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(alive, timeout=5)


def _script(program: Program) -> str:
    """The program as a script that ends by becoming it: a shell's quotes can hold anything."""
    lines = ["#!/bin/sh", "# Written by cpuwatch up."]
    if program.folder is not None:
        lines.append(f"cd {shlex.quote(str(program.folder))} || exit")
    lines += [f"export {name}={shlex.quote(value)}" for name, value in program.environment.items()]
    if program.before:
        lines.append(f"{shlex.join(program.before)} 2>/dev/null")
    return "\n".join([*lines, f"exec {shlex.join(program.command)}", ""])


def _section(program: Program) -> dict[str, str]:
    section = {
        "command": f"/bin/sh {program.script}/{program.name}.sh",
        "priority": str(program.order),
        "stopsignal": program.stop_signal,
        "stopwaitsecs": "15",
        "startsecs": "1",
        "autostart": str(program.autostart).lower(),
        # A service that was killed comes back, however often.
        "autorestart": "true",
        "startretries": "1000",
        "stdout_logfile": f"logs/{program.name}.log",
        "stdout_logfile_maxbytes": "4MB",
        "stdout_logfile_backups": "1",
        "redirect_stderr": "true",
    }
    if program.user:
        section["user"] = program.user
    return section


def ends(process: psutil.Process, seconds: float) -> bool:
    """Whether a process ends within so many seconds.

    One that a notebook's kernel started stays on the list of processes, as a zombie, until the
    kernel takes notice: it has ended all the same.
    """

    def has_ended() -> bool:
        try:
            return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    try:
        return waiting.until(has_ended, seconds, "It goes on.")
    except CpuwatchError:
        return False


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _is_of(process: psutil.Process, user: int) -> bool:
    """Whether a process is that user's, and was started by it."""
    try:
        found = process.uids()
    except psutil.Error:
        return False
    return bool(found.real == found.effective == user)
