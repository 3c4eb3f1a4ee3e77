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
