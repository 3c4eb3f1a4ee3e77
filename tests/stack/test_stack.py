"""The embedded stack: up, again up, side by side, down, and nothing left."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
from pathlib import Path
from typing import Any

import psutil
import pytest
from conftest import COMMAND, cpuwatch, cpuwatch_json, files_in, processes_of

from cpuwatch.settings import settings
from cpuwatch.stack import control, known, neighbours, ports, starting, statefolder
from cpuwatch.stack.supervisor import Supervisor

SERVICES = {"kafka", "postgres", "flink"}


def pids(said: dict) -> set[int]:
    return {pid for service in said["services"].values() for pid in service["pids"]}


def test_up_again_does_nothing(stack: Path) -> None:
    before = cpuwatch_json("status")
    again = cpuwatch_json("up")
    assert again["running"]
    assert pids(again) == pids(before)


def test_status_says_of_each_service_whose_it_is_and_where(stack: Path) -> None:
    said = cpuwatch_json("status")
    assert said["running"]
    assert said["state"] == str(stack)
    assert set(said["services"]) >= SERVICES
    for service in said["services"].values():
        assert service["where"] == "embedded"
        assert service["answers"]
        assert service["pids"]
    assert said["services"]["kafka"]["address"].startswith("127.0.0.1:")
    people = cpuwatch("status").stdout
    for title in ("Kafka", "PostgreSQL", "Flink"):
        assert title in people
    assert "password" not in people.lower()


def test_everything_listens_on_this_machine_alone(stack: Path) -> None:
    ours = {
        process.pid
        for parent in processes_of(stack)
        for process in [parent, *parent.children(recursive=True)]
    }
    listening = [
        connection
        for connection in psutil.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN and connection.pid in ours
    ]
    assert len(listening) >= len(SERVICES)
    addresses = {connection.laddr.ip.removeprefix("::ffff:") for connection in listening}
    assert addresses == {"127.0.0.1"}


def test_the_password_is_in_a_file_for_its_owner_alone_and_nowhere_else(stack: Path) -> None:
    pgpass = stack / "pgpass"
    assert stat.S_IMODE(pgpass.stat().st_mode) == 0o600
    secret = pgpass.read_text().strip().rsplit(":", 1)[1]
    assert len(secret) > 16
    for process in processes_of(stack):
        assert secret not in " ".join(process.cmdline())
        assert secret not in str(process.environ())
    for path, content in files_in(stack):
        if path != pgpass and "/postgres/data/" not in str(path):
            assert secret.encode() not in content, path


def test_two_stacks_run_side_by_side(stack: Path, state: Path) -> None:
    second = {"CPUWATCH_STATE": str(state)}
    first_before = cpuwatch_json("status")
    other = cpuwatch_json("up", **second)
    assert other["running"]
    addresses = {
        service["address"]
        for said in (first_before, other)
        for service in said["services"].values()
    }
    assert len(addresses) == len(first_before["services"]) + len(other["services"])
    assert cpuwatch_json("demo", **second)["alerts"] == 62
    assert cpuwatch("down", **second).returncode == 0
    assert processes_of(state) == []
    assert pids(cpuwatch_json("status")) == pids(first_before)
    assert cpuwatch_json("status")["running"]


def test_ports_are_kept_from_day_to_day_and_taken_ones_are_stepped_round(state: Path) -> None:
    mine = {"CPUWATCH_STATE": str(state)}
    # Of an earlier day, and far from the usual ones: those another lane may take meanwhile.
    first = 20_000 + os.getpid() % 9_000
    names = [name for service in known.SERVICES for name in service.ports]
    wanted = {name: first + number for number, name in enumerate(names)}
    (state / "services.json").write_text(json.dumps({"ports": wanted}))
    before = cpuwatch_json("up", **mine)["services"]
    assert before["kafka"]["address"] == f"127.0.0.1:{wanted['kafka']}"
    assert cpuwatch("down", **mine).returncode == 0
    again = cpuwatch_json("up", **mine)["services"]
    assert {name: s["address"] for name, s in again.items()} == {
        name: s["address"] for name, s in before.items()
    }
    assert cpuwatch("down", **mine).returncode == 0
    taken = int(before["kafka"]["address"].rpartition(":")[2])
    with socket.socket() as somebody:
        somebody.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        somebody.bind(("127.0.0.1", taken))
        somebody.listen()
        after = cpuwatch_json("up", **mine)["services"]
        assert after["kafka"]["address"] != before["kafka"]["address"]
        assert after["kafka"]["answers"]
        assert after["flink"]["address"] == before["flink"]["address"]


def test_ports_that_somebody_takes_after_they_were_chosen_are_chosen_anew(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CPUWATCH_STATE", str(state))
    settings.cache_clear()
    choose, taken = ports.choose, []

    def choose_and_lose(*given: Any) -> dict[str, int]:
        chosen = choose(*given)
        if not taken:  # the first time alone
            for name in ("kafka", "postgres", "flink_rest", "slack"):
                somebody = socket.create_server(("127.0.0.1", chosen[name]))
                taken.append(somebody)
        return chosen

    monkeypatch.setattr(ports, "choose", choose_and_lose)
    said: list[str] = []
    try:
        services = control.up(said.append, show=False)
        lost = {f"127.0.0.1:{one.getsockname()[1]}" for one in taken}
    finally:
        for one in taken:
            one.close()
        settings.cache_clear()
    assert all(service.answers for service in services)
    assert "Somebody else has taken a port meanwhile: another is chosen" in said
    assert not any(address in str(one.address) for one in services for address in lost)
    # What this process has started, as a notebook does, another one stops.
    stopped = cpuwatch("down")
    assert (stopped.returncode, stopped.stderr) == (0, "")


@pytest.mark.parametrize("what", ["runs", "was killed", "was stopped"])
def test_a_port_belongs_to_a_stack_until_it_is_stopped(
    state: Path, stack: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    theirs = settings().embedded()["ports"]
    flink = [one for one in known.SERVICES if one.name == "flink"]
    if what == "was stopped":
        assert cpuwatch("down").returncode == 0
    elif what == "was killed":
        killed = sorted(processes_of(stack), key=_is_no_supervisor)  # it first
        for process in killed:
            process.kill()
        psutil.wait_procs(killed, 20)
    monkeypatch.setattr(ports, "is_free", lambda _: True)  # as if all were dead
    monkeypatch.setenv("CPUWATCH_STATE", str(state))
    settings.cache_clear()
    try:
        mine, supervisor = settings(), Supervisor(state)
        statefolder.make_state(mine)
        starting.prepare(mine, supervisor, flink, {})
        taken = neighbours.their_ports(mine, supervisor)
        if what == "was stopped":
            assert not taken & set(theirs.values())
        else:
            assert taken >= set(theirs.values())
            assert not set(mine.embedded()["ports"].values()) & taken
    finally:
        supervisor.forget_socket()
        monkeypatch.undo()
        settings.cache_clear()
        assert cpuwatch("up").returncode == 0
    assert settings().embedded()["ports"] == theirs or what == "was stopped"


def _is_no_supervisor(process: psutil.Process) -> bool:
    return "cpuwatch.stack.supervised" not in process.cmdline()


def test_ports_that_are_chosen_are_free_and_distinct() -> None:
    usual = {name: number for one in known.SERVICES for name, number in one.ports.items()}
    chosen = ports.choose(usual, {"kafka": 9093})
    assert len(set(chosen.values())) == len(usual) == 11
    assert all(ports.is_free(port) for port in chosen.values())


def test_down_leaves_no_process_no_socket_and_no_file(
    state: Path, stack: Path, tmp_path: Path
) -> None:
    home, temporary = tmp_path / "home", state / "tmp"
    home.mkdir()
    temporary.mkdir(mode=0o700)
    cache = cpuwatch_json("status")["cache"]
    environment = {
        "CPUWATCH_STATE": str(state / "state"),
        "CPUWATCH_CACHE": cache,
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "XDG_CACHE_HOME": "",
        "XDG_STATE_HOME": "",
        "XDG_CONFIG_HOME": "",
        "MPLCONFIGDIR": str(tmp_path / "matplotlib"),
    }
    there = set(os.listdir("/tmp"))
    said = cpuwatch_json("demo", "--out", tmp_path / "out", **environment)  # up and down by itself
    assert said["alerts"] == 62
    assert processes_of(state / "state") == []
    assert not Supervisor(state / "state").socket.exists()
    assert cpuwatch("down", "--wipe", **environment).returncode == 0
    assert not (state / "state").exists()
    assert list(home.rglob("*")) == []
    assert list(temporary.rglob("*")) == []
    # Others' stacks may come and go there meanwhile.
    own = Supervisor(state / "state").id
    new = {name for name in set(os.listdir("/tmp")) - there if own in name}
    assert new == set()


def test_down_without_a_stack_is_no_error(tmp_path: Path) -> None:
    done = cpuwatch("down", CPUWATCH_STATE=str(tmp_path / "state"))
    assert (done.returncode, done.stdout) == (0, "Nothing was running.\n")
    assert not (tmp_path / "state").exists()


def test_status_without_a_stack_says_how_to_start_one(tmp_path: Path) -> None:
    done = cpuwatch("status", CPUWATCH_STATE=str(tmp_path / "state"))
    assert done.returncode == 0
    assert "cpuwatch up" in done.stdout
    assert not cpuwatch_json("status", CPUWATCH_STATE=str(tmp_path / "state"))["running"]


def test_a_long_state_folder_gets_a_short_socket(tmp_path: Path) -> None:
    long = tmp_path / ("d" * 60) / ("e" * 60)
    assert len(str(Supervisor(long).socket)) < 100
    assert Supervisor(long).socket != Supervisor(long / "f").socket


def test_a_state_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    colon = cpuwatch("up", CPUWATCH_STATE=str(tmp_path / "with:colon"))
    assert colon.returncode == 1
    assert "CPUWATCH_STATE" in colon.stderr
    assert "':'" in colon.stderr
    (tmp_path / "file").write_text("")
    file = cpuwatch("up", CPUWATCH_STATE=str(tmp_path / "file" / "state"))
    assert file.returncode == 1
    assert f"{tmp_path / 'file'} is no folder" in file.stderr
    assert file.stderr.count("\n") == 1


def test_the_stack_outlives_the_command_and_its_terminal(state: Path) -> None:
    # Started in a session of its own that then ends, as when a terminal is closed.
    script = f"{COMMAND} up && kill -HUP -$$"
    subprocess.run(
        ["bash", "-c", script],
        start_new_session=True,
        capture_output=True,
        check=False,
        timeout=300,
        env=os.environ | {"CPUWATCH_STATE": str(state)},
    )
    assert cpuwatch_json("status", CPUWATCH_STATE=str(state))["running"]
