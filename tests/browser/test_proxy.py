"""Flink's page and the channel below a Jupyter server with a base URL, as JupyterHub starts it."""

from __future__ import annotations

import http.client
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nbformat
import psutil
import pytest
from browser_path import chromium
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page, expect, sync_playwright

from cpuwatch import flink, kernels, labinstall, standin, waiting, workshop
from cpuwatch.settings import settings
from cpuwatch.stack import flinkpage, slack

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"

#: As JupyterHub gives each user one; of a name with signs that a browser may write in two ways.
BASE = "/user/anna@example.org/"

FLINK = f"{BASE}cpuwatch/flink/"
SLACK = f"{BASE}cpuwatch/slack/"


@dataclass
class Hub:
    port: int
    token: str
    log: Path

    def ask(
        self, path: str, method: str = "GET", known: bool = True, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """What it answers: status, headers, and the body."""
        if known:
            headers["Authorization"] = f"token {self.token}"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def hub(stack: Path, job: flink.Job, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with running(tmp_path_factory.mktemp("hub")) as one:
        yield one


@contextmanager
def running(place: Path, **more: str) -> Iterator[Hub]:
    """A server that is none of `make lab`'s, and has our extension from its environment alone."""
    (place / "home").mkdir()
    labinstall.install(place / "environment")
    write_notebook(place / "home" / "pages.ipynb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    hub = Hub(port, secrets.token_urlsafe(24), place / "log")
    environment = {
        **kernels.environment(place / "jupyter"),
        "JUPYTER_CONFIG_PATH": str(place / "environment" / "etc" / "jupyter"),
        "JUPYTER_PATH": str(place / "environment" / "share" / "jupyter"),
        "JUPYTER_TOKEN": hub.token,
        **more,
    }
    environment.pop("CPUWATCH_LAB", None)
    with hub.log.open("wb") as log:
        process = subprocess.Popen(
            [
                sys.executable, "-I", "-m", "jupyterlab", "--no-browser", "--allow-root",
                "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}",
                "--ServerApp.port_retries=0", f"--ServerApp.base_url={BASE}",
                # As JupyterHub sets it: a proxy on the way passes the browser's own name on.
                "--ServerApp.allow_remote_access=True", f"--ServerApp.root_dir={place / 'home'}",
            ],
            env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    try:
        waiting.until(lambda: answers(hub), 90, "the server under a base URL does not answer")
        yield hub
    finally:
        process.terminate()
        process.wait(30)


def answers(hub: Hub) -> bool:
    try:
        return hub.ask(f"{BASE}api/status")[0] == 200
    except OSError:
        return False


def write_notebook(path: Path) -> None:
    """A link to a job, and the cell that chapter 07 shows the channel with."""
    chapter = json.loads((NOTEBOOKS / "07-notifier.ipynb").read_text())
    cells = ["".join(cell["source"]) for cell in chapter["cells"]]
    (frame,) = (cell for cell in cells if "IFrame(" in cell)
    link = "from cpuwatch import slack, workshop\nworkshop.link(workshop.job('cpu_filter'))"
    book = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(link), nbformat.v4.new_code_cell(frame)],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(book, path)


def run_all(page: Page) -> None:
    """Run every cell, again until it is heard.

    What is asked for while a kernel is just being connected is forgotten, or answered by the
    question which kernel to take: there is one.
    """
    asked_for = page.locator(".jp-CodeCell .jp-InputPrompt").filter(has_text=re.compile(r"\[[\d*]"))
    question = page.locator(".jp-Dialog .jp-mod-accept")
    deadline = time.monotonic() + 150
    while True:
        try:
            if question.count():
                question.first.click(timeout=5_000)
            page.get_by_role("menuitem", name="Run", exact=True).click(timeout=5_000)
            page.get_by_text("Run All Cells", exact=True).click(timeout=5_000)
            expect(asked_for).to_have_count(2, timeout=15_000)
            return
        except (AssertionError, PlaywrightError):
            if time.monotonic() > deadline:
                raise
            if not question.count():
                page.keyboard.press("Escape")  # a menu that is open still


def post(text: str) -> None:
    config = settings()
    token = slack.secrets_in(config.slack_folder).token
    client = slack.client(token, f"{config.slack_address}/api/", 10)
    assert client.chat_postMessage(channel="cpu-alerts", text=text)["ok"]


def secret_texts() -> list[bytes]:
    config = settings()
    return [
        flinkpage.token_in(config.keys).encode(),
        *(one.encode() for one in slack.secrets_in(config.slack_folder)),
    ]


PAGES = [FLINK, f"{FLINK}jobs/overview", SLACK, f"{SLACK}page.js", f"{SLACK}events"]


@pytest.mark.parametrize("path", PAGES)
def test_who_is_not_let_in_to_jupyter_sees_neither_page(hub: Hub, path: str) -> None:
    status, headers, body = hub.ask(path, known=False)
    assert status in (302, 403)
    if status == 302:
        assert headers["Location"].startswith(f"{BASE}login")
    assert b"cpu_filter" not in body and b"connection" not in body


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://hub.example.evil"]
)
def test_a_page_of_another_origin_is_refused_even_with_the_token(
    hub: Hub, path: str, origin: str
) -> None:
    assert hub.ask(path, Origin=origin)[0] == 403
    assert hub.ask(path, Origin=origin, Host="hub.example")[0] == 403


def test_behind_a_proxy_the_server_s_own_name_is_let_in(hub: Hub) -> None:
    headers = {"Origin": "https://hub.example", "Host": "hub.example"}
    assert hub.ask(f"{FLINK}overview", **headers)[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "{FLINK}jobs/{job}/yarn-cancel",
        "{FLINK}jobs/{job}/stop",
        "{FLINK}jars/upload",
        "{FLINK}../flink/jobs/{job}/yarn-cancel",
        "{FLINK}%2e%2e/jobs/{job}/yarn-cancel",
        "{SLACK}api/auth.test",
        "{SLACK}api/conversations.history?channel=cpu-alerts",
        "{SLACK}control",
        "{BASE}cpuwatch",
        "{BASE}cpuwatch/kafka",
    ],
)
def test_what_is_no_part_of_the_pages_is_not_there(hub: Hub, job: flink.Job, path: str) -> None:
    asked = path.format(FLINK=FLINK, SLACK=SLACK, BASE=BASE, job=job.id)
    assert hub.ask(asked)[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"])
def test_nothing_but_reading_comes_through(hub: Hub, job: flink.Job, method: str) -> None:
    for path in (f"{FLINK}jobs/{job.id}", f"{FLINK}jobs", f"{SLACK}events", SLACK):
        assert hub.ask(path, method)[0] in (403, 405)
    assert [one.name for one in flink.jobs(running_only=True)] == ["cpu_filter"]


def test_the_page_without_its_slash_leads_to_it(hub: Hub) -> None:
    for path in (FLINK, SLACK):
        status, headers, _ = hub.ask(path.removesuffix("/"))
        assert (status, headers["Location"]) == (302, path)


def test_no_secret_comes_through_and_none_is_in_the_log(hub: Hub, job: flink.Job) -> None:
    for path in (*PAGES[:4], f"{FLINK}config", f"{FLINK}jobmanager/config", f"{FLINK}no-such.js"):
        _, headers, body = hub.ask(path)
        for secret in secret_texts():
            assert secret not in body + str(headers).encode()
        assert "Set-Cookie" not in headers or "cpuwatch" not in headers["Set-Cookie"]
        policy = headers["Content-Security-Policy"]
        assert "default-src" in policy and "http://" not in policy, policy
    log = hub.log.read_bytes()
    assert all(secret not in log for secret in secret_texts())


def test_the_notebook_s_link_and_frame_work_below_the_base(hub: Hub, job: flink.Job) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox"] if os.geteuid() == 0 else []
        )
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        direct: list[str] = []
        own = [str(settings().port(name)) for name in ("flink_page", "flink_rest", "slack")]
        page.context.on(
            "request",
            lambda asked: (
                direct.append(asked.url) if any(f":{p}/" in asked.url for p in own) else 0
            ),
        )
        page.goto(f"http://127.0.0.1:{hub.port}{BASE}lab/tree/pages.ipynb?token={hub.token}&reset")
        page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
        indicator = page.locator(".jp-Notebook-ExecutionIndicator").first
        expect(indicator).to_have_attribute("data-status", "idle", timeout=60_000)
        frame = page.frame_locator("iframe[src*='cpuwatch/slack']")
        for last in (False, False, True):  # what was heard is forgotten where a kernel reconnects
            run_all(page)
            try:
                expect(frame.locator("#connection")).to_have_text("live", timeout=60_000)
                break
            except AssertionError:
                if last:
                    raise
        mark = secrets.token_hex(8)
        post(f"first {mark}")
        expect(frame.locator("li", has_text=f"first {mark}")).to_be_visible(timeout=30_000)
        # It dies, and is started again: the page comes back by itself, and misses nothing.
        workshop.kill("slack")
        waiting.until(standin.is_running, 60, "the stand-in is not started again")
        post(f"second {mark}")
        for text in (f"first {mark}", f"second {mark}"):
            expect(frame.locator("li", has_text=text)).to_be_visible(timeout=60_000)
        with page.expect_popup(timeout=60_000) as opened:
            frame.get_by_role("link", name="in a tab of its own").click()
        alone = opened.value
        expect(alone.locator("li", has_text=f"first {mark}")).to_be_visible(timeout=20_000)
        expect(alone.get_by_role("link")).to_have_count(0)

        with page.expect_popup(timeout=60_000) as opened:
            page.get_by_role("link", name="cpu_filter in Flink").click()
        flinks = opened.value
        expect(flinks.get_by_text("RUNNING", exact=True).first).to_be_visible(timeout=60_000)
        assert "/cpuwatch/flink/#/job/running/" in flinks.url
        shown = "".join(one.content() + one.url for one in (page, alone, flinks))
        assert all(secret.decode() not in shown for secret in secret_texts())
        # A stranger's browser on the same addresses sees a login.
        stranger = browser.new_context().new_page()
        for path in (FLINK, SLACK):
            stranger.goto(f"http://127.0.0.1:{hub.port}{path}")
            assert "/login" in stranger.url
        browser.close()
    assert direct == [], "the browser on another machine could not have reached these"


def test_a_closed_page_holds_no_connection(hub: Hub) -> None:
    """Each frame that is shown asks for news without end; who closes it ends that."""
    port = settings().port("slack")

    def connected() -> int:
        return sum(
            1
            for one in psutil.net_connections("tcp")
            if one.raddr and one.raddr.port == port and one.status == psutil.CONN_ESTABLISHED
        )

    before = connected()
    readers = []
    for _ in range(15):
        connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=30)
        headers = {"Authorization": f"token {hub.token}"}
        connection.request("GET", f"{SLACK}events", headers=headers)
        answer = connection.getresponse()
        assert answer.getheader("Content-Type", "").startswith("text/event-stream")
        assert answer.readline() == b"retry: 500\n"
        readers.append((connection, answer))
    assert connected() >= before + 15
    for connection, answer in readers:
        answer.close()
        connection.close()
    waiting.until(lambda: connected() <= before, 60, "the connections stay open")


@pytest.mark.parametrize(
    ("record", "status", "says"),
    [
        (None, 404, b"cpuwatch up"),  # nothing was ever started
        ({"ports": {"slack": 1, "flink_page": 1}}, 502, b"Run the first cell of a notebook"),
    ],
)
def test_without_services_the_page_says_what_to_do(
    tmp_path: Path, record: dict[str, dict[str, int]] | None, status: int, says: bytes
) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    if record is not None:
        (state / "services.json").write_text(json.dumps(record))
    with running(tmp_path, CPUWATCH_STATE=str(state)) as hub:
        for path in (FLINK, SLACK, f"{SLACK}events"):
            answer = hub.ask(path)
            assert answer[0] == status and says in answer[2], answer
