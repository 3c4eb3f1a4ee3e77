"""Others' Kafka lets us not in: in a sentence, the cause and the next step."""

from __future__ import annotations

import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from guarded import Authority

from cpuwatch import topics
from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import settings
from cpuwatch.stack import control, kafka, refused, turnedaway


@pytest.fixture
def outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., None]]:
    monkeypatch.setenv("CPUWATCH_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(kafka, "PATIENCE", 1)

    def choose(address: str = "broker.example:9092", **variables: str) -> None:
        monkeypatch.setenv("CPUWATCH_KAFKA", address)
        for name, value in variables.items():
            monkeypatch.setenv(f"CPUWATCH_KAFKA_{name}", value)
        settings.cache_clear()

    choose()
    yield choose
    settings.cache_clear()


@pytest.mark.parametrize(
    ("said", "step"),
    [
        ("SASL authentication error: Authentication failed: Invalid username or password", "anew"),
        ("Authentication failed during authentication due to invalid credentials with SASL"
         " mechanism SCRAM-SHA-256", "anew"),
        ("SASL PLAIN mechanism handshake failed: Broker: Unsupported SASL mechanism: broker's"
         " supported mechanisms: SCRAM-SHA-512", "CPUWATCH_KAFKA_SASL_MECHANISM to one"),
        ("Disconnected: verify that security.protocol is correctly configured, broker might"
         " require SASL authentication", "SASL_SSL for most providers"),
        ("Receive failed: error:0A00045C:SSL routines::tlsv13 alert certificate required: SSL"
         " alert number 116", "CPUWATCH_KAFKA_SSL_CERTIFICATE"),
        ("SSL handshake failed: ssl/record/rec_layer_s3.c:1590:error:0A000412:SSL routines::sslv3"
         " alert bad certificate: SSL alert number 42", "CPUWATCH_KAFKA_SSL_CERTIFICATE"),
        ("Receive failed: Invalid response size 352518912 (0..100000000): increase"
         " receive.message.max.bytes", "as one does that wants TLS"),
        ("Receive failed: Invalid response size 1213486160 (0..100000000): increase"
         " receive.message.max.bytes", "a web server"),
        ("Failed to resolve 'broker.example:9092': Name or service not known", "no such host"),
        ("Local: Broker transport failure", "list of addresses"),
        ("it took longer than 20 s", "list of addresses"),
        ("Broker: Topic authorization failed", "rights"),
        ("Connect to ipv4#127.0.0.1:1 failed: Connection refused", "Somebody else runs it"),
    ],
)  # fmt: skip
def test_what_librdkafka_says_is_followed_by_what_to_do(
    outside: Callable[..., None], said: str, step: str
) -> None:
    told = str(topics.unreachable(f"sasl_ssl://broker.example:9092/bootstrap: {said}"))
    assert told.startswith(f"Kafka at broker.example:9092 does not answer ({said}). ")
    assert step in told and "cpuwatch up" not in told


def test_a_kafka_of_our_own_is_started(outside: Callable[..., None]) -> None:
    outside("")
    assert "'cpuwatch up'" in turnedaway.remedy(settings(), "certificate verify failed")


def test_nobody_is_sent_to_start_what_others_run(
    outside: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CPUWATCH_POSTGRES", "postgresql://anna@h/d")
    settings.cache_clear()
    told = refused.sentence(settings(), OSError("no answer"))
    assert "Somebody else runs it (CPUWATCH_POSTGRES)" in told and "cpuwatch up" not in told


@contextmanager
def listener(context: ssl.SSLContext | None) -> Iterator[str]:
    """One that hangs up on whoever has said something."""

    class Once(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            try:
                spoken = context.wrap_socket(self.request, server_side=True) if context else None
                (spoken or self.request).recv(65536)
                if spoken is None:  # a part that is not read would make it a reset instead
                    self.request.shutdown(socket.SHUT_WR)
                    while self.request.recv(65536):
                        pass
            except OSError:
                pass  # who does not like it goes away

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Once) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join(10)


@pytest.mark.parametrize(
    ("with_tls", "protocol", "step"),
    [
        (True, "", "as one does that wants TLS"),
        (True, "SSL", "Nobody whom this machine trusts has signed its certificate"),
        (False, "SSL", "No TLS is spoken at that port"),
    ],
)
def test_what_a_real_listener_is_told_by(
    outside: Callable[..., None], tmp_path: Path, with_tls: bool, protocol: str, step: str
) -> None:
    context = None
    if with_tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*Authority(tmp_path).vouch("broker"))
    with listener(context) as address:
        outside(address, SECURITY_PROTOCOL=protocol)
        told = control.outside_silent(settings(), kafka.SERVICE)
    assert told.startswith(f"Kafka at {address} does not answer (") and step in told
    assert "bootstrap" not in told and " after " not in told


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"SECURITY_PROTOCOL": "SASL_SSL"}, "CPUWATCH_KAFKA_SASL_USERNAME"),
        ({"SASL_USERNAME": "anna"}, "it is not set, and CPUWATCH_KAFKA_SASL_USERNAME is"),
        ({"SASL_PASSWORD": "hush"}, "which goes with it, is not set"),
    ],
)
def test_half_a_login_is_refused(
    outside: Callable[..., None], variables: dict[str, str], said: str
) -> None:
    outside(**variables)
    with pytest.raises(CpuwatchError) as caught:
        settings()
    told = str(caught.value)
    assert said in told and "hush" not in told
    assert told.startswith("CPUWATCH_KAFKA_SASL_PASSWORD in the environment or .env is not usable")
