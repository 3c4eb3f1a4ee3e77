"""Addresses as providers' pages show them: taken as they are meant, or refused in a sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cpuwatch import envfile, pgaddress
from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import ROOT, Settings, settings
from cpuwatch.stack import access

Given = Callable[..., Settings]

LOGIN = {"KAFKA_SASL_USERNAME": "anna", "KAFKA_SASL_PASSWORD": "secret"}


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Iterator[Given]:
    def make(**variables: str) -> Settings:
        for name, value in variables.items():
            monkeypatch.setenv(f"CPUWATCH_{name}", value)
        settings.cache_clear()
        return settings()

    yield make
    settings.cache_clear()


@pytest.mark.parametrize(
    ("pasted", "meant", "protocol"),
    [
        ("a.example:9092", "a.example:9092", None),
        ("SASL_SSL://a.example:9092", "a.example:9092", "SASL_SSL"),
        ("sasl_ssl://a.example:9092/", "a.example:9092", "SASL_SSL"),
        ("SASL_PLAINTEXT://a:1", "a:1", "SASL_PLAINTEXT"),
        ("PLAINTEXT://a:1", "a:1", "PLAINTEXT"),
        ("kafka://a:1", "a:1", None),
        ("kafka+ssl://a:9096,kafka+ssl://b:9096", "a:9096,b:9096", "SSL"),
        ("SSL://a:1,b:1", "a:1,b:1", "SSL"),
        ("a:1, b:2", "a:1,b:2", None),
        ("a:1 b:2", "a:1,b:2", None),
        ("a:1;b:2;", "a:1,b:2", None),
        ("a:1,b:2,", "a:1,b:2", None),
        ("  a:1\t", "a:1", None),
        ('"a:1,b:2"', "a:1,b:2", None),
        ("'a:1'", "a:1", None),
        ("B-1.Example.COM:9094", "B-1.Example.COM:9094", None),
        ("[::1]:9092,127.0.0.1:1", "[::1]:9092,127.0.0.1:1", None),
    ],
)
def test_bootstrap_servers_are_taken_as_they_are_shown(
    given: Given, pasted: str, meant: str, protocol: str | None
) -> None:
    login = LOGIN if (protocol or "").startswith("SASL") else {}
    config = given(KAFKA=pasted, KAFKA_FROM_FLINK=pasted, **login)
    assert (config.kafka, config.kafka_from_flink) == (meant, meant)
    assert access.protocol(config) == protocol


def test_what_is_set_on_purpose_counts_more_than_what_stands_before_an_address(
    given: Given, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CPUWATCH_STATE", str(tmp_path))  # one in which no Kafka was made
    config = given(KAFKA="SSL://a:1", KAFKA_SECURITY_PROTOCOL="sasl_plaintext", **LOGIN)
    assert access.protocol(config) == "SASL_PLAINTEXT"
    assert access.protocol(given(KAFKA_SECURITY_PROTOCOL="")) == "SSL"
    assert access.protocol(given(KAFKA="")) is None


@pytest.mark.parametrize(
    ("pasted", "said"),
    [
        ("hush.example", "its port is missing: write it as host:port"),
        ("hush:9092,b", "its port is missing"),
        ("[::1]", "its port is missing"),
        ("SASL_SSL://hush", "its port is missing"),
        ("::1:9092", "in brackets, as [::1]:9092"),
        ("https://hush:443", "the one that is called bootstrap server"),
        ("SSL://hush:1,PLAINTEXT://b:1", "without anything before it"),
        ("amqps://hush:1", "without anything before it"),
        ("hush:0", "write it as host:port"),
        ("anna:hush@b:9092", "write it as host:port"),
        (",", "write it as host:port"),
        ("'hush:1", "write it as host:port"),
        ("hush:1\nb:1", "there is a line break"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_sentence(
    given: Given, pasted: str, said: str
) -> None:
    with pytest.raises(CpuwatchError) as caught:
        given(KAFKA=pasted)
    told = str(caught.value)
    assert told.startswith("CPUWATCH_KAFKA in the environment or .env is not usable: ")
    assert said in told and "hush" not in told and "\n" not in told


BLOCKS = [
    block
    for block in re.split(r"\n#\n", (ROOT / ".env.example").read_text().partition("providers")[2])
    if "CPUWATCH_" in block
]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.lstrip("# ").split()[0])
def test_what_the_example_has_of_each_provider_can_be_read(
    given: Given, tmp_path: Path, block: str
) -> None:
    lines = re.findall(r"^# (CPUWATCH_\w+=.*)$", block, re.MULTILINE)
    text = "\n".join(lines).replace("PORT", "9092").replace("BOOTSTRAP SERVER", "b.example")
    (tmp_path / ".env").write_text(text)
    found = envfile.read(tmp_path / ".env")
    assert all(found.values())
    if "CPUWATCH_POSTGRES" in found:
        pgaddress.refuse(str(found["CPUWATCH_POSTGRES"]))
        return
    there = {name: str(value) for name, value in found.items() if "_SSL_" not in name}  # no files
    config = given(**{name.removeprefix("CPUWATCH_"): value for name, value in there.items()})
    named = found.get("CPUWATCH_KAFKA_SASL_USERNAME")
    assert config.kafka_sasl_username == named
    assert access.protocol(config) == ("SASL_SSL" if named else None)


def test_flink_speaks_to_kafka_as_we_do(given: Given) -> None:
    with pytest.raises(CpuwatchError, match=r"KAFKA_FROM_FLINK .* it says SSL, and Flink speaks"):
        given(KAFKA="a:1", KAFKA_FROM_FLINK="SSL://b:1")
