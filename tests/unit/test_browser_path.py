"""The Chromium that the browser tests take."""

from __future__ import annotations

from pathlib import Path

import browser_path
import pytest


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setattr(browser_path, "MACOS", (str(tmp_path / "Google Chrome.app" / "Chrome"),))


def program(path: Path) -> str:
    path.parent.mkdir(exist_ok=True)
    path.touch(0o755)
    return str(path)


def test_what_the_variable_names_comes_first(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program(tmp_path / "chromium")
    mine = program(tmp_path / "my-chrome")
    for name in ("my-chrome", mine):
        monkeypatch.setenv("CHROMIUM", name)
        assert browser_path.chromium() == mine
    monkeypatch.setenv("CHROMIUM", "no-chrome")
    with pytest.raises(AssertionError, match="CHROMIUM names no-chrome"):
        browser_path.chromium()


def test_the_path_comes_before_macos_folder(tmp_path: Path) -> None:
    in_folder = program(tmp_path / "Google Chrome.app" / "Chrome")
    assert browser_path.chromium() == in_folder
    on_path = program(tmp_path / "google-chrome")
    assert browser_path.chromium() == on_path


def test_without_one_a_test_is_skipped_and_in_ci_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no Chromium"):
        browser_path.chromium()
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no Chromium"):
        browser_path.chromium()
