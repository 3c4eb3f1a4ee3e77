"""Who does not belong here is not let in: web pages, other users, forged names; each listener."""

from __future__ import annotations

import http.client
import http.server
import json
import os
import shutil
import socket
import ssl
import stat
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path
from typing import Any

import psutil
import pytest
import zmq
from browser_path import chromium
from conftest import cpuwatch, cpuwatch_json, files_in, processes_of
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.session import Session
from playwright.sync_api import sync_playwright

from cpuwatch import flink, lab, waiting
from cpuwatch.flink import rest
from cpuwatch.settings import settings
from cpuwatch.stack import flinkpage, keys, slack
from cpuwatch.stack.supervisor import Supervisor

#: A job, as Flink's REST interface takes it: any code, in a browser's form.
BOUNDARY = "xyz"
FORM = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="request"\r\n'
    "Content-Type: application/json\r\n\r\n"
    '{"jobGraphFileName": "job", "jobJarFileNames": [], "jobArtifactFileNames": []}'
    f"\r\n--{BOUNDARY}--\r\n"
)


def ports_of(stack: Path) -> dict[int, str]:
    """Every port on which something of this stack listens, and what."""
    ours = {
        process.pid: process
        for parent in processes_of(stack)
        for process in [parent, *parent.children(recursive=True)]
    }
    names = {number: name for name, number in settings().embedded()["ports"].items()}
    return {
        one.laddr.port: names.get(one.laddr.port, ours[one.pid].name())
        for one in psutil.net_connections("tcp")
        if one.status == psutil.CONN_LISTEN and one.pid in ours
    }


def say(port: int, text: bytes, patience: float = 3.0) -> bytes:
    """What a listener answers to some bytes, until it hangs up or says no more."""
    heard = b""
    with socket.create_connection(("127.0.0.1", port), 5) as one:
        one.settimeout(patience)
        try:
            one.sendall(text)
            while data := one.recv(65536):
                heard += data
        except OSError:
            pass
    return heard


def ask(port: int, method: str, path: str, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.putrequest(method, path, skip_host="Host" in headers)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def cookie() -> str:
    config = settings()
    return f"cpuwatch-flink-{config.port('flink_page')}={flinkpage.token_in(config.keys)}"


# --- Every listener ---------------------------------------------------------------------------


def test_no_listener_takes_a_form_from_a_web_page(job: flink.Job, stack: Path) -> None:
    before = {one["id"] for one in rest.ask("/jobs")["jobs"]}
    listening = ports_of(stack)
    assert set(listening.values()) >= set(settings().embedded()["ports"])
    for port, name in listening.items():
        for path in ("/jobs", "/jars/upload", f"/jobs/{job.id}/stop", "/api/chat.postMessage", "/"):
            said = say(
                port,
                f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://evil.example\r\n"
                f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
                f"Content-Length: {len(FORM)}\r\nConnection: close\r\n\r\n{FORM}".encode(),
                1.0,
            )
            status = said.split(b" ")[1:2]
            # 301: plain HTTP is sent on to TLS, where it has no key.
            refused = status in ([b"301"], [b"400"], [b"403"], [b"404"], [b"405"], [b"421"])
            assert refused or b"not_authed" in said or not said.startswith(b"HTTP/"), (name, said)
            assert b"access-control-allow" not in said.lower(), name
    assert {one["id"] for one in rest.ask("/jobs")["jobs"]} == before
    assert flink.status(job).state == "RUNNING"


def test_every_listener_is_known(stack: Path) -> None:
    # A new one has to be thought about, and stands in docs/security.md.
    page = (Path(__file__).parents[2] / "docs" / "security.md").read_text(encoding="utf-8")
    for name in settings().embedded()["ports"]:
        assert f"`{name}`" in page, name
    unknown = set(ports_of(stack).values()) - set(settings().embedded()["ports"])
    assert unknown <= {"java"}  # the TaskManager's and JobManager's own, TLS as the others


@pytest.mark.parametrize("whose", ["nobody's", "another stack's"])
def test_flink_hangs_up_on_who_has_not_its_key(stack: Path, tmp_path: Path, whose: str) -> None:
    config = settings()
    keys.make(tmp_path / "keys")
    context = ssl.create_default_context(cafile=str(config.keys / keys.PEM))
    if whose == "another stack's":
        context.load_cert_chain(tmp_path / "keys" / keys.PEM)
    flinks = [
        port for port, name in ports_of(stack).items()
        if (name.startswith("flink_") and name != "flink_page") or name == "java"
    ]  # fmt: skip
    assert len(flinks) >= 5
    for port in flinks:
        with pytest.raises((OSError, http.client.HTTPException)):
            connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=context)
            connection.request("GET", "/overview")
            connection.getresponse()
    # And whoever has it is let in.
    assert rest.ask("/overview")["taskmanagers"] == 1


def test_a_cluster_that_is_not_ours_is_not_trusted(stack: Path, tmp_path: Path) -> None:
    keys.make(tmp_path / "keys")
    with pytest.raises(ssl.SSLError):
        connection = http.client.HTTPSConnection(
            "127.0.0.1", settings().port("flink_rest"), context=keys.context(tmp_path / "keys")
        )
        connection.request("GET", "/overview")


def test_the_kernel_s_java_and_the_way_back_want_a_secret(stack: Path) -> None:
    from pyflink.java_gateway import get_gateway

    flink.connect()
    gateway = get_gateway()
    line = "c\nz:java.lang.System\nsetProperty\nsowned\nsyes\ne\n"
    for text in (line, f"A\nguessed\ne\n{line}", f"POST / HTTP/1.1\n\n{line}"):
        say(gateway.java_gateway_server.getListeningPort(), text.encode())
    assert gateway.jvm.java.lang.System.getProperty("owned") is None
    call = "c\np0\ngetPythonFunction\nsthis\nss\ne\n"
    for text in (call, f"A\nguessed\ne\n{call}"):
        say(gateway.get_callback_server().get_listening_port(), text.encode())
    assert "this" not in sys.modules


# --- Flink's page -----------------------------------------------------------------------------


def test_the_page_shows_to_who_has_the_token_and_only_shows(job: flink.Job) -> None:
    port = settings().port("flink_page")
    own = f"127.0.0.1:{port}"
    assert ask(port, "GET", "/overview", Cookie=cookie())[0] == 200
    assert json.loads(ask(port, "GET", "/jobs", Cookie=cookie())[1])["jobs"]
    assert ask(port, "GET", f"/jobs/{job.id}/checkpoints", Cookie=cookie())[0] == 200
    assert ask(port, "GET", "/overview", Cookie=cookie(), Origin=f"http://{own}")[0] == 200
    refused = {
        "no token": ask(port, "GET", "/overview"),
        "a wrong one": ask(port, "GET", "/?token=guess"),
        "a wrong cookie": ask(port, "GET", "/overview", Cookie=cookie() + "x"),
        "not even the page": ask(port, "GET", "/"),
        "a forged Host": ask(port, "GET", "/overview", Cookie=cookie(), Host="evil.example"),
        "our port elsewhere": ask(port, "GET", "/", Cookie=cookie(), Host=f"evil.example:{port}"),
        "another Origin": ask(port, "GET", "/overview", Cookie=cookie(), Origin="http://evil.ex"),
        "no Origin": ask(port, "GET", "/overview", Cookie=cookie(), Origin="null"),
        "another port": ask(port, "GET", "/overview", Cookie=cookie(), Origin="http://127.0.0.1:1"),
    }
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"):
        refused[method] = ask(port, method, f"/jobs/{job.id}", Cookie=cookie())
    for path in (
        f"/jobs/{job.id}/yarn-cancel",
        f"/jobs/{job.id}/yarn-stop",
        f"/jobs/{job.id}/savepoints",
        f"/jobs/{job.id}/%79arn-cancel",
        f"/jobs/{job.id}//yarn-cancel",
        f"/jobs/{job.id}/checkpoints/../yarn-cancel",
        f"//jobs/{job.id}/yarn-cancel",
        "/jars",
        "/jars/x/run",
        "/cluster",
        "/jobs?x=<y>",
        "/../../etc/passwd",
    ):
        refused[path] = ask(port, "GET", path, Cookie=cookie())
    for what, (status, said) in refused.items():
        assert status in (400, 403, 404, 405, 421), what
        assert b"taskmanagers" not in said and job.id.encode() not in said, what
    assert flink.status(job).state == "RUNNING"


def test_the_page_works_in_a_browser_from_its_link(job: flink.Job) -> None:
    config = settings()
    wrong: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        page = browser.new_page()
        page.on("console", lambda one: wrong.append(one.text) if one.type == "error" else None)
        page.goto(f"{flinkpage.link(config)}#/job/running/{job.id}/overview")
        page.get_by_text("cpu_filter", exact=True).first.wait_for()
        assert "token" not in page.url
        # A class looks at it: its style sheet is there, and the plan is drawn.
        page.get_by_text("Parallelism: 1").first.wait_for()
        assert page.locator("nz-sider, .ant-layout-sider").first.bounding_box()["width"] > 100
        stranger = browser.new_context().new_page()
        stranger.goto(config.flink_page)
        stranger.get_by_text("Flink's page is for you alone").wait_for()
        browser.close()
    assert wrong == []


# --- A page of another origin, in a real browser ------------------------------------------------


ATTACK = """async ([ports, job, form, boundary]) => {
  const heard = [];
  for (const port of ports) for (const scheme of ['http', 'https']) {
    for (const [method, path] of [
        ['POST', '/jobs'], ['POST', `/jobs/${job}/stop`], ['GET', `/jobs/${job}/yarn-cancel`],
        ['GET', '/overview'], ['GET', '/events'], ['POST', '/api/chat.postMessage?text=x'],
        ['POST', '/control'],
    ]) {
      for (const mode of ['no-cors', 'cors']) {
        const body = method === 'GET' ? undefined : form;
        // A type that a browser sends without asking first.
        const headers = body && {'Content-Type': `multipart/form-data; boundary=${boundary}`};
        try {
          const answer = await fetch(`${scheme}://127.0.0.1:${port}${path}`,
              {method, mode, body, headers, credentials: 'include',
               signal: AbortSignal.timeout(1500)});
          if (answer.type !== 'opaque') heard.push([port, path, answer.status]);
        } catch (error) {}
      }
    }
  }
  return heard;
}"""


def test_a_page_of_another_origin_changes_nothing_and_learns_nothing(
    job: flink.Job, stack: Path, tmp_path: Path
) -> None:
    (tmp_path / "index.html").write_text("<!doctype html><title>evil</title>")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(tmp_path))

        def log_message(self, *_args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    before = {one["id"]: one["status"] for one in rest.ask("/jobs")["jobs"]}
    messages = (settings().slack_folder / "messages.jsonl").read_bytes()
    # Those that speak HTTP; browsers will not speak with some ports at all.
    speak = [settings().port(name) for name in ("flink_rest", "flink_page", "slack")]
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
            context = browser.new_context(ignore_https_errors=True)
            page = context.new_page()
            page.goto(flinkpage.link(settings()))  # this browser is let in, and has the cookie
            page.goto(f"http://localhost:{server.server_port}/")
            heard = page.evaluate(ATTACK, [speak, job.id, FORM, BOUNDARY])
            browser.close()
    finally:
        server.shutdown()
        server.server_close()
    assert heard == []
    assert {one["id"]: one["status"] for one in rest.ask("/jobs")["jobs"]} == before
    assert (settings().slack_folder / "messages.jsonl").read_bytes() == messages


# --- Other users of the machine -----------------------------------------------------------------


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can try it as another user")
def test_another_user_reads_nothing_and_is_not_let_in(job: flink.Job, stack: Path) -> None:
    config = settings()
    script = f"""
import os, socket, ssl, urllib.request
def tried(what, do):
    try:
        print(what, repr(do())[:200])
    except Exception as error:
        pass
for path in {[str(path) for path, _ in files_in(stack)]!r} + [{str(Supervisor(stack).socket)!r}]:
    tried(path, lambda: open(path, "rb").read(10))
tried("state", lambda: os.listdir({str(stack)!r}))
unix = socket.socket(socket.AF_UNIX)
tried("supervisor", lambda: unix.connect({str(Supervisor(stack).socket)!r}))
blind = ssl._create_unverified_context()
def asks_for_no_password():
    with socket.create_connection(("127.0.0.1", {config.port("postgres")}), 5) as one:
        told = b"\\0\\3\\0\\0user\\0cpuwatch\\0database\\0cpuwatch\\0\\0"
        one.sendall((4 + len(told)).to_bytes(4, "big") + told)
        # SCRAM is number 10 of what it may ask for; 0 would be: come in.
        said = one.recv(100)
        assert (said[:1], said[5:9]) != (b"R", (10).to_bytes(4, "big"))
def speaks_with_us(path):
    said = urllib.request.urlopen("{config.slack_address}" + path, b"text=x", timeout=5).read()
    assert b'"ok":false' not in said.replace(b" ", b"")
tried("postgres", asks_for_no_password)
for path in ("/api/auth.test", "/api/chat.postMessage", "/api/conversations.history", "/control"):
    tried("stand-in", lambda: speaks_with_us(path))
for path in ("/overview", "/jobs", "/config"):
    tried("flink", lambda: urllib.request.urlopen(
        "{config.flink_address}" + path, context=blind, timeout=5).read())
    tried("page", lambda: urllib.request.urlopen("{config.flink_page}" + path, timeout=5).read())
print("end")
"""
    nobody = {"user": "nobody", "group": 65534, "extra_groups": [], "cwd": "/", "env": {}}
    pythons = [
        one for one in (getattr(sys, "_base_executable", sys.executable), "/usr/bin/python3")
        if subprocess.run(["test", "-x", one], check=False, **nobody).returncode == 0
    ]  # fmt: skip
    assert pythons, "no Python here may be run by the user nobody"
    found = subprocess.run(
        [pythons[0], "-I", "-"], input=script,
        capture_output=True, text=True, check=False, timeout=120, **nobody,
    )  # fmt: skip
    assert (found.stdout, found.stderr) == ("end\n", "")


@pytest.mark.parametrize("mask", [0, 0o077], ids=oct)
def test_the_state_folder_is_its_owner_s_alone_whatever_the_umask(state: Path, mask: int) -> None:
    state.chmod(0o777)  # the worst that somebody may have left
    own = {"CPUWATCH_STATE": str(state)}
    before = os.umask(mask)
    try:
        assert cpuwatch_json("up", **own)["running"]
        assert cpuwatch("catch-up", "03", **own).returncode == 0
        assert cpuwatch("produce", "--count", "50", **own).returncode == 0
        assert cpuwatch("notify", "--once", **own).returncode == 0
    finally:
        os.umask(before)
    root = os.geteuid() == 0
    assert stat.S_IMODE(state.stat().st_mode) == (0o710 if root else 0o700)
    loose = [
        f"{stat.filemode(path.lstat().st_mode)} {path}"
        for path in state.rglob("*")
        if not path.is_symlink() and path.lstat().st_mode & 0o077
    ]
    assert loose == []


def test_a_state_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make a folder of another user")
    folder = tmp_path / "theirs"
    folder.mkdir()
    shutil.chown(folder, "nobody")
    done = cpuwatch("up", CPUWATCH_STATE=str(folder))
    assert done.returncode == 1
    assert "belongs to another user" in done.stderr and "CPUWATCH_STATE" in done.stderr


@pytest.mark.parametrize("trap", ["open to all", "a link", "another user's"])
def test_a_socket_s_folder_that_somebody_made_beforehand_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trap: str
) -> None:
    monkeypatch.setattr("cpuwatch.stack.supervisor.SHORT_FOLDER", tmp_path)
    state = tmp_path / ("d" * 60) / ("e" * 60)
    supervisor = Supervisor(state)
    place = supervisor.socket.parent
    assert place.parent == tmp_path
    if trap == "a link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        place.symlink_to(tmp_path / "elsewhere")
    else:
        place.mkdir()
        place.chmod(0o777 if trap == "open to all" else 0o755)
        if trap == "another user's":
            if os.geteuid() != 0:
                pytest.skip("only root can make a folder of another user")
            shutil.chown(place, "nobody")
    with socket.socket(socket.AF_UNIX) as theirs:
        theirs.bind(str(supervisor.socket))
        theirs.listen()
        assert not supervisor.is_running()  # not even asked
    with pytest.raises(Exception, match="was made by somebody else"):
        supervisor.write([])


# --- Secrets ----------------------------------------------------------------------------------


def test_secrets_stand_in_no_argument_no_environment_no_log_and_no_answer(
    job: flink.Job, stack: Path, tmp_path: Path
) -> None:
    config = settings()
    secret = {
        "database": (stack / "pgpass").read_text().strip().rsplit(":", 1)[1],
        "page": flinkpage.token_in(config.keys),
        "stand-in": slack.secrets_in(config.slack_folder).token,
        "control": slack.secrets_in(config.slack_folder).control,
        "key": (config.keys / keys.PEM).read_text().split("\n")[1],
    }
    assert all(len(one) > 16 for one in secret.values())
    # What starts the services has secrets of its own, as a notebook's kernel has.
    everything = "".join(
        " ".join(process.cmdline()) + str(process.environ())
        for parent in processes_of(stack)
        for process in [parent, *parent.children(recursive=True)]
    )
    kept = {stack / "pgpass", *config.keys.iterdir(), config.slack_folder / "secrets.json"}
    logs = b"".join(
        content for path, content in files_in(stack)
        if path not in kept and "/postgres/data/" not in str(path)
    )  # fmt: skip
    port = config.port("flink_page")
    answers = b"".join(
        ask(port, "GET", path, Cookie=cookie())[1]
        for path in (
            "/jobmanager/config", "/jobmanager/environment", "/jobmanager/log", "/config",
            f"/jobs/{job.id}/config", f"/jobs/{job.id}/plan", f"/jobs/{job.id}/jobmanager/config",
            f"/jobs/{job.id}/jobmanager/environment",
        )
    )  # fmt: skip
    said = "".join(cpuwatch(*one).stdout for one in (["status"], ["status", "--json"], ["doctor"]))
    said += str(flink.connect().get_config().get_configuration().to_dict())
    for name, one in secret.items():
        assert one not in everything, name
        assert one.encode() not in logs, name
        assert one.encode() not in answers, name
        assert one not in said, name


def test_the_services_get_nothing_of_the_environment_that_is_not_theirs(state: Path) -> None:
    canary = "canary-1c6f"
    names = ("JUPYTER_TOKEN", "AWS_SECRET_ACCESS_KEY", "SLACK_BOT_TOKEN_OLD", "PGPASSWORD",
             "JAVA_TOOL_OPTIONS_X", "PYTHONPATH_X", "MY_SECRET")  # fmt: skip
    own = {"CPUWATCH_STATE": str(state), **dict.fromkeys(names, canary)}
    assert cpuwatch_json("up", **own)["running"]
    for process in processes_of(state):
        assert canary not in str(process.environ()), process.cmdline()


def test_who_lacks_a_kernel_s_key_neither_gives_it_orders_nor_listens(
    stack: Path, tmp_path: Path
) -> None:
    """Jupyter's own channels are signed alone: whoever connects to one hears what cells print."""
    server = lab.start(folder=tmp_path)
    try:
        with web_request(server, "POST", "/api/kernels") as answer:
            kernel = json.load(answer)["id"]
        runtime = settings().cache / "jupyter" / "runtime"
        known = waiting.until(
            lambda: next(runtime.glob(f"kernel-{kernel}.json"), None), 30, "no kernel"
        )
        assert known.stat().st_mode & 0o077 == 0
        said = json.loads(known.read_text())
        with zmq.Context() as context, context.socket(zmq.SUB) as listener:
            listener.subscribe(b"")
            listener.connect(f"tcp://127.0.0.1:{said['iopub_port']}")
            client = BlockingKernelClient(connection_file=str(known))
            client.load_connection_file()
            client.start_channels()
            try:
                client.wait_for_ready(timeout=60)
                reply = client.execute_interactive("print('a secret')", timeout=60)
            finally:
                client.stop_channels()
            assert reply["content"]["status"] == "ok"
            assert listener.poll(1000) == 0
            with context.socket(zmq.DEALER) as stranger:  # who knows even how it is signed
                stranger.connect(f"tcp://127.0.0.1:{said['shell_port']}")
                session = Session(key=said["key"].encode())
                session.send(stranger, "kernel_info_request")
                assert stranger.poll(2000) == 0
                stranger.linger = 0
    finally:
        server.stop()


def web_request(server: lab.Server, method: str, path: str) -> Any:
    request = urllib.request.Request(
        f"{server.base}{path}", method=method, headers={"Authorization": f"token {server.token}"}
    )
    return urllib.request.urlopen(request, timeout=60)


def test_a_browser_is_not_told_the_token_in_its_arguments(
    stack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or True)
    monkeypatch.setattr(lab, "has_browser", lambda: True)
    monkeypatch.setattr(lab, "ROOT", tmp_path)
    link = flinkpage.link(settings())
    assert lab.open_privately(link, "flink")
    page = tmp_path / "out" / "open-flink.html"
    assert opened == [page.as_uri()]
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert link in page.read_text()
