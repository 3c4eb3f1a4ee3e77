"""How a Kafka of others lets us in: what clients, tables and Flink are told."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from guarded import Authority

from cpuwatch import sql, topics
from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import settings
from cpuwatch.stack import access

SECRET = "p\"w\\d'$x"


@pytest.fixture(autouse=True)
def outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("CPUWATCH_KAFKA", "broker.example:9092")
    monkeypatch.setenv("CPUWATCH_STATE", str(tmp_path / "it's"))
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    certificate, key = Authority(tmp_path).vouch("anna")
    return {"ca": tmp_path / "ca.crt", "certificate": certificate, "key": key}


def test_without_settings_nothing_is_said() -> None:
    assert access.client_options(settings()) == {} == access.table_options(settings())
    assert access.prepare(settings()) == []
    assert "security" not in sql.fill(sql.taught("cpu_in"))


def test_a_name_and_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CPUWATCH_KAFKA_SASL_USERNAME", "anna")
    monkeypatch.setenv("CPUWATCH_KAFKA_SASL_PASSWORD", SECRET)
    settings.cache_clear()
    assert topics.client_settings() == {
        "bootstrap.servers": "broker.example:9092",
        "log_level": 0,
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "anna",
        "sasl.password": SECRET,
    }
    text = sql.fill(sql.taught("cpu_out_agg"))
    assert text.count("'properties.security.protocol' = 'SASL_SSL'") == 1
    assert text.count("'properties.sasl.mechanism' = 'PLAIN'") == 1
    assert SECRET not in text and "anna" not in text
    assert access.prepare(settings()) == ["-Djava.security.auth.login.config=../keys/kafka.jaas"]
    file = settings().keys / access.JAAS
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert 'password="p\\"w\\\\d\'$x";' in file.read_text()
    assert "PlainLoginModule" in file.read_text()
    assert SECRET not in repr(settings())


def test_a_certificate(monkeypatch: pytest.MonkeyPatch, files: dict[str, Path]) -> None:
    for name, path in files.items():
        monkeypatch.setenv(f"CPUWATCH_KAFKA_SSL_{name.upper()}", str(path))
    settings.cache_clear()
    assert access.client_options(settings()) == {
        "security.protocol": "SSL",
        "ssl.ca.location": str(files["ca"]),
        "ssl.certificate.location": str(files["certificate"]),
        "ssl.key.location": str(files["key"]),
    }
    assert access.table_options(settings()) == {
        "properties.security.protocol": "SSL",
        "properties.ssl.truststore.type": "PEM",
        "properties.ssl.truststore.location": str(files["ca"]),
        "properties.ssl.keystore.type": "PEM",
        "properties.ssl.keystore.location": "../keys/kafka-client.pem",
    }
    assert access.prepare(settings()) == []
    store = settings().keys / access.KEYSTORE
    assert store.read_text() == files["key"].read_text() + files["certificate"].read_text()
    assert stat.S_IMODE(store.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("SECURITY_PROTOCOL", "TLS", "one of PLAINTEXT, SSL"),
        ("SASL_MECHANISM", "GSSAPI", "one of PLAIN, SCRAM-SHA-256"),
        ("SSL_CA", "/nowhere/ca.pem", "there is no file /nowhere/ca.pem"),
        ("SASL_PASSWORD", "hush\nhush", "line break"),
        ("SSL_CA", "~nosuchuser/ca.pem", "no home folder that its '~' would name"),
        ("SSL_CERTIFICATE", "-----BEGIN CERTIFICATE-----", "write the path of a file"),
    ],
)
def test_what_cannot_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv(f"CPUWATCH_KAFKA_{variable}", value)
    settings.cache_clear()
    with pytest.raises(CpuwatchError, match=said) as refused:
        settings()
    assert f"CPUWATCH_KAFKA_{variable}" in str(refused.value) and "hush" not in str(refused.value)


def test_words_of_kafka_in_small_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CPUWATCH_KAFKA_SECURITY_PROTOCOL", "sasl_plaintext")
    monkeypatch.setenv("CPUWATCH_KAFKA_SASL_MECHANISM", "scram-sha-512")
    monkeypatch.setenv("CPUWATCH_KAFKA_SASL_USERNAME", "anna")
    monkeypatch.setenv("CPUWATCH_KAFKA_SASL_PASSWORD", SECRET)
    settings.cache_clear()
    assert access.table_options(settings()) == {
        "properties.security.protocol": "SASL_PLAINTEXT",
        "properties.sasl.mechanism": "SCRAM-SHA-512",
    }


def test_an_embedded_kafka_takes_none_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CPUWATCH_KAFKA", "")
    monkeypatch.setenv("CPUWATCH_KAFKA_SASL_USERNAME", "anna")
    settings.cache_clear()
    assert access.client_options(settings()) == {} == access.table_options(settings())
