"""A process of this stack is one of this user's, whatever others write in their arguments."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from cpuwatch.stack import postgres
from cpuwatch.stack.supervisor import Supervisor

ROOT, ME, OTHER, NOBODY = 0, 1000, 1001, 65534


class Process:
    """One on the list of processes, as much of it as is looked at."""

    def __init__(self, command: list[str], real: int, effective: int | None = None) -> None:
        self.command = command
        self.user = SimpleNamespace(real=real, effective=real if effective is None else effective)

    def cmdline(self) -> list[str]:
        return self.command

    def uids(self) -> SimpleNamespace:
        return self.user


class Gone(Process):
    def uids(self) -> SimpleNamespace:
        raise psutil.NoSuchProcess(1)


@pytest.fixture
def supervisor(tmp_path: Path) -> Supervisor:
    return Supervisor(tmp_path / "state")


@pytest.mark.parametrize("we", [ME, ROOT])
def test_another_users_process_that_looks_like_ours_is_none(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch, we: int
) -> None:
    runs = ["python", "-m", "cpuwatch.stack.supervised", "-c", str(supervisor.configuration)]
    java = ["java", supervisor.marker]
    server = ["postgres", "-D", str(supervisor.state / "postgres" / "data")]
    runs_it = we if we == ME else NOBODY
    mine = [Process(runs, we), Process(java, we), Process(server, runs_it)]
    theirs = [
        Process(runs, OTHER), Process(java, OTHER), Process(server, OTHER),
        Process(runs, NOBODY), Process(java, NOBODY),  # who runs PostgreSQL for root, no more
        Process(java, OTHER, we),  # such as sudo, started by another
        Gone(java, we), Gone(runs, we),
    ]  # fmt: skip
    monkeypatch.setattr(os, "geteuid", lambda: we)
    monkeypatch.setattr(postgres, "unprivileged_user", lambda: "nobody")
    monkeypatch.setattr(
        postgres.pwd, "getpwnam", lambda name: SimpleNamespace(pw_uid={"nobody": NOBODY}[name])
    )
    monkeypatch.setattr(psutil, "process_iter", lambda: iter([*theirs, *mine]))
    assert supervisor.process() is mine[0]
    assert supervisor.strays() == mine
    monkeypatch.setattr(psutil, "process_iter", lambda: iter(theirs))
    assert supervisor.process() is None
    assert supervisor.strays() == []


@pytest.fixture
def anothers(supervisor: Supervisor) -> Iterator[subprocess.Popen[bytes]]:
    """A process of another user that writes all our marks in its arguments."""
    if os.geteuid() != 0:
        pytest.skip("only root can start a process of another user")
    call = ["sh", "-c", "sleep 60; true", "cpuwatch.stack.supervised"]
    with subprocess.Popen(
        [*call, str(supervisor.configuration), supervisor.marker], user="nobody", cwd="/"
    ) as process:
        yield process
        process.kill()


def test_another_users_process_is_neither_ended_nor_in_the_way(
    supervisor: Supervisor, anothers: subprocess.Popen[bytes]
) -> None:
    assert supervisor.process() is None
    supervisor.stop()
    assert anothers.poll() is None


def test_what_may_not_be_ended_stops_nobody(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = psutil.Process()

    def denied(*_: object) -> None:
        raise psutil.AccessDenied(process.pid)

    for name in ("terminate", "kill", "send_signal"):
        monkeypatch.setattr(process, name, denied)
    monkeypatch.setattr(psutil, "wait_procs", lambda found, timeout: ([], found))
    monkeypatch.setattr(supervisor, "process", lambda: process)
    monkeypatch.setattr(supervisor, "strays", lambda: [process])
    monkeypatch.setattr("cpuwatch.stack.supervisor.ends", lambda *_: False)
    supervisor.stop()
