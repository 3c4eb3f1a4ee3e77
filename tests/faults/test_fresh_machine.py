"""From an empty home, without caches, as an ordinary user: one command and it works."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import PLACE, PREFIX

from cpuwatch.settings import ROOT

#: What an archive of `make bundle` unpacks to.
UNPACKED = "cpuwatch-workshop"

#: Root cuts a process off from every network, and gives its rights away.
_CUT_OFF = """
# All that is wanted later, too: no file of the Python that runs this can be read then.
import fcntl, os, socket, struct, sys, warnings
with socket.socket() as one:
    fcntl.ioctl(one, 0x8914, struct.pack("16sH14s", b"lo", 0x41, b""))  # up and running
user, group = int(sys.argv[1]), int(sys.argv[2])
os.setgroups([])
os.setgid(group)
os.setuid(user)
os.execvp(sys.argv[3], sys.argv[3:])
"""

#: What an attendee does: the whole story, and the workshop in JupyterLab, until it answers.
_WITHOUT_NETWORK = """
make demo BUNDLE="$1" >&2
make lab ARGS=--no-browser > lab.log 2>&1 &
address=
until [ -n "$address" ]; do
  kill -0 $! || { cat lab.log >&2; exit 1; }
  address=$(grep -o 'http://127.0.0.1[^ ]*' lab.log || true)
  sleep 0.2
done
ask='import sys, urllib.request as r; print(r.urlopen(sys.argv[1]).status)'
.venv/bin/python -c "$ask" "$address"
kill $!
wait $! || true
.venv/bin/cpuwatch down >&2
"""


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
    for made in (clone, home / UNPACKED):
        if made.exists():
            subprocess.run(["make", "clean"], cwd=made, check=False, capture_output=True, **as_user)
    shutil.rmtree(home, ignore_errors=True)


def test_make_demo_does_everything_from_nothing(somebody: tuple[dict, Path]) -> None:
    as_user, clone = somebody
    # All that is made is closed to everybody else, and there is no folder for what is temporary.
    strict = as_user | {"umask": 0o077, "env": as_user["env"] | {"TMPDIR": "/nowhere/at/all"}}
    done = subprocess.run(
        ["make", "demo"], cwd=clone, check=False, capture_output=True, text=True, timeout=900,
        **strict,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    for host in ("doc", "grumpy", "bashful", "sneezy"):
        assert f"\n{host} " in done.stdout
    assert (clone / "out" / "alerts.png").exists()
    _what_is_scarce_is_named(as_user, clone)
    # It stopped what it started, and kept to its places.
    home = clone.parent
    clean = subprocess.run(
        ["make", "clean"], cwd=clone, check=False, capture_output=True, text=True, **as_user
    )
    assert clean.returncode == 0, clean.stderr
    left = {str(path.relative_to(home)) for path in home.rglob("*") if path.is_dir()}
    outside = {path for path in left if not path.startswith(("a workshop", ".cache"))}
    assert outside - {".local", ".local/state", ".local/state/cpuwatch"} == set()


def _what_is_scarce_is_named(as_user: dict, clone: Path) -> None:
    """Each in a sentence, at once, with what to do."""
    (clone / "no home").mkdir(mode=0o555)
    for scarce, home, words in (
        ("ulimit -u 60", clone.parent, ["ulimit -u"]),
        ("ulimit -n 64", clone.parent, ["1,024 files", "64 are allowed", "ulimit -n"]),
        ("ulimit -v 2000000", clone.parent, ["2,000,000 KB are allowed", "ulimit -v"]),
        ("ulimit -f 1000", clone.parent, ["1,000 KB are allowed", "ulimit -f"]),
        ("ulimit -t 100", clone.parent, ["after 100 seconds", "ulimit -t"]),
        # A home in which nothing can be made.
        ("true", clone / "no home", ["Set CPUWATCH_STATE", ", and CPUWATCH_CACHE to another"]),
    ):
        refused = subprocess.run(
            ["bash", "-c", f"{scarce}; exec .venv/bin/cpuwatch up"], cwd=clone, check=False,
            capture_output=True, text=True, timeout=60,
            **as_user | {"env": as_user["env"] | {"HOME": str(home)}},
        )  # fmt: skip
        assert refused.returncode == 1, refused
        assert all(one in refused.stderr for one in words), refused.stderr
        assert "Traceback" not in refused.stderr and "atplotlib" not in refused.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can cut a process off from the network")
def test_a_bundle_is_all_that_a_machine_without_a_network_needs(
    somebody: tuple[dict, Path],
) -> None:
    as_user, clone = somebody
    bundles = clone.parent / "a stick"
    made = subprocess.run(
        [sys.executable, ROOT / "tools" / "bundle.py", "gather", bundles],
        check=False, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    (archive,) = bundles.iterdir()
    assert made.stdout.startswith(str(archive))
    subprocess.run(["tar", "-xf", archive], cwd=clone.parent, check=True, **as_user)
    unpacked = clone.parent / UNPACKED
    # Nothing of whoever made it: not its settings, not its user.
    assert not (unpacked / ".env").exists()
    owners = subprocess.run(["tar", "-tvf", archive], capture_output=True, text=True, check=True)
    assert {line.split()[1] for line in owners.stdout.splitlines()} == {"0/0"}
    ids = [str(as_user["user"]), str(as_user["group"])]
    shell = ["bash", "-eu", "-c", _WITHOUT_NETWORK, "-", "bundle"]
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-c", _CUT_OFF, *ids, *shell],
        cwd=unpacked, env=as_user["env"], check=False, capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "200\n"
    assert "Downloading" not in done.stderr
    for host in ("doc", "grumpy", "bashful", "sneezy"):
        assert f"\n{host} " in done.stderr
