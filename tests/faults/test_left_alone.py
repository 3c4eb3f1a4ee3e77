"""`up` starts what died, leaves alone what runs whatever its probe says, and says what it saw."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import psycopg2
import pytest
from conftest import cpuwatch, processes_of

from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import settings
from cpuwatch.stack import control, flink, known, passwords, postgres, reviving
from cpuwatch.waiting import until


@pytest.fixture(autouse=True)
def no_long_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reviving, "RECOVERY", 2.0)


@contextmanager
def another_password(stack: Path) -> Iterator[str]:
    """The file with the password holds another than the server knows."""
    before = passwords.read(settings().pgpass)
    passwords.write(settings().pgpass, {**before, postgres.EMBEDDED: "another"})
    try:
        yield "but refuses the password in"
    finally:
        passwords.write(settings().pgpass, before)


@contextmanager
def no_room_for_more(stack: Path) -> Iterator[str]:
    """Somebody holds all the connections that PostgreSQL gives."""
    secret = postgres.password(settings().pgpass)
    with ExitStack() as held:
        try:
            while True:
                held.callback(
                    postgres.connect(
                        host="127.0.0.1", port=settings().port("postgres"), user=postgres.USER,
                        password=secret, dbname=postgres.DATABASE,
                    ).close
                )  # fmt: skip
        except psycopg2.OperationalError:
            pass
        yield "already"  # 'sorry, too many clients already'


@contextmanager
def frozen(stack: Path, argument: str) -> Iterator[str]:
    [process] = [one for one in processes_of(stack) if argument in one.cmdline()]
    process.send_signal(signal.SIGSTOP)
    try:
        yield f"process {process.pid} stands still"
    finally:
        process.send_signal(signal.SIGCONT)


@contextmanager
def frozen_kafka(stack: Path) -> Iterator[str]:
    with frozen(stack, "kafka.Kafka") as said:
        yield said


@contextmanager
def frozen_jobmanager(stack: Path) -> Iterator[str]:
    with frozen(stack, flink.JOBMANAGER) as said:
        yield "somebody has stopped " + said.removesuffix(" stands still")


@pytest.mark.parametrize(
    ("trouble", "title"),
    [
        (another_password, "PostgreSQL"),
        (no_room_for_more, "PostgreSQL"),
        (frozen_kafka, "Kafka"),
        (frozen_jobmanager, "Flink"),
    ],
)
def test_what_runs_and_does_not_answer_is_named_and_left_alone(
    stack: Path, trouble, title: str
) -> None:
    before = {process.pid for process in processes_of(stack)}
    with trouble(stack) as said, pytest.raises(CpuwatchError) as caught:
        control.up()
    text = str(caught.value)
    assert title in text and said in text, text
    # One that is full is well: there is no reason to start it anew.
    next_step = "close notebooks" if trouble is no_room_for_more else "'cpuwatch down"
    assert "What runs was left as it is." in text and next_step in text

    assert {process.pid for process in processes_of(stack)} == before
    until(lambda: all(one.answers for one in known.status()), 60, "it does not come back")


def test_a_service_that_died_is_started_and_another_that_hangs_is_left_alone(stack: Path) -> None:
    [kafka] = [one for one in processes_of(stack) if "kafka.Kafka" in one.cmdline()]
    with another_password(stack):
        kafka.kill()
        with pytest.raises(CpuwatchError, match=r"PostgreSQL: process \d+ runs, but refuses"):
            control.up()
        until(
            lambda: next(one for one in known.status() if one.name == "kafka").answers,
            60,
            "Kafka does not come back",
        )
    assert cpuwatch("up").returncode == 0


def test_a_supervisor_that_hangs_costs_nothing_that_runs(stack: Path) -> None:
    before = {process.pid for process in processes_of(stack)}
    told: list[str] = []
    with frozen(stack, "cpuwatch.stack.supervised") as said:
        assert all(one.answers for one in control.up(told.append))
    assert {process.pid for process in processes_of(stack)} == before
    pid = said.split()[1]
    assert [one for one in told if f"Supervisor (process {pid}) does not answer" in one]


def test_what_kernels_need_is_made_anew_and_nothing_is_restarted(stack: Path) -> None:
    before = {process.pid for process in processes_of(stack)}
    settings().client_folder.rename(stack / "client-gone")
    assert cpuwatch("up").returncode == 0
    assert (settings().client_folder / "conf" / "config.yaml").exists()
    assert {process.pid for process in processes_of(stack)} == before


def test_a_port_that_somebody_took_meanwhile_is_named_with_who(stack: Path) -> None:
    [page] = [one for one in processes_of(stack) if "cpuwatch.flinkpage" in one.cmdline()]
    port = settings().port("flink_page")
    others = {one.pid for one in processes_of(stack)} - {page.pid}
    page.kill()
    with socket.socket() as somebody:
        somebody.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

        def is_mine() -> bool:
            try:
                somebody.bind(("127.0.0.1", port))
            except OSError:  # supervisor was quicker
                for one in processes_of(stack):
                    if "cpuwatch.flinkpage" in one.cmdline():
                        one.kill()
                return False
            return True

        until(is_mine, 30, "the port is never free", pause=0.005)
        somebody.listen()
        with pytest.raises(CpuwatchError) as caught:
            control.up()
    mine = psutil.Process()
    assert f"its port {port} is taken by {mine.name()} (process {mine.pid})" in str(caught.value)
    assert others <= {one.pid for one in processes_of(stack)}
    assert cpuwatch("up").returncode == 0
