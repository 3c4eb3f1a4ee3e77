"""JupyterLab's small parts, without JupyterLab."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest

from cpuwatch import kernels, lab
from cpuwatch.errors import CpuwatchError


def test_a_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CpuwatchError, match=f"Port {port} is taken: name another"):
            lab.start(port)


def test_the_token_is_in_the_address_and_nowhere_in_the_arguments() -> None:
    import inspect

    server = lab.Server("http://127.0.0.1:1", "secret", process=None)  # type: ignore[arg-type]
    assert server.address() == "http://127.0.0.1:1/lab/tree/00-welcome.ipynb?token=secret"
    assert "--ServerApp.token" not in inspect.getsource(lab.start)


@pytest.mark.skipif(os.name != "posix", reason="a question of X11 and Wayland")
def test_without_a_display_there_is_no_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert not lab.has_browser()


def test_settings_of_an_attendee_are_kept(tmp_path: Path) -> None:
    lab.put_settings(tmp_path)
    path = tmp_path / "@jupyterlab/apputils-extension/notification.jupyterlab-settings"
    assert json.loads(path.read_text())["fetchNews"] == "false"
    path.write_text("{}")
    lab.put_settings(tmp_path)
    assert path.read_text() == "{}"


def test_a_theme_of_an_attendee_s_own_jupyterlab_counts_until_it_is_changed(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    theme = "@jupyterlab/apputils-extension/themes.jupyterlab-settings"
    news = "@jupyterlab/apputils-extension/notification.jupyterlab-settings"
    for name in (theme, news):
        (theirs / name).parent.mkdir(parents=True, exist_ok=True)
        (theirs / name).write_text("{} // theirs")
    lab.put_settings(ours, theirs)
    assert (ours / theme).read_text() == "{} // theirs"
    assert "fetchNews" in (ours / news).read_text()  # in a class nobody is asked
    (ours / theme).write_text("{}")
    lab.put_settings(ours, theirs)
    assert (ours / theme).read_text() == "{}"


THEMES = "@jupyterlab/apputils-extension/themes.jupyterlab-settings"
TRACKER = "@jupyterlab/notebook-extension/tracker.jupyterlab-settings"
SHORTCUTS = "@jupyterlab/shortcuts-extension/shortcuts.jupyterlab-settings"


def _settings(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def _all(folder: Path) -> dict[str, str]:
    return {str(path): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_who_presents_has_large_letters_and_keeps_theme_and_shortcuts(tmp_path: Path) -> None:
    kept, folder = tmp_path / "kept", tmp_path / "present"
    lab.put_settings(kept)
    _settings(
        kept,
        THEMES,
        """{
        // JupyterLab lets people write comments, and commas at the end.
        "theme": "JupyterLab Dark",
        "overrides": {"code-font-family": "Fira Code", "code-font-size": "11px",},
    }""",
    )
    _settings(kept, TRACKER, '{"codeCellConfig": {"lineNumbers": true, "lineWrap": false}}')
    _settings(kept, SHORTCUTS, '{"shortcuts": []} // theirs')
    before = _all(kept)
    assert lab.settings_to_present(kept, folder) == folder
    themes, tracker = (json.loads((folder / name).read_text()) for name in (THEMES, TRACKER))
    assert themes["theme"] == "JupyterLab Dark"
    assert themes["overrides"]["code-font-family"] == "Fira Code"
    assert themes["overrides"]["code-font-size"] == "20px"
    assert tracker["codeCellConfig"] == {"lineNumbers": True, "lineWrap": True}
    assert (folder / SHORTCUTS).read_text() == '{"shortcuts": []} // theirs'
    assert _all(kept) == before


def test_what_was_changed_while_somebody_presented_is_forgotten(tmp_path: Path) -> None:
    kept, folder = lab.put_settings(tmp_path / "kept"), tmp_path / "present"
    first = _all(lab.settings_to_present(kept, folder))
    _settings(folder, THEMES, '{"theme": "JupyterLab Dark", "overrides": {}}')
    _settings(folder, SHORTCUTS, "{}")
    assert _all(lab.settings_to_present(kept, folder)) == first
    # The workshop's own settings count here, too.
    assert json.loads((folder / TRACKER).read_text())["windowingMode"] == "none"


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "7", '{"overrides": null}', '{"overrides": "large"}', "\0"]
)
def test_a_file_of_settings_that_is_damaged_does_not_keep_who_presents(
    tmp_path: Path, text: str
) -> None:
    _settings(tmp_path / "kept", THEMES, text)
    folder = lab.settings_to_present(tmp_path / "kept", tmp_path / "present")
    sizes = json.loads((folder / THEMES).read_text())["overrides"]
    assert sizes["content-font-size1"] == "20px"


def test_a_kernel_hears_of_no_other_jupyter_and_of_every_mirror(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = ("JUPYTER_PATH", "JUPYTER_TOKEN", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV",
              "MPLBACKEND", "NBVAL_X")  # fmt: skip
    kept = ("PIP_INDEX_URL", "https_proxy", "SSL_CERT_FILE", "PYTHONUNBUFFERED")
    for name in (*theirs, *kept):
        monkeypatch.setenv(name, "somebody's")
    found = kernels.environment(tmp_path)
    assert not set(theirs) & set(found)
    assert {found[name] for name in kept} == {"somebody's"}
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        assert tmp_path in Path(found[name]).parents and Path(found[name]).is_dir()
