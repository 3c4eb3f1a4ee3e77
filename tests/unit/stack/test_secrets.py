"""A secret that a power loss has spoilt is made anew, or missed by name; it lets nobody in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from cpuwatch.errors import CpuwatchError
from cpuwatch.flinkpage.server import FlinkPage
from cpuwatch.settings import Settings, settings
from cpuwatch.stack import flinkpage, passwords, postgres, seen, slack, statefolder
from cpuwatch.standin.server import StandIn
from cpuwatch.standin.store import Store

#: What a power loss may leave of a file that was not on the disk yet.
LEFT = [b"", bytes(32), b"\xff\xfe"]


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    monkeypatch.setenv("CPUWATCH_STATE", str(tmp_path / "state"))
    settings.cache_clear()
    statefolder.make_state(settings())
    yield settings()
    settings.cache_clear()


@pytest.mark.parametrize("left", LEFT)
def test_the_pages_token_is_made_anew(tmp_path: Path, left: bytes) -> None:
    (tmp_path / "page-token").write_bytes(left)
    token = flinkpage.token_in(tmp_path)
    assert len(token) == 32 and token.isprintable()
    assert flinkpage.token_in(tmp_path) == token


@pytest.mark.parametrize("left", [*LEFT, b"{", b"[]", b"{}", b'{"token": "", "control": ""}'])
def test_the_stand_ins_secrets_are_made_anew(tmp_path: Path, left: bytes) -> None:
    (tmp_path / "secrets.json").write_bytes(left)
    made = slack.secrets_in(tmp_path)
    assert made.token.startswith("xoxb-standin-") and len(made.control) == 32
    assert slack.secrets_in(tmp_path) == made


@pytest.mark.parametrize("left", LEFT)
def test_a_password_that_the_database_knows_is_missed_and_not_replaced(
    config: Settings, left: bytes
) -> None:
    config.pgpass.write_bytes(left)
    data = config.state / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("18\n")
    with pytest.raises(CpuwatchError) as caught:
        statefolder.write_passwords(config)
    assert str(config.pgpass) in str(caught.value)
    assert str(caught.value).endswith(postgres.PUT_BACK)
    assert config.pgpass.read_bytes() == left
    config.services_file.write_text('{"ports": {"postgres": 1}}')
    assert not postgres.SERVICE.answers(config)
    assert config.pgpass.read_bytes() == left  # nor does 'status' make one


@pytest.mark.parametrize("left", LEFT)
def test_a_password_that_no_database_knows_yet_is_made_anew(config: Settings, left: bytes) -> None:
    config.pgpass.write_bytes(left)
    statefolder.write_passwords(config)
    assert passwords.read(config.pgpass)[postgres.EMBEDDED]


def test_a_password_that_is_refused_is_to_be_put_back(config: Settings) -> None:
    reason = 'password authentication failed for user "cpuwatch"'
    found = seen.look(config, replace(postgres.SERVICE, refusal=lambda _: reason), {})
    assert found.next == postgres.PUT_BACK[0].upper() + postgres.PUT_BACK[1:]


def test_an_empty_token_lets_nobody_into_flinks_page(tmp_path: Path) -> None:
    page = FlinkPage(80, "https://127.0.0.1:1", tmp_path, "")
    asked = TestClient(page.app(), base_url="http://127.0.0.1:80", follow_redirects=False)
    asked.headers["Host"] = "127.0.0.1:80"
    for path in ("/", "/?token=", "/overview", "/jobs"):
        assert asked.get(path).status_code == 403
    asked.cookies.set(flinkpage.cookie(80), "")
    assert asked.get("/overview").status_code == 403


def test_an_empty_token_lets_nobody_into_the_stand_in(tmp_path: Path) -> None:
    standin = StandIn(Store(tmp_path / "messages.jsonl"), "", "")
    asked = TestClient(standin.app(), base_url="http://127.0.0.1")
    for headers in ({}, {"Authorization": ""}, {"Authorization": "Bearer "}):
        for path in ("/control", "/api/auth.test"):
            said = asked.post(path, headers=headers, json={"read": "cpu-alerts"}).json()
            assert said["ok"] is False and said["error"] in ("invalid_auth", "not_authed")
