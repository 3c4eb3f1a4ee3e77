"""A Kafka that lets in who has the stack's key alone: the usual story, and nobody else."""

from __future__ import annotations

import json
import os
import re
import socket
import ssl
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import cpuwatch, cpuwatch_json, new_state, processes_of
from guarded import Authority

from cpuwatch.settings import ROOT
from cpuwatch.stack import kafka

CLOSED = {"CPUWATCH_KAFKA_SECURITY_PROTOCOL": "SSL"}


@pytest.fixture(scope="module")
def closed() -> Iterator[Path]:
    """The state folder of a stack whose Kafka was asked to close when it was made."""
    folder = new_state()
    done = cpuwatch("up", CPUWATCH_STATE=str(folder), **CLOSED)
    assert done.returncode == 0, done.stderr
    assert "this stack's key alone" in " ".join((done.stdout + done.stderr).split())
    yield folder
    stopped = cpuwatch("down", "--wipe", CPUWATCH_STATE=str(folder))
    assert stopped.returncode == 0, stopped.stderr
    assert processes_of(folder) == []


def ports(state: Path) -> dict[str, int]:
    return dict(json.loads((state / "services.json").read_text())["ports"])


def test_the_story_is_the_usual_one_whoever_sets_the_variable_or_not(closed: Path) -> None:
    """Other terminals, and kernels, know from its configuration how it was made."""
    found = cpuwatch_json("demo", CPUWATCH_STATE=str(closed))
    assert (found["readings"], found["filtered"], found["windows"]) == (21_000, 538, 700)
    assert (found["alerts"], found["slack_messages"]) == (62, 4)
    health = cpuwatch("doctor", CPUWATCH_STATE=str(closed))
    assert health.returncode == 0, health.stdout


def test_it_is_closed_after_the_next_start_too(closed: Path) -> None:
    there = {"CPUWATCH_STATE": str(closed)}
    assert cpuwatch("down", **there).returncode == 0
    assert cpuwatch("up", **there).returncode == 0
    assert not kafka.answers(f"127.0.0.1:{ports(closed)['kafka']}")
    assert cpuwatch_json("produce", "--count", "100", **there)["readings"] == 100


#: Kafka's question which versions a listener speaks, which anybody may ask who is let in.
VERSIONS = struct.pack(">ihhih", 10, 18, 0, 1, -1)


def answers(port: int, context: ssl.SSLContext | None) -> bool:
    """Whether a listener answers, rather than to hang up, with an alert of TLS or without."""
    try:
        with socket.create_connection(("127.0.0.1", port), 10) as plain:
            one = context.wrap_socket(plain, server_hostname="127.0.0.1") if context else plain
            with one:
                one.sendall(VERSIONS)
                return one.recv(8)[4:] == VERSIONS[8:12]  # the question's number
    except OSError:
        return False


@pytest.mark.parametrize("listener", ["kafka", "kafka_controller"])
def test_whoever_lacks_the_key_is_not_let_in(closed: Path, listener: str, tmp_path: Path) -> None:
    port = ports(closed)[listener]
    pem = closed / "keys" / "flink.pem"
    with_key, without, another = (ssl.create_default_context(cafile=str(pem)) for _ in range(3))
    with_key.load_cert_chain(pem)
    another.load_cert_chain(*Authority(tmp_path).vouch("cpuwatch"))
    assert answers(port, with_key)
    for context in (None, without, another):
        assert not answers(port, context)


def test_the_page_s_client_is_let_in(closed: Path) -> None:
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    (its,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", f"{its}\nprint(sorted(producer.list_topics(timeout=20).topics))"],
        env=os.environ | {"CPUWATCH_STATE": str(closed)},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert "cpu_load_stats_real" in done.stdout, done.stderr


def test_clients_without_the_key_learn_nothing(closed: Path, tmp_path: Path) -> None:
    address = f"127.0.0.1:{ports(closed)['kafka']}"
    certificate, key = Authority(tmp_path).vouch("cpuwatch")
    for options in (
        {},
        {"security.protocol": "SSL"},
        {
            "security.protocol": "SSL",
            "ssl.ca.location": str(closed / "keys" / "flink.pem"),
            "ssl.certificate.location": str(certificate),
            "ssl.key.location": str(key),
        },
    ):
        assert not kafka.answers(address, **options), options


def test_the_key_and_what_names_it_are_their_owner_s_alone(closed: Path) -> None:
    assert (closed / "keys" / "flink.pem").stat().st_mode & 0o077 == 0
    text = (closed / "kafka" / "server.properties").read_text()
    assert "PLAINTEXT" not in text and str(closed) not in text


def test_one_that_was_made_open_says_that_it_cannot_close(stack: Path) -> None:
    before = [(one.pid, one.create_time()) for one in processes_of(stack)]
    done = cpuwatch("up", **CLOSED)
    said = " ".join(done.stderr.split())
    assert done.returncode == 1
    assert "this one was made open" in said and "'cpuwatch down --wipe'" in said
    assert [(one.pid, one.create_time()) for one in processes_of(stack)] == before
    assert cpuwatch("status", **CLOSED).returncode == 0  # it answers as it did
