"""The client for servers on this machine: JSON both ways, causes in few words, no proxy."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from cpuwatch import web


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
    assert caught.value.response is not None and caught.value.response.status_code == 404


def test_an_answer_that_is_no_json_is_a_value_error(address: str) -> None:
    with pytest.raises(ValueError):
        web.ask(address, "/text")


def test_what_does_not_answer_is_told_in_the_system_s_own_words() -> None:
    with pytest.raises(requests.RequestException, match=r"^\[Errno \d+\] Connection refused$"):
        web.ask("http://127.0.0.1:9", "/")
    assert issubclass(requests.RequestException, OSError)


def test_neither_a_proxy_nor_a_netrc_of_the_environment_counts(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert web.ask(address, "/")["authorization"] is None
