"""The client for servers on this machine: JSON both ways, causes in few words, no proxy."""

from __future__ import annotations

import errno
import faulthandler
import json
import random
import signal
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cpuwatch import web
from cpuwatch.stack import keys


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was asked; /empty, /text and /404 with what they say."""

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        said = {
            "method": self.command,
            "path": self.path,
            "body": self.rfile.read(length).decode(),
            "authorization": self.headers.get("Authorization"),
        }
        answers = {"/empty": b" \n", "/text": b"<html>"}
        self.send_response(404 if self.path == "/404" else 200)
        self.end_headers()
        self.wfile.write(answers.get(self.path, json.dumps(said).encode()))

    do_GET = do_POST = do_PATCH = answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_json_goes_in_and_comes_out(address: str) -> None:
    asked = web.ask(address, "/path?a=b", "POST", {"ö": [1, None]}, {"Authorization": "Bearer x"})
    assert (asked["method"], asked["path"]) == ("POST", "/path?a=b")
    assert (json.loads(asked["body"]), asked["authorization"]) == ({"ö": [1, None]}, "Bearer x")
    assert web.ask(address, "/", "PATCH")["body"] == ""


def test_an_empty_answer_is_none(address: str) -> None:
    assert web.ask(address, "/empty") is None


def test_an_answer_that_is_an_error_is_one(address: str) -> None:
    with pytest.raises(web.HTTPError, match=r"^404 Not Found$") as caught:
        web.ask(address, "/404")
    assert caught.value.status == 404


def test_an_answer_that_is_no_json_is_a_value_error(address: str) -> None:
    with pytest.raises(ValueError):
        web.ask(address, "/text")


def test_what_does_not_answer_is_told_in_the_system_s_own_words() -> None:
    with pytest.raises(OSError, match=r"^\[Errno \d+\] Connection refused$"):
        web.ask("http://127.0.0.1:9", "/")


def test_what_does_not_speak_http_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def chat() -> None:
            connection, _ = server.accept()
            connection.recv(1000)
            connection.sendall(b"220 mail.example.com\r\n")
            connection.close()

        threading.Thread(target=chat).start()
        with pytest.raises(ConnectionError, match=r"^the answer is no HTTP: 220 mail"):
            web.ask(f"http://127.0.0.1:{server.getsockname()[1]}", "/")


@pytest.mark.parametrize("address", ["127.0.0.1:8081", "ftp://127.0.0.1", "http://"])
def test_what_is_no_address_is_a_value_error(address: str) -> None:
    with pytest.raises(ValueError, match="is no address of a server"):
        web.ask(address, "/")


def test_an_interrupt_at_any_moment_leaves_the_next_question_well(address: str) -> None:
    # A client with a pool of connections hung in one of some thousand, for ever.
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    patience = threading.Timer(60, faulthandler.dump_traceback)
    chance = random.Random(7)
    patience.start()
    tries = got = 0
    try:
        while tries < 500:
            try:
                while tries < 500:
                    tries += 1
                    signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.0002, 0.004))
                    while signal.getitimer(signal.ITIMER_REAL)[0]:
                        web.ask(address, "/")
            except KeyboardInterrupt:
                got += 1
        assert web.ask(address, "/")["path"] == "/"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        patience.cancel()
    assert got > 300


def test_neither_a_proxy_nor_a_netrc_of_the_environment_counts(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert web.ask(address, "/")["authorization"] is None


# --- With TLS: a thread keeps its connection ------------------------------------------------


class Kept(BaseHTTPRequestHandler):
    """Answers how many connections there have been, on one that stays."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        said = json.dumps(self.server.connections).encode()
        self.send_response(404 if self.path == "/404" else 200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_POST = answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


class Secret(ThreadingHTTPServer):
    """A server that shows a stack's key, counts its connections, and can break them off."""

    daemon_threads = True
    # Who is interrupted again and again leaves connections behind: with room for five, as it is by
    # default, a busy machine lets the next one wait for seconds.
    request_queue_size = 128

    def __init__(self, folder: Path, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Kept)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(folder / keys.PEM)
        self.connections = 0
        self._there: list[socket.socket] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        plain, place = super().get_request()
        connection = self._context.wrap_socket(
            plain, server_side=True, do_handshake_on_connect=False
        )
        self.connections += 1
        self._there.append(connection)
        return connection, place

    def handle_error(self, *_: object) -> None:
        pass  # of a connection that was broken off

    def end(self) -> None:
        """As if it was killed."""
        self.shutdown()
        self.server_close()
        for connection in self._there:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("key")
    keys.make(folder)
    return folder


@pytest.fixture
def secret(key: Path) -> Iterator[Secret]:
    server = Secret(key)
    yield server
    server.end()


def test_a_thread_keeps_its_connection(secret: Secret, key: Path) -> None:
    address, context = f"https://127.0.0.1:{secret.server_port}", keys.context(key)
    assert [web.ask(address, "/", context=context) for _ in range(3)] == [1, 1, 1]
    with pytest.raises(web.HTTPError):
        web.ask(address, "/404", context=context)
    assert web.ask(address, "/", context=context) == 1
    # What changes something is asked on a new one: it is not known of an old one whether it works,
    # and nobody may ask twice.
    assert web.ask(address, "/", "POST", {}, context=context) == 2
    assert web.ask(address, "/", context=context) == 2
    found: list[int] = []
    other = threading.Thread(target=lambda: found.append(web.ask(address, "/", context=context)))
    other.start()
    other.join(20)
    assert found == [3]
    assert web.ask(address, "/", context=context) == 3, "how many there were, on this one, too"


def test_a_server_that_was_killed_and_is_there_again_is_asked_anew(key: Path) -> None:
    first = Secret(key)
    port = first.server_port
    address, context = f"https://127.0.0.1:{port}", keys.context(key)
    assert web.ask(address, "/", context=context) == 1
    first.end()
    with pytest.raises(OSError, match="Connection refused"):
        web.ask(address, "/", context=context)
    second = Secret(key, port)
    try:
        assert web.ask(address, "/", context=context) == 1
        second.end()
        second = Secret(key, port)
        assert web.ask(address, "/", context=context) == 1
    finally:
        second.end()


def test_an_interrupt_at_any_moment_costs_no_more_than_the_connection(
    secret: Secret, key: Path
) -> None:
    address, context = f"https://127.0.0.1:{secret.server_port}", keys.context(key)
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    chance = random.Random(7)
    got = 0
    try:
        for _ in range(500):
            try:
                signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.0002, 0.004))
                while signal.getitimer(signal.ITIMER_REAL)[0]:
                    assert 1 <= web.ask(address, "/", context=context) <= secret.connections
            except KeyboardInterrupt:
                got += 1
            except OSError as error:
                # Seen once, on a busy machine: in the midst of a handshake Python's own ssl
                # finds its socket closed, and says that instead. It costs that connection, too.
                if error.errno != errno.EBADF:
                    raise
                got += 1
        assert web.ask(address, "/", context=context) > 0
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert got > 300
