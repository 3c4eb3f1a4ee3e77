"""Whether a laptop can take part, before anything is installed: `make preflight`.

It needs a Python alone, of any version from 3.8 on, and nothing of this project: so it imports
nothing but the standard library. It takes some seconds, changes nothing, asks no network, and
ends with a short code to send back, which `cpuwatch preflight CODE` reads.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
import webbrowser
import zlib
from pathlib import Path

_MARK = "CW1"

_GB = 1024**3

#: What is needed: in GB of memory and of disk.
_MEMORY, _DISK = 2, 3

#: In this year the workshop was made.
MADE = 2026

#: For each fault a letter, what it means, and what has to change.
FAULTS = {
    "S": "The system is not Linux on x86_64 or macOS on Apple silicon. On Windows use WSL 2; on"
    " another one take part in a pair.",
    "W": "It is WSL 1, which has no Linux of its own: 'wsl --set-version NAME 2' makes it WSL 2.",
    "G": "This Linux has no glibc, or an old one (before 2.28), and the packages need that.",
    "P": "No Python 3.10, 3.11 or 3.12 was found: install one; 'make lab' finds it by itself.",
    "V": "Python cannot make virtual environments: on Debian or Ubuntu 'apt install python3-venv'.",
    "T": "make or git is missing: install both.",
    "M": f"Less than {_MEMORY} GB of memory are free: close other programs.",
    "D": f"Less than {_DISK} GB are free on the disk of this folder: free some space.",
    "X": "Programs in this folder may not be run: move it to another disk, or to the home folder.",
    "L": "This folder cannot lock files: it may be on a network drive. Move it to a disk of this"
    " machine, or set CPUWATCH_STATE to a folder there.",
    "N": "No program may listen on 127.0.0.1, or reach one that does: a firewall or a policy"
    " forbids it.",
    "F": "So few files may be open at once that Kafka would not start: 'ulimit -n 4096'.",
    "C": f"The clock says that it is before {MADE}: set it right.",
    "B": "No browser was found: the address of JupyterLab has to be opened by hand.",
}

#: These alone keep nobody from taking part.
MILD = frozenset("B")

_CODE = re.compile(rf"{_MARK}\.([LMO])(\d{{3}})\.(\d+)C\.(\d+)M\.(\d+)D\.([A-Z]+)\.(\d\d)")

#: A good machine.
_EXAMPLE = f"{_MARK}.L311.4C.15M.120D.OK"

_SYSTEMS = {"L": "Linux", "M": "macOS", "O": "another system"}


def faults(folder: Path) -> str:
    """The letters of what is wrong, for a checkout in this folder."""
    wrong = ""
    kernel = platform.release().lower()
    if _system() == "O":
        wrong += "S"
    elif "microsoft" in kernel and "wsl2" not in kernel:
        wrong += "W"
    elif _system() == "L" and not _has_glibc():
        wrong += "G"
    python, version = _python()
    if not fits(version):
        wrong += "P"
    if not _can_make_environments(python):
        wrong += "V"
    if not (shutil.which("make") and shutil.which("git")):
        wrong += "T"
    if memory() < _MEMORY * _GB:
        wrong += "M"
    if shutil.disk_usage(folder).free < _DISK * _GB:
        wrong += "D"
    wrong += _of_folder(folder)
    if not _can_listen():
        wrong += "N"
    if _most_files() < 1024:
        wrong += "F"
    if time.gmtime().tm_year < MADE:
        wrong += "C"
    if not _has_browser():
        wrong += "B"
    return wrong


def code(folder: Path, wrong: str) -> str:
    """The code that stands for this machine and what is wrong with it."""
    major, minor = _python()[1]
    facts = ".".join(
        [
            _MARK,
            f"{_system()}{major}{minor:02}",
            f"{os.cpu_count() or 1}C",
            f"{memory() // _GB}M",
            f"{shutil.disk_usage(folder).free // _GB}D",
            wrong or "OK",
        ]
    )
    return f"{facts}.{_check(facts)}"


def _check(facts: str) -> str:
    return f"{zlib.crc32(facts.encode()) % 100:02}"


def read(given: str) -> list[str]:
    """What a code says, in sentences: the machine, and what has to change on it.

    Raises
    ------
    ValueError
        If it is no such code, or a letter of it was lost on its way.
    """
    text = given.strip().upper()
    found = _CODE.fullmatch(text)
    if found is None:
        raise ValueError(
            f"{given.strip()[:60]!r} is no code of a preflight: one looks like"
            f" {_EXAMPLE}.{_check(_EXAMPLE)}."
        )
    system, version, cpus, memory_, disk, wrong, check = found.groups()
    if _check(text[:-3]) != check:
        raise ValueError(f"{text} was changed on its way: ask for it once more.")
    said = [
        f"{_SYSTEMS[system]}, Python {version[0]}.{int(version[1:])}, {cpus} CPUs, {memory_} GB of"
        f" memory free, {disk} GB of disk free."
    ]
    if wrong == "OK":
        return [*said, "It can take part."]
    unknown = [letter for letter in wrong if letter not in FAULTS]
    if unknown:
        raise ValueError(
            f"{text} has letters that this version does not know: {', '.join(unknown)}."
        )
    told = [FAULTS[letter] for letter in wrong]
    return [*said, *told, *([] if set(wrong) - MILD else ["It can take part."])]


def _system() -> str:
    machine = platform.machine().lower()
    if sys.platform == "linux" and machine in ("x86_64", "amd64"):
        return "L"
    return "M" if sys.platform == "darwin" and machine == "arm64" else "O"


def _has_glibc() -> bool:
    name, number = platform.libc_ver()
    parts = re.findall(r"\d+", number)[:2]
    return name == "glibc" and [int(part) for part in parts] >= [2, 28]


def fits(version: tuple[int, int]) -> bool:
    """Whether the project runs on this version of Python."""
    return (3, 10) <= version <= (3, 12)


def _python() -> tuple[str, tuple[int, int]]:
    """The Python that `make` would take, and its version; this one, if there is none that fits."""
    here = sys.version_info[0], sys.version_info[1]
    if not fits(here):
        for minor in (12, 11, 10):
            if other := shutil.which(f"python3.{minor}"):
                return other, (3, minor)
    return sys.executable, here


def _can_make_environments(python: str) -> bool:
    check = "import ensurepip, venv"
    done = subprocess.run([python, "-I", "-c", check], stderr=subprocess.DEVNULL, check=False)
    return done.returncode == 0


def memory() -> int:
    """How much memory is free, in bytes; where nobody says, half of all."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            found = re.search(r"MemAvailable: +(\d+) kB", file.read())
        if found is not None:
            return int(found[1]) * 1024
    except OSError:
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (ValueError, OSError):
        return 0


def _of_folder(folder: Path) -> str:
    """What a program in this folder may not do."""
    import fcntl

    wrong = ""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".preflight-") as place:
        program = Path(place) / "program"
        program.write_text("#!/bin/sh\nexit 0\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        try:
            if subprocess.run([str(program)], check=False).returncode:
                wrong += "X"
        except OSError:
            wrong += "X"
        with open(Path(place) / "lock", "w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                wrong += "L"
    return wrong


def _can_listen() -> bool:
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(5)
            with socket.create_connection(server.getsockname(), timeout=5):
                server.accept()[0].close()
    except OSError:
        return False
    return True


def _most_files() -> int:
    import resource

    return resource.getrlimit(resource.RLIMIT_NOFILE)[1] % (1 << 63)


def _has_browser() -> bool:
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True


def main() -> None:
    """Look, say what has to change, and print the code."""
    folder = Path(__file__).resolve().parents[2]
    wrong = faults(folder)
    for letter in wrong:
        print(f"{'Note' if letter in MILD else 'Wrong'}: {FAULTS[letter]}")
    if not set(wrong) - MILD:
        print("This machine can take part.")
    print(f"The code to send back: {code(folder, wrong)}")
    sys.exit(1 if set(wrong) - MILD else 0)


if __name__ == "__main__":
    main()
