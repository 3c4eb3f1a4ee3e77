"""The jars: each the one that the lock names, whatever the network does."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import ROOT, settings
from cpuwatch.stack import jars

CONTENT = b"not really a jar, but hashed like one" * 1000
JAR = jars.Jar("kafka", "org.example:thing:1.0", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


class Response:
    """A server's answer, which may break off in the middle."""

    def __init__(self, content: bytes, status: int = 200, breaks: bool = False) -> None:
        self.content, self.status_code, self.breaks = content, status, breaks
        self.headers = {"content-length": str(len(content))}
        self.text = hashlib.sha1(content).hexdigest()

    def iter_content(self, chunk_size: int) -> Iterator[bytes]:
        half = len(self.content) // 2
        yield self.content[:half]
        if self.breaks:
            raise requests.exceptions.ChunkedEncodingError("connection broken")
        yield self.content[half:]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch):
    """Puts answers in the place of the network; what asks for the jar gets them in turn."""
    monkeypatch.setattr("time.sleep", lambda _: None)  # the pauses between tries

    def answers(*responses: Response | Exception) -> list[str]:
        queue, asked = list(responses), []

        def get(url: str, **_: object) -> Response:
            if url.endswith(".jar.sha1"):
                return Response(b"", 404)
            asked.append(url)
            answer = queue.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(requests, "get", get)
        return asked

    return answers


def test_a_jar_is_downloaded_once(serve, tmp_path: Path) -> None:
    asked = serve(Response(CONTENT))
    for _ in range(2):
        found = jars.fetch(tmp_path, {"kafka"}, [JAR], show=False)
        assert found == {"kafka": [tmp_path / "jars" / "thing-1.0.jar"]}
        assert found["kafka"][0].read_bytes() == CONTENT
    assert len(asked) == 1


def test_a_dropped_connection_is_survived(serve, tmp_path: Path) -> None:
    asked = serve(
        Response(CONTENT, breaks=True), requests.ConnectionError("gone"), Response(CONTENT)
    )
    (path,) = jars.fetch(tmp_path, {"kafka"}, [JAR], show=False)["kafka"]
    assert path.read_bytes() == CONTENT
    assert len(asked) == 3


def test_no_network_is_one_sentence_and_leaves_nothing_half(serve, tmp_path: Path) -> None:
    serve(*[requests.ConnectionError("gone")] * 10)
    with pytest.raises(CpuwatchError, match=r"the server cannot be reached.*run the same command"):
        jars.fetch(tmp_path, {"kafka"}, [JAR], show=False)
    assert [path.name for path in (tmp_path / "jars").iterdir()] == [".lock"]


def distrust(why: str) -> requests.exceptions.SSLError:
    said = f"[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: {why} (_ssl.c:1006)"
    return requests.exceptions.SSLError(f"HTTPSConnectionPool(...): ({said!r})")


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (
            distrust("certificate is not yet valid"),
            r"not yet valid; this machine's clock says \d{4}-",
        ),
        (distrust("certificate has expired"), "expired; this machine's clock says"),
        (distrust("self-signed certificate in certificate chain"), "REQUESTS_CA_BUNDLE"),
        (requests.exceptions.SSLError("WRONG_VERSION_NUMBER"), "TLS failed"),
        (requests.exceptions.ProxyError("407"), "HTTPS_PROXY"),
    ],
    ids=str,
)
def test_who_is_not_trusted_is_told_why(
    serve, tmp_path: Path, error: Exception, remedy: str
) -> None:
    serve(*[error] * 10)
    with pytest.raises(CpuwatchError, match=remedy):
        jars.fetch(tmp_path, {"kafka"}, [JAR], show=False)


def test_a_jar_with_another_hash_is_refused(serve, tmp_path: Path) -> None:
    serve(*[Response(CONTENT[::-1])] * 10)
    with pytest.raises(CpuwatchError, match=r"thing-1.0.jar was refused: its SHA-256 is"):
        jars.fetch(tmp_path, {"kafka"}, [JAR], show=False)
    assert [path.name for path in (tmp_path / "jars").iterdir()] == [".lock"]


@pytest.mark.parametrize("spoilt", [b"", CONTENT[:-1], CONTENT[:-1] + b"!"])
def test_a_spoilt_jar_in_the_cache_is_fetched_anew(serve, tmp_path: Path, spoilt: bytes) -> None:
    serve(Response(CONTENT))
    (tmp_path / "jars").mkdir()
    (tmp_path / "jars" / "thing-1.0.jar").write_bytes(spoilt)
    (path,) = jars.fetch(tmp_path, {"kafka"}, [JAR], show=False)["kafka"]
    assert path.read_bytes() == CONTENT


def test_jars_are_taken_from_a_folder_the_right_ones_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = jars.locked()[:2]
    good = b"good"
    of_good = hashlib.sha256(good).hexdigest()
    listed = [replace(jar, size=len(good), sha256=of_good) for jar in (one, other)]
    monkeypatch.setattr(jars, "locked", lambda: listed)
    monkeypatch.setenv("CPUWATCH_CACHE", str(tmp_path / "cache"))
    settings.cache_clear()
    stick = tmp_path / "stick"
    stick.mkdir()
    (stick / one.filename).write_bytes(good)
    (stick / other.filename).write_bytes(b"bad!")
    (stick / "unknown.jar").write_bytes(good)
    try:
        jars.take(stick)
    finally:
        settings.cache_clear()
    assert [path.name for path in (tmp_path / "cache" / "jars").glob("*.jar*")] == [one.filename]
    assert (tmp_path / "cache" / "jars" / one.filename).read_bytes() == good


def test_what_a_killed_download_left_is_swept(serve, tmp_path: Path) -> None:
    serve(Response(CONTENT))
    left = tmp_path / "jars" / "download-of-yesterday"
    left.mkdir(parents=True)
    (left / "half.jar").write_bytes(b"half")
    jars.fetch(tmp_path, {"kafka"}, [JAR], show=False)
    assert not left.exists()


def test_the_lock_pins_every_jar_that_is_wanted() -> None:
    locked = jars.locked()
    coordinates = {jar.coordinate for jar in locked}
    for wanted in jars.WANTED.values():
        assert set(wanted) <= coordinates
    # What has a known fault is replaced, and is not there beside its replacement.
    assert set(jars.INSTEAD.values()) <= coordinates and not set(jars.INSTEAD) & coordinates
    assert all(re.fullmatch(r"[0-9a-f]{64}", jar.sha256) and jar.size > 0 for jar in locked)
    assert len({jar.filename for jar in locked}) == len(locked)
    assert "http" not in jars.LOCK.read_text()


def test_each_jar_is_asked_about_once() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "jars_for_audit.py")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert sorted(lines) == sorted({f"{jar.coordinate}=runtimeClasspath" for jar in jars.locked()})
