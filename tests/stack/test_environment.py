"""What somebody has in the environment for other servers changes nothing for the stack's own."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from book import BOOKS, strict
from conftest import COMMAND, cpuwatch, cpuwatch_json, new_state, processes_of

from cpuwatch import thresholds, web
from cpuwatch.settings import ROOT

#: What a client of PostgreSQL's takes from the environment: half of them led ours astray.
POSTGRES = {
    "PGSSLMODE": "verify-full",
    "PGSSLROOTCERT": "/nowhere/root.crt",
    "PGSERVICE": "payroll",
    "PGSERVICEFILE": "/nowhere/services",
    "PGHOST": "db.example.org",
    "PGHOSTADDR": "192.0.2.1",
    "PGPORT": "1",
    "PGUSER": "somebody",
    "PGDATABASE": "payroll",
    "PGPASSWORD": "hush",
    "PGPASSFILE": "/nowhere/pgpass",
    "PGOPTIONS": "-c default_transaction_read_only=on",
    "PGCHANNELBINDING": "require",
    "PGGSSENCMODE": "require",
    "PGREQUIREAUTH": "none",
    "PGTARGETSESSIONATTRS": "standby",
    "PGCLIENTENCODING": "LATIN1",
    "PGDATESTYLE": "nonsense",
    "PGCONNECT_TIMEOUT": "nonsense",
}


@pytest.mark.parametrize("names", [*([name] for name in POSTGRES), list(POSTGRES)], ids="+".join)
def test_postgresqls_variables_change_no_answer(
    stack: Path, monkeypatch: pytest.MonkeyPatch, names: list[str]
) -> None:
    for name in names:
        monkeypatch.setenv(name, POSTGRES[name])
    database = thresholds.engine()
    thresholds.create(database)
    thresholds.write(database, {"wéb01": 75.0})
    assert thresholds.read(database)["hostname"].tolist()[-1:] == ["wéb01"]


def test_with_all_of_them_up_leaves_alone_what_runs_and_doctor_is_content(stack: Path) -> None:
    before = {process.pid for process in processes_of(stack)}
    assert cpuwatch_json("status", **POSTGRES)["running"]
    assert cpuwatch_json("up", **POSTGRES)["running"]
    assert {process.pid for process in processes_of(stack)} == before
    # What the readings of other tests have become is no matter here.
    found = json.loads(cpuwatch("doctor", "--json", **POSTGRES).stdout)["findings"]
    of_postgres = [one for one in found if one["what"] in ("PostgreSQL", "Variables", "Thresholds")]
    assert len(of_postgres) >= 2
    assert all(one["well"] for one in of_postgres), of_postgres


#: What a Java, Kafka's scripts, or PyFlink when it starts one, take from the environment.
JAVA = {
    "JAVA_TOOL_OPTIONS": "-XX:NoSuchOption",
    "_JAVA_OPTIONS": "-Xmx1m",
    "JDK_JAVA_OPTIONS": "-NoSuchOption",
    "CLASSPATH": "/nowhere/classes",
    "JVM_ARGS": "-NoSuchOption",
    "FLINK_HOME": "/nowhere/flink",
    "FLINK_CONF_DIR": "/nowhere/conf",
    "FLINK_LIB_DIR": "/nowhere/lib",
    "FLINK_OPT_DIR": "/nowhere/opt",
    "FLINK_PLUGINS_DIR": "/nowhere/plugins",
    "FLINK_ENV_JAVA_OPTS": "-NoSuchOption",
    "HADOOP_CLASSPATH": "/nowhere/hadoop.jar",
    "HADOOP_CONF_DIR": "/nowhere/hadoop",
    "LOGBACK_XML": "/nowhere/logback.xml",
    "LOG4J_PROPERTIES": "/nowhere/log4j.properties",
    "PYFLINK_GATEWAY_PORT": "1",
    "KAFKA_OPTS": "-NoSuchOption",
}

#: What a kernel does.
_ASK = """
from cpuwatch import flink
rows = flink.preview(flink.connect(quiet=True), "SELECT 40 + 2 AS answer")
print(rows["answer"].tolist())
"""


def test_javas_and_flinks_variables_reach_no_java_of_a_kernel(
    stack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in JAVA.items():
        monkeypatch.setenv(name, value)
    done = subprocess.run(
        [sys.executable, "-c", _ASK], capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stdout.strip()) == (0, "[42]"), done.stderr


def test_with_all_of_them_a_stack_starts_for_the_first_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state = new_state()
    monkeypatch.setenv("CPUWATCH_STATE", str(state))
    try:
        assert cpuwatch_json("up", **POSTGRES, **JAVA)["running"]
    finally:
        assert cpuwatch("down", "--wipe").returncode == 0
        shutil.rmtree(state, ignore_errors=True)


# --- Python's, pip's, uv's and Jupyter's --------------------------------------------------------

#: Of a folder that is on somebody's PYTHONPATH: what each of its files says.
_BROKEN = 'raise SystemExit(f"a stranger: {__name__}")\n'

#: What a Jupyter that is somebody else's is told: another address, a password, another folder.
_SERVER = """
c.ServerApp.base_url = "/elsewhere/"
c.ServerApp.ip = "0.0.0.0"
c.ServerApp.port = 1
c.ServerApp.password = "argon2:nonsense"
c.ServerApp.root_dir = "/usr"
c.IdentityProvider.token = "another"
c.ServerApp.jpserver_extensions = {"jupyterlab": False, "cpuwatch.labserver": False}
c.MultiKernelManager.default_kernel_name = "another"
c.KernelSpecManager.allowed_kernelspecs = {"another"}
"""

THEME = Path("lab/user-settings/@jupyterlab/apputils-extension/themes.jupyterlab-settings")


@pytest.fixture
def strangers(tmp_path: Path) -> dict[str, str]:
    """What somebody may have set for other programs, all at once, and the files behind it."""
    written = {
        **{f"path/{name}.py": _BROKEN for name in (
            "json", "typing", "numpy", "pandas", "random", "sitecustomize", "usercustomize")},
        "startup.py": _BROKEN,
        "pip.conf": "[install]\nuser = true\ntarget = /nowhere\n",
        "kernels/kernels/python3/kernel.json": json.dumps(
            {"argv": ["/nowhere/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
             "display_name": "Python 3 (another)", "language": "python"}),
        "jupyter/jupyter_server_config.py": _SERVER,
        "jupyter/jupyter_server_config.json": '{"ServerApp": {"base_url": "/another/"}}',
        "jupyter/jupyter_config.py": _BROKEN,
        "jupyter/labconfig/page_config.json": '{"disabledExtensions": {"@jupyterlab": true}}',
        f"jupyter/{THEME}": '{"theme": "JupyterLab Dark"}',
        "ipython/profile_default/startup/00.py": _BROKEN,
        "ipython/profile_default/ipython_config.py": 'c.InteractiveShellApp.exec_lines=["1/0"]',
        "figures/matplotlibrc": "backend: nonsense\n",
    }  # fmt: skip
    for name, text in written.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    here = str(tmp_path)
    jupyter = {
        "JUPYTER_PATH": f"{here}/kernels",
        "JUPYTER_CONFIG_DIR": f"{here}/jupyter",
        "JUPYTER_CONFIG_PATH": f"{here}/jupyter",
        "JUPYTER_DATA_DIR": "/dev/null/data",
        "JUPYTER_RUNTIME_DIR": "/dev/null/runtime",
        "JUPYTER_PREFER_ENV_PATH": "0",
        "JUPYTER_TOKEN": "another",
        "JUPYTER_PORT": "1",
        "JUPYTERLAB_DIR": "/nowhere/lab",
        "IPYTHONDIR": f"{here}/ipython",
        "MPLBACKEND": "nonsense",
        "MPLCONFIGDIR": f"{here}/figures",
        "MATPLOTLIBRC": f"{here}/figures/matplotlibrc",
    }
    proxies = {
        name: "http://127.0.0.1:1"
        for one in ("http_proxy", "https_proxy", "all_proxy") for name in (one, one.upper())
    }  # fmt: skip
    proxies |= {"NO_PROXY": "", "no_proxy": ""}
    encodings = {"LC_ALL": "C", "LANG": "xx_YY.broken", "LANGUAGE": "xx"}
    return {**_pythons(tmp_path), **jupyter, **proxies, **encodings, **POSTGRES, **JAVA}


def _pythons(folder: Path) -> dict[str, str]:
    here = str(folder)
    python = {
        "PYTHONPATH": f"{here}/path",
        "PYTHONHOME": "/nowhere",
        "PYTHONSTARTUP": f"{here}/startup.py",
        "PYTHONSAFEPATH": "1",
        "PYTHONWARNINGS": "error",
        "PYTHONOPTIMIZE": "2",
        "PYTHONNOUSERSITE": "1",
        "PYTHONHASHSEED": "none",
        "PYTHONIOENCODING": "ascii",
        "PYTHONUTF8": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "VIRTUAL_ENV": f"{here}/another",
        "CONDA_PREFIX": f"{here}/conda",
        "CONDA_DEFAULT_ENV": "base",
    }
    pip = {
        "PIP_USER": "1",
        "PIP_TARGET": f"{here}/target",
        "PIP_PREFIX": f"{here}/prefix",
        "PIP_ROOT": f"{here}/root",
        "PIP_PYTHON": "/nowhere/python",
        "PIP_REQUIRE_VIRTUALENV": "1",
        "PIP_CONFIG_FILE": f"{here}/pip.conf",
    }
    uv = {
        "UV_SYSTEM_PYTHON": "1",
        "UV_PROJECT_ENVIRONMENT": f"{here}/another",
        "UV_PYTHON": "3.8",
        "UV_TARGET": f"{here}/target",
    }
    return {**python, **pip, **uv}


def test_with_everything_at_once_the_story_is_the_usual_one(strangers: dict[str, str]) -> None:
    state = new_state()
    strangers["CPUWATCH_STATE"] = str(state)
    try:
        assert cpuwatch_json("up", **strangers)["running"]
        done = cpuwatch_json("demo", **strangers)
        assert (done["readings"], done["alerts"], done["slack_messages"]) == (21_000, 62, 4)
        with _lab(strangers) as (address, token):
            headers = {"Authorization": f"token {token}"}
            found = web.ask(address, "/api/kernelspecs", headers=headers)
            assert found["default"] == "python3"
            assert {one["spec"]["argv"][0] for one in found["kernelspecs"].values()} == {"python"}
            theme = web.ask(
                address, "/lab/api/settings/@jupyterlab/apputils-extension:themes", headers=headers
            )
            assert "JupyterLab Dark" in theme["raw"]
            assert web.ask(address, "/api/contents/00-welcome.ipynb?content=0", headers=headers)
        code, said, _ = strict([book for book in BOOKS if book.name[:2] == "02"], **strangers,
                               state=state)  # fmt: skip
        assert code == 0, said[-6000:]
    finally:
        ended = cpuwatch("down", "--wipe", **strangers)
        shutil.rmtree(state, ignore_errors=True)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert processes_of(state) == []


@contextmanager
def _lab(environment: dict[str, str]) -> Iterator[tuple[str, str]]:
    """The address and the token that `cpuwatch lab` says."""
    process = subprocess.Popen(
        [str(COMMAND), "lab", "--no-browser"], env=os.environ | environment, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if place := re.search(r"(http://127\.0\.0\.1:\d+)/lab/\S*token=(\S+)", line):
                yield place[1], place[2]
                break
        else:
            pytest.fail("".join(said))
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


#: Where packages come from, and by which way.
MIRRORS = {
    "PIP_INDEX_URL": "https://mirror.example/simple",
    "PIP_CERT": "/etc/mirror.pem",
    "PIP_NO_INDEX": "1",
    "UV_INDEX_URL": "https://mirror.example/simple",
    "UV_INDEX_MIRROR_PASSWORD": "hush",
    "https_proxy": "http://proxy.example:3128",
    "SSL_CERT_FILE": "/etc/mirror.pem",
}


def test_make_keeps_mirrors_and_takes_away_all_else(strangers: dict[str, str]) -> None:
    done = subprocess.run(
        ["make", "--no-print-directory", "--eval", "shown: ; @env", "shown"], cwd=ROOT,
        capture_output=True, text=True, check=True, env=os.environ | strangers | MIRRORS,
    )  # fmt: skip
    # Nor does it take the .venv for broken.
    assert done.stderr == ""
    given = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    assert MIRRORS.items() <= given.items()
    left = {name for name in given if re.match("PYTHON|PIP_|UV_|VIRTUAL_ENV", name)}
    assert left <= {
        *MIRRORS, "PIP_CONFIG_FILE", "PIP_FIND_LINKS", "PIP_DEFAULT_TIMEOUT",
        "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED",
    }  # fmt: skip
