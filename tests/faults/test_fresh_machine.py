"""From an empty home, without caches, as an ordinary user: one command and it works."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import PLACE, PREFIX

from cpuwatch.settings import ROOT


@pytest.fixture
def somebody() -> Iterator[tuple[dict, Path]]:
    """An ordinary user with an empty home, and a fresh clone in it: how to run as them."""
    home = Path(tempfile.mkdtemp(prefix=f"{PREFIX}home-", dir=PLACE))
    clone = home / "a workshop"  # a blank in its name, as people's folders have
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(clone)], check=True)
    # What is being worked on counts, committed or not.
    changed = subprocess.run(
        ["git", "ls-files", "--modified", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    for name in changed:
        if (ROOT / name).exists():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, clone / name)
    as_user: dict = {}
    if os.geteuid() == 0:
        # Root has nobody's rights to give away but a real, ordinary user's.
        nobody = pwd.getpwnam("nobody")
        for path in [home, *home.rglob("*")]:
            os.chown(path, nobody.pw_uid, nobody.pw_gid, follow_symlinks=False)
        as_user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    keep = ("PATH", "LANG", "LC_ALL", "SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE")
    environment = {name: os.environ[name] for name in keep if name in os.environ}
    # The Python that the tests run on comes first: the lock is for each that is supported.
    as_user["env"] = environment | {"HOME": str(home), "USER": "somebody"}
    yield as_user, clone
    subprocess.run(["make", "clean"], cwd=clone, check=False, capture_output=True, **as_user)
    shutil.rmtree(home, ignore_errors=True)


def test_make_demo_does_everything_from_nothing(somebody: tuple[dict, Path]) -> None:
    as_user, clone = somebody
    done = subprocess.run(
        ["make", "demo"], cwd=clone, check=False, capture_output=True, text=True, timeout=900,
        **as_user,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    for host in ("doc", "grumpy", "bashful", "sneezy"):
        assert f"\n{host} " in done.stdout
    assert (clone / "out" / "alerts.png").exists()
    # It stopped what it started, and kept to its places.
    home = clone.parent
    clean = subprocess.run(
        ["make", "clean"], cwd=clone, check=False, capture_output=True, text=True, **as_user
    )
    assert clean.returncode == 0, clean.stderr
    left = {str(path.relative_to(home)) for path in home.rglob("*") if path.is_dir()}
    outside = {path for path in left if not path.startswith(("a workshop", ".cache"))}
    assert outside - {".local", ".local/state", ".local/state/cpuwatch"} == set()
