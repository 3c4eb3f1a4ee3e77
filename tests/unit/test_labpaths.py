"""Where a kernel of JupyterLab's, and any other process, finds Flink's page and the channel."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from jupyter_server.base.handlers import JupyterHandler
from tornado.web import HTTPError
from typer.testing import CliRunner

from cpuwatch import cli, flink, lab, labinstall, labpaths, labserver, standin, workshop
from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import settings
from cpuwatch.stack import flinkpage

JOB = flink.Job("a" * 32, "cpu_filter", "RUNNING")
OVERVIEW = f"#/job/running/{JOB.id}/overview"


@pytest.fixture(autouse=True)
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A stack that was started, on ports of its own."""
    monkeypatch.setenv("CPUWATCH_STATE", str(tmp_path))
    monkeypatch.delenv(labpaths.BASE, raising=False)
    record = {"ports": {"slack": 18090, "flink_page": 18081}}
    (tmp_path / "services.json").write_text(json.dumps(record))
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.mark.parametrize(
    ("base", "page", "channel"),
    [
        (None, "http://127.0.0.1:18081", "http://127.0.0.1:18090"),
        ("", "http://127.0.0.1:18081", "http://127.0.0.1:18090"),
        ("/", "/cpuwatch/flink", "/cpuwatch/slack"),
        ("/user/anna/", "/user/anna/cpuwatch/flink", "/user/anna/cpuwatch/slack"),
        ("/user/anna", "/user/anna/cpuwatch/flink", "/user/anna/cpuwatch/slack"),
        ("/user/a%40b.c/x/", "/user/a%40b.c/x/cpuwatch/flink", "/user/a%40b.c/x/cpuwatch/slack"),
    ],
)
def test_the_pages_are_below_the_base_url_of_the_server_that_shows_them(
    monkeypatch: pytest.MonkeyPatch, base: str | None, page: str, channel: str
) -> None:
    if base is not None:
        monkeypatch.setenv(labpaths.BASE, base)
    assert flink.page(JOB) == f"{page}/{OVERVIEW}"
    assert f'href="{page}/{OVERVIEW}"' in workshop.link(JOB).data
    assert standin.page_address() == f"{channel}/"
    assert standin.page_address("other") == f"{channel}/?channel=other"


def test_services_that_others_run_are_where_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(labpaths.BASE, "/user/anna/")
    monkeypatch.setenv("CPUWATCH_FLINK", "http://flink.example:8081")
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-1")
    settings.cache_clear()
    assert flink.page(JOB) == f"http://flink.example:8081/{OVERVIEW}"
    with pytest.raises(CpuwatchError, match="The real Slack is used here"):
        standin.page_address()


def test_of_a_stack_that_never_ran_there_is_no_address_in_jupyterlab_either(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(labpaths.BASE, "/user/anna/")
    (tmp_path / "services.json").unlink()
    with pytest.raises(CpuwatchError, match="cpuwatch up"):
        standin.page_address()


@pytest.mark.parametrize(("browser", "in_lab"), [(False, True), (True, False)])
def test_in_a_terminal_of_jupyterlab_the_command_names_the_way_through_it(
    monkeypatch: pytest.MonkeyPatch, browser: bool, in_lab: bool
) -> None:
    opened: list[str] = []
    monkeypatch.setenv(labpaths.BASE, "/user/anna/")
    monkeypatch.setattr(flinkpage, "answers", lambda _config: True)
    monkeypatch.setattr(lab, "has_browser", lambda: browser)
    monkeypatch.setattr(
        lab, "open_privately", lambda link, _name: bool(opened.append(link)) or True
    )
    done = CliRunner().invoke(cli.app, ["page"])
    assert done.exit_code == 0
    assert ("/user/anna/cpuwatch/flink/" in done.output) == in_lab
    assert bool(opened) != in_lab
    if in_lab:
        assert flinkpage.token_in(settings().keys) not in done.output


def test_an_environment_gets_links_to_the_extensions_once_and_again(tmp_path: Path) -> None:
    for _ in range(2):
        labinstall.install(tmp_path)
    config = tmp_path / "etc/jupyter/jupyter_server_config.d/cpuwatch.json"
    enabled = json.loads(config.read_text())["ServerApp"]["jpserver_extensions"]
    assert enabled == {"cpuwatch.labserver": True}
    package = tmp_path / "share/jupyter/labextensions/cpuwatch-sql/package.json"
    assert json.loads(package.read_text())["name"] == "cpuwatch-sql"


@pytest.mark.parametrize("handler", [labserver.FlinkHandler, labserver.SlackHandler])
@pytest.mark.parametrize(("method", "refused"), [("GET", False), ("POST", True), ("HEAD", True)])
def test_under_jupyterhub_the_pages_scripts_may_ask_without_its_token(
    monkeypatch: pytest.MonkeyPatch,
    handler: type[labserver.PageHandler],
    method: str,
    refused: bool,
) -> None:
    def refuse(_self: object) -> None:
        raise HTTPError(403, "'_xsrf' argument missing")

    monkeypatch.setattr(JupyterHandler, "check_xsrf_cookie", refuse)
    one = handler.__new__(handler)
    one.request = SimpleNamespace(method=method)
    if refused:
        with pytest.raises(HTTPError):
            one.check_xsrf_cookie()
    else:
        one.check_xsrf_cookie()
