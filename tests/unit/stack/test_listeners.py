"""No secret is shown to another user's program, which listens where a stopped service did."""

from __future__ import annotations

import asyncio
import os
import pwd
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import psycopg2
import pytest

from cpuwatch import labserver, standin, thresholds
from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import Settings, settings
from cpuwatch.stack import flinkpage, listeners, passwords, postgres, slack, starting, statefolder
from cpuwatch.stack.supervisor import Supervisor

ME = os.geteuid()
OTHER = ME + 1


class Listener:
    """Somebody who listens on a port, and notes what is said there."""

    def __init__(self, answer: bytes = b"") -> None:
        self._answer = answer
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self.heard: list[bytes] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                try:
                    while said := connection.recv(65536):
                        self.heard.append(said)
                        connection.sendall(self._answer)
                except OSError:
                    pass

    def end(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(10)


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.end()


@pytest.fixture
def config(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listener: Listener
) -> Iterator[Settings]:
    monkeypatch.setenv("CPUWATCH_STATE", str(tmp_path / "state"))
    settings.cache_clear()
    record(settings(), listener.port)
    yield settings()
    settings.cache_clear()


def record(config: Settings, port: int) -> None:
    statefolder.make_state(config)
    ports = dict.fromkeys(("slack", "flink_page", "postgres"), port)
    starting.record_ports(config, ports)


def test_another_users_program_is_shown_no_token(
    config: Settings, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listeners, "users_at", lambda _: {OTHER})
    assert not slack.SERVICE.answers(config)
    assert not flinkpage.SERVICE.answers(config)
    assert not standin.is_running()
    for ask in (standin.messages, standin.heal):
        with pytest.raises(CpuwatchError, match="another user's program listens there"):
            ask()
    said: list[int] = []

    async def say(status: int, _sentence: str) -> None:
        said.append(status)

    for handler in (labserver.FlinkHandler, labserver.SlackHandler):
        mine = SimpleNamespace(
            page=handler.page, _say=say, _refuse_foreign=lambda: None,
            request=SimpleNamespace(uri=f"/{handler.page}/"),
            source=lambda config, handler=handler: handler.source(None, config),
        )  # fmt: skip
        asyncio.run(handler.get.__wrapped__(mine, "/"))
    assert said == [502, 502]
    assert listener.heard == []


def test_this_users_program_is_asked(config: Settings, listener: Listener) -> None:
    assert listeners.may_be_ours(config, listener.port)
    assert not slack.SERVICE.answers(config)
    assert slack.secrets_in(config.slack_folder).token.encode() in b"".join(listener.heard)


@pytest.mark.skipif(ME != 0, reason="only root can start a process of another user")
def test_another_users_listener_is_seen(config: Settings) -> None:
    os.seteuid(pwd.getpwnam("nobody").pw_uid)
    try:
        theirs = socket.create_server(("127.0.0.1", 0))
    finally:
        os.seteuid(0)
    with theirs:
        assert not listeners.may_be_ours(config, int(theirs.getsockname()[1]))


HEAD = (
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout\n"
)
LINE = "   0: {}:{:04X} 00000000:0000 {} 00000000:00000000 00:00000000 00000000 {:5} 0 8945027\n"
HERE, ALL, ELSEWHERE = "0100007F", "00000000", "0500000A"
HERE6, ALL6 = "0000000000000000FFFF00000100007F", "0" * 32


@pytest.mark.skipif(sys.byteorder != "little", reason="the lists have this machine's order")
@pytest.mark.parametrize(
    ("found", "ours"),
    [
        ([], True),  # whoever asks is refused
        ([(HERE, 80, "0A", ME)], True),
        ([(HERE, 80, "0A", OTHER)], False),
        ([(ALL, 80, "0A", OTHER)], False),
        ([(HERE6, 80, "0A", OTHER)], False),
        ([(ALL6, 80, "0A", OTHER)], False),
        ([(HERE, 80, "0A", ME), (ALL6, 80, "0A", OTHER)], True),  # a server for IPv6 alone
        ([(HERE6, 80, "0A", ME)], True),
        ([(ELSEWHERE, 80, "0A", OTHER), (HERE, 80, "0A", ME)], True),
        ([(HERE, 81, "0A", OTHER), (HERE, 80, "0A", ME)], True),
        ([(HERE, 80, "01", OTHER), (HERE, 80, "0A", ME)], True),  # a connection
    ],
)
def test_who_listens_is_read_from_the_systems_lists(
    config: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    found: list[tuple[str, int, str, int]],
    ours: bool,
) -> None:
    for place, size in [("tcp", 8), ("tcp6", 32)]:
        lines = [LINE.format(*one) for one in found if len(one[0]) == size]
        (tmp_path / place).write_text(HEAD + "".join(lines))
    monkeypatch.setattr(listeners, "LISTS", (tmp_path / "tcp", tmp_path / "tcp6"))
    assert listeners.may_be_ours(config, 80) is ours


@pytest.mark.parametrize("runs", [True, False])
@pytest.mark.parametrize("listed", [None, "a list of\nanother form"])
def test_without_such_lists_a_stack_that_does_not_run_is_not_asked(
    config: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    listed: str | None,
    runs: bool,
) -> None:
    if listed is not None:
        (tmp_path / "tcp").write_text(listed)
    monkeypatch.setattr(listeners, "LISTS", (tmp_path / "tcp",))
    # Also where supervisor hangs, or was killed.
    monkeypatch.setattr(Supervisor, "strays", lambda _: ["one"] if runs else [])
    assert listeners.may_be_ours(config, 80) is runs


def asks_for_password(kind: int) -> Listener:
    """A false PostgreSQL, which asks for the password: in clear (3), or as a bad hash (5)."""
    salt = b"salt" if kind == 5 else b""
    return Listener(b"R" + struct.pack("!II", 8 + len(salt), kind) + salt)


@pytest.mark.parametrize("kind", [3, 5])
def test_a_false_postgresql_gets_no_password(config: Settings, kind: int) -> None:
    false = asks_for_password(kind)
    record(config, false.port)
    statefolder.write_passwords(config)
    secret = passwords.read(config.pgpass)[postgres.EMBEDDED]
    try:
        assert not postgres.SERVICE.answers(config)
        assert (postgres.refusal(config) or "").startswith("server requested a")
        with pytest.raises(CpuwatchError):
            thresholds.read(thresholds.engine())
        with pytest.raises(psycopg2.OperationalError):
            postgres.connect(host="127.0.0.1", port=false.port, user="u", password=secret)
    finally:
        false.end()
    heard = b"".join(false.heard)
    assert b"cpuwatch" in heard  # it was asked
    assert secret.encode() not in heard and b"md5" not in heard
