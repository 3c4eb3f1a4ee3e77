"""The address of others' PostgreSQL, in the forms that providers give it, for both drivers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg2
import pytest
from guarded import Authority
from java_parts import java

from cpuwatch import pgaddress, thresholds
from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import Settings, settings
from cpuwatch.stack import claims, jars, refused, statefolder

Given = Callable[[str], Settings]


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Given]:
    """The settings with this address."""
    monkeypatch.setenv("CPUWATCH_STATE", str(tmp_path / "state"))

    def make(address: str) -> Settings:
        monkeypatch.setenv("CPUWATCH_POSTGRES", address)
        settings.cache_clear()
        return settings()

    yield make
    settings.cache_clear()


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Java with PostgreSQL's driver."""
    found = jars.fetch(Settings().cache, {"flink"}, show=False)["flink"]
    with java(found, tmp_path_factory.mktemp("java")) as machine:
        yield machine


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://u:p@h:5432/d",
        "postgres://u:p@h:5432/d",
        "psql 'postgresql://u:p@h:5432/d'",
        '"postgresql://u:p@h/d"',
        " postgresql://u:p@h/d ",
    ],
)
def test_an_address_is_taken_as_it_is_shown(given: Given, address: str) -> None:
    config = given(address)
    assert config.postgres_address == "postgresql://u@h:5432/d"
    assert config.postgres_password == "p"
    assert config.jdbc_url == "jdbc:postgresql://h:5432/d?user=u"


def test_a_password_with_every_sign_is_read(given: Given) -> None:
    secret = "a@b:c/d?e#f%g&h=i+j k"
    assert given(f"postgresql://u:{quote(secret, safe='')}@h/d").postgres_password == secret


@pytest.mark.parametrize("secret", ["p[w", "p]w", "p℀x", "several℀x", "a,b", "a,b#c", "a,b?c"])
def test_so_is_one_that_nobody_escaped(given: Given, secret: str) -> None:
    assert given(f"postgresql://u:{secret}@h/d").postgres_password == secret


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("host=h user=u password=hush dbname=d", "these are names and values"),
        ("postgresql://u:hush@h1:5432,h2:5432/d", "it names several hosts"),
        ("postgresql:///d?host=/run/postgresql&user=u", "or a socket"),
        ("postgresql://u:hush@%2Frun%2Fpostgresql/d", "or a socket"),
        ("jdbc:postgresql://h/d?user=u", "write it as postgresql://"),
        ("postgresql://u:hush@[::1/d", "write it as postgresql://"),
        ("postgresql://u:hush@h/d?pgbouncer=true", "do not know 'pgbouncer': take it out"),
        ("postgresql://u:hush@h/d?hush%20hush=1", "do not know one: take it out"),
        ("postgresql://u@h/d?sslmode=verify_full", "its sslmode is none of disable"),
        ("postgresql://u@h/d?sslmode=require&sslmode=require", "'sslmode' stands there twice"),
        ("postgresql://u@h/d?sslrootcert=system&sslmode=require", "verify-full alone"),
        ("postgresql://u@h/d?sslkey=/k&sslpassword=hush", "takes it off"),
        ("postgresql://u:hush@h:99999/d", "write it as postgresql://"),
        ("postgresql://u:hush@h:0/d", "write it as postgresql://"),
        ("postgresql://u@h/d?service=hush", "write it as postgresql://"),
        ("postgresql://u@h/d?connect_timeout=hush", "no number of seconds"),
        ("postgresql://u@h/d?target_session_attrs=hush", "is none of any, primary, read-write"),
        ("postgresql://u@h/d?sslrootcert=~nobody9/x", "no home folder that its '~' would name"),
    ],
)
def test_one_that_one_of_both_could_not_use_is_refused(
    given: Given, address: str, said: str
) -> None:
    with pytest.raises(CpuwatchError) as caught:
        given(address)
    told = str(caught.value)
    assert told.startswith("CPUWATCH_POSTGRES in the environment or .env is not usable: ")
    assert said in told and "hush" not in told and "\n" not in told


@pytest.mark.parametrize(
    ("options", "java_has"),
    [
        *[(f"sslmode={mode}", {"sslmode": mode}) for mode in pgaddress.MODES],
        ("channel_binding=require", {"channelBinding": "require"}),
        ("application_name=x%20y", {"ApplicationName": "x y"}),
        ("connect_timeout=7", {"connectTimeout": "7"}),
        ("options=endpoint%3Dep-1", {"options": "endpoint=ep-1"}),
        ("target_session_attrs=read-write", {"targetServerType": "primary"}),
        ("target_session_attrs=any", {"targetServerType": "any"}),
        ("keepalives_idle=30", {}),
        (
            "sslrootcert=system",
            {"sslmode": "verify-full", "sslfactory": "org.postgresql.ssl.DefaultJavaSSLFactory"},
        ),
        (
            "sslmode=verify-ca&sslrootcert=/etc/own%27s.pem",
            {"sslmode": "verify-ca", "sslrootcert": "/etc/own's.pem"},
        ),
    ],
)
def test_an_option_reaches_each_driver_by_its_own_name(
    given: Given, driver: Any, options: str, java_has: dict[str, str]
) -> None:
    config = given(f"postgresql://u@h:1/d?{options}")
    known = driver.jvm.org.postgresql.Driver
    read = dict(known.parseURL(config.jdbc_url, driver.jvm.java.util.Properties()))
    place = {"PGHOST": "h", "PGPORT": "1", "PGDBNAME": "d", "user": "u"}
    assert read == place | java_has
    names = {one.getName() for one in driver.jvm.org.postgresql.PGProperty.values()}
    assert java_has.keys() <= names
    asked = psycopg2.extensions.make_dsn(**config.postgres_url.query)
    assert "system" not in asked


def test_whom_the_machine_trusts_stands_in_a_file_that_libpq_can_read(given: Given) -> None:
    query = given("postgresql://u@h/d?sslrootcert=system").postgres_url.query
    assert query["sslmode"] == "verify-full" and Path(str(query["sslrootcert"])).is_file()


def test_what_an_address_says_is_not_lost_beside_what_we_say(
    given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    given("postgresql://u@h/d?options=endpoint%3Dep-1&connect_timeout=7")
    monkeypatch.setattr(claims, "claim", lambda _: None)
    told: dict[str, Any] = {}
    monkeypatch.setattr(psycopg2, "connect", lambda *_, **more: told.update(more) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        thresholds.engine().connect()
    assert told["options"] == 'endpoint=ep-1 -csearch_path="public"'
    assert told["connect_timeout"] == "7"


def test_a_key_of_our_own_is_read_by_java_s_driver(
    given: Given, driver: Any, tmp_path: Path
) -> None:
    certificate, key = Authority(tmp_path).vouch("anna")
    config = given(f"postgresql://u@h/d?sslmode=require&sslcert={certificate}&sslkey={key}")
    assert config.postgres_url.query["sslkey"] == str(key)
    statefolder.make_state(config)
    statefolder.write_passwords(config)
    assert "sslkey=..%2Fkeys%2Fpostgres-client.pk8" in config.jdbc_url
    made = config.keys / pgaddress.KEY
    assert made.stat().st_mode & 0o777 == 0o600
    jvm = driver.jvm
    manager = jvm.org.postgresql.ssl.LazyKeyManager(str(certificate), str(made), None, False)
    assert manager.getPrivateKey("user") is not None
    manager = jvm.org.postgresql.ssl.LazyKeyManager(str(certificate), str(key), None, False)
    assert manager.getPrivateKey("user") is None  # so it is needed


def test_a_file_without_a_key_is_named(given: Given, tmp_path: Path) -> None:
    Authority(tmp_path)
    config = given(f"postgresql://u@h/d?sslkey={tmp_path / 'ca.crt'}")
    statefolder.make_state(config)
    with pytest.raises(CpuwatchError, match="CPUWATCH_POSTGRES names a key that is not usable"):
        statefolder.write_passwords(config)


@pytest.mark.parametrize(
    ("said", "step"),
    [
        ('password authentication failed for user "u"', "POSTGRES_PASSWORD"),
        ("fe_sendauth: no password supplied", "POSTGRES_PASSWORD"),
        ("SSL error: certificate verify failed", "sslrootcert"),
        ('server certificate for "a" does not match host name "b"', "sslrootcert"),
        ('private key file "k" has group or world access; file must have', "chmod 600"),
        ("server does not support SSL, but SSL was required", "sslmode=disable"),
        ('no pg_hba.conf entry for host "1.2.3.4", user "u", no encryption', "sslmode=require"),
        ("unsupported startup parameter in options: search_path", "not its pooler's"),
        ('could not translate host name "h" to address: Name or service not known', "firewall"),
        ("timeout expired", "firewall"),
        ("Connection refused", "Somebody else runs it"),
    ],
)
def test_what_a_database_of_others_says_is_followed_by_what_to_do(
    given: Given, said: str, step: str
) -> None:
    config = given("postgresql://u@h/d")
    told = refused.sentence(config, psycopg2.OperationalError(said))
    assert said in told and step in told and "cpuwatch up" not in told
