"""A Flink of others behind TLS, that asks for a certificate or for a token.

It is the stack's own: its REST interface asks for a certificate. Before it stands a gate that asks
for a token instead.
"""

from __future__ import annotations

import http.client
import json
import re
import shutil
import ssl
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from conftest import PLACE, PREFIX, cpuwatch, files_in
from guarded import Authority

from cpuwatch.settings import Settings, settings
from cpuwatch.stack import keys, passwords, postgres

TOKEN = "t0ken-of-ours"


class Gate(ThreadingHTTPServer):
    """Lets in who shows the token, and passes on what they ask."""

    daemon_threads = True

    def __init__(self, certificate: tuple[Path, Path], flink: int, key: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        shown.load_cert_chain(*certificate)
        self.socket = shown.wrap_socket(self.socket, server_side=True)
        self.flink, self.key = flink, key
        self.refused = 0


class _Passing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Gate

    def _pass(self) -> None:
        if self.headers.get("Transfer-Encoding") == "chunked":
            sent = b""
            while size := int(self.rfile.readline(), 16):
                sent += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.server.refused += 1
            status, answer, kind = 401, b'{"errors": ["no token"]}', "application/json"
        else:
            way = http.client.HTTPSConnection(
                "127.0.0.1", self.server.flink, context=keys.context(self.server.key)
            )
            headers = {"Content-Type": self.headers.get("Content-Type", "application/json")}
            way.request(self.command, self.path, sent, headers)
            found = way.getresponse()
            status, answer = found.status, found.read()
            kind = found.headers.get("Content-Type", "application/json")
            way.close()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = do_PATCH = do_DELETE = _pass  # noqa: N815

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix=PREFIX, dir=PLACE))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def services(stack: Path) -> dict[str, str]:
    """The stack's, as others would name them; its Flink without what lets us in."""
    config: Settings = settings()
    secret = passwords.read(config.pgpass)[postgres.EMBEDDED]
    return {
        "CPUWATCH_KAFKA": f"127.0.0.1:{config.port('kafka')}",
        "CPUWATCH_POSTGRES": f"postgresql://cpuwatch@127.0.0.1:{config.port('postgres')}/cpuwatch",
        "POSTGRES_PASSWORD": secret,
        "CPUWATCH_FLINK": config.flink_address,
    }


@pytest.fixture(scope="module")
def own(stack: Path, folder: Path) -> dict[str, str]:
    """The stack's certificate, and its key, in a file each."""
    text = (settings().keys / keys.PEM).read_text()
    parts = re.findall(r"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----\n", text, re.DOTALL)
    assert len(parts) == 2
    found = re.split(r"(?=-----BEGIN CERTIFICATE)", text)
    places = folder / "own.key", folder / "own.crt"
    for place, part in zip(places, found, strict=True):
        place.write_text(part)
    return {
        "CPUWATCH_FLINK_SSL_CA": str(places[1]),
        "CPUWATCH_FLINK_SSL_CERTIFICATE": str(places[1]),
        "CPUWATCH_FLINK_SSL_KEY": str(places[0]),
    }


@pytest.fixture(scope="module")
def gate(stack: Path, folder: Path) -> Iterator[Gate]:
    made = Gate(
        Authority(folder).vouch("gate"), int(settings().port("flink_rest")), settings().keys
    )
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join(10)


def demo(state: Path, given: dict[str, str]) -> None:
    """The story, from a state folder of its own; nothing of what lets us in is told or kept."""
    try:
        done = cpuwatch("demo", "--json", CPUWATCH_STATE=str(state), **given)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["alerted_hosts"] == ["bashful", "doc", "grumpy", "sneezy"]
        assert TOKEN not in done.stdout + done.stderr
        for path, content in files_in(state):
            assert TOKEN.encode() not in content, path
            if path.suffix == ".p12":
                assert path.stat().st_mode & 0o777 == 0o600
    finally:
        cpuwatch("down", "--wipe", CPUWATCH_STATE=str(state))


def test_by_a_certificate(services: dict[str, str], own: dict[str, str], folder: Path) -> None:
    demo(folder / "by-certificate", services | own)


def test_by_a_token(services: dict[str, str], gate: Gate, folder: Path) -> None:
    given = services | {
        "CPUWATCH_FLINK": f"https://localhost:{gate.server_address[1]}",
        "CPUWATCH_FLINK_SSL_CA": str(folder / "ca.crt"),
    }
    demo(folder / "by-token", given | {"CPUWATCH_FLINK_TOKEN": TOKEN})
    assert gate.refused == 0

    for token, said in (("", "wants a token, CPUWATCH_FLINK_TOKEN"), ("another", "or another one")):
        state = folder / "refused"
        done = cpuwatch("up", CPUWATCH_STATE=str(state), **given, CPUWATCH_FLINK_TOKEN=token)
        assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
        assert done.stderr.startswith("Error: Flink at https://localhost:") and said in done.stderr


@pytest.mark.parametrize(
    ("left_out", "said"),
    [
        (["CA"], "CPUWATCH_FLINK_SSL_CA names a file"),
        (["CERTIFICATE", "KEY"], "CPUWATCH_FLINK_SSL_CERTIFICATE"),
    ],
)
def test_what_is_missing_is_named(
    services: dict[str, str], own: dict[str, str], folder: Path, left_out: list[str], said: str
) -> None:
    given = {**services, **own} | {f"CPUWATCH_FLINK_SSL_{name}": "" for name in left_out}
    done = cpuwatch("up", CPUWATCH_STATE=str(folder / "missing"), **given)
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("Error: Flink at https://127.0.0.1:") and said in done.stderr


def test_a_file_that_is_no_certificate(
    services: dict[str, str], own: dict[str, str], folder: Path
) -> None:
    (folder / "nonsense").write_text("nonsense\n")
    given = {**services, **own, "CPUWATCH_FLINK_SSL_CA": str(folder / "nonsense")}
    done = cpuwatch("up", CPUWATCH_STATE=str(folder / "nonsense-state"), **given)
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert "there is no certificate in PEM in" in done.stderr
