"""JupyterLab as `make lab` starts it, in a real browser."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import websocket
from book import BOOKS
from browser_path import chromium
from conftest import COMMAND
from playwright.sync_api import Locator, Page, expect, sync_playwright

from cpuwatch import flink, lab
from cpuwatch.settings import settings
from cpuwatch.stack import flinkpage

RESULTS = Path(__file__).parents[2] / "test-results"
SIZE: Any = {"width": 1280, "height": 720}  # a projector's

#: How long a notebook may take, in milliseconds, on a slow and busy machine.
LONG = 240_000


@pytest.fixture(scope="module")
def server(stack: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[lab.Server]:
    # On a copy: JupyterLab saves what a browser runs.
    folder = tmp_path_factory.mktemp("lab") / "notebooks"
    shutil.copytree(lab.NOTEBOOKS, folder, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    running = lab.start(folder=folder)
    yield running
    running.stop()


@pytest.fixture
def page(server: lab.Server, request: pytest.FixtureRequest) -> Iterator[Page]:
    browser_path = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=browser_path, args=["--no-sandbox"] if os.geteuid() == 0 else []
        )
        one = browser.new_page(viewport=SIZE)
        failed_before = request.session.testsfailed
        yield one
        name = re.sub(r"\W+", "-", request.node.name)
        if request.session.testsfailed > failed_before:
            RESULTS.mkdir(exist_ok=True)
            one.screenshot(path=RESULTS / f"{name}.png")
        browser.close()


def _open(page: Page, server: lab.Server, notebook: str) -> None:
    page.goto(server.address(notebook) + "&reset")  # without the tabs of the test before
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
    _expect_idle(page, 60_000)


def _expect_idle(page: Page, patience: int) -> None:
    indicator = page.locator(".jp-Notebook-ExecutionIndicator").first
    expect(indicator).to_have_attribute("data-status", "idle", timeout=patience)


def _run(page: Page, cell: Locator) -> None:
    """Run the cell that is chosen, again until it is heard: a kernel that connects forgets it."""
    asked_for = cell.locator(".jp-InputPrompt").filter(has_text=re.compile(r"\[[\d*]"))
    for _ in range(10):
        page.keyboard.press("Control+Enter")
        try:
            expect(asked_for).to_have_count(1, timeout=10_000)
        except AssertionError:
            continue
        return
    raise AssertionError("nobody heard that the cell should run")


def _run_all(page: Page, notebook: str) -> None:
    """Run every cell, and wait until each has its number: idle says nothing of what is to come."""
    cells = json.loads((lab.NOTEBOOKS / notebook).read_text())["cells"]
    code = sum(cell["cell_type"] == "code" and bool(cell["source"]) for cell in cells)
    page.get_by_role("menuitem", name="Edit", exact=True).click()
    page.get_by_text("Clear Outputs of All Cells", exact=True).click()
    numbered = page.locator(PROMPTS).filter(has_text=NUMBER)
    expect(numbered).to_have_count(0)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_text("Run All Cells", exact=True).click()
    expect(numbered).to_have_count(code, timeout=LONG)


NUMBER = re.compile(r"\[\d+\]")
PROMPTS = ".jp-Notebook .jp-CodeCell .jp-InputPrompt"
ERRORS = ".jp-Notebook [data-mime-type$='error'], .jp-Notebook [data-mime-type$='stderr']"
OUTPUTS = ".jp-Notebook .jp-OutputArea-output"


def _texts(page: Page, selector: str) -> list[str]:
    return page.locator(selector).all_inner_texts()


def test_the_welcome_runs_and_its_diagram_is_drawn(page: Page, server: lab.Server) -> None:
    _open(page, server, "00-welcome.ipynb")
    diagram = page.locator(".jp-RenderedMermaid img, .jp-RenderedMermaid svg").first
    diagram.scroll_into_view_if_needed()
    expect(diagram).to_be_visible(timeout=30_000)
    box = diagram.bounding_box()
    assert box is not None and box["width"] > 300
    _run_all(page, "00-welcome.ipynb")
    errors = _texts(page, ERRORS)
    assert [text[:21] for text in errors] == ["There is no 'hots' he"]
    assert any("answers" in text for text in _texts(page, OUTPUTS))


def test_the_way_to_flink_s_page_is_for_who_is_let_in_to_jupyterlab(server: lab.Server) -> None:
    token = flinkpage.token_in(settings().keys)
    place = urlsplit(server.base)
    answers = []
    for headers in ({}, {"Authorization": f"token {server.token}"}):
        connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=30)
        connection.request("GET", "/cpuwatch/flink/overview", headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        answers.append((answer.status, b"flink-version" in body))
        assert token.encode() not in body + str(answer.getheaders()).encode()
        connection.close()
    (refused, shown), let_in = answers
    assert refused in (302, 403) and not shown
    assert let_in == (200, True)


def test_who_has_no_token_a_forged_host_or_another_origin_is_let_in_nowhere(
    server: lab.Server,
) -> None:
    place = urlsplit(server.base)
    cookies: list[str] = []

    def ask(method: str, path: str, **headers: str) -> int:
        connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=30)
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            answer.read()
            kept = answer.headers.get_all("Set-Cookie") or []
            cookies[:] = [one.partition(";")[0] for one in kept] or cookies
            return answer.status
        finally:
            connection.close()

    token = {"Authorization": f"token {server.token}"}
    evil = {"Origin": "http://evil.example"}
    paths = ("/api/contents", "/api/kernels", "/api/terminals", "/cpuwatch/slack/", "/lab")
    assert all(ask("GET", path, **token) == 200 for path in paths)
    for path in paths:
        assert ask("GET", path) in (302, 403), path  # to the page that asks for the token
        assert ask("GET", path, **token, Host="evil.example") == 403, path
    assert ask("GET", f"/lab?token={server.token}") == 200
    browser = {"Cookie": "; ".join(cookies)}  # of a browser that was let in
    assert ask("GET", "/api/kernels", **browser) == 200
    for path in ("/api/kernels", "/api/terminals", "/api/contents", "/api/shutdown"):
        assert ask("POST", path, **browser, **evil) in (403, 404), path
        assert ask("POST", path, **browser) == 403, path  # a form, which says no origin
    address = f"ws://{place.netloc}/api/events/subscribe"
    for headers in ({**browser, **evil}, {}):
        with pytest.raises(websocket.WebSocketBadStatusException):
            websocket.create_connection(
                address, timeout=30, header=[f"{name}: {value}" for name, value in headers.items()]
            )
    assert ask("GET", "/api/kernels", **token) == 200  # it runs on


def test_a_terminal_knows_the_command(server: lab.Server) -> None:
    place = urlsplit(server.base)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=30)
    connection.request("POST", "/api/terminals", headers={"Authorization": f"token {server.token}"})
    name = json.loads(connection.getresponse().read())["name"]
    connection.close()
    address = f"ws://{place.netloc}/terminals/websocket/{name}?token={server.token}"
    terminal = websocket.create_connection(address, timeout=60)
    terminal.send(json.dumps(["stdin", "command -v cpuwatch; exit\r"]))
    printed = ""
    while '"disconnect"' not in (part := terminal.recv()):
        printed += part
    terminal.close()
    assert str(COMMAND) in printed


def test_the_filter_runs_and_its_plot_is_there(page: Page, server: lab.Server) -> None:
    _open(page, server, "02-filter.ipynb")
    _run_all(page, "02-filter.ipynb")
    assert _texts(page, ERRORS) == []
    picture = page.locator(".jp-RenderedImage img").first
    picture.scroll_into_view_if_needed()
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.naturalWidth") > 500
    assert str(picture.get_attribute("alt")).startswith("readings over 80%, host by host")
    # The link to the job lets this browser in; the token stands nowhere in the notebook.
    with page.expect_popup() as opened:
        page.get_by_role("link", name="cpu_filter in Flink").click()
    flinks = opened.value
    expect(flinks.get_by_text("RUNNING", exact=True).first).to_be_visible(timeout=60_000)
    assert flinks.url.startswith(f"{server.base}/cpuwatch/flink/#/job/running/")
    token = flinkpage.token_in(settings().keys)
    assert token not in page.content() + flinks.url
    # SQL in the strings of Python is coloured, and nothing else is.
    for piece in ("CREATE", "SELECT", "WATERMARK"):
        assert page.locator(".cpuwatch-sql-keyword", has_text=piece).count() > 0, piece
    assert page.locator(".cpuwatch-sql-string", has_text="'kafka'").count() > 0
    assert page.locator(".cpuwatch-sql-plain", has_text="readings over 80%").count() == 0
    assert any("recall    25%" in text for text in _texts(page, OUTPUTS))
    assert [job.name for job in flink.jobs(running_only=True)] == ["cpu_filter"]


@pytest.mark.parametrize("notebook", [path.name for path in BOOKS])
def test_no_code_and_no_name_is_cut_off_on_a_small_screen_at_125_percent(
    page: Page, server: lab.Server, notebook: str
) -> None:
    page.set_viewport_size({"width": int(1366 / 1.25), "height": int(768 / 1.25)})
    _open(page, server, notebook)
    cut = """selector => [...document.querySelectorAll(selector)]
        .filter(one => one.scrollWidth > one.clientWidth + 1).map(one => one.innerText)"""
    assert page.evaluate(cut, ".jp-Notebook .cm-scroller") == []
    assert page.evaluate(cut, ".jp-DirListing-itemText") == []


THEMES = "@jupyterlab/apputils-extension/themes.jupyterlab-settings"

#: Of the notebook that is open: its theme, the sizes of letters in pixels, and what is cut off.
LOOK = """() => {
  const size = (selector) =>
    parseFloat(getComputedStyle(document.querySelector(selector)).fontSize);
  const code = [...document.querySelectorAll(".jp-Notebook .jp-CodeCell .cm-content")];
  return {
    theme: document.body.dataset.jpThemeName,
    code: size(".jp-Notebook .jp-CodeCell .cm-content"),
    text: size(".jp-Notebook .jp-RenderedMarkdown p"),
    table: size(".jp-Notebook .jp-OutputArea table"),
    wrapped: code.every((one) => one.classList.contains("cm-lineWrapping")),
    cut: [...document.querySelectorAll(".jp-Notebook .cm-scroller")]
      .filter((one) => one.scrollWidth > one.clientWidth + 1).length,
  };
}"""


def _look(page: Page, server: lab.Server) -> dict[str, Any]:
    _open(page, server, "01-fake-cpu-data.ipynb")
    page.wait_for_function("document.body.dataset.jpThemeName")
    for rendered in (".jp-RenderedMarkdown p", ".jp-OutputArea table", ".jp-CodeCell .cm-content"):
        page.locator(f".jp-Notebook {rendered}").first.wait_for()
    found: dict[str, Any] = page.evaluate(LOOK)
    return found


def test_who_presents_has_large_letters_and_the_own_theme(
    page: Page, server: lab.Server, tmp_path: Path
) -> None:
    settings_folder = settings().state / "jupyter" / "settings"
    theme = settings_folder / THEMES
    assert not theme.exists()
    theme.write_text('{"theme": "JupyterLab Dark"} // theirs')
    before = {path: path.read_bytes() for path in settings_folder.rglob("*") if path.is_file()}
    try:
        usual = _look(page, server)
        page.set_viewport_size({"width": 800, "height": 600})
        copy = shutil.copytree(lab.NOTEBOOKS, tmp_path / "notebooks")
        presenting = lab.start(folder=copy, present=True)
        try:
            large = _look(page, presenting)
        finally:
            presenting.stop()
        after = {path: path.read_bytes() for path in settings_folder.rglob("*") if path.is_file()}
    finally:
        theme.unlink()
    assert usual["theme"] == large["theme"] == "JupyterLab Dark"
    assert large["code"] >= 20 > 15 >= usual["code"]
    assert large["text"] >= 20 > 15 >= usual["text"]
    assert large["table"] >= 16 > usual["table"]
    assert large["wrapped"] and not usual["wrapped"]
    assert large["cut"] == 0
    assert after == before


def test_the_stop_button_works_in_mid_wait(page: Page, server: lab.Server) -> None:
    _open(page, server, "03-windows.ipynb")
    cell = page.locator(".jp-Notebook .jp-CodeCell").first
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.type(
        "from cpuwatch import flink, topics, workshop; workshop.begin('03');"
        " topics.empty('cpu_load_stats_real');"
        " flink.wait_until_settled(workshop.job('cpu_filter'), timeout=500)"
    )
    _run(page, cell)
    expect(cell.locator(".jp-OutputArea-output").last).to_contain_text("reading", timeout=90_000)
    page.locator("[data-command='notebook:interrupt-kernel'], [title^='Interrupt']").first.click()
    expect(cell.locator(".jp-OutputArea-output").last).to_contain_text("Stopped.", timeout=20_000)
    # What is sent while a kernel still tells of an error is thrown away.
    expect(cell.locator(".jp-InputPrompt")).to_have_text(NUMBER, timeout=20_000)
    _expect_idle(page, 20_000)
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.type("6 * 7")
    page.keyboard.press("Control+Enter")
    expect(cell.locator(".jp-OutputArea-output").last).to_have_text("42", timeout=20_000)
