"""A folder that is closed to others and wiped is one that we have made."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cpuwatch import files
from cpuwatch.cli.running import keep_trace
from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import ROOT, Settings, settings
from cpuwatch.stack import control, place, starting, statefolder
from cpuwatch.stack.supervisor import Supervisor


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("CPUWATCH_STATE", str(tmp_path / "state"))
    monkeypatch.setattr(starting, "start_anew", lambda *_: None)  # nothing here needs a service
    settings.cache_clear()
    yield tmp_path / "state"
    settings.cache_clear()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def snapshot(folder: Path) -> dict[str, int]:
    return {str(path): mode(path) for path in (folder, *folder.rglob("*"))}


#: What makes or empties the state folder.
WAYS: dict[str, Callable[[], object]] = {
    "up": control.up,
    "down": control.down,
    "down --wipe": lambda: control.down(wipe=True),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "held",
    [
        ["letters/mother.txt"],
        [".git/config", "README.md"],
        ["logs/a.log", "keys/a"],  # names that ours has, too
        ["up.lock", "supervisor/supervisord.conf", "thesis.tex"],  # an earlier version was there
        ["lost+found/a", "photo.jpg"],
    ],
)
def test_a_folder_of_somebody_s_own_stays_as_it_is(state: Path, way: str, held: list[str]) -> None:
    for name in held:
        path = state / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("precious")
        path.chmod(0o644)
    state.chmod(0o755)
    before = snapshot(state)
    with pytest.raises(CpuwatchError) as caught:
        WAYS[way]()
    assert snapshot(state) == before
    said = str(caught.value)
    assert str(state) in said and "was not made by cpuwatch" in said
    assert "Set CPUWATCH_STATE to a new folder" in said and "\n" not in said


@pytest.mark.parametrize(
    "held",
    [
        [],
        ["lost+found/"],
        ["up.lock"],  # somebody wiped it while another waited
        # As earlier versions left it: whole, interrupted half way, and before the first 'up'.
        ["up.lock", "services.json", "supervisor/supervisord.conf", "pgpass", "kafka/data/"],
        ["up.lock", "pgpass", "pgpass.new", "client/lib.new/"],
        ["up.lock", "services.json", "deployed.json", "begin.lock"],
        ["services.json.new", "up.lock", "logs/"],
        ["jupyter/settings/", "logs/jupyter.log"],
        ["logs/cpuwatch-error.log"],
        ["slack/notifier.lock"],
    ],
)
def test_an_empty_folder_and_one_of_an_earlier_version_are_taken_closed_and_wiped(
    state: Path, held: list[str]
) -> None:
    state.mkdir()
    for name in held:
        path = state / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir() if name.endswith("/") else path.write_text("")
    state.chmod(0o755)
    statefolder.make_state(settings())
    assert mode(state) == 0o700 and (state / place.MARK).exists()
    (state / "an attendee's own").write_text("")  # it is ours from now on
    statefolder.make_state(settings())
    control.down(wipe=True)
    assert not state.exists() or os.listdir(state) == ["lost+found"]


def test_a_disk_that_is_mounted_there_is_emptied_and_stays(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    statefolder.make_state(settings())

    def busy(_self: Path) -> None:
        raise OSError("Device or resource busy")

    monkeypatch.setattr(Path, "rmdir", busy)
    control.down(wipe=True)
    assert os.listdir(state) == []


def test_a_first_start_that_was_interrupted_anywhere_is_taken_up(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: object, **__: object) -> None:
        raise Killed

    for owner, name in [
        (Path, "touch"),
        (statefolder, "write_passwords"),
        (starting, "start_anew"),
    ]:
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, killed)
            with pytest.raises(Killed):
                control.up()
        statefolder.make_state(settings())
        control.down(wipe=True)
        assert not state.exists()


def test_a_wipe_that_was_interrupted_can_be_done_again(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    statefolder.make_state(settings())
    for name in ("kafka", "an attendee's own"):
        (state / name).mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(place.shutil, "rmtree", lambda path: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            control.down(wipe=True)
    control.down(wipe=True)
    assert not state.exists()


def test_who_waits_for_a_wipe_marks_the_folder_anew(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait = files.only_one

    def wiped_meanwhile(path: Path) -> object:
        place.wipe(state)
        return wait(path)

    monkeypatch.setattr(files, "only_one", wiped_meanwhile)
    with control.locked(settings()):
        assert (state / place.MARK).exists()


def test_down_of_what_runs_under_a_deleted_folder_leaves_none(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Supervisor, "strays", lambda _: ["one"])
    monkeypatch.setattr(Supervisor, "stop", lambda _: None)
    assert control.down()
    assert not state.exists()


def test_a_trace_goes_into_a_state_folder_alone(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert keep_trace() == str(state / "logs" / "cpuwatch-error.log")
    statefolder.make_state(settings())
    (state / place.MARK).unlink()
    (state / "thesis.tex").write_text("")
    assert keep_trace() == "the lines above"


@pytest.mark.parametrize("name", ["/", "~", "~/..", str(ROOT), str(ROOT.parent), "link"])
def test_the_home_and_the_checkout_are_no_state_folders_not_even_empty_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    home = tmp_path / "home"
    (home / "ours").mkdir(parents=True)
    (home / place.MARK).touch()
    (tmp_path / "link").symlink_to(home)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CPUWATCH_STATE", name)
    settings.cache_clear()
    try:
        with pytest.raises(CpuwatchError) as caught:
            settings()
        assert "CPUWATCH_STATE" in str(caught.value) and "delete" in str(caught.value)
        monkeypatch.setenv("CPUWATCH_STATE", "~/ours")
        assert Settings().state == home / "ours"
    finally:
        settings.cache_clear()


def test_the_current_folder_is_refused_where_it_is_the_checkout(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("CPUWATCH_STATE", ".")
    settings.cache_clear()
    with pytest.raises(CpuwatchError, match="is the checkout"):
        settings()
    settings.cache_clear()
