"""Whatever hangs, `status` and `doctor` answer, and name it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from conftest import COMMAND, processes_of

from cpuwatch.stack import control


def is_supervisor(process: psutil.Process) -> bool:
    return "supervisor.supervisord" in process.cmdline()


def is_java(process: psutil.Process) -> bool:
    return process.name() == "java"


@pytest.mark.parametrize(
    ("who", "silent"),
    [
        (lambda one: "kafka.Kafka" in one.cmdline(), {"kafka"}),
        (lambda one: one.name() == "postgres", {"postgres"}),
        (lambda one: "StandaloneSessionClusterEntrypoint" in " ".join(one.cmdline()), {"flink"}),
        (lambda one: "cpuwatch.standin" in one.cmdline(), {"slack"}),
        (lambda one: "cpuwatch.flinkpage" in one.cmdline(), {"flink_page"}),
        (is_supervisor, set()),
        (lambda _: True, {"kafka", "postgres", "flink", "slack", "flink_page"}),
    ],
    ids=["Kafka", "PostgreSQL", "Flink", "the stand-in", "the page", "supervisor", "all"],
)
def test_status_answers_whatever_hangs(
    stack: Path, who: Callable[[psutil.Process], bool], silent: set[str]
) -> None:
    frozen = [process for process in processes_of(stack) if who(process)]
    assert frozen
    try:
        for process in frozen:
            process.send_signal(signal.SIGSTOP)
        start = time.monotonic()
        found = {one.name: one.answers for one in control.status()}
        took = time.monotonic() - start
        for command in ("status", "doctor"):
            done = subprocess.run(
                [str(COMMAND), command], capture_output=True, text=True, check=False,
                timeout=60, env=os.environ,
            )  # fmt: skip
            assert "Traceback" not in done.stderr
    finally:
        for process in frozen:
            process.send_signal(signal.SIGCONT)
    # Two seconds for the services and three for supervisor, and the rest for a busy machine.
    assert took < 15
    assert {name for name, answers in found.items() if not answers} >= silent
    if not silent:
        assert all(found.values())
    deadline = time.monotonic() + 60
    while not all(one.answers for one in control.status()):
        assert time.monotonic() < deadline, "it does not come back"
        time.sleep(0.2)
