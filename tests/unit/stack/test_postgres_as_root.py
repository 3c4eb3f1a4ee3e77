"""As root, PostgreSQL's folder is another user's, who may put links there: none is followed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import PLACE, PREFIX

from cpuwatch.errors import CpuwatchError
from cpuwatch.stack import postgres
from cpuwatch.stack.program import Program
from cpuwatch.stack.supervisor import Supervisor

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a folder away")


@pytest.fixture
def state() -> Iterator[Path]:
    """A state folder that PostgreSQL's user may pass through, with that one's folder."""
    made = Path(tempfile.mkdtemp(prefix=PREFIX, dir=PLACE))
    made.chmod(0o755)
    (made / "postgres").mkdir(mode=0o700)
    shutil.chown(made / "postgres", "nobody")
    yield made
    shutil.rmtree(made)


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    """Something of root's, to which links lead."""
    folder = tmp_path / "precious"
    folder.mkdir()
    (folder / "shadow").write_text("root's")
    return folder


def untouched(precious: Path) -> bool:
    found = [precious, *precious.rglob("*")]
    return (
        [path.name for path in found] == ["precious", "shadow"]
        and all(path.stat().st_uid == 0 for path in found)
        and (precious / "shadow").read_text() == "root's"
    )


def test_its_script_is_given_away_and_nothing_else(state: Path, precious: Path) -> None:
    script = state / "postgres" / "postgres.sh"
    script.symlink_to(precious / "shadow")
    supervisor = Supervisor(state)
    supervisor.write([Program("postgres", ["true"], user="nobody", script="postgres")])
    supervisor.forget_socket()
    assert untouched(precious)
    assert not script.is_symlink() and script.owner() == "nobody"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small one, which lies where PostgreSQL's user may not go."""
    made = tmp_path / "site-packages" / "server"
    programs = made / postgres.INSTALL / "bin"
    programs.mkdir(parents=True)
    (programs / "postgres").write_text("#!/bin/sh\n")
    (programs / "postgres").chmod(0o755)
    (made.with_name("server.libs")).mkdir()
    monkeypatch.setattr(postgres, "PACKAGE", made)
    monkeypatch.setattr(postgres, "can", lambda *_: False)
    return made


@pytest.mark.parametrize("trap", ["package", "package/complete", "package/server", None])
def test_a_copy_of_its_programs_is_made_where_that_user_cannot_come(
    state: Path, precious: Path, package: Path, trap: str | None
) -> None:
    folder = state / "postgres"
    if trap is not None:
        (folder / trap).parent.mkdir(exist_ok=True)
        (folder / trap).symlink_to(precious / "shadow" if "complete" in trap else precious)
    programs = postgres.binaries_for(folder, "nobody")
    assert untouched(precious)
    assert programs == folder / "package" / "server" / postgres.INSTALL / "bin"
    copied = [folder / "package", *(folder / "package").rglob("*")]
    assert {path.owner() for path in copied} == {"nobody"} and len(copied) == 7
    assert all(path.lstat().st_mode & 0o077 == 0 for path in copied)
    assert sorted(path.name for path in state.iterdir()) == ["postgres"]
    before = (folder / "package").stat().st_ino
    postgres.binaries_for(folder, "nobody")  # it is whole
    assert (folder / "package").stat().st_ino == before
    os.utime(package, (1, 1))  # another version
    postgres.binaries_for(folder, "nobody")
    assert (folder / "package" / "complete").read_text() == "1000000000"


def test_nothing_in_its_folder_is_given_away_while_data_are_made(
    state: Path, precious: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = state / "postgres"
    new = folder / "data.new"
    new.symlink_to(precious)
    true_run = subprocess.run
    calls: list[list[str]] = []

    def run(call: list[str], **options: object) -> object:
        """As initdb, the server, and that user, who is quick."""
        assert options["user"] == "nobody"
        calls.append(call)
        if "initdb" in call[0]:
            call = ["/bin/sh", "-c", f'mkdir -m 700 "{new}" && ln -s "{precious}/shadow" "$0"',
                    str(new / "pg_hba.conf")]  # fmt: skip
        elif "--single" in call:
            call = ["true"]
        return true_run(call, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(CpuwatchError):  # that user may not write there
        postgres.create(folder, folder / "data", Path("/nowhere"), "nobody", "secret")
    assert untouched(precious)
    assert new.owner() == "nobody" and len(calls) == 3
