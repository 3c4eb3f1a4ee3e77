"""Whether a laptop can take part, before anything is installed: `make preflight`.

It needs a Python alone, of any version from 3.6 on, and nothing of this project: so it is one
file, imports nothing but the standard library, and its annotations are text, which an old Python
does not look at. It takes some seconds, changes nothing, asks no network, and ends with a short
code to send back. With such codes, or a text that holds some, it says what they mean instead, as
`cpuwatch preflight CODE` does.
"""

import contextlib
import errno
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
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

_MARK = "CW2"

_GB = 1024**3

#: What is needed: in GB of memory and of disk.
_MEMORY, _DISK = 2, 3

#: In this year the workshop was made.
MADE = 2026

#: The names under which `make` looks for a Python, and what it asks of each, as in the Makefile.
PYTHONS = ("python3", "python3.12", "python3.11", "python3.10", "python")
FITS = (
    "import venv, ensurepip; import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))"
)

#: So many seconds another program has to answer.
_PATIENCE = 30

#: Kinds of system by their letters. A fault has the same letter, where there is one. What is
#: not known is an X in a code, a number, too.
SYSTEMS = {
    "L": "Linux",
    "M": "macOS on Apple silicon",
    "A": "Linux on arm64",
    "I": "macOS on Intel",
    "R": "macOS on Apple silicon with a Python for Intel",
    "S": "WSL 1",
    "W": "Windows",
    "O": "another system",
    "X": "an unknown system",
}

#: For each fault a letter, what it means, and what has to change.
FAULTS = {
    "A": "Nobody has tried Linux on arm64. With a compiler and Python's headers ('apt install"
    " build-essential python3-dev') 'make lab' compiles PyFlink by itself: try 'make demo' at"
    " home.",
    "I": "Nobody has tried a Mac with an Intel processor, and nothing is missing for it: try"
    " 'make demo' at home.",
    "R": "This Mac has Apple silicon, but its Python is one for Intel: install an arm64 Python,"
    " such as python.org's, and use a terminal that is not opened with Rosetta.",
    "S": "WSL 1 has no Linux of its own: 'wsl --set-version NAME 2' makes it WSL 2.",
    "W": "Windows itself cannot run it, but WSL 2 can: 'wsl --install' brings that, and all is done"
    " in its terminal.",
    "O": "The system is neither Linux nor macOS, or one of 32 bits: take part in a pair, or on a"
    " server.",
    "G": "This Linux has no glibc, or an old one (before 2.28), and the packages need that.",
    "P": "No Python 3.10, 3.11 or 3.12 was found: install 3.12, on macOS from python.org, elsewhere"
    " by 'uv python install 3.12', or use conda. docs/platforms.md says how.",
    "V": "Python 3.N cannot make virtual environments: on Debian or Ubuntu 'apt install"
    " python3.N-venv'.",
    "T": "make or git is missing: install both, on a Mac by 'xcode-select --install'.",
    "M": f"Less than {_MEMORY} GB of memory are free: close other programs.",
    "D": f"Less than {_DISK} GB are free on the disk of this folder: free some space.",
    "U": "Nothing may be written into this folder: put the workshop into the home folder.",
    "X": "Programs in this folder may not be run: move it to another disk, or to the home folder.",
    "L": "This folder, or the one where the services and their jars will lie (in the home folder,"
    " as a rule), cannot lock files, close them to others, or hold links and sockets: it may be on"
    " a network drive or a stick. Move the workshop to a disk of this machine, and set"
    " CPUWATCH_STATE and CPUWATCH_CACHE to folders there.",
    "N": "No program may listen on 127.0.0.1, or reach one that does: a firewall or a policy"
    " forbids it.",
    "F": "A limit of this account would stop the services, most often that of open files:"
    " 'ulimit -n 4096'; 'ulimit -Ha' shows all (-f, -u, -v, -d and -t had best be unlimited).",
    "C": f"The clock says that it is before {MADE}: set it right.",
    "B": "No browser was found: the address of JupyterLab has to be opened by hand.",
    "Q": "Something could not be asked of this machine: try 'make demo', and send what it says.",
}

#: The least that the services do with, of what `limits` asks for when they start.
LIMITS = {
    "RLIMIT_NOFILE": 1024,
    "RLIMIT_FSIZE": 512 << 20,
    "RLIMIT_AS": 4 << 30,
    "RLIMIT_DATA": 2 << 30,
    "RLIMIT_CPU": 24 * 3600,
    "RLIMIT_NPROC": 600,
}

#: The most bytes of a socket's whole name that all systems take.
LONGEST_SOCKET = 85
_TO_SOCKET = len("/supervisor/supervisor.sock")

#: How a disk says that it cannot do a thing at all; a broken one, or a full one, says other things.
_CANNOT = [
    getattr(errno, name, None)  # not every system has all of them
    for name in ("EPERM", "ENOSYS", "EOPNOTSUPP", "ENOTSUP", "ENOLCK", "EINVAL")
]

#: With these alone 'make demo' has to show whether one can take part; with a B alone one can.
MILD = frozenset("AIB")

_CODE = re.compile(
    rf"{_MARK}\.([A-Z])([0-9]{{3}}|X)\.([0-9]+|X)C\.([0-9]+|X)M\.([0-9]+|X)D\.([A-Z]+)"
    r"\.[0-9A-Z]{4}"
)

#: What may have been a code: one that begins as such, or has as many dots.
_LIKE_A_CODE = re.compile(r"CW[0-9]|[0-9A-Z]*(?:\.[0-9A-Z]*){5}")

#: The characters of a check: those that nobody takes for another one.
_CHECKS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

#: A good machine.
_EXAMPLE = f"{_MARK}.L311.4C.15M.120D.OK"


# --- Codes ----------------------------------------------------------------------------------


def sealed(facts: str) -> str:
    """The code of these facts: with four characters more, which tell whether one was lost.

    The last one is their length, so no code is whole that lost or gained a character; and no
    number of the others is the same after one has changed, or two have changed places.
    """
    number = 0
    for letter in facts:
        number = (number * 37 + ord(letter)) % 32749  # a prime
    number = number * 32 + len(facts) % 32
    return f"{facts}." + "".join(_CHECKS[number >> bits & 31] for bits in (15, 10, 5, 0))


def read(code: str) -> "list[str]":
    """What a code says, in sentences: the machine, and what has to change on it.

    Raises
    ------
    ValueError
        If it is no such code, or a character of it was lost or changed on its way.
    """
    found = _CODE.fullmatch(code)
    if found is None or sealed(code[:-5]) != code:
        raise ValueError(
            "It is no whole code of this version: one looks like"
            f" {sealed(_EXAMPLE)}. Ask for it once more."
        )
    system, version, *numbers, wrong = found.groups()
    unknown = [one for one in wrong if one not in FAULTS] if wrong != "OK" else []
    if system not in SYSTEMS or unknown:
        raise ValueError("It has letters that this version does not know: 'git pull' brings it.")
    python = f"{version[0]}.{int(version[1:])}" if version != "X" else "?"
    cpus, memory_, disk = ("?" if one == "X" else one for one in numbers)
    machine = (
        f"{SYSTEMS[system]}, Python {python}, {cpus} CPUs, {memory_} GB of memory free,"
        f" {disk} GB of disk free."
    )
    letters = "" if wrong == "OK" else wrong
    told = [
        f"{'Note' if one in MILD else 'Wrong'}: {FAULTS[one].replace('3.N', python)}"
        for one in letters
    ]
    return [machine, *told, *([] if set(letters) - {"B"} else ["It can take part."])]


def read_all(text: str) -> "tuple[list[str], bool]":
    """What each code in a text says, in lines, and whether all of them are whole."""
    words = [one.strip(".") for one in re.findall(r"[0-9A-Z.]+", text.upper())]
    codes = [one for one in words if _LIKE_A_CODE.match(one)]
    if not codes:
        return [f"There is no code in {text[:60]!a}: one looks like {sealed(_EXAMPLE)}."], False
    lines, whole = [], True
    for code_ in codes:
        try:
            said = read(code_)
        except ValueError as error:
            said, whole = [str(error)], False
        lines += [f"{code_[:60]}:", *(f"  {sentence}" for sentence in said)]
    return lines, whole


# --- This machine ---------------------------------------------------------------------------


def faults(folder: Path) -> str:
    """The letters of what is wrong, for a checkout in this folder."""
    wrong = ""
    for question in QUESTIONS:
        try:
            found = question(folder)
        except Exception as error:  # whatever it is, there is a code to send back
            print(f"Not known ({question.__name__[4:]}): {error!a}")
            found = "Q"
        wrong += "".join(letter for letter in found if letter not in wrong)
        if "W" in wrong:
            break  # nothing else counts: in WSL 2 it is otherwise
    return wrong


def code(folder: Path, wrong: str) -> str:
    """The code that stands for this machine and what is wrong with it."""
    return sealed(
        ".".join(
            [
                _MARK,
                _fact(system_letter) + _fact(lambda: "{}{:02}".format(*python_of(folder)[1])),
                _fact(lambda: os.cpu_count() or 1) + "C",
                _fact(lambda: memory() // _GB) + "M",
                _fact(lambda: shutil.disk_usage(str(folder)).free // _GB) + "D",
                wrong or "OK",
            ]
        )
    )


def _fact(question: "Callable[[], object]") -> str:
    try:
        return str(question())
    except Exception:
        return "X"


def answer(*command: str) -> "tuple[bool, str]":
    """Whether a program ends well, and what it says."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return False, ""
    return done.returncode == 0, done.stdout.decode("ascii", "replace").strip()


def _of_system(_: Path) -> str:
    system = system_letter()
    glibc = system not in ("L", "A") or _has_glibc()
    return ("" if system in ("L", "M") else system) + ("" if glibc else "G")


def system_letter() -> str:
    """Which kind of system this is, as in SYSTEMS."""
    machine, kernel = platform.machine().lower(), platform.release().lower()
    if sys.platform in ("win32", "cygwin"):
        return "W"
    if sys.platform == "darwin":
        if machine == "arm64":
            return "M"
        return "R" if answer("/usr/sbin/sysctl", "-n", "hw.optional.arm64")[1] == "1" else "I"
    if "microsoft" in kernel and "wsl2" not in kernel:
        return "S"
    if sys.platform != "linux" or sys.maxsize < 1 << 32:
        return "O"
    return {"x86_64": "L", "amd64": "L", "aarch64": "A", "arm64": "A"}.get(machine, "O")


def _has_glibc() -> bool:
    try:
        said = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (ValueError, OSError):
        return False  # another one does not know this question
    return [int(part) for part in re.findall(r"\d+", said)[:2]] >= [2, 28]


def fits(version: "tuple[int, int]") -> bool:
    """Whether the project runs on this version of Python."""
    return (3, 10) <= version <= (3, 12)


def _of_python(folder: Path) -> str:
    return python_of(folder)[0]


def python_of(folder: Path) -> "tuple[str, tuple[int, int]]":
    """What is wrong with the Python that `make` would take, and its version.

    Where `make` would take none, it is the version of one that only lacks a part, or of any.
    """
    tell = "import sys; print('%d.%d' % sys.version_info[:2]); sys.stdout.flush(); "
    run = []
    for name in (str(folder / ".venv" / "bin" / "python"), *PYTHONS):
        fit, said = answer(name, "-I", "-c", tell + FITS)
        found = re.search(r"^(\d+)\.(\d+)$", said, re.MULTILINE)
        if found is None:
            continue
        version = int(found[1]), int(found[2])
        if fit:
            return "", version
        run.append(version)
    for version in run:
        if fits(version):
            return "V", version
    return "P", run[0] if run else (sys.version_info[0], sys.version_info[1])


def _of_tools(_: Path) -> str:
    # Asked, not only looked for: a Mac has both names, which run nothing without Apple's tools.
    return "" if all(answer(tool, "--version")[0] for tool in ("make", "git")) else "T"


def _of_memory(_: Path) -> str:
    return "M" if memory() < _MEMORY * _GB else ""


def memory() -> int:
    """How much memory is free, in bytes; where nobody says, half of all."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            found = re.search(r"MemAvailable: +(\d+) kB", file.read())
        if found is not None:
            return int(found[1]) * 1024
    except OSError:
        pass
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


def _of_disk(folder: Path) -> str:
    return "D" if shutil.disk_usage(str(folder)).free < _DISK * _GB else ""


def _of_folder(folder: Path) -> str:
    """What a program in this folder may not do."""
    try:
        with _trial(str(folder)) as place:
            return _of_programs(place) + ("" if _can(place, _lock, _link) else "L")
    except OSError as error:
        return "D" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "U"


def _of_places(folder: Path) -> str:
    """What the folders cannot do in which the services and their jars will lie."""
    state, cache = places(folder)
    # Where its name would be too long a socket lies elsewhere.
    sockets = (_listen,) if len(os.fsencode(state)) + _TO_SOCKET <= LONGEST_SOCKET else ()
    for name, trials in (state, (_lock, _link, _close, *sockets)), (cache, (_lock, _link)):
        while not os.path.isdir(name):  # it will be on the disk of the one above
            name = os.path.dirname(name)
        try:
            with _trial(name) as place:
                if not _can(place, *trials):
                    return "L"
        except OSError:
            pass  # it is full, or closed, which others look at
    return ""


def places(folder: Path) -> "tuple[str, str]":
    """Where the services of this checkout will keep their data, and their jars."""
    said = _told(folder / ".env")
    said.update(os.environ)
    cache = "~/Library/Caches" if sys.platform == "darwin" else "~/.cache"
    state = "~/.local/state"
    if os.geteuid() == 0:
        state = "/var/lib"
    elif said.get("XDG_STATE_HOME"):
        state = said["XDG_STATE_HOME"]
    if sys.platform != "darwin" and said.get("XDG_CACHE_HOME"):
        cache = said["XDG_CACHE_HOME"]
    # The program adds a folder for each checkout, of its name and a hash.
    state += "/cpuwatch/" + "x" * (min(20, len(folder.name)) + 9)
    found = said.get("CPUWATCH_STATE") or state, said.get("CPUWATCH_CACHE") or cache
    return os.path.abspath(os.path.expanduser(found[0])), os.path.abspath(
        os.path.expanduser(found[1])
    )


def _told(file: Path) -> "dict[str, str]":
    """What a file of settings says of folders, as far as this can read it."""
    try:
        text = file.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return {}
    said = {}
    for name, value in re.findall(
        r"^\s*(?:export\s+)?(CPUWATCH_\w+)\s*=[^\S\n]*(.*)$", text, re.MULTILINE | re.IGNORECASE
    ):
        quoted = re.match(r"(['\"])(.*?)\1", value)
        plain = quoted.group(2) if quoted else re.sub(r"\s#.*", "", value).strip()
        if not (quoted and quoted.group(1) == "'"):
            plain = os.path.expandvars(plain)
        said[name.upper()] = plain  # of several the last one counts
    return said


@contextlib.contextmanager
def _trial(folder: str) -> "Iterator[Path]":
    """A folder for a moment. What cannot be deleted then changes nothing of what was seen."""
    place = tempfile.mkdtemp(dir=folder, prefix=".preflight-")
    try:
        yield Path(place)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _of_programs(place: Path) -> str:
    program = place / "program"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return "" if answer(str(program))[0] else "X"


def _can(place: Path, *trials: "Callable[[Path], bool]") -> bool:
    """Whether a disk can do all of this.

    Raises
    ------
    OSError
        If it is full, or broken.
    """
    try:
        return all(trial(place) for trial in trials)
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
        return False


def _lock(place: Path) -> bool:
    import fcntl

    with open(str(place / "lock"), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return True


def _link(place: Path) -> bool:
    link = str(place / "link")
    os.symlink(sys.executable, link)
    return os.readlink(link) == sys.executable


def _close(place: Path) -> bool:
    """Close a file to everybody else."""
    file = place / "closed"
    file.touch()
    os.chmod(str(file), 0o600)
    return stat.S_IMODE(file.stat().st_mode) == 0o600


def _listen(place: Path) -> bool:
    """A socket under two names."""
    name = str(place / "s")
    if len(os.fsencode(name)) <= 100:  # a trial's own name may be longer than that
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(name)
            os.link(name, str(place / "again"))
    return True


def _of_network(_: Path) -> str:
    try:
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            server.listen(1)
            server.settimeout(5)
            with socket.create_connection(server.getsockname(), timeout=5):
                server.accept()[0].close()
    except OSError:
        return "N"
    return ""


def _of_files(_: Path) -> str:
    import resource

    for name, least in LIMITS.items():
        if hasattr(resource, name):
            most = resource.getrlimit(getattr(resource, name))[1] % (1 << 63)  # -1 is without
            if most < least and not (name == "RLIMIT_NPROC" and os.geteuid() == 0):
                return "F"
    return ""


def _of_clock(_: Path) -> str:
    return "C" if time.gmtime().tm_year < MADE else ""


def _of_browser(_: Path) -> str:
    try:
        webbrowser.get()
    except webbrowser.Error:
        return "B"
    return ""


#: What is asked, in order: each answers with the letters of what is wrong.
QUESTIONS = (
    _of_system,
    _of_python,
    _of_tools,
    _of_memory,
    _of_disk,
    _of_folder,
    _of_places,
    _of_network,
    _of_files,
    _of_clock,
    _of_browser,
)


def main(texts: "Sequence[str]" = ()) -> None:
    """Look, say what has to change, and print the code; or say what the codes of others mean."""
    if texts:
        lines, well = read_all(" ".join(texts))
    else:
        folder = Path(__file__).resolve().parents[2]
        wrong = faults(folder)
        made = code(folder, wrong)
        lines, well = [*read(made), f"The code to send back: {made}"], not set(wrong) - MILD
    print("\n".join(lines))
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main(sys.argv[1:])
