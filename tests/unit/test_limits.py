"""What a machine refuses is a sentence with the next thing to do, and a fault of ours is none."""

from __future__ import annotations

import errno
import os
import resource
import sys
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


def test_how_many_processes_are_allowed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (77, 77))
    assert "(77 are allowed in this shell)" in (limits.sentence(refusal(errno.EAGAIN)) or "")


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


def allowing(
    monkeypatch: pytest.MonkeyPatch, name: str, soft: int, hard: int
) -> list[tuple[int, int]]:
    """Let one limit of this shell's be so, and collect what it is raised to."""
    asked: list[tuple[int, int]] = []
    kind = getattr(resource, name)
    without = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    monkeypatch.setattr(resource, "getrlimit", lambda one: (soft, hard) if one == kind else without)
    monkeypatch.setattr(resource, "setrlimit", lambda _what, limit: asked.append(limit))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    return asked


@pytest.mark.parametrize(
    ("name", "least", "option"),
    [
        ("RLIMIT_NOFILE", 1024, "-n"),
        ("RLIMIT_FSIZE", 512 * 1024**2, "-f"),
        ("RLIMIT_AS", 4 * 1024**3, "-v"),
        ("RLIMIT_DATA", 2 * 1024**3, "-d"),
        ("RLIMIT_CPU", 86_400, "-t"),
    ],
)
def test_a_limit_is_raised_or_named(
    monkeypatch: pytest.MonkeyPatch, name: str, least: int, option: str
) -> None:
    for hard in (least, least * 4, resource.RLIM_INFINITY):
        asked = allowing(monkeypatch, name, least - 1, hard)
        limits.make_room()
        assert asked == [(least, hard)]
    asked = allowing(monkeypatch, name, least, least)
    limits.make_room()
    kilobytes = 1024 if option in ("-f", "-v", "-d") else 1
    allowing(monkeypatch, name, 77 * kilobytes, 77 * kilobytes)
    told = rf"\b77 (KB )?(are allowed|seconds).*\(ulimit {option}\)"
    with pytest.raises(CpuwatchError, match=told):
        limits.make_room()
    assert asked == []


def test_room_for_threads_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = psutil.Process().num_threads() if sys.platform == "linux" else 1
    allowing(monkeypatch, "RLIMIT_NPROC", 30, 30)
    with pytest.raises(CpuwatchError, match=r"has \d+ already, and 30 are allowed.*ulimit -u"):
        limits.make_room()
    asked = allowing(monkeypatch, "RLIMIT_NPROC", 30, resource.RLIM_INFINITY)
    limits.make_room()
    assert asked[0][0] >= mine + 60
    asked = allowing(monkeypatch, "RLIMIT_NPROC", 30, 30)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    limits.make_room()
    assert asked == []


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
    monkeypatch.setattr(limits, "CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(limits, "OWN_CGROUPS", tmp_path / "own")
    of_all = psutil.virtual_memory()._replace(available=5000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: of_all)
    assert limits.memory_left() == (5000 if left is None else left)


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        (
            "java.lang.OutOfMemoryError: unable to create native thread: possibly out of memory",
            "-u",
        ),
        ('[warning][os,thread] Failed to start the native thread for java.lang.Thread "x"', "-u"),
        ("fork: Resource temporarily unavailable", "-u"),
        ("os::commit_memory failed; error='Not enough space' (errno=12)", "about 2 GB"),
        (
            "There is insufficient memory for the Java Runtime Environment to continue.",
            "about 2 GB",
        ),
        ("java.lang.OutOfMemoryError: Java heap space", "about 2 GB"),
        ("FATAL:  could not map memory: Cannot allocate memory", "about 2 GB"),
        ("java.io.IOException: No space left on device", "disk space"),
    ],
)
def test_what_a_program_says_of_the_machine_has_the_machine_s_remedy(
    said: str, remedy: str
) -> None:
    log = f"Starting\n{said}\n    at kafka.Kafka.main(Kafka.scala)\nError: it ended\n"
    assert failures.refused(log)
    assert failures.cause(log) == said
    assert remedy in failures.next_step(failures.cause(log))
    assert not failures.refused("Starting\njava.lang.IllegalStateException: no thread\n")
