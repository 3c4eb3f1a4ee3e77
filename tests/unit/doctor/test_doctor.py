"""What the doctor finds on a machine, before any service runs."""

from __future__ import annotations

import json
import os
import re
import socket
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from cpuwatch import doctor, kernels, limits, preflight
from cpuwatch.doctor import Finding, alerting, machine, services
from cpuwatch.doctor.facts import Facts
from cpuwatch.settings import ROOT, settings
from cpuwatch.stack import failures, jars, statefolder


@pytest.fixture(autouse=True)
def nothing_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("CPUWATCH_STATE", str(tmp_path / "state"))
    settings.cache_clear()
    yield
    settings.cache_clear()


def found(check, facts: Facts | None = None) -> Finding:
    """The one finding of a check."""
    [one] = check(facts or Facts())
    assert one.well or one.next, "what is wrong has a next step"
    return one


@pytest.mark.parametrize(
    ("version", "well"),
    [((3, 9, 18), False), ((3, 10, 0), True), ((3, 12, 9), True), ((3, 13, 1), False)],
)
def test_python(monkeypatch: pytest.MonkeyPatch, version: tuple[int, ...], well: bool) -> None:
    monkeypatch.setattr(sys, "version_info", version)
    assert found(machine.python).well is well
    assert ".".join(map(str, version)) in found(machine.python).says


def test_a_clock_that_has_forgotten_the_day_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(machine.clock(Facts())) == []
    monkeypatch.setattr(preflight, "MADE", 3000)
    one = found(machine.clock)
    assert not one.well and "before this workshop was made" in one.says


def test_a_package_of_another_version_is_named_with_both(monkeypatch: pytest.MonkeyPatch) -> None:
    there = machine.version
    monkeypatch.setattr(
        machine, "version", lambda name: "1.0" if name == "apache-flink" else there(name)
    )
    one = found(machine.packages)
    assert not one.well and "apache-flink 1.0, not 2." in one.says


@pytest.mark.parametrize("program", ["/usr/bin/python3", "/opt/conda/bin/python"])
def test_another_kernel_that_comes_first_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    folder = tmp_path / "kernels" / "python3"
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(json.dumps({"argv": [program, "-m", "ipykernel"]}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    one = found(machine.kernel)
    assert one.remark and program in one.says and str(folder) in one.says


def test_the_projects_own_kernel_is_no_word_worth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JUPYTER_PATH", raising=False)
    monkeypatch.setenv("JUPYTER_DATA_DIR", "/nowhere")
    assert list(machine.kernel(Facts())) == []


@pytest.fixture
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without a variable that is worth a word."""
    for other in list(os.environ):
        if re.match(r"PG|PYTHON|FLINK|JVM|LOG4J|PIP_|UV_|JUPYTER|IPYTHON|LC_|LANG|\w+_PROXY",
                    other, re.IGNORECASE):  # fmt: skip
            monkeypatch.delenv(other)


@pytest.mark.usefixtures("unset")
@pytest.mark.parametrize(
    "name",
    [
        *("PGSSLMODE", "JAVA_TOOL_OPTIONS", "FLINK_HOME", "PYTHONPATH"),
        *("PIP_USER", "PIP_TARGET", "PIP_REQUIRE_VIRTUALENV", "JUPYTER_PATH"),
        *("JUPYTER_CONFIG_DIR", "PYTHONSTARTUP", "LC_ALL", "http_proxy"),
    ],
)
def test_a_variable_for_others_is_a_remark(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "hush")
    one = found(machine.variables)
    assert one.well and one.remark and name in one.says and "hush" not in one.says


@pytest.mark.usefixtures("unset")
def test_variables_that_do_no_harm_are_no_word_worth(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = settings().cache / "jupyter" / "config"
    for name, value in {
        **{"PIP_INDEX_URL": "hush", "PIP_CERT": "hush", "UV_CACHE_DIR": "hush"},
        **{"http_proxy": "hush", "NO_PROXY": "localhost,127.0.0.1", "HTTPS_PROXY": "hush"},
        **{"LC_ALL": "C.UTF-8", "LANG": "C", "JUPYTER_CONFIG_DIR": str(ours), "PIP_USER": ""},
    }.items():
        monkeypatch.setenv(name, value)
    assert list(machine.variables(Facts())) == []


def test_what_is_said_to_have_no_effect_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = re.search(r"^KEPT := (.*?)^THEIRS", (ROOT / "Makefile").read_text(), re.DOTALL | re.M)
    assert kept is not None
    for name in machine.FOR_OTHERS:
        monkeypatch.setenv(name, "hush")
        tool, _, its = name.partition("_")
        if tool in ("PIP", "UV"):
            assert its not in re.findall(r"[A-Z_]+", kept[1])
    given = kernels.environment(tmp_path)
    for name in machine.FOR_OTHERS:
        assert name.startswith(("PIP", "UV")) or given.get(name) != "hush"


@pytest.mark.parametrize(("free", "well"), [(1 * 1024**3, False), (5 * 1024**3, True)])
def test_memory_and_disk(monkeypatch: pytest.MonkeyPatch, free: int, well: bool) -> None:
    monkeypatch.setattr(limits, "memory_left", lambda: free)
    monkeypatch.setattr(failures, "free", lambda _: free)
    for check in (machine.memory, machine.disk):
        assert found(check).well is well


@pytest.mark.parametrize(("free", "well"), [(100 * 1024**2, False), (1024**3, True)])
def test_memory_while_services_run(monkeypatch: pytest.MonkeyPatch, free: int, well: bool) -> None:
    """They have what they need; what else is opened may find nothing."""
    monkeypatch.setattr(limits, "memory_left", lambda: free)
    facts = SimpleNamespace(services=[SimpleNamespace(answers=True)])
    (said,) = machine.memory(facts)  # type: ignore[arg-type]
    assert said.well is well


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache whose one jar is there, and as the lock says."""
    folder = tmp_path / "cache" / "jars"
    folder.mkdir(parents=True)
    jar = folder / "thing-1.jar"
    jar.write_bytes(b"good")
    lock = [jars.Jar("flink", "org.example:thing:1", 4, jars.sha256(jar))]
    monkeypatch.setattr(jars, "locked", lambda: lock)
    monkeypatch.setenv("CPUWATCH_CACHE", str(tmp_path / "cache"))
    settings.cache_clear()
    return folder


def test_who_was_killed_lately_is_named() -> None:
    state = settings().state
    lines = [
        f"{datetime.now() - timedelta(minutes=ago):%Y-%m-%d %H:%M:%S},123 {what}"
        for ago, what in [
            (20, "WARN exited: postgres (terminated by SIGKILL; not expected)"),
            (2, "WARN exited: kafka (terminated by SIGKILL; not expected)"),
            (2, "INFO spawned: 'kafka' with pid 12"),
            (1, "WARN exited: taskmanager (exit status 1; not expected)"),
            (1, "WARN exited: kafka (terminated by SIGKILL; not expected)"),
        ]
    ]
    assert list(services.killed(Facts())) == []
    (state / "logs").mkdir(parents=True)
    (state / "logs" / "supervisor.log").write_text("\n".join([*lines, "torn"]))
    one = found(services.killed)
    assert one.remark and "ten minutes: kafka (2); what" in one.says


@pytest.mark.parametrize("content", [b"baad", b"goo", None], ids=["changed", "cut", "missing"])
def test_a_damaged_jar_is_named_and_fetched_anew(
    cache: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
) -> None:
    jar = cache / "thing-1.jar"
    assert found(machine.downloads).says == "all are there and whole"
    statefolder.make_state(settings())
    settings().services_file.write_text("{}")
    if content is None:
        jar.unlink()
    else:
        jar.write_bytes(content)
    one = found(machine.downloads)
    assert not one.well and "thing-1.jar" in one.says
    monkeypatch.setattr(jars, "download", lambda missing, *_: jar.write_bytes(b"good"))
    assert doctor.mend([one]) == ["Jars: fetched anew: thing-1.jar"]
    assert found(machine.downloads).well


def test_a_remedy_that_fails_says_why(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (cache / "thing-1.jar").write_bytes(b"baad")

    def fail(*_: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(jars, "download", fail)
    said = doctor.mend([found(machine.downloads)])
    assert said == ["Jars: this could not be mended: no network"]


def test_a_taken_port_is_named_with_who_has_it() -> None:
    statefolder.make_state(settings())
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        port = somebody.getsockname()[1]
        settings().services_file.write_text(json.dumps({"ports": {"kafka": port}}))
        one = next(one for one in services.each(Facts()) if one.what == "Kafka")
    mine = psutil.Process()
    assert (
        not one.well and f"port {port} is taken by {mine.name()} (process {mine.pid})" in one.says
    )
    assert "'cpuwatch up'" in one.next and one.mend is not None


def test_a_kafka_that_was_asked_to_close_and_is_open_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert list(services.closed(Facts())) == []
    kafka = settings().state / "kafka"
    (kafka / "data").mkdir(parents=True)
    (kafka / "data" / "meta.properties").touch()
    (kafka / "server.properties").write_text("listeners=PLAINTEXT://127.0.0.1:9092\n")
    monkeypatch.setenv("CPUWATCH_KAFKA_SECURITY_PROTOCOL", "SSL")
    settings.cache_clear()
    one = found(services.closed)
    assert not one.well and "was made open" in one.says and "down --wipe" in one.next
    monkeypatch.setenv("CPUWATCH_KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    settings.cache_clear()
    one = found(services.closed)
    assert one.well and one.remark and "CPUWATCH_KAFKA names none" in one.says


def test_a_token_without_a_channel_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(alerting.channel(Facts())) == []
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-hush")
    settings.cache_clear()
    one = found(alerting.channel)
    assert not one.well and "SLACK_CHANNEL" in one.next and "hush" not in one.says + one.next


def test_a_setting_that_cannot_be_used_is_the_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CPUWATCH_FLINK", "nonsense://")
    settings.cache_clear()
    *_, one = doctor.examine()
    assert (one.what, one.well) == ("Settings", False) and "CPUWATCH_FLINK" in one.says


def test_as_json_has_a_key_for_each_thing() -> None:
    given = [Finding("A", True, "yes"), Finding("B", False, "no", "Do it.", mend=lambda: "done")]
    said = json.loads(doctor.as_json(given))
    assert said["well"] is False and "fixed" not in said
    assert said["findings"][1] == {
        "what": "B", "well": False, "remark": False, "says": "no", "next": "Do it.",
    }  # fmt: skip
    assert json.loads(doctor.as_json(given, ["B: done"]))["fixed"] == ["B: done"]
