"""A service is known by what its module gives: another needs an entry in the tuple, no more."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cpuwatch import doctor, limits
from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import Settings, settings
from cpuwatch.stack import control, known, reviving, starting, statefolder
from cpuwatch.stack.program import Program
from cpuwatch.stack.service import Service
from cpuwatch.stack.supervisor import Supervisor

FIFTH = Service(
    name="fifth",
    title="Fifth",
    ports={"fifth": 18555},
    programs=("fifth_server", "fifth_helper"),
    address=lambda config: f"127.0.0.1:{config.port('fifth')}",
    answers=lambda config: True,
    prepare=lambda config, ports, jars, marker: [
        Program("fifth_server", ["serve", str(ports["fifth"]), *map(str, jars), marker]),
        Program("fifth_helper", ["help", marker]),
    ],
)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    monkeypatch.setenv("CPUWATCH_STATE", str(tmp_path / "state"))
    settings.cache_clear()
    yield settings()
    settings.cache_clear()


@pytest.fixture
def five(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "SERVICES", (*known.SERVICES, FIFTH))


def test_each_ports_and_programs_are_its_own() -> None:
    names = [service.name for service in known.SERVICES]
    assert names == ["kafka", "postgres", "flink", "flink_page", "slack"]
    ports = [port for service in known.SERVICES for port in service.ports.items()]
    programs = [program for service in known.SERVICES for program in service.programs]
    assert len(set(names)) == len(names)
    assert len(dict(ports)) == len({number for _, number in ports}) == len(ports)
    assert len(set(programs)) == len(programs)


def test_a_fifth_service_is_prepared_and_shown_like_the_others(
    config: Settings, five: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = known.status()[-1]
    assert (before.title, before.where, before.address) == ("Fifth", "embedded", None)
    statefolder.make_state(config)
    supervisor = Supervisor(config.state)
    starting.prepare(config, supervisor, [FIFTH], {"fifth": [Path("a.jar")]})
    port = json.loads(config.services_file.read_text())["ports"]["fifth"]
    script = (config.state / "programs" / "fifth_server.sh").read_text()
    assert script.splitlines()[-1] == f"exec serve {port} a.jar {supervisor.marker}"

    running = {"fifth_server": {"pid": 4}, "fifth_helper": {"pid": 5}}
    monkeypatch.setattr(Supervisor, "programs", lambda _self: running)
    after = known.status()[-1]
    assert after.address == f"127.0.0.1:{port}"
    assert after.answers and after.pids == [4, 5]
    said = json.loads(known.as_json([after]))
    assert said["running"] and list(said["services"]["fifth"]) == [
        "name", "title", "where", "address", "answers", "pids",
    ]  # fmt: skip
    supervisor.forget_socket()


def test_supervisor_is_asked_while_the_services_are(
    config: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = threading.Barrier(2, timeout=60)  # who is asked waits until the other is, too

    def answers(_config: Settings) -> bool:
        both.wait()
        return True

    def programs(_self: Supervisor) -> dict[str, dict[str, int]]:
        both.wait()
        return {"fifth_server": {"pid": 4}}

    monkeypatch.setattr(known, "SERVICES", (replace(FIFTH, answers=answers),))
    monkeypatch.setattr(Supervisor, "programs", programs)
    statefolder.make_state(config)
    config.services_file.write_text(json.dumps({"ports": {"fifth": 18555}}))
    (found,) = known.status()
    assert found.answers and found.pids == [4]


def test_the_doctor_names_a_fifth_services_log(
    config: Settings, five: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck = known.Status("fifth", "Fifth", "embedded", "127.0.0.1:1", False, [4])
    monkeypatch.setattr(known, "status", lambda: [stuck])
    found = next(one for one in doctor.examine() if one.what == "Fifth")
    assert found.next.endswith(str(config.state / "logs" / "fifth_server.log"))


def test_an_outside_database_that_lets_nobody_in_is_named_with_its_reason(
    config: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CPUWATCH_POSTGRES", "postgresql://me:secret@127.0.0.1:1/mine")
    settings.cache_clear()
    with pytest.raises(CpuwatchError) as caught:
        control.up()
    said = str(caught.value)
    assert said.startswith(
        "PostgreSQL at postgresql://me@127.0.0.1:1/mine does not answer (Connection refused"
    )
    assert said.endswith(
        ". Somebody else runs it (CPUWATCH_POSTGRES): start it, or take that setting out of the"
        " environment and .env to use the embedded one."
    )


@pytest.mark.parametrize(
    ("variable", "value", "name", "said"),
    [
        (
            "CPUWATCH_FLINK", "http://room:8081", "taskmanager",
            "taskmanager is not of this stack: somebody else runs Flink, at http://room:8081.",
        ),
        ("CPUWATCH_FLINK", "http://room:8081", "zookeeper", "somebody else runs Flink, at http:"),
        ("CPUWATCH_KAFKA", "room:9092", "kafka", "somebody else runs Kafka, at room:9092."),
        (
            "CPUWATCH_POSTGRES", "postgresql://me:secret@room/mine", "postgres",
            "somebody else runs PostgreSQL, at postgresql://me@room",
        ),
        ("SLACK_BOT_TOKEN", "xoxb-some", "slack", "somebody else runs Slack, at https://slack.com"),
    ],
)  # fmt: skip
def test_who_runs_a_service_for_others_is_asked_to_kill_it(
    config: Settings,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    name: str,
    said: str,
) -> None:
    monkeypatch.setenv(variable, value)
    settings.cache_clear()
    with pytest.raises(CpuwatchError) as caught:
        control.kill(name)
    assert said in str(caught.value) and "secret" not in str(caught.value)
    assert str(caught.value).endswith(" Only they can kill it, so ask them to.")


@pytest.mark.parametrize(
    ("running", "name", "step"),
    [
        ({"kafka": {"pid": 4}}, "flink", "Those that do: kafka. Name one of these."),
        ({"kafka": {"pid": 4}}, "postgres", "Those that do: kafka. See 'cpuwatch status'"),
        ({}, "flink", "Those that do: none. See 'cpuwatch status', and start it"),
    ],
)
def test_what_cannot_be_killed_is_answered_with_a_step_that_helps(
    config: Settings, monkeypatch: pytest.MonkeyPatch, running: dict, name: str, step: str
) -> None:
    monkeypatch.setattr(Supervisor, "programs", lambda _self: running)
    with pytest.raises(CpuwatchError) as caught:
        control.kill(name)
    assert f"No {name} of this stack runs. {step}" in str(caught.value)


@pytest.mark.parametrize(
    ("wanted", "warns"), [(["flink", "slack"], True), (["slack"], False), ([], False)]
)
def test_little_memory_is_told_where_more_than_the_stand_in_is_started(
    config: Settings, monkeypatch: pytest.MonkeyPatch, wanted: list[str], warns: bool
) -> None:
    def stop(*_: object) -> None:
        raise CpuwatchError("far enough")

    monkeypatch.setattr(limits, "memory_left", lambda: 10**9)
    monkeypatch.setattr(starting, "prepare_clients", stop)
    monkeypatch.setattr(Supervisor, "stop", lambda _: None)
    services = [service for service in known.SERVICES if service.name in wanted]
    told: list[str] = []
    with pytest.raises(CpuwatchError, match="far enough"):
        starting.start_anew(config, Supervisor(config.state), services, told.append, False)
    assert [one[:9] for one in told] == ["Attention"] * warns


OTHERS = [service for service in known.SERVICES if service.name != "kafka"]
ALL = {
    program: {"statename": "RUNNING", "pid": 0}
    for service in known.SERVICES
    for program in service.programs
}


@pytest.mark.parametrize(
    ("supervisor", "programs", "wanted", "recorded", "starts"),
    [
        (None, {}, known.SERVICES, True, True),  # nobody looks after what is left
        ("alive", ALL, known.SERVICES, True, False),
        ("alive", {**ALL, "notifier": {}}, known.SERVICES, True, False),
        ("hangs", {}, known.SERVICES, True, False),
        ("alive", ALL, OTHERS, True, True),  # somebody else runs Kafka now
        ("alive", {}, known.SERVICES, False, True),  # the state folder was deleted
        (None, {}, [], True, False),  # all services are somebody else's
    ],
)
def test_what_runs_is_started_anew_only_where_nobody_looks_after_it_or_somebody_asks(
    config: Settings,
    monkeypatch: pytest.MonkeyPatch,
    supervisor: str | None,
    programs: dict,
    wanted: list[Service],
    recorded: bool,
    starts: bool,
) -> None:
    monkeypatch.setattr(Supervisor, "process", lambda _: supervisor)
    monkeypatch.setattr(Supervisor, "programs", lambda _: programs)
    monkeypatch.setattr(reviving, "LAST_MOMENTS", 0.0)
    statefolder.make_state(config)
    if recorded:
        config.services_file.write_text("{}")
    assert reviving.must_start(config, Supervisor(config.state), list(wanted)) is starts


def test_a_supervisor_that_dies_just_now_is_none(
    config: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    statefolder.make_state(config)
    config.services_file.write_text("{}")
    found = iter(["dying"] * 5)
    monkeypatch.setattr(Supervisor, "process", lambda _: next(found, None))
    monkeypatch.setattr(Supervisor, "programs", lambda _: {})
    assert reviving.must_start(config, Supervisor(config.state), list(known.SERVICES))


def test_a_supervisor_that_dies_while_up_waits_is_started_anew(
    config: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    alive = [True] * 3  # how often it still answers
    monkeypatch.setattr(Supervisor, "process", lambda _: "supervisor" if alive else None)
    monkeypatch.setattr(Supervisor, "programs", lambda _: ALL if alive and alive.pop() else {})
    monkeypatch.setattr(Supervisor, "restart", lambda *_: None)
    monkeypatch.setattr(known, "silent", lambda config, services: services)
    started: list[bool] = []
    monkeypatch.setattr(starting, "start_anew", lambda *_: started.append(True))
    statefolder.make_state(config)
    config.services_file.write_text("{}")
    config.client_folder.mkdir()
    control.up()
    assert started == [True]
