"""What a machine refuses is a sentence with the next thing to do, and a fault of ours is none."""

from __future__ import annotations

import errno
import os
import resource
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from cpuwatch import limits
from cpuwatch.errors import CpuwatchError
from cpuwatch.settings import settings
from cpuwatch.stack import failures


def refusal(code: int, *names: str) -> OSError:
    return OSError(code, os.strerror(code), *names)


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (refusal(errno.EMFILE, "/x"), "ulimit -n"),
        (refusal(errno.EAGAIN), "ulimit -u"),
        (RuntimeError("can't start new thread"), "ulimit -u"),
        (refusal(errno.ENOMEM), "2 GB"),
        (MemoryError(), "2 GB"),
        (refusal(errno.ENOSPC, "/x"), "for /x on its disk: free some space"),
        (refusal(errno.ENOSPC), "on the disk that was written to: free some space"),
        (refusal(errno.EDQUOT), "free some space"),
        (refusal(errno.EROFS, "/x"), "CPUWATCH_CACHE"),
        (refusal(errno.EACCES, "/x"), "TMPDIR"),
        (refusal(errno.ENOLCK), "on a disk of this machine"),
    ],
    ids=repr,
)
def test_a_refusal_has_a_remedy(error: BaseException, remedy: str) -> None:
    said = limits.sentence(error)
    assert said is not None and remedy in said
    assert "\n" not in said and said.endswith(".")


def test_the_disk_that_is_full_is_named_where_the_error_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CPUWATCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(failures, "is_short", lambda folder: folder.name == "cache")
    settings.cache_clear()
    try:
        said = limits.sentence(refusal(errno.ENOSPC))
    finally:
        settings.cache_clear()
    assert (
        said == f"There is no room on the disk of {tmp_path}/cache: free some space and try again."
    )


@pytest.mark.parametrize(
    ("files", "left", "full"), [(0, 0, False), (1000, 1, False), (1000, 0, True)]
)
def test_a_disk_that_takes_no_further_file_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: int, left: int, full: bool
) -> None:
    found = SimpleNamespace(f_bavail=10**6, f_frsize=4096, f_files=files, f_favail=left)
    monkeypatch.setattr(os, "statvfs", lambda _: found)
    assert failures.is_short(tmp_path / "not-there") == full
    assert ("holds as many files as it can" in failures.remedy(tmp_path)) == full


@pytest.mark.parametrize("error", [ValueError("x"), RuntimeError("x"), refusal(errno.EINVAL)])
def test_a_fault_of_ours_is_none(error: BaseException) -> None:
    assert limits.sentence(error) is None


def test_too_few_files_are_named_and_a_soft_limit_is_raised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []
    monkeypatch.setattr(resource, "setrlimit", lambda _what, limit: asked.append(limit))
    for allowed in ((256, 4096), (256, resource.RLIM_INFINITY), (4096, 4096)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, allowed=allowed: allowed)
        limits.make_room_for_files()
    assert asked == [(1024, 4096), (1024, resource.RLIM_INFINITY)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 256))
    with pytest.raises(CpuwatchError, match="256 are allowed"):
        limits.make_room_for_files()


V1 = {
    "memory.limit_in_bytes": "1000",
    "memory.usage_in_bytes": "700",
    "memory.stat": "cache 1\ntotal_inactive_file 50\n",
}
V2 = {
    "memory.max": "1000",
    "memory.current": "700",
    "memory.stat": "anon 1\ninactive_file 50\n",
}


@pytest.mark.parametrize(
    ("own", "groups", "left"),
    [
        ("4:cpu:/a\n3:memory:/a/b\n", {"memory/a/b": V1}, 350),
        ("3:memory:/a/b\n", {"memory/a": V1, "memory/a/b": {}}, 350),  # above it
        ("3:hugetlb,memory:/docker/x\n", {"memory": V1}, 350),  # as a container sees it
        ("0::/\n", {".": V2}, 350),
        ("0::/user/x\n", {"user": V2, "user/x": V2 | {"memory.max": "max"}}, 350),
        ("0::/\n", {".": V2 | {"memory.max": "600", "memory.stat": "inactive_file 0"}}, 0),
        ("0::/\n", {".": V2 | {"memory.max": "max"}}, None),
        ("0::/\n", {}, None),
        ("4:cpu:/a\n", {"memory/a": V1}, None),
        (None, {".": V2}, None),
    ],
)
def test_a_container_s_share_of_memory_counts(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    own: str | None,
    groups: dict[str, dict[str, str]],
    left: int | None,
) -> None:
    for group, files in groups.items():
        folder = tmp_path / "cgroup" / group
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_text(content)
    if own is not None:
        (tmp_path / "own").write_text(own)
    monkeypatch.setattr(limits, "_CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(limits, "_OWN_CGROUPS", tmp_path / "own")
    of_all = psutil.virtual_memory()._replace(available=5000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: of_all)
    assert limits.memory_left() == (5000 if left is None else left)
