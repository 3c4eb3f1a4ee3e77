"""What a notifier that stays takes from the shell of whoever asked for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import settings
from cpuwatch.slack import staying
from cpuwatch.stack import slack


@pytest.fixture
def env_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(staying, "ROOT", tmp_path)
    return tmp_path / ".env"


@pytest.mark.parametrize(
    ("file", "shell", "taken"),
    [
        ("", {}, {}),
        ("SLACK_CHANNEL=C1\n", {}, {}),
        ("SLACK_CHANNEL=C1\n", {"SLACK_CHANNEL": "C1"}, {}),
        ("SLACK_CHANNEL=C1\n", {"SLACK_CHANNEL": "C2"}, {"SLACK_CHANNEL": "C2"}),
        ("", {"CPUWATCH_KAFKA": "h:1"}, {"CPUWATCH_KAFKA": "h:1"}),
        ("", {"cpuwatch_kafka": "h:1"}, {"CPUWATCH_KAFKA": "h:1"}),
        # Empty takes back what the file says: the stand-in, and the embedded Kafka.
        ("SLACK_BOT_TOKEN=hush\n", {"SLACK_BOT_TOKEN": ""}, {"SLACK_BOT_TOKEN": ""}),
        ("slack_bot_token=hush\n", {"SLACK_BOT_TOKEN": ""}, {"SLACK_BOT_TOKEN": ""}),
        ("CPUWATCH_KAFKA=h:1\n", {"CPUWATCH_KAFKA": ""}, {"CPUWATCH_KAFKA": ""}),
        ("", {"SLACK_BOT_TOKEN": ""}, {}),
        ("SLACK_BOT_TOKEN=hush\n", {"SLACK_BOT_TOKEN": "hush"}, {}),
        ("", {"CPUWATCH_KAFKA_SSL_CA": "/ca.pem"}, {"CPUWATCH_KAFKA_SSL_CA": "/ca.pem"}),
        ("", {"CPUWATCH_CHECKPOINTS": "5", "HOME": "/tmp"}, {}),
    ],
)
def test_what_the_shell_says_otherwise(
    env_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    file: str,
    shell: dict[str, str],
    taken: dict[str, str],
) -> None:
    _alone(monkeypatch)
    env_file.write_text(file)
    for name, value in shell.items():
        monkeypatch.setenv(name, value)
    assert staying.environment() == taken


@pytest.mark.parametrize("file", ["", "SLACK_BOT_TOKEN=other\nCPUWATCH_KAFKA_SASL_PASSWORD=x\n"])
@pytest.mark.parametrize("name", ["SLACK_BOT_TOKEN", "CPUWATCH_KAFKA_SASL_PASSWORD"])
def test_a_secret_of_the_shell_alone_is_refused(
    env_file: Path, monkeypatch: pytest.MonkeyPatch, name: str, file: str
) -> None:
    _alone(monkeypatch)
    env_file.write_text(file)
    monkeypatch.setenv(name, "hush")
    with pytest.raises(CpuwatchError, match=f"takes {name} from the file .env") as refused:
        staying.environment()
    assert "hush" not in str(refused.value)


def test_a_file_is_named_as_it_is_seen_from_elsewhere(
    env_file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _alone(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CPUWATCH_KAFKA_SSL_CA", "ca.pem")
    assert staying.environment() == {"CPUWATCH_KAFKA_SSL_CA": str(tmp_path / "ca.pem")}


def test_the_process_has_it_as_long_as_it_stays(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CPUWATCH_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("CPUWATCH_KAFKA", "h:1")  # of the shell that starts the stack
    settings.cache_clear()
    config = settings()
    own = {"CPUWATCH_STATE": str(config.state)}
    config.slack_folder.mkdir(parents=True)
    slack.settings_that_stay(config).write_text('{"SLACK_CHANNEL": "C2"}')
    program = slack.notifier(config, "marker")
    assert program.environment == own and not program.autostart
    slack.stays(config).touch()
    program = slack.notifier(config, "marker")
    assert program.environment == {"SLACK_CHANNEL": "C2"} | own and program.autostart
    for damaged in ("", "[]", "{"):
        slack.settings_that_stay(config).write_text(damaged)
        assert slack.notifier(config, "marker").environment == own
    settings.cache_clear()


def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLACK_BOT_TOKEN", "SLACK_CHANNEL", "CPUWATCH_KAFKA"):
        monkeypatch.delenv(name, raising=False)
