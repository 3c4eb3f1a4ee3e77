"""The preflight: what keeps a laptop from taking part, in a code that an instructor reads."""

from __future__ import annotations

import ast
import errno
import os
import re
import resource
import shutil
import string
import subprocess
import sys
import tempfile
import webbrowser
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from cpuwatch import cli, envfile, limits, preflight
from cpuwatch.stack.supervisor import Supervisor

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "lib" / "cpuwatch" / "preflight.py"

GOOD = preflight.sealed("CW2.L311.4C.15M.120D.OK")
BAD = preflight.sealed("CW2.M312.8C.1M.2D.MD")


def script(*arguments: str, first: str = "") -> subprocess.CompletedProcess[str]:
    """Run the file as `make preflight` does, after some statements."""
    start = [str(SCRIPT)]
    if first:
        run = (
            f"sys.argv = {[str(SCRIPT), *arguments]}; runpy.run_path(sys.argv[0], None, '__main__')"
        )
        start = ["-c", f"import os, runpy, subprocess, sys, tempfile; {first}; {run}"]
    command = [sys.executable, "-I", "-S", *start, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def program(place: Path, name: str, text: str = "exit 0") -> None:
    place.mkdir(exist_ok=True)
    (place / name).write_text(f"#!/bin/sh\n{text}\n")
    (place / name).chmod(0o755)


def python(place: Path, name: str, version: tuple[int, int], without: str = "") -> None:
    """A Python that says that it is of this version, and lacks a module."""
    lacks = f"sys.modules.update(dict.fromkeys('{without}'.split()))"
    other = f"sys.version_info = {(*version, 0)}; {lacks}"
    program(
        place,
        name,
        f'[ "$2" = -c ] || exec "{sys.executable}" "$@"\n'
        f'exec "{sys.executable}" -I -c "import sys; {other}; exec(sys.argv[1])" "$3"',
    )


def shim(place: Path, name: str) -> None:
    """What a manager of Pythons leaves for a version that is not chosen."""
    program(place, name, 'echo "$0: command not found" >&2\nexit 127')


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All programs that there are: make, and git."""
    place = tmp_path / "path"
    program(place, "make")
    program(place, "git")
    monkeypatch.setenv("PATH", str(place))
    return place


@pytest.fixture
def folder(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout on a machine that has all."""
    program(path, "python3", "echo 3.11")
    monkeypatch.setattr(webbrowser, "get", lambda: None)
    # Whatever this machine has left, beside other lanes' services, and allows.
    monkeypatch.setattr(preflight, "memory", lambda: 16 * 2**30)
    room = type("Usage", (), {"free": 100 * 2**30})
    monkeypatch.setattr("shutil.disk_usage", lambda _: room)
    monkeypatch.setattr("resource.getrlimit", lambda _: (2**40, 2**40))
    for name in ("STATE", "CACHE"):
        monkeypatch.setenv(f"CPUWATCH_{name}", str(tmp_path / name.lower()))
    return tmp_path


@pytest.fixture
def drive() -> Iterator[Path]:
    """A folder of a name that is short enough for sockets."""
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        yield Path(place)


def test_here_it_says_what_is_so_and_needs_no_package() -> None:
    done = script()
    assert done.stderr == "" and done.returncode == 0, done.stdout
    *said, last = done.stdout.splitlines()
    assert preflight.read_all(last) == (
        [f"{last.split()[-1]}:", *(f"  {one}" for one in said)],
        True,
    )
    assert not list(ROOT.glob(".preflight-*"))


def test_a_machine_that_has_all_is_well(folder: Path) -> None:
    assert preflight.faults(folder) == ""
    assert preflight.read(preflight.code(folder, ""))[1:] == ["It can take part."]


# --- Machines that cannot take part -----------------------------------------------------------


def test_an_old_python_understands_it() -> None:
    """`ast.parse` finds most of what is newer than 3.6; the rest is looked for by its name."""
    text = SCRIPT.read_text(encoding="ascii")
    nodes = list(ast.walk(ast.parse(text, feature_version=(3, 6))))
    modules = {one.module for one in nodes if isinstance(one, ast.ImportFrom)}
    modules |= {name.name for one in nodes if isinstance(one, ast.Import) for name in one.names}
    assert modules <= sys.stdlib_module_names | {"collections.abc"}
    assert not modules & {"__future__", "dataclasses", "contextvars", "graphlib", "zoneinfo"}
    # Not on Windows: only where they are used, and asked for.
    top = text.split("\n#: ")[0]
    assert not re.search(r"import (fcntl|resource|pwd|termios)", top)

    names = {one.attr for one in nodes if isinstance(one, ast.Attribute)}
    names |= {str(one.arg) for one in nodes if isinstance(one, ast.keyword)}
    newer = "removeprefix removesuffix create_server capture_output text missing_ok reconfigure"
    assert not names & {
        *newer.split(),
        "cache",
        "is_relative_to",
        "fromisoformat",
        "cached_property",
    }

    noted = [one.annotation for one in nodes if isinstance(one, ast.arg | ast.AnnAssign)]
    noted += [one.returns for one in nodes if isinstance(one, ast.FunctionDef)]
    assert [ast.unparse(one) for one in noted if isinstance(one, ast.Subscript | ast.BinOp)] == []
    assert not re.search(r"\{\w+=[!:}]", text), "3.8 brought this to f-strings"
    for one in nodes:
        if isinstance(one, ast.Return | ast.Yield) and isinstance(one.value, ast.Tuple):
            bare = one.value.col_offset == one.value.elts[0].col_offset
            assert not (bare and any(isinstance(part, ast.Starred) for part in one.value.elts))


def test_windows_itself_gets_a_code() -> None:
    done = script(
        first="sys.platform = 'win32'; del os.sysconf, os.confstr;"
        " sys.modules.update(fcntl=None, resource=None)"
    )
    assert done.stderr == "" and done.returncode == 1
    said, letter, last = done.stdout.splitlines()
    assert said.startswith("Windows, Python 3.") and "'wsl --install'" in letter
    assert ".W." in last and preflight.read_all(last)[1]


@pytest.mark.parametrize(
    ("error", "letter"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), "U"),
        (OSError(errno.EROFS, "Read-only file system"), "U"),
        (OSError(errno.ENOSPC, "No space left on device"), "D"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "D"),
    ],
)
@pytest.mark.parametrize("where", ["tempfile.mkdtemp", "pathlib.Path.write_text"])
def test_a_folder_that_cannot_be_written_has_its_letter(
    error: OSError, letter: str, where: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise error

    monkeypatch.setattr(where, refuse)
    assert preflight.faults(folder) == letter
    assert preflight.FAULTS[letter] in preflight.read(preflight.code(folder, letter))[1]
    assert not list(folder.glob(".preflight-*"))


def fail(*_: object) -> str:
    raise RuntimeError("ä")


def fails_at(number: int) -> dict[str, object]:
    before, after = preflight.QUESTIONS[:number], preflight.QUESTIONS[number + 1 :]
    return {"QUESTIONS": (*before, fail, *after)}


@pytest.mark.parametrize(
    "failing",
    [
        *map(fails_at, range(len(preflight.QUESTIONS))),
        *({name: fail} for name in ("system_letter", "python_of", "memory", "answer")),
    ],
)
def test_a_question_that_fails_still_gives_a_code_with_a_letter(
    failing: dict[str, object],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in failing.items():
        monkeypatch.setattr(preflight, name, value)
    wrong = preflight.faults(folder)
    assert "Q" in wrong
    assert "RuntimeError('\\xe4')" in capsys.readouterr().out
    said = preflight.read(preflight.code(folder, wrong))
    assert f"Wrong: {preflight.FAULTS['Q']}" in said and "It can take part." not in said


def test_what_is_not_known_is_said_to_be_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: 1 / 0)
    monkeypatch.setattr("os.cpu_count", lambda: 1 / 0)
    monkeypatch.setattr("shutil.disk_usage", lambda _: 1 / 0)
    monkeypatch.setattr(preflight, "memory", lambda: 1 / 0)
    monkeypatch.setattr(preflight, "python_of", lambda _: 1 / 0)
    code = preflight.code(folder, "Q")
    assert code.startswith("CW2.XX.XC.XM.XD.Q.")
    assert preflight.read(code)[0] == (
        "an unknown system, Python ?, ? CPUs, ? GB of memory free, ? GB of disk free."
    )


@pytest.mark.parametrize(
    ("platform", "machine", "release", "letter", "name"),
    [
        ("linux", "x86_64", "6.1.0-18-amd64", "", "Linux"),
        ("linux", "x86_64", "5.15.153.1-microsoft-standard-WSL2", "", "Linux"),
        ("linux", "x86_64", "4.4.0-19041-Microsoft", "S", "WSL 1"),
        ("linux", "aarch64", "6.1.0-18-arm64", "A", "Linux on arm64"),
        ("linux", "armv7l", "6.1.21-v7+", "O", "another system"),
        ("freebsd14", "amd64", "14.1-RELEASE", "O", "another system"),
        ("win32", "AMD64", "10", "W", "Windows"),
        ("cygwin", "x86_64", "3.5.3", "W", "Windows"),
        ("darwin", "arm64", "23.4.0", "", "macOS on Apple silicon"),
        ("darwin", "x86_64", "21.6.0", "I", "macOS on Intel"),
        ("darwin", "x86_64", "23.4.0", "R", "macOS on Apple silicon with a Python for Intel"),
    ],
)
def test_each_kind_of_system_has_its_letter_and_its_sentence(
    platform: str,
    machine: str,
    release: str,
    letter: str,
    name: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.platform", platform)
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr("platform.release", lambda: release)
    monkeypatch.setattr("os.confstr", lambda _: "glibc 2.36")
    answer = preflight.answer

    def silicon(*command: str) -> tuple[bool, str]:
        if "hw.optional.arm64" in command:
            return (True, "1") if letter == "R" else (False, "")
        return answer(*command)

    monkeypatch.setattr(preflight, "answer", silicon)
    assert preflight.faults(folder) == letter
    machine_, *said = preflight.read(preflight.code(folder, letter))
    assert machine_.startswith(f"{name}, Python 3.11, ")
    mild = "Note" if letter in ("A", "I") else "Wrong"
    wanted = f"{mild}: {preflight.FAULTS[letter]}" if letter else "It can take part."
    assert said == [wanted]


def test_a_mac_and_a_linux_that_nobody_has_tried_are_sent_to_the_demo_as_the_page_has_it() -> None:
    page = " ".join((ROOT / "docs" / "platforms.md").read_text(encoding="utf-8").split())
    intel, arm = page.split("**Intel Macs.**")[1].split("**Linux on arm64**")
    for letter, text in [("I", intel), ("A", arm)]:
        assert f"`{letter}`" in text and "`make demo`" in text
        assert "'make demo'" in preflight.FAULTS[letter]
    assert "apt install build-essential python3-dev" in page
    assert "apt install build-essential python3-dev" in preflight.FAULTS["A"]


@pytest.mark.parametrize("said", ["", "glibc 2.17", None])
def test_a_linux_without_a_new_glibc_has_a_letter(
    said: str | None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def confstr(_: str) -> str:
        if said is None:
            raise ValueError("unrecognized configuration name")
        return said

    monkeypatch.setattr(preflight, "system_letter", lambda: "L")
    monkeypatch.setattr("os.confstr", confstr)
    assert preflight.faults(folder) == "G"
    monkeypatch.setattr("os.confstr", lambda _: "glibc 2.28")
    assert preflight.faults(folder) == ""


def at_most(name: str) -> Callable[[int], tuple[int, int]]:
    """How one limit is asked for where it is too low, and all others are none."""
    kind = getattr(resource, name)
    return lambda one: (256, 256) if one == kind else (resource.RLIM_INFINITY,) * 2


@pytest.mark.parametrize(
    ("what", "value", "letter"),
    [
        ("cpuwatch.preflight.memory", lambda: 10**9, "M"),
        ("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10**9}), "D"),
        ("time.gmtime", lambda: type("Time", (), {"tm_year": 1970}), "C"),
        *(("resource.getrlimit", at_most(name), "F") for name in preflight.LIMITS),
    ],
)
def test_too_little_has_its_letter(
    what: str, value: object, letter: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(what, value)
    monkeypatch.setattr("os.geteuid", lambda: 1000)  # of root's processes Linux counts none
    assert preflight.faults(folder) == letter
    assert preflight.FAULTS[letter] in preflight.read(preflight.code(folder, letter))[1]


def test_it_asks_for_no_less_than_the_services_do() -> None:
    asked = {one.name: one.least for one in limits.LIMITS} | {"RLIMIT_NPROC": limits.THREADS}
    assert asked == preflight.LIMITS


@pytest.mark.parametrize(
    ("what", "error", "letter"),
    [
        ("fcntl.flock", OSError(errno.ENOLCK, "no locks"), "L"),
        ("fcntl.flock", OSError(errno.EIO, "broken"), "U"),
        ("socket.create_connection", TimeoutError(), "N"),
        ("webbrowser.get", webbrowser.Error(), "B"),
    ],
)
def test_what_is_refused_has_its_letter(
    what: str, error: Exception, letter: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(what, refuse)
    assert preflight.faults(folder) == letter
    assert preflight.FAULTS[letter] in preflight.read(preflight.code(folder, letter))[1]


@pytest.mark.parametrize(
    ("what", "can"),
    [("os.symlink", False), ("os.link", True), ("os.chmod", True), ("fcntl.flock", False)],
)
@pytest.mark.parametrize("which", ["CPUWATCH_STATE", "CPUWATCH_CACHE"])
def test_the_disk_of_state_and_jars_has_its_letter(
    what: str,
    can: bool,
    which: str,
    folder: Path,
    drive: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A cache needs neither sockets nor secrets."""
    monkeypatch.setenv("CPUWATCH_STATE", str(folder))
    monkeypatch.setenv("CPUWATCH_CACHE", str(folder))
    monkeypatch.setenv(which, str(drive / "not" / "yet"))
    module, name = what.split(".")
    usual = getattr(sys.modules[module], name)

    def refuse(*given: object, **more: object) -> object:
        where = [getattr(one, "name", one) for one in given]
        if any(str(one).startswith(str(drive)) for one in where):
            raise PermissionError(errno.EPERM, "no")
        return usual(*given, **more)

    monkeypatch.setattr(what, refuse)
    assert preflight.faults(folder) == ("" if can and which == "CPUWATCH_CACHE" else "L")
    assert list(drive.iterdir()) == []


def test_it_looks_where_state_and_jars_will_lie(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CPUWATCH_STATE", "CPUWATCH_CACHE", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/anna")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(sys, "platform", "linux")
    # There it is a folder of this checkout's name, and some letters more.
    own = "/cpuwatch/" + "x" * (min(20, len(folder.name)) + 9)
    assert preflight.places(folder) == (f"/home/anna/.local/state{own}", "/home/anna/.cache")
    monkeypatch.setenv("XDG_STATE_HOME", "/mnt/states")
    monkeypatch.setenv("XDG_CACHE_HOME", "/mnt/caches")
    assert preflight.places(folder) == (f"/mnt/states{own}", "/mnt/caches")
    monkeypatch.setattr(sys, "platform", "darwin")
    assert preflight.places(folder) == (f"/mnt/states{own}", "/home/anna/Library/Caches")
    (folder / ".env").write_text("# CPUWATCH_STATE=/no\n export CPUWATCH_CACHE = '/file/cache'\n")
    assert preflight.places(folder) == (f"/mnt/states{own}", "/file/cache")
    monkeypatch.setenv("CPUWATCH_CACHE", "/said/cache")
    assert preflight.places(folder)[1] == "/said/cache"
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert preflight.places(folder)[0] == f"/var/lib{own}"


@pytest.mark.parametrize(
    "text",
    [
        "CPUWATCH_STATE=/first\nCPUWATCH_STATE=/a b\n",
        "CPUWATCH_STATE=/a b  # a remark\n",
        "CPUWATCH_STATE='/a b' # a remark\n",
        'CPUWATCH_STATE="/a b"\n',
        "\ufeffCPUWATCH_STATE=/a b\n",
        "cpuwatch_state=/a b\n",
        "export  CPUWATCH_STATE = /a b\n",
        "CPUWATCH_STATE=${ANNA} b\n",
        'CPUWATCH_STATE="${ANNA} b"\n',
    ],
)
def test_it_reads_settings_as_the_program_does(
    text: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANNA", "/a")
    (folder / ".env").write_text(text, encoding="utf-8")
    told = {name.upper(): value for name, value in envfile.read(folder / ".env").items()}
    assert told["CPUWATCH_STATE"] == "/a b"
    monkeypatch.delenv("CPUWATCH_STATE")
    assert preflight.places(folder)[0] == "/a b"


def test_a_socket_that_lies_elsewhere_needs_nothing_of_this_disk(
    folder: Path, drive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As supervisor has it: `stack.disks` leaves that out as well."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "no")

    monkeypatch.setattr(os, "link", refuse)
    for length, letter in (10, "L"), (85, ""):
        state = drive / ("x" * length)
        monkeypatch.setenv("CPUWATCH_STATE", str(state))
        assert preflight.faults(folder) == letter
        assert Supervisor(state).socket.is_relative_to(state) == (letter == "L")


def test_a_folder_in_which_nothing_may_run_has_its_letter(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = subprocess.run

    def forbidden(command: tuple[str, ...], **options: object) -> object:
        if ".preflight-" in command[0]:
            raise PermissionError("noexec")
        return run(command, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "run", forbidden)
    assert preflight.faults(folder) == "X"


@pytest.mark.parametrize("tool", ["make", "git"])
def test_a_tool_that_is_there_and_does_not_run_is_missing(
    tool: str, folder: Path, path: Path
) -> None:
    program(path, tool, "echo 'xcrun: error: invalid active developer path' >&2; exit 1")
    assert preflight.faults(folder) == "T"
    (path / tool).unlink()
    assert preflight.faults(folder) == "T"


# --- The Python that make takes ---------------------------------------------------------------

Make = Callable[[Path], None]


def only_a_shim(place: Path) -> None:
    python(place, "python3", (3, 8))
    shim(place, "python3.12")


def a_later_name_is_whole(place: Path) -> None:
    python(place, "python3", (3, 11), without="ensurepip")
    python(place, "python3.12", (3, 12))


def too_new(place: Path) -> None:
    python(place, "python3", (3, 13))


def without_venv(place: Path) -> None:
    python(place, "python3", (3, 13))
    python(place, "python3.11", (3, 11), without="venv ensurepip")


def plain_name(place: Path) -> None:
    shim(place, "python3")
    python(place, "python", (3, 10))


def none(place: Path) -> None:
    shim(place, "python")


@pytest.mark.parametrize(
    ("pythons", "letter", "version"),
    [
        (only_a_shim, "P", "3.8"),
        (a_later_name_is_whole, "", "3.12"),
        (too_new, "P", "3.13"),
        (without_venv, "V", "3.11"),
        (plain_name, "", "3.10"),
        (none, "P", f"3.{sys.version_info[1]}"),
    ],
)
def test_a_python_is_found_as_make_finds_it(
    pythons: Make, letter: str, version: str, tmp_path: Path, path: Path
) -> None:
    pythons(path)
    assert preflight.faults(tmp_path).strip("B") == letter
    machine, *said = preflight.read(preflight.code(tmp_path, letter))
    assert f"Python {version}, " in machine
    assert ("'apt install python3.11-venv'" in said[0]) is (letter == "V")
    assert ("'uv python install 3.12'" in said[0]) is (letter == "P")


def test_the_makefile_asks_the_same_names_the_same() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert makefile.count("for one in python") == 1
    assert f"for one in {' '.join(preflight.PYTHONS)};" in makefile
    parts = dict(re.findall(r"^([A-Z_]*FITS) := (.*)$", makefile, re.MULTILINE))
    assert parts["FITS"].replace("$(VERSION_FITS)", parts["VERSION_FITS"]) == preflight.FITS


@pytest.fixture
def make(path: Path, tmp_path: Path) -> Iterator[Callable[[str], subprocess.CompletedProcess[str]]]:
    """Make a target of the Makefile, in a folder that has it and the preflight alone."""
    real = shutil.which("make", path=os.defpath)
    if real is None:
        pytest.skip("there is no make here")
    place = tmp_path / "checkout"
    (place / "lib" / "cpuwatch").mkdir(parents=True)
    shutil.copy(SCRIPT, place / "lib" / "cpuwatch")
    shutil.copy(ROOT / "Makefile", place)

    def run(target: str) -> subprocess.CompletedProcess[str]:
        command, variables = [real, "-C", str(place), target], {"PATH": str(path)}
        return subprocess.run(command, env=variables, capture_output=True, text=True, check=False)

    yield run
    assert not (place / ".venv").exists()


@pytest.mark.parametrize(
    ("pythons", "says"),
    [
        (only_a_shim, "'uv python install 3.12'"),
        (too_new, "'uv python install 3.12'"),
        (none, "'uv python install 3.12'"),
        (without_venv, "'apt install python3.11-venv'"),
    ],
)
def test_make_says_how_to_get_a_python(
    pythons: Make,
    says: str,
    path: Path,
    make: Callable[[str], subprocess.CompletedProcess[str]],
) -> None:
    pythons(path)
    done = make(".venv/bin/python")
    assert done.returncode != 0 and says in done.stderr
    assert ("apt install" in done.stderr) is ("apt install" in says)
    done = make("preflight")
    assert done.returncode != 0
    if pythons is none:
        assert "There is no Python from 3.6 on here." in done.stderr and says in done.stderr
    else:
        assert says in done.stdout and "The code to send back: CW2." in done.stdout


def test_make_preflight_takes_the_python_that_make_would_take(
    path: Path, make: Callable[[str], subprocess.CompletedProcess[str]]
) -> None:
    plain_name(path)
    assert ", Python 3.10, " in make("preflight").stdout


# --- Codes ------------------------------------------------------------------------------------

numbers = st.integers(0, 4000).map(str) | st.just("X")
codes = st.builds(
    "CW2.{}{}.{}C.{}M.{}D.{}".format,
    st.sampled_from(list(preflight.SYSTEMS)),
    st.sampled_from(["306", "311", "312", "313", "X"]),
    numbers,
    numbers,
    numbers,
    st.just("OK") | st.sets(st.sampled_from(list(preflight.FAULTS)), min_size=1).map("".join),
).map(preflight.sealed)


def damaged(code: str) -> Iterator[str]:
    """All codes that have lost one character, have another one, or two that changed places."""
    for place, letter in enumerate(code):
        before, after = code[:place], code[place + 1 :]
        yield before + after
        for other in string.ascii_uppercase + string.digits + ". -`":
            if other != letter:
                yield before + other + after
                yield before + other + letter + after
        if after and after[0] != letter:
            yield before + after[0] + letter + after[1:]


@settings(max_examples=20, deadline=None)
@given(codes)
@example(preflight.sealed("CW2.L310.12C.11M.181D.MD"))  # where an M is lost, the length alone tells
def test_whatever_happens_to_one_character_is_noticed(code: str) -> None:
    assert preflight.read_all(code)[1]
    around = re.compile(rf"[. `-]{re.escape(code)}")  # no damage
    taken = [one for one in damaged(code) if preflight.read_all(one)[1]]
    assert [one for one in taken if not around.fullmatch(one)] == []


def test_a_letter_that_was_lost_is_told_and_the_next_code_is_read() -> None:
    lines, whole = preflight.read_all(f"{BAD.replace('MD', 'M')} and {GOOD}")
    assert not whole
    assert "no whole code" in lines[1] and "Ask for it once more." in lines[1]
    assert lines[2] == f"{GOOD}:" and lines[-1] == "  It can take part."


@pytest.mark.parametrize(
    "text",
    [
        "The code to send back: {}",
        "{}.",
        "`{}`",
        "\u2039{}\u203a",
        "  {}\n",
        "Hello, it says **{}**, and 'ä'. Is that good? CW, 1.2.3.4",
        ">> Code:{};",
    ],
)
@pytest.mark.parametrize("case", [str.upper, str.lower])
def test_a_code_is_found_in_whatever_text_is_given(text: str, case: Callable[[str], str]) -> None:
    lines, whole = preflight.read_all(text.format(case(GOOD)))
    assert whole and lines[0] == f"{GOOD}:" and lines[-1] == "  It can take part."


def test_each_code_of_a_text_is_told() -> None:
    lines, whole = preflight.read_all(f"Ann: {GOOD}\nBen: {BAD}, {GOOD}")
    assert whole
    assert [line for line in lines if line.startswith("CW")] == [f"{GOOD}:", f"{BAD}:", f"{GOOD}:"]
    assert f"  Wrong: {preflight.FAULTS['M']}" in lines


def test_who_lacks_a_browser_alone_can_take_part() -> None:
    for letters, can in [("B", True), ("BM", False), ("A", False), ("IB", False)]:
        said = preflight.read(preflight.sealed(f"CW2.L311.4C.15M.120D.{letters}"))
        assert (said[-1] == "It can take part.") is can


@pytest.mark.parametrize(
    "given_", ["", "hello", "CW1.L311.4C.15M.120D.OK.33", "CW3.L311.4C.15M.120D.OK.07", "x" * 10**5]
)
def test_what_is_no_code_is_answered_with_one(given_: str) -> None:
    lines, whole = preflight.read_all(given_)
    assert not whole and "one looks like CW2." in lines[-1] and len(lines[-1]) < 200
    assert preflight.read_all(lines[-1]) == preflight.read_all(GOOD)


def test_a_letter_of_a_later_version_is_told() -> None:
    for facts in ("CW2.L311.4C.15M.120D.BZ", "CW2.Z311.4C.15M.120D.OK"):
        with pytest.raises(ValueError, match="does not know: 'git pull'"):
            preflight.read(preflight.sealed(facts))


def test_who_has_no_installation_reads_codes_with_the_same_file() -> None:
    for first in ([], ["--read"]):
        done = script(*first, "The code to send back:", GOOD, f"`{BAD}`")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines() == preflight.read_all(f"{GOOD} {BAD}")[0]
    done = script(GOOD[:-1])
    assert done.returncode == 1 and "Ask for it once more." in done.stdout


def test_the_command_reads_codes_as_the_file_does() -> None:
    done = CliRunner().invoke(cli.app, ["preflight", f"\u2039{GOOD}\u203a", BAD])
    assert done.exit_code == 0
    assert done.output.splitlines() == preflight.read_all(f"{GOOD} {BAD}")[0]
    assert CliRunner().invoke(cli.app, ["preflight", GOOD, "CW2"]).exit_code == 1


def test_the_guide_has_the_example_and_all_letters() -> None:
    guide = (ROOT / "docs" / "instructors.md").read_text(encoding="utf-8")
    assert f"`{GOOD}`" in guide
    assert [one for one in preflight.FAULTS if f"`{one}` " not in guide] == []
    assert set(preflight.SYSTEMS) - set(preflight.FAULTS) == {"L", "M", "X"} - set(preflight.FAULTS)


def test_sentences_can_be_printed_anywhere() -> None:
    for sentence in (*preflight.FAULTS.values(), *preflight.SYSTEMS.values()):
        assert sentence.isascii()
