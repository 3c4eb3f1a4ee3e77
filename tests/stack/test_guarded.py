"""Managed services by environment alone: TLS, SASL, certificates; what mistakes are told by."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from confluent_kafka import TopicCollection
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)
from conftest import PREFIX, cpuwatch, files_in
from guarded import PASSWORD, Authority, Guarded

from cpuwatch import sql, topics

SCRAM = "another1"


@pytest.fixture(scope="module")
def guarded() -> Iterator[Guarded]:
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir="/var/tmp"))
    folder.chmod(0o755)
    services = Guarded(folder / "services")
    try:
        services.start()
        yield services
    finally:
        services.stop()
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def database(guarded: Guarded) -> str:
    """The database's address, whose certificate is verified."""
    ca = guarded.folder / "ca.crt"
    return (
        f"postgresql://cpuwatch:{quote(PASSWORD, safe='')}@localhost:{guarded.ports['gate']}"
        f"/cpuwatch?sslmode=verify-full&sslrootcert={ca}"
    )


def ways(guarded: Guarded) -> dict[str, dict[str, str]]:
    ca = {"CPUWATCH_KAFKA_SSL_CA": str(guarded.folder / "ca.crt")}
    sasl = {"CPUWATCH_KAFKA": f"127.0.0.1:{guarded.ports['sasl']}", **ca}
    # In the form that Java by itself does not read, and some providers give.
    certificate, key = guarded.authority.vouch("anna", old=True)
    return {
        "PLAIN": {
            **sasl,
            "CPUWATCH_KAFKA_SASL_USERNAME": "anna",
            "CPUWATCH_KAFKA_SASL_PASSWORD": PASSWORD,
        },
        "SCRAM": {
            **sasl,
            "CPUWATCH_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "CPUWATCH_KAFKA_SASL_MECHANISM": "scram-sha-256",
            "CPUWATCH_KAFKA_SASL_USERNAME": "anna",
            "CPUWATCH_KAFKA_SASL_PASSWORD": SCRAM,
        },
        "certificate": {
            "CPUWATCH_KAFKA": f"127.0.0.1:{guarded.ports['ssl']}",
            "CPUWATCH_KAFKA_SSL_CERTIFICATE": str(certificate),
            "CPUWATCH_KAFKA_SSL_KEY": str(key),
            **ca,
        },
    }


@pytest.mark.parametrize("way", ["PLAIN", "SCRAM", "certificate"])
def test_the_story_on_guarded_services(
    guarded: Guarded, database: str, state: Path, way: str
) -> None:
    variables = {**ways(guarded)[way], "CPUWATCH_POSTGRES": database, "CPUWATCH_STATE": str(state)}
    done = cpuwatch("demo", "--json", **variables)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["readings"], found["filtered"], found["windows"]) == (21_000, 538, 700)
    assert (found["alerts"], found["slack_messages"]) == (62, 4)
    # A password stands in files for their owner alone, and nowhere else.
    with_it = [
        path
        for path, content in files_in(state)
        if PASSWORD.encode() in content or SCRAM.encode() in content
    ]
    assert all(path.stat().st_mode & 0o077 == 0 for path in with_it), with_it
    assert not any(path.suffix == ".log" for path in with_it)


def test_what_is_wrong_is_said_in_a_sentence(guarded: Guarded, tmp_path: Path, state: Path) -> None:
    known = ways(guarded)
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    Authority(stranger)
    cases = {
        "Authentication failed": known["PLAIN"] | {"CPUWATCH_KAFKA_SASL_PASSWORD": "no"},
        "certificate verify failed": known["PLAIN"]
        | {"CPUWATCH_KAFKA_SSL_CA": str(stranger / "ca.crt")},
        "security.protocol": {"CPUWATCH_KAFKA": known["PLAIN"]["CPUWATCH_KAFKA"]},
        "certificate required|alert": {
            **known["certificate"],
            "CPUWATCH_KAFKA_SSL_CERTIFICATE": "",
            "CPUWATCH_KAFKA_SSL_KEY": "",
        },
    }
    for said, variables in cases.items():
        done = cpuwatch("produce", CPUWATCH_STATE=str(state), **variables)
        assert done.returncode == 1
        assert re.search(said, done.stderr), (said, done.stderr)
        assert "Traceback" not in done.stderr and PASSWORD not in done.stderr
        # What to look at; nobody is sent to start what others run.
        assert "CPUWATCH_KAFKA_S" in done.stderr and "cpuwatch up" not in done.stderr


#: What somebody needs of a Kafka in which others have made the topics: for each kind of thing the
#: beginning of its name, and the rights.
RIGHTS = {
    ResourceType.TOPIC: ("cpu_", ["READ", "WRITE", "DESCRIBE", "DELETE"]),
    ResourceType.GROUP: ("", ["READ"]),
    ResourceType.TRANSACTIONAL_ID: ("cpu_", ["WRITE", "DESCRIBE"]),
}

#: What a visitor with these rights does: the topics' numbers of records, each time.
VISIT = """
import json
from cpuwatch import sql, topics, workshop
for _ in range(2):
    workshop.catch_up("08")
    print(json.dumps({name: topics.count(name) for name in sql.topics()}))
    workshop.reset()
"""


def test_topics_that_others_have_made_are_used_and_stay(
    guarded: Guarded, database: str, state: Path
) -> None:
    """A right to delete records is, to Kafka, one to delete the topic; and not to make it again."""
    admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{guarded.ports['internal']}"})
    names = sql.topics()
    for made in admin.create_topics([NewTopic(name, 2, 1) for name in names]).values():
        made.result(20)
    rights = [
        AclBinding(
            kind, begins or "*",
            ResourcePatternType.PREFIXED if begins else ResourcePatternType.LITERAL,
            "User:visitor", "*", AclOperation[operation], AclPermissionType.ALLOW,
        )
        for kind, (begins, operations) in RIGHTS.items()
        for operation in operations
    ]  # fmt: skip
    for given in admin.create_acls(rights).values():
        given.result(20)

    def ids() -> dict[str, str]:
        asked = admin.describe_topics(TopicCollection(names))
        return {name: str(one.result(20).topic_id) for name, one in asked.items()}

    before = ids()
    variables = {
        **ways(guarded)["PLAIN"], "CPUWATCH_KAFKA_SASL_USERNAME": "visitor",
        "CPUWATCH_POSTGRES": database, "CPUWATCH_STATE": str(state),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-c", VISIT], env=os.environ | variables, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    first, second = map(json.loads, done.stdout.splitlines())
    assert first == second
    assert first[topics.OVER] == 62 and first[topics.READINGS] == 21_000
    assert ids() == before
    # What is not there cannot be made, and that is said.
    done = cpuwatch("demo", **variables)
    assert (
        done.returncode == 1 and "and we may not create it: ask whoever runs Kafka" in done.stderr
    )
