"""When the embedded Kafka is closed: as is asked when it is made, and then as it was made."""

from __future__ import annotations

from pathlib import Path

import pytest

from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import Settings, settings
from cpuwatch.stack import access, kafka

PORTS = {"kafka": 1, "kafka_controller": 2}
ASKED = "CPUWATCH_KAFKA_SECURITY_PROTOCOL"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("CPUWATCH_STATE", str(tmp_path))
    settings.cache_clear()
    return Settings()


def made(config: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have it made, but for its storage, of which there is the last file."""
    monkeypatch.setattr(kafka, "run_storage_tool", lambda *_: None)
    kafka.SERVICE.prepare(config, PORTS, [], "-Dmark")
    last = config.state / "kafka" / "data" / "meta.properties"
    last.parent.mkdir(exist_ok=True)
    last.touch()


def test_one_that_is_not_made_yet_is_as_is_asked(
    config: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not config.kafka_closed and access.client_options(config) == {}
    monkeypatch.setenv(ASKED, "ssl")
    assert Settings().kafka_closed
    monkeypatch.setenv(ASKED, "SASL_SSL")  # left over from somebody's Kafka
    assert not Settings().kafka_closed
    monkeypatch.setenv(ASKED, "SSL")
    monkeypatch.setenv("CPUWATCH_KAFKA", "kafka.example:9093")
    assert not Settings().kafka_closed
    assert access.client_options(Settings()) == {"security.protocol": "SSL"}


@pytest.mark.parametrize("later", ["", "PLAINTEXT"])
def test_one_that_was_made_closed_stays_so(
    config: Settings, monkeypatch: pytest.MonkeyPatch, later: str
) -> None:
    monkeypatch.setenv(ASKED, "SSL")
    made(Settings(), monkeypatch)
    monkeypatch.setenv(ASKED, later)
    for _ in range(2):  # whatever is written anew
        now = Settings()
        assert now.kafka_closed
        assert access.client_options(now)["ssl.key.location"] == str(now.keys / "flink.pem")
        assert "PLAINTEXT" not in (now.state / "kafka" / "server.properties").read_text()
        access.check_closed(now)
        made(now, monkeypatch)


@pytest.mark.parametrize(
    "content", [None, b"", b"process.roles=broker\n", b"\xff\xfe\x00", b"listen"]
)
@pytest.mark.parametrize("asked", ["SSL", ""])
def test_one_that_was_made_closed_is_never_open_whatever_is_lost(
    config: Settings, monkeypatch: pytest.MonkeyPatch, content: bytes | None, asked: str
) -> None:
    monkeypatch.setenv(ASKED, "SSL")
    made(Settings(), monkeypatch)
    file = config.state / "kafka" / "server.properties"
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    monkeypatch.setenv(ASKED, asked)
    assert Settings().kafka_closed
    access.check_closed(Settings())
    made(Settings(), monkeypatch)  # and what is written anew is closed again
    assert "listeners=SSL:" in file.read_text() and file.stat().st_mode & 0o777 == 0o600
    # One that was made before there was a mark for it has its own file alone.
    (config.state / "kafka" / "closed").unlink()
    assert Settings().kafka_closed


def test_one_that_was_never_made_whole_is_made_as_is_asked_now(
    config: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ASKED, "SSL")
    made(Settings(), monkeypatch)
    (config.state / "kafka" / "data" / "meta.properties").unlink()
    monkeypatch.setenv(ASKED, "")
    made(Settings(), monkeypatch)
    assert not Settings().kafka_closed and access.client_options(Settings()) == {}


def test_one_that_was_made_open_cannot_be_closed(
    config: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(config, monkeypatch)
    monkeypatch.setenv(ASKED, "SSL")
    assert not Settings().kafka_closed
    with pytest.raises(CpuwatchError, match="was made open"):
        access.check_closed(Settings())


def test_a_flink_of_others_has_not_the_key(
    config: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ASKED, "SSL")
    monkeypatch.setenv("CPUWATCH_FLINK", "http://127.0.0.1:8081")
    with pytest.raises(CpuwatchError, match="take Kafka from outside, too"):
        access.check_closed(Settings())
