"""The preflight: what keeps a laptop from taking part, in a code that an instructor reads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cpuwatch import preflight

ROOT = Path(__file__).parents[2]


def test_here_it_says_what_is_so_and_needs_no_package() -> None:
    script = ROOT / "lib" / "cpuwatch" / "preflight.py"
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(script)], capture_output=True, text=True, check=False
    )
    assert done.stderr == "" and done.returncode == 0, done.stdout
    last = done.stdout.splitlines()[-1]
    said = preflight.read(last.removeprefix("The code to send back: "))
    assert f"Python {sys.version_info[0]}.{sys.version_info[1]}" in said[0]
    assert not list(ROOT.glob(".preflight-*"))


@pytest.mark.parametrize(
    ("name", "value", "letter"),
    [
        ("_system", lambda: "O", "S"),
        ("_has_glibc", lambda: False, "G"),
        ("_can_make_environments", lambda _: False, "V"),
        ("memory", lambda: 10**9, "M"),
        ("_can_listen", lambda: False, "N"),
        ("_most_files", lambda: 256, "F"),
        ("_has_browser", lambda: False, "B"),
        ("_of_folder", lambda _: "XL", "X"),
    ],
)
def test_each_fault_has_its_letter_and_its_remedy(
    name: str, value: object, letter: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "_has_browser", lambda: True)
    assert preflight.faults(tmp_path) == ""
    monkeypatch.setattr(preflight, name, value)
    wrong = preflight.faults(tmp_path)
    assert letter in wrong
    said = preflight.read(preflight.code(tmp_path, wrong))
    assert preflight.FAULTS[letter] in said


@pytest.mark.parametrize(
    ("what", "value", "letter"),
    [
        ("platform.release", lambda: "4.4.0-19041-Microsoft", "W"),
        ("shutil.which", lambda _: None, "T"),
        ("shutil.disk_usage", lambda _: type("Usage", (), {"free": 10**9}), "D"),
        ("time.gmtime", lambda: type("Time", (), {"tm_year": 1970}), "C"),
        ("subprocess.run", None, "X"),
    ],
)
def test_what_it_asks_the_system(
    what: str, value: object, letter: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        if command[0] == sys.executable:
            return subprocess.CompletedProcess(command, 0)
        raise PermissionError("noexec")

    monkeypatch.setattr(f"cpuwatch.preflight.{what}", value or forbidden)
    assert letter in preflight.faults(tmp_path)


@pytest.mark.parametrize("version", [(3, 9, 18), (3, 13, 0)])
@pytest.mark.parametrize("other", [True, False])
def test_another_python_is_found_as_make_finds_it(
    version: tuple[int, ...], other: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def which(name: str) -> str | None:
        return sys.executable if other or name in ("make", "git") else None

    monkeypatch.setattr("cpuwatch.preflight.sys.version_info", version)
    monkeypatch.setattr("cpuwatch.preflight.shutil.which", which)
    wrong = preflight.faults(tmp_path)
    assert ("P" in wrong) is not other
    said = preflight.read(preflight.code(tmp_path, wrong))
    assert f"Python 3.{12 if other else version[1]}" in said[0]


def test_wsl_2_is_linux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.release", lambda: "5.15.153.1-microsoft-standard-WSL2")
    assert "W" not in preflight.faults(tmp_path)


def test_a_code_is_read_in_any_case_and_with_blanks_around(tmp_path: Path) -> None:
    given = preflight.code(tmp_path, "")
    assert preflight.read(f"  {given.lower()}\n")[-1] == "It can take part."


def test_who_lacks_a_browser_alone_can_take_part(tmp_path: Path) -> None:
    assert preflight.read(preflight.code(tmp_path, "B"))[-1] == "It can take part."
    assert "It can take part." not in preflight.read(preflight.code(tmp_path, "BM"))


@pytest.mark.parametrize(
    "given", ["", "hello", "CW1.L311", "CW2.L311.4C.15M.120D.OK.07", "x" * 10**5]
)
def test_what_is_no_code_is_answered_with_one(given: str) -> None:
    with pytest.raises(ValueError, match="no code of a preflight: one looks like CW1") as found:
        preflight.read(given)
    example = str(found.value).split()[-1].rstrip(".")
    assert preflight.read(example)[-1] == "It can take part."
    assert f"`{example}`" in (ROOT / "docs" / "instructors.md").read_text(encoding="utf-8")


def test_the_guide_has_all_letters() -> None:
    guide = (ROOT / "docs" / "instructors.md").read_text(encoding="utf-8")
    assert [letter for letter in preflight.FAULTS if f"`{letter}` " not in guide] == []


def test_a_letter_that_was_lost_is_noticed(tmp_path: Path) -> None:
    given = preflight.code(tmp_path, "MD")
    with pytest.raises(ValueError, match="was changed on its way"):
        preflight.read(given.replace("MD", "M"))
