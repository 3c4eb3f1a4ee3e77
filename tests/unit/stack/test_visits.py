"""Who needs the services for a while stops only what was started for that, and nobody else uses."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from cpuwatch import files
from cpuwatch.cli.services import stack
from cpuwatch.settings import settings
from cpuwatch.stack import control, place, reviving, starting
from cpuwatch.stack.supervisor import Supervisor


class Services:
    """Services that are started and stopped at once; supervisor answers, or hangs."""

    def __init__(self) -> None:
        self.run = False
        self.hangs = False

    def start(self, *_: object) -> None:
        self.run = True

    def stop(self, *_: object) -> None:
        self.run = False


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    made = Services()
    monkeypatch.setenv("CPUWATCH_STATE", str(tmp_path / "state"))
    for name, value in {
        "strays": lambda _: ["one"] if made.run else [],
        "process": lambda _: "supervisor" if made.run else None,
        "programs": lambda _: {"kafka": {"pid": 1}} if made.run and not made.hangs else {},
        "is_running": lambda _: made.run and not made.hangs,
        "stop": made.stop,
    }.items():
        monkeypatch.setattr(Supervisor, name, value)
    monkeypatch.setattr(reviving, "must_start", lambda *_: not made.run)
    monkeypatch.setattr(reviving, "revive", lambda *_: True)
    monkeypatch.setattr(starting, "prepare_clients", lambda *_: None)
    monkeypatch.setattr(starting, "start_anew", made.start)
    settings.cache_clear()
    yield made
    settings.cache_clear()


def test_what_did_not_run_is_stopped_again(services: Services) -> None:
    with stack(quiet=True):
        assert services.run
    assert not services.run
    control.up()
    assert services.run


@pytest.mark.parametrize("hangs", [False, True])
def test_what_ran_runs_on_also_where_supervisor_is_too_busy_to_say_so(
    services: Services, hangs: bool
) -> None:
    control.up()
    services.hangs = hangs
    with stack(quiet=True):
        pass
    assert services.run


def test_what_somebody_else_needs_by_then_runs_on(services: Services) -> None:
    with stack(quiet=True):
        control.up()  # the first cell of a notebook
    assert services.run


def test_of_two_visits_the_first_one_s_end_leaves_the_other_alone(services: Services) -> None:
    with stack(quiet=True):
        other = stack(quiet=True)
        other.__enter__()
    assert services.run
    other.__exit__(None, None, None)
    assert services.run


def test_who_stopped_and_started_it_meanwhile_keeps_it(services: Services) -> None:
    with stack(quiet=True):
        control.down()
        control.up()
    assert services.run


def test_who_comes_at_the_last_moment_keeps_it(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody calls `up` and has the lock when a visit ends."""
    inside, waits = threading.Event(), threading.Event()
    lock = files.only_one

    def noted(path: Path) -> object:
        if threading.current_thread() is threading.main_thread():
            waits.set()
        return lock(path)

    with stack(quiet=True):

        def somebody() -> None:
            with lock(settings().state / place.LOCK):
                inside.set()
                assert waits.wait(10)
                control.visits.end(settings().state)

        other = threading.Thread(target=somebody)
        other.start()
        assert inside.wait(10)
        monkeypatch.setattr(files, "only_one", noted)
    other.join()
    assert services.run


def test_what_was_started_by_half_is_stopped(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        services.start()
        raise KeyboardInterrupt

    monkeypatch.setattr(starting, "start_anew", interrupted)
    with pytest.raises(KeyboardInterrupt), stack(quiet=True):
        pass
    assert not services.run
