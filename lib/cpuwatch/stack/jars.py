"""The jars of Kafka and of Flink's connectors: pinned, hash-checked, downloaded once.

`data/jars.lock` has a line a jar: the part of the stack that it is for, its Maven
coordinate, its size in bytes and its SHA-256. `make jars-lock` makes it anew from
`WANTED` below.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import requests
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential

from cpuwatch import files
from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import DATA, settings

LOCK = DATA / "jars.lock"

#: What the lock is made from. Kafka comes with all that it needs at run time;
#: Flink's connectors are taken alone, since Flink has the rest.
WANTED = {
    "kafka": (
        "org.apache.kafka:kafka_2.13:4.1.1",
        "org.apache.logging.log4j:log4j-slf4j-impl:2.24.3",
    ),
    "flink": (
        "org.apache.flink:flink-sql-connector-kafka:5.0.0-2.2",
        "org.apache.flink:flink-connector-jdbc-core:4.0.0-2.0",
        "org.apache.flink:flink-connector-jdbc-postgres:4.0.0-2.0",
        "org.postgresql:postgresql:42.7.8",
    ),
}

#: What is taken in the place of what those ask for, since that has a known fault: CVE-2025-48734,
#: CVE-2025-12183. Kafka's own archives have the first; its later versions have the second.
INSTEAD = {
    "commons-beanutils:commons-beanutils:1.9.4": "commons-beanutils:commons-beanutils:1.11.0",
    "org.lz4:lz4-java:1.8.0": "at.yawk.lz4:lz4-java:1.8.1",
}


@dataclass(frozen=True)
class Jar:
    """One line of the lock."""

    part: str
    coordinate: str
    size: int
    sha256: str

    @property
    def filename(self) -> str:
        """Its name in the cache, as Maven has it."""
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"


def locked(lock: Path = LOCK) -> list[Jar]:
    """The jars that `data/jars.lock` lists."""
    jars = []
    for line in lock.read_text().splitlines():
        if line and not line.startswith("#"):
            part, coordinate, size, sha256 = line.split()
            jars.append(Jar(part, coordinate, int(size), sha256))
    return jars


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def fetch(
    cache: Path, parts: set[str], jars: list[Jar] | None = None, show: bool = True
) -> dict[str, list[Path]]:
    """Bring the jars of the lock into the cache, and check every one.

    Parameters
    ----------
    cache
        The cache folder; the jars land in its folder `jars`.
    parts
        The parts of the stack whose jars are wanted: 'kafka', 'flink'.
    jars
        The lock's lines; by default those of `data/jars.lock`.
    show
        Whether to draw a progress bar while something is downloaded.

    Returns
    -------
    dict
        For each part the paths of its jars.

    Raises
    ------
    CpuwatchError
        If a jar cannot be downloaded, or is not the one that the lock names.
    """
    jars = [jar for jar in (locked() if jars is None else jars) if jar.part in parts]
    folder = cache / "jars"
    with files.only_one(folder / ".lock"):
        missing = [jar for jar in jars if not _good(folder / jar.filename, jar)]
        if missing:
            download(missing, folder, show)
    found: dict[str, list[Path]] = {}
    for jar in jars:
        found.setdefault(jar.part, []).append(folder / jar.filename)
    return found


def damaged(cache: Path, parts: set[str]) -> list[str]:
    """The names of the jars of these parts that are missing in the cache, or not as the lock says.

    Parameters
    ----------
    cache, parts
        As for `fetch`.
    """
    wanted = [jar for jar in locked() if jar.part in parts]
    with ThreadPoolExecutor(4) as pool:
        good = pool.map(lambda jar: _good(cache / "jars" / jar.filename, jar), wanted)
        return [jar.filename for jar, well in zip(wanted, good, strict=True) if not well]


def take(source: str | Path) -> None:
    """Bring jars from a folder into the cache, those of the lock that it has not yet.

    Parameters
    ----------
    source
        The folder, such as the one on an instructor's stick.
    """
    folder = settings().cache / "jars"
    with files.only_one(folder / ".lock"):
        for jar in locked():
            given = Path(source) / jar.filename
            if _good(given, jar) and not _good(folder / jar.filename, jar):
                new = folder / f"{jar.filename}.new"
                shutil.copyfile(given, new)
                os.replace(new, folder / jar.filename)


def _good(path: Path, jar: Jar) -> bool:
    return path.is_file() and path.stat().st_size == jar.size and sha256(path) == jar.sha256


def download(jars: list[Jar], folder: Path, show: bool) -> None:
    """Fetch jars from a Maven repository into a folder, each as the lock names it."""
    # jgo writes straight into its repository. A folder that is thrown away keeps
    # what a dropped connection or a killed process leaves out of the cache.
    for left_over in folder.glob("download-*"):
        shutil.rmtree(left_over, ignore_errors=True)
    workplace = Path(tempfile.mkdtemp(prefix="download-", dir=folder))
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    try:
        with Progress(*columns, disable=not show) as bar, ThreadPoolExecutor(8) as pool:
            task = bar.add_task(
                f"Downloading {len(jars)} jars, once", total=sum(jar.size for jar in jars)
            )

            def one(jar: Jar) -> None:
                _download_one(jar, folder, workplace, lambda size: bar.advance(task, size))

            for _ in pool.map(one, jars):
                pass
    except (requests.RequestException, OSError, RuntimeError) as error:
        raise CpuwatchError(
            f"A jar could not be downloaded ({_reason(error)}). Check the network and run the"
            " same command again: what has arrived is kept. Without a network, a bundle has them"
            " all: see docs/instructors.md."
        ) from error
    finally:
        shutil.rmtree(workplace, ignore_errors=True)


def _reason(error: BaseException) -> str:
    if isinstance(error, requests.exceptions.SSLError):
        return _no_trust(str(error))
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy that HTTPS_PROXY names does not let us through, or is not there"
    if isinstance(error, requests.ConnectionError):
        return "the server cannot be reached"
    return str(error).split("\n")[0][:200]


def _no_trust(said: str) -> str:
    """Why a server is not believed to be itself."""
    found = re.search(r"certificate verify failed: ([^(]+)", said)
    why = found[1].strip() if found else "TLS failed"
    if re.search(r"not yet valid|expired", why):
        now = f"{datetime.now().astimezone():%Y-%m-%d %H:%M %Z}"
        return f"the server is not trusted: {why}; this machine's clock says {now}: is that right?"
    return (
        f"the server is not trusted: {why}; where a proxy reads along, its certificate belongs in"
        " the file that REQUESTS_CA_BUNDLE names"
    )


@retry(
    # jgo raises RuntimeError for a jar that a server answered with an error for.
    retry=retry_if_exception_type((requests.RequestException, RuntimeError)),
    stop=stop_after_attempt(4),
    wait=wait_exponential(multiplier=0.5, max=5),
    reraise=True,
)
def _download_one(jar: Jar, folder: Path, workplace: Path, advance: Callable[[int], None]) -> None:
    attempt = Path(tempfile.mkdtemp(dir=workplace))  # a broken attempt leaves half a file

    @contextmanager
    def progress(_name: str, _size: int) -> Iterator[Callable[[int], None]]:
        counted = 0

        def count(size: int) -> None:
            nonlocal counted
            counted += size
            advance(size)

        try:
            yield count
        except BaseException:
            advance(-counted)
            raise

    # Imported where it is used: most commands find every jar there, and do without.
    from jgo.maven import MavenContext, PythonResolver

    context = MavenContext(
        resolver=PythonResolver(progress_callback=progress), repo_cache=attempt, timeout=20
    )
    group, artifact, version = jar.coordinate.split(":")
    path = context.project(group, artifact).at_version(version).artifact().resolve()
    got = sha256(path)
    if got != jar.sha256:
        raise CpuwatchError(
            f"{jar.filename} was refused: its SHA-256 is {got[:16]}…, where data/jars.lock says"
            f" {jar.sha256[:16]}…. Something on the way changed it; try another network."
        )
    os.replace(path, folder / jar.filename)


def make_lock(lock: Path = LOCK) -> None:
    """Resolve `WANTED` with all that it needs at run time, and write the lock anew."""
    jars: dict[str, Jar] = {}
    with tempfile.TemporaryDirectory() as place:
        from jgo.maven import MavenContext

        context = MavenContext(repo_cache=Path(place), timeout=30)
        for part, coordinates in WANTED.items():
            for coordinate in coordinates:
                whole = coordinate.startswith("org.apache.kafka:")
                for asked in _dependencies(coordinate) if whole else [coordinate]:
                    found = INSTEAD.get(asked, asked)
                    group, artifact, version = found.split(":")
                    path = context.project(group, artifact).at_version(version).artifact().resolve()
                    jar = Jar(part, found, path.stat().st_size, sha256(path))
                    jars.setdefault(f"{part} {found}", jar)
    lines = ["# Made by `make jars-lock` from WANTED in lib/cpuwatch/stack/jars.py."]
    lines += ["# part  coordinate  size in bytes  SHA-256"]
    lines += [f"{j.part} {j.coordinate} {j.size} {j.sha256}" for _, j in sorted(jars.items())]
    lock.write_text("\n".join(lines) + "\n")


def _dependencies(coordinate: str) -> list[str]:
    import jgo

    # jgo names what it found as group:artifact:packaging:version.
    found = [str(one).split(":") for one in jgo.resolve(coordinate)]
    return [f"{one[0]}:{one[1]}:{one[-1]}" for one in found]


if __name__ == "__main__":
    make_lock()
