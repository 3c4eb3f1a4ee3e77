"""Ctrl-C in the moment in which a process starts: no process is left that nobody knows."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cpuwatch import lab, settings, workshop
from cpuwatch.stack import classes


def archive(folder: Path) -> None:
    jar = folder / "one.jar"
    jar.touch()
    classes.archives(folder / "cache", {"kafka": [jar]})


def jupyterlab(folder: Path) -> None:
    lab.start(folder=folder)


def stress(folder: Path) -> None:
    workshop.Stress(seconds=60, cpus=1)


@pytest.mark.parametrize("start", [archive, jupyterlab, stress])
def test_nothing_is_left(
    start: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CPUWATCH_STATE", str(tmp_path / "state"))
    settings.settings.cache_clear()
    begun: list[subprocess.Popen[bytes]] = []

    class Interrupted(subprocess.Popen):  # type: ignore[type-arg]
        """Is pressed on when the process is there and whoever started it does not know yet."""

        def __init__(self, _: list[str], **options: Any) -> None:
            super().__init__(["sleep", "600"], **options)
            begun.append(self)
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    try:
        with pytest.raises(KeyboardInterrupt):
            start(tmp_path)
        assert [one.poll() is not None for one in begun] == [True]
    finally:
        settings.settings.cache_clear()
        for one in begun:
            one.kill()
            one.wait()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
