"""All that the workshop installs, in one archive for a stick: no network is needed with it.

`make bundle` gathers the checkout, the wheels of requirements.lock and the jars of
data/jars.lock into out/cpuwatch-PLATFORM-PYTHON.tar; wheels are made for a platform and a
Python. `make lab BUNDLE=…` installs from that archive, or from what was unpacked of it.
Nothing but Python's own library is needed here, since nothing else is installed yet.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

#: The folder of the archive, and within it what is no file of the checkout.
TOP, PARTS = "cpuwatch-workshop", "bundle"

#: Says for whom the wheels are, and what each file's SHA-256 is.
CONTENTS = "contents.json"

#: What to install: the lock without its hashes, since some wheels are made here.
REQUIREMENTS = "requirements.txt"


class BundleError(Exception):
    """A sentence for whoever called."""


def here() -> dict[str, str]:
    """For whom wheels that work here are made."""
    return {
        "platform": sysconfig.get_platform(),
        "python": ".".join(map(str, sys.version_info[:2])),
    }


def gather(place: Path) -> Path:
    """Make the archive of this checkout; where it lies.

    Parameters
    ----------
    place
        The folder for it.

    Raises
    ------
    BundleError
        If something cannot be had.
    """
    files = _checkout()
    place.mkdir(exist_ok=True)
    archive = place / f"cpuwatch-{here()['platform']}-python{here()['python']}.tar"
    with tempfile.TemporaryDirectory(prefix="bundle-", dir=place) as folder:
        parts = Path(folder)
        _say("Gathering wheels, some 550 MB")
        _gather_wheels(parts)
        _say("Gathering jars, some 90 MB")
        sys.path.insert(0, str(ROOT / "lib"))
        from cpuwatch.settings import settings
        from cpuwatch.stack import jars

        (parts / "jars").mkdir()
        for found in jars.fetch(settings().cache, {"kafka", "flink"}).values():
            for jar in found:
                shutil.copyfile(jar, parts / "jars" / jar.name)
        sums = {name: _sum(parts / name) for name in _names(parts)}
        (parts / CONTENTS).write_text(json.dumps({"for": here(), "sha256": sums}, indent=1))
        _say("Packing")
        new = archive.with_suffix(".new")
        with tarfile.open(new, "w", dereference=True) as packed:
            for name in files:
                packed.add(ROOT / name, f"{TOP}/{name}", filter=_anonymous)
            for name in [*sums, CONTENTS]:
                packed.add(parts / name, f"{TOP}/{PARTS}/{name}", filter=_anonymous)
        os.replace(new, archive)
    return archive


def _gather_wheels(parts: Path) -> None:
    """Put the lock's wheels there, and a list of them that pip can choose from."""
    from packaging.markers import Marker

    lock = (ROOT / "requirements.lock").read_text("utf-8")
    entries = [one for one in re.split(r"\n(?=[a-z0-9])", lock) if not one.startswith("#")]
    wanted = ["wheel", "--quiet", "--require-hashes", "--wheel-dir", str(parts / "wheels")]
    problem = "The wheels cannot be had"
    pip(*wanted, "--requirement", str(ROOT / "requirements.lock"), problem=problem)
    listed = []
    # Another machine's Python may be some patches older or newer than this one.
    versions = [f"{here()['python']}.{patch}" for patch in range(50)]
    for entry in entries:
        requirement = entry.split("\n")[0].rstrip(" \\")
        listed.append(requirement)
        _, _, condition = requirement.partition(" ; ")
        marker = Marker(condition) if condition else None
        if marker is None or marker.evaluate():
            continue
        if any(marker.evaluate({"python_full_version": version}) for version in versions):
            alone = parts / "alone.lock"
            alone.write_text(entry.replace(f" ; {condition}", "") + "\n", "utf-8")
            pip(*wanted, "--no-deps", "--ignore-requires-python", "--requirement", str(alone),
                problem=problem)  # fmt: skip
            alone.unlink()
    (parts / REQUIREMENTS).write_text("\n".join(listed) + "\n", "utf-8")


def _checkout() -> list[str]:
    """The files of the checkout as they are now; none that git is told to leave alone."""
    call = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        found = subprocess.run(call, cwd=ROOT, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        raise BundleError(
            f"{ROOT} is no clone that git knows: make the bundle in one, or hand on the archive"
            " that this checkout came from."
        ) from None
    names = found.stdout.decode("utf-8", "surrogateescape").split("\0")
    return sorted({name for name in names if name and (ROOT / name).is_file()})


def _anonymous(one: tarfile.TarInfo) -> tarfile.TarInfo:
    """Whoever unpacks it owns it; who made it is nobody's business."""
    one.uid = one.gid = 0
    one.uname = one.gname = ""
    return one


def install(source: Path) -> None:
    """Install what a bundle has: wheels into this Python's environment, jars into the cache.

    Parameters
    ----------
    source
        The archive, or the folder `bundle` of what was unpacked of it.

    Raises
    ------
    BundleError
        If it is no bundle, is damaged, or was made for others.
    """
    with _unpacked(source) as parts:
        contents = _contents(parts, source)
        made_for = contents["for"]
        if made_for != here():
            raise BundleError(
                f"{source} was made for {made_for['platform']} and Python {made_for['python']};"
                f" this is {here()['platform']} and Python {here()['python']}. Take the bundle for"
                " these, or make one on such a machine with 'make bundle'."
            )
        _say("Checking the bundle")
        for name, expected in contents["sha256"].items():
            if not (parts / name).is_file() or _sum(parts / name) != expected:
                raise BundleError(f"{source} is damaged: {name} is not what it was. Copy it again.")
        _say("Installing from the bundle, without any network")
        pip("install", "--quiet", "--no-index", "--no-deps", "--no-user",
            "--find-links", str(parts / "wheels"), "--requirement", str(parts / REQUIREMENTS),
            problem="The wheels cannot be installed")  # fmt: skip
        take_jars(parts / "jars")


def _contents(parts: Path, source: Path) -> dict[str, dict[str, str]]:
    try:
        found: dict[str, dict[str, str]] = json.loads((parts / CONTENTS).read_text("utf-8"))
    except (OSError, ValueError):
        raise BundleError(
            f"{source} is no bundle: give the archive that 'make bundle' made, or the folder"
            f" '{PARTS}' of what was unpacked of it."
        ) from None
    return found


@contextmanager
def _unpacked(source: Path) -> Iterator[Path]:
    """The folder with a bundle's parts, which is not kept if it had to be unpacked."""
    if source.is_dir():
        yield source
        return
    if not source.exists():
        raise BundleError(f"{source} does not exist: check where the bundle lies.")
    with tempfile.TemporaryDirectory(prefix="bundle-", dir=ROOT / ".venv") as folder:
        try:
            with tarfile.open(source) as packed:
                for one in packed:
                    if one.name.startswith(f"{TOP}/{PARTS}/") and not one.isdir():
                        _unpack(packed, one, Path(folder))
        except (tarfile.TarError, EOFError):
            raise BundleError(f"{source} is no whole archive: copy it again.") from None
        yield Path(folder) / TOP / PARTS


def _unpack(packed: tarfile.TarFile, one: tarfile.TarInfo, folder: Path) -> None:
    """Write a file of the archive, and nothing that is no plain file within the folder."""
    path = (folder / one.name).resolve()
    content = packed.extractfile(one) if one.isreg() else None
    if content is None or folder.resolve() not in path.parents:
        raise tarfile.TarError(one.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with content, path.open("wb") as file:
        shutil.copyfileobj(content, file)


def take_jars(folder: Path) -> None:
    """Put jars where the stack looks for them; it checks each against data/jars.lock."""
    # Installed just now, so not before in this process.
    code = "import sys; from cpuwatch.stack import jars; jars.take(sys.argv[1])"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "lib")}
    subprocess.run([sys.executable, "-c", code, str(folder)], env=environment, check=True)


def pip(*arguments: str, problem: str) -> None:
    call = [sys.executable, "-I", "-m", "pip", "--disable-pip-version-check", *arguments]
    if subprocess.run(call, check=False).returncode != 0:
        raise BundleError(f"{problem}: pip says why in the lines above.")


def _names(folder: Path) -> list[str]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path.relative_to(folder).as_posix() for path in found)


def _sum(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """`gather FOLDER`, or `install SOURCE`."""
    try:
        if len(sys.argv) == 3 and sys.argv[1] == "gather":
            archive = gather(Path(sys.argv[2]))
            print(f"{archive}, {archive.stat().st_size // 10**6} MB, for this platform and Python.")
        elif len(sys.argv) == 3 and sys.argv[1] == "install":
            install(Path(sys.argv[2]))
        else:
            sys.exit("Usage: python tools/bundle.py gather FOLDER | install ARCHIVE_OR_FOLDER")
    except (BundleError, OSError) as error:
        sys.exit(f"Error: {error}")


if __name__ == "__main__":
    main()
