"""What is said of services that do not answer: each cause once, and what would help."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cpuwatch import limits
from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import Settings, settings
from cpuwatch.stack import flink, kafka, ports, reviving, seen
from cpuwatch.stack.supervisor import Supervisor


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    monkeypatch.setenv("CPUWATCH_STATE", str(tmp_path))
    settings.cache_clear()
    (tmp_path / "logs").mkdir()
    yield settings()
    monkeypatch.undo()
    settings.cache_clear()


SILENT = [
    replace(one, answers=lambda _: False, refusal=lambda _: "timed out")
    for one in (kafka.SERVICE, flink.SERVICE)
]


@pytest.fixture
def nothing_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reviving, "RECOVERY", 0.0)
    # Another lane's stack may have the usual ports, which would be another cause.
    monkeypatch.setattr(ports, "is_free", lambda _: True)
    running = {"statename": "RUNNING", "pid": 0}
    programs = {name: running for one in SILENT for name in one.programs}
    monkeypatch.setattr(Supervisor, "programs", lambda _: programs)


def revived(config: Settings, count: int) -> str:
    with pytest.raises(CpuwatchError) as caught:
        reviving.revive(config, Supervisor(config.state), SILENT[:count], lambda _: None)
    return str(caught.value)


def test_what_to_do_about_several_is_said_once(config: Settings, nothing_answers: None) -> None:
    said = revived(config, 2)
    assert "Kafka: does not run" in said and "Flink: does not run" in said
    assert said.count(seen.ANEW) == 1
    assert said.endswith(f"The logs are in {config.state / 'logs'}")


def test_one_alone_has_its_log(config: Settings, nothing_answers: None) -> None:
    assert revived(config, 1).endswith(f"Its log: {config.state / 'logs' / 'kafka.log'}")


def test_a_lack_of_memory_comes_first(
    config: Settings, nothing_answers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "memory_left", lambda: 100 * 1024**2)
    said = revived(config, 2)
    assert said.count("Only 0.1 GB of memory are left: close some programs.") == 1


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("it failed\nWARNING: sun.misc.Unsafe will be removed\n", "it failed"),
        ("WARNING: System::setSecurityManager will be removed\n", "its log does not say why"),
        ("", "its log does not say why"),
    ],
)
def test_what_java_says_at_any_start_is_no_cause(config: Settings, log: str, said: str) -> None:
    (config.state / "logs" / "kafka.log").write_text(log)
    assert seen.last_words(kafka.SERVICE, config) == said


def test_one_that_is_dead_beside_one_that_is_silent(
    config: Settings, nothing_answers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = {"statename": "BACKOFF", "pid": 0}
    silent = {"statename": "RUNNING", "pid": 2**22 + 1}  # no process has such a number
    programs = dict.fromkeys(SILENT[0].programs, silent)
    programs |= dict.fromkeys(SILENT[1].programs, dead)
    monkeypatch.setattr(Supervisor, "programs", lambda _: programs)
    left = iter([100 * 1024**2, 200 * 1024**2])  # it changes while one looks
    monkeypatch.setattr(limits, "memory_left", lambda: next(left))
    said = revived(config, 2)
    assert "Kafka: process" in said and "Flink: does not run" in said
    assert said.count("of memory are left") == said.count(seen.ANEW) == 1
    assert "Wait a moment" in said and "'cpuwatch up' starts it." in said
