"""The page about plain PyFlink says what its script does."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from book import BOOKS
from plain_page import PAGE, ROOT, commands, shell

from cpuwatch.flink import environment, rest
from cpuwatch.stack import jars

SCRIPT = (ROOT / "examples" / "plain_pipeline.py").read_text(encoding="utf-8")


def test_the_script_is_pyflink_alone() -> None:
    imported = re.findall(r"^(?:from|import) (\w+)", SCRIPT, re.MULTILINE)
    assert imported == ["os", "pathlib", "pyflink"]


def test_what_the_page_quotes_stands_in_the_script() -> None:
    quoted = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert quoted
    for text in quoted:
        assert text in SCRIPT, text


def test_the_page_names_the_jars_that_the_workshop_uses() -> None:
    for coordinate in jars.WANTED["flink"]:
        assert f"`{coordinate}`" in PAGE


def test_the_page_explains_each_variable_that_the_script_takes() -> None:
    for name in re.findall(r'given\("(\w+)"', SCRIPT):
        assert f"`{name}`" in PAGE


def test_the_script_sets_what_the_helper_sets() -> None:
    modules = [Path(one.__file__) for one in (environment, rest)]
    helper = "".join(module.read_text(encoding="utf-8") for module in modules)
    set_by_script = re.findall(r'^    "([\w.-]+)": ', SCRIPT, re.MULTILINE)
    for name in set_by_script:
        if name.count(".") and not name.startswith("pipeline."):
            assert f'"{name}"' in helper and f"`{name}`" in PAGE


# --- On the workshop's cluster --------------------------------------------------------------

#: What `cpuwatch status --json` says, as far as the page asks.
TOLD = {
    "state": "/a folder/state",
    "services": {
        "flink": {"address": "https://127.0.0.1:18082"},
        "kafka": {"address": "127.0.0.1:19092"},
        "postgres": {"address": "postgresql://cpuwatch@127.0.0.1:15432/cpuwatch"},
    },
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout in a folder with a blank, whose `cpuwatch` says where things are."""
    folder = tmp_path / "the workshop"
    programs, kept = folder / ".venv" / "bin", tmp_path / "its cache" / "jars"
    programs.mkdir(parents=True)
    kept.mkdir(parents=True)
    for jar in jars.locked():
        (kept / jar.filename).write_text(jar.coordinate)
    told = json.dumps({**TOLD, "cache": str(kept.parent)})
    for name, lines in {
        "cpuwatch": f"[ \"$*\" = 'status --json' ] && echo '{told}'",
        "python": f"exec '{sys.executable}' \"$@\"",
    }.items():
        (programs / name).write_text(f"#!/bin/sh\n{lines}\n")
        (programs / name).chmod(0o755)
    (folder / "examples").symlink_to(ROOT / "examples")
    return folder


def test_the_page_s_commands_find_where_all_is(checkout: Path) -> None:
    *before, _ = commands()
    script = "\n".join([*before, "env -0"])
    done = subprocess.run(
        ["bash", "-euc", script], cwd=checkout, capture_output=True, text=True, check=False,
        env=shell(os.environ),
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    found = dict(one.split("=", 1) for one in done.stdout.split("\0") if one)
    assert found["FLINK"] == "127.0.0.1:18082" and found["KAFKA"] == "127.0.0.1:19092"
    assert found["FLINK_KEY"] == "/a folder/state/keys/flink.p12"
    assert found["POSTGRES"] == "jdbc:postgresql://127.0.0.1:15432/cpuwatch?user=cpuwatch"
    assert (Path(found["JAVA_HOME"]) / "bin" / "java").exists()
    plain = checkout / "plain"
    assert found["PWD"] == found["FLINK_LOG_DIR"] == str(plain)
    assert {path.name for path in plain.iterdir()} == {
        "jars",
        "plain_pipeline.py",
        "plain_kafka.py",
    }
    wanted = {jar.filename for jar in jars.locked() if jar.part == "flink"}
    assert {path.name for path in (plain / "jars").iterdir()} == wanted


def test_the_page_s_last_commands_make_the_topics_that_the_script_writes_to() -> None:
    last = commands()[-1]
    (made,) = re.findall(r"^python plain_kafka.py make (.*)$", last, re.MULTILINE)
    topics = re.findall(r'given\("(?!JOB)\w+", "(plain_\w+)"\)', SCRIPT)
    assert made.split() == topics
    assert last.endswith("\npython plain_pipeline.py\n")


#: Helpers of the notebooks that have nothing to do with how Flink, Kafka or PostgreSQL are used.
_BESIDE = re.compile(
    r"workshop\.(check|hint|solution|predict|quiz|trace|doctor|fleet|delayed|incidents|score"
    r"|score_episodes|episodes|real_series|Learned|Stress|services|link|kill|bad|first_record|fill)$"
    r"|slack\."
    r"|topics\.(client_settings|partitions_of|place|Sender)$"
)


def test_the_page_says_what_each_helper_of_the_notebooks_did() -> None:
    code = "\n".join(book.read_text(encoding="utf-8") for book in BOOKS)
    helpers = set(re.findall(r"\b(?:flink|topics|workshop)\.\w+(?=\()", code))
    rows = "\n".join(line for line in PAGE.splitlines() if line.startswith("| `"))
    told = set(re.findall(r"`((?:flink|topics|workshop)\.\w+)", rows))
    assert {one for one in helpers if not _BESIDE.match(one)} - told == set()
    assert "from_savepoint" in rows
