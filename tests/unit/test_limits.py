"""What a machine refuses is a sentence with the next thing to do, and a fault of ours is none."""

from __future__ import annotations

import errno
import os
import resource

import pytest

from cpuwatch import limits
from cpuwatch.errors import CpuwatchError


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
        (refusal(errno.ENOSPC, "/x"), "free some space"),
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
